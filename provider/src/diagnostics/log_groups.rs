//! Diagnostics of the data source `logagg_log_groups`.

use tfplugin::Diagnostic;

use super::failure::{advice, on_role, stop};
use crate::aws::CallError;

pub(crate) fn no_preview_selection() -> Diagnostic {
    Diagnostic::error(
        "No log group is selected",
        "The data source requires a select block that selects log groups, for example:\n\n  select \
         {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\nTo select every log group on purpose, \
         set name_regex = \".*\" in it.",
    )
}

pub(crate) fn groups_not_listed(error: &CallError, region: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "Log groups could not be read",
        format!(
            "The provider listed log groups in {region}. {}\n\nA partial list would be wrong, so \
             none is returned. {}",
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
            "The provider read the subscription filters of {log_group} in {region}. {}\n\n{}",
            stop(error),
            advice(error)
        ),
    )
}
