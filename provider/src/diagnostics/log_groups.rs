//! The data source of log groups.

use tfplugin::Diagnostic;

use super::failure::{advice, on_role, stop};
use crate::aws::CallError;

pub(crate) fn no_preview_selection() -> Diagnostic {
    Diagnostic::error(
        "No log group is selected",
        "The data source needs a select block that says which log groups to look for, as in\n\n  \
         select {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\n\
         To choose every log group on purpose write name_regex = \".*\" in it.",
    )
}

pub(crate) fn groups_not_listed(error: &CallError, region: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "Log groups could not be read",
        format!(
            "The provider listed log groups in {region}. {}\n\nA list that is not whole would be \
             wrong, so there is none. {}",
            stop(error),
            advice(error)
        ),
    );
    on_role(error, diagnostic)
}

pub(crate) fn filters_not_read(error: &CallError, log_group: &str, region: &str) -> Diagnostic {
    Diagnostic::error(
        "Subscription filters could not be read",
        format!(
            "The provider looked for the subscription filters of {log_group} in {region}. {}\n\n{}",
            stop(error),
            advice(error)
        ),
    )
}
