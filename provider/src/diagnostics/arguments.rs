//! What the arguments of a policy say, and what is wrong with it.

use logagg_policy::{Arn, Destination};
use tfplugin::{AttributePath, Diagnostic};

pub(crate) fn invalid(summary: &str, detail: String) -> Diagnostic {
    Diagnostic::error(summary, detail)
}

pub(crate) fn no_selection() -> Diagnostic {
    Diagnostic::error(
        "No log group is selected",
        "A policy needs a select block that says which log groups it governs, as in\n\n  \
         select {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\n\
         To choose every log group on purpose write name_regex = \".*\" in it.",
    )
}

pub(crate) fn empty_rule(block: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        format!("Empty {block} block"),
        format!(
            "An empty {block} block would hold for every log group. Give it names, name_prefixes, \
             name_regex, tags or log_group_classes; to mean every log group on purpose write name_regex = \".*\"."
        ),
    )
    .on(path)
}

pub(crate) fn nothing_to_do() -> Diagnostic {
    Diagnostic::error(
        "Policy without effect",
        "A policy ships log groups to destination_arn, keeps them for retention_in_days, or both. \
         This one gives neither.",
    )
}

pub(crate) fn needs_destination(argument: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{argument} without destination_arn"),
        format!(
            "{argument} is about the subscription filters, and without destination_arn the policy \
             makes none. Add destination_arn or remove {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

pub(crate) fn needs_retention(argument: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{argument} without retention_in_days"),
        format!(
            "{argument} is about the retention that the policy sets, and without retention_in_days \
             it sets none. Add retention_in_days or remove {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

pub(crate) fn needs_incremental_refresh() -> Diagnostic {
    Diagnostic::error(
        "full_refresh_after_hours without an incremental refresh",
        "full_refresh_after_hours says when an incremental refresh is made a full one, and here every \
         refresh is full. Write refresh = \"incremental\" or remove full_refresh_after_hours.",
    )
    .on(AttributePath::root("full_refresh_after_hours"))
}

pub(crate) fn replaces_itself(arn: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination replaces itself",
        format!(
            "{arn} is the policy's destination and among those it replaces, so its own filters \
             would be deleted for having another name. Remove it from replace_destination_arns."
        ),
    )
    .on(AttributePath::root("replace_destination_arns"))
}

pub(crate) fn needs_role() -> Diagnostic {
    Diagnostic::error(
        "Missing role_arn",
        "To deliver to a Kinesis or Firehose stream CloudWatch Logs assumes a role. Give its ARN in \
         role_arn.",
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn needs_no_role() -> Diagnostic {
    Diagnostic::error(
        "role_arn for a Lambda function",
        "CloudWatch Logs assumes no role to invoke a function: the function's resource policy lets \
         logs.amazonaws.com invoke it (aws_lambda_permission). Remove role_arn.",
    )
    .on(AttributePath::root("role_arn"))
}

pub(crate) fn needs_no_distribution() -> Diagnostic {
    Diagnostic::error(
        "distribution for a destination without shards",
        "Only a Kinesis stream has shards to spread events over. Remove distribution.",
    )
    .on(AttributePath::root("distribution"))
}

pub(crate) fn grant_needs_function(destination: &Destination) -> Diagnostic {
    Diagnostic::error(
        "grant_invoke without a Lambda function",
        format!(
            "Only a function has a resource policy in which the policy could let CloudWatch Logs \
             invoke it, and destination_arn is that of {destination}. Remove grant_invoke."
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn destination_in_another_region(arn: &Arn, region: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination in another region",
        format!(
            "CloudWatch Logs delivers within a region: the policy governs log groups in {region}, \
             and {arn} lies in {}. Give a destination in {region}, or set the policy's region.",
            arn.region()
        ),
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn destination_in_another_account(arn: &Arn, account: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination in another account",
        format!(
            "CloudWatch Logs delivers to a function or stream of the same account only: the \
             credentials in hand are those of account {account}, and {arn} belongs to {}. To ship to \
             another account give the ARN of a CloudWatch Logs destination there.",
            arn.account()
        ),
    )
    .on(AttributePath::root("destination_arn"))
}
