//! The permission to invoke the destination.

use logagg_policy::Grant;
use tfplugin::{AttributePath, Diagnostic};

use super::failure::{advice, stop};
use crate::aws::CallError;

pub(crate) fn permission_not_read(error: &CallError, grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Permission could not be read",
        format!(
            "The provider looked for {} that lets CloudWatch Logs invoke it. {}\n\n{}",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn not_granted(error: &CallError, grant: &Grant) -> Diagnostic {
    let outcome = match error.may_have_been_done() {
        true => "That got no clear answer; if it was done, the next apply takes it over.",
        false => "No filter was written.",
    };
    Diagnostic::error(
        "Permission could not be granted",
        format!(
            "The provider tried to write {} that lets CloudWatch Logs invoke it. {outcome} {}\n\n{}",
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
            "The provider tried to remove {} that lets CloudWatch Logs invoke it, and that the \
             policy no longer needs. {}\n\n{}\n\nIt stays in the state; the next apply or destroy \
             tries again.",
            statement(grant),
            stop(error),
            advice(error)
        ),
    )
}

pub(crate) fn statement_taken(grant: &Grant) -> Diagnostic {
    Diagnostic::error(
        "Statement of somebody else",
        format!(
            "There is {} already, and it does not say what this policy's would: it is somebody \
             else's and was left alone. Nothing was written. {FREE_THE_STATEMENT}",
            statement(grant)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn statement_will_be_taken(grant: &Grant) -> Diagnostic {
    Diagnostic::warning(
        "Statement of somebody else",
        format!(
            "There is {} already, and it does not say what this policy's would: it is somebody \
             else's. Apply will leave it alone and report an error. {FREE_THE_STATEMENT}",
            statement(grant)
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

const FREE_THE_STATEMENT: &str = "Remove it if nobody needs it (aws lambda remove-permission), give \
                                  the policy another name, or give the permission yourself and \
                                  remove grant_invoke.";

pub(crate) fn statement_left(grant: &Grant) -> Diagnostic {
    Diagnostic::warning(
        "Statement of somebody else",
        format!(
            "There is {}, which is no longer the one that this policy made. It was left alone.",
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
