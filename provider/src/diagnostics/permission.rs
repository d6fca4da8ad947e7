//! The permission to invoke the destination.

use logagg_policy::Grant;
use tfplugin::{AttributePath, Diagnostic};

use super::failure::{advice, stop};
use crate::aws::CallError;

pub(crate) fn permission_not_read(error: &CallError, grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Permission could not be read",
        format!(
            "The provider looked for {} that allows CloudWatch Logs to invoke it. {}\n\n{}",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn not_granted(error: &CallError, grant: &Grant) -> Diagnostic {
    let outcome = match error.may_have_been_done() {
        true => {
            "The request received no response; if it succeeded, the next apply adopts the \
             statement."
        }
        false => "No filter was created.",
    };
    Diagnostic::error(
        "Permission could not be granted",
        format!(
            "The provider tried to add {} that allows CloudWatch Logs to invoke it. {outcome} \
             {}\n\n{}",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn not_revoked(error: &CallError, grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Permission could not be revoked",
        format!(
            "The provider tried to remove {} that allows CloudWatch Logs to invoke it and is no \
             longer needed. {}\n\n{}\n\nIt remains in the state; the next apply or destroy \
             retries.",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
}

pub(crate) fn statement_taken(grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Statement ID already in use",
        format!(
            "The provider found {}, which differs from the statement of this policy, so it belongs \
             to another owner and was not changed. Nothing was written. {FREE_THE_STATEMENT}",
            statement(grant)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn statement_will_be_taken(grant: &Grant) -> Diagnostic {
    Diagnostic::warning(
        "Statement ID already in use",
        format!(
            "The provider found {}, which differs from the statement of this policy, so it belongs \
             to another owner. Apply will not change it and will report an error. \
             {FREE_THE_STATEMENT}",
            statement(grant)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

const FREE_THE_STATEMENT: &str = "Remove it if it is unused (aws lambda remove-permission), give \
                                  the policy another name, or add the permission outside the \
                                  policy and remove grant_invoke.";

pub(crate) fn statement_left(grant: &Grant) -> Diagnostic {
    Diagnostic::warning(
        "Statement ID already in use",
        format!(
            "The provider found {}, which has been changed since this policy added it. It was not \
             removed.",
            statement(grant)
        ),
    )
}

fn statement(grant: &Grant) -> String {
    format!(
        "the statement {:?} in the resource policy of {}",
        grant.statement_id(),
        grant.function_arn()
    )
}
