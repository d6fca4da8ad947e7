//! Diagnostics of a policy's arguments.

use logagg_policy::{Arn, Destination};
use tfplugin::{AttributePath, Diagnostic};

pub(crate) fn invalid(summary: &str, detail: String) -> Diagnostic {
    Diagnostic::error(summary, detail)
}

pub(crate) fn no_selection() -> Diagnostic {
    Diagnostic::error(
        "No log group is selected",
        "A policy requires a select block that selects its log groups, for example:\n\n  select \
         {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\nTo select every log group on purpose, \
         set name_regex = \".*\" in it.",
    )
}

pub(crate) fn empty_rule(block: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        format!("Empty {block} block"),
        format!(
            "An empty {block} block would match every log group. Set names, name_prefixes, \
             name_regex, tags or log_group_classes; to match every log group on purpose, set \
             name_regex = \".*\"."
        ),
    )
    .on(path)
}

pub(crate) fn nothing_to_do() -> Diagnostic {
    Diagnostic::error(
        "Policy without effect",
        "A policy forwards log groups to destination_arn, sets their retention_in_days or their \
         deletion_protection, or several of these. This one sets none.",
    )
}

pub(crate) fn needs_destination(argument: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{argument} without destination_arn"),
        format!(
            "{argument} configures subscription filters, and without destination_arn the policy \
             creates none. Add destination_arn or remove {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

pub(crate) fn needs_retention(argument: &str) -> Diagnostic {
    Diagnostic::error(
        format!("{argument} without retention_in_days"),
        format!(
            "{argument} configures the retention that the policy sets, and without \
             retention_in_days it sets none. Add retention_in_days or remove {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

pub(crate) fn needs_deletion_protection() -> Diagnostic {
    Diagnostic::error(
        "deletion_protection_on_destroy without deletion_protection",
        "deletion_protection_on_destroy configures the deletion protection that the policy sets, \
         and without deletion_protection it sets none. Add deletion_protection or remove \
         deletion_protection_on_destroy.",
    )
    .on(AttributePath::root("deletion_protection_on_destroy"))
}

pub(crate) fn needs_incremental_refresh() -> Diagnostic {
    Diagnostic::error(
        "full_refresh_after_hours without an incremental refresh",
        "full_refresh_after_hours is the age at which an incremental refresh becomes a full one, \
         and here every refresh is full. Set refresh = \"incremental\" or remove \
         full_refresh_after_hours.",
    )
    .on(AttributePath::root("full_refresh_after_hours"))
}

pub(crate) fn replaces_itself(arn: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination replaces itself",
        format!(
            "{arn} is both the policy's destination and in replace_destination_arns, so the policy \
             would delete filters that forward to its own destination. Remove it from \
             replace_destination_arns."
        ),
    )
    .on(AttributePath::root("replace_destination_arns"))
}

pub(crate) fn needs_role() -> Diagnostic {
    Diagnostic::error(
        "Missing role_arn",
        "CloudWatch Logs assumes a role to deliver to a Kinesis or Firehose stream. Set role_arn \
         to its ARN.",
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn needs_no_role() -> Diagnostic {
    Diagnostic::error(
        "role_arn for a Lambda function",
        "CloudWatch Logs assumes no role to invoke a function: the function's resource policy \
         allows logs.amazonaws.com to invoke it (aws_lambda_permission). Remove role_arn.",
    )
    .on(AttributePath::root("role_arn"))
}

pub(crate) fn needs_no_distribution() -> Diagnostic {
    Diagnostic::error(
        "distribution for a destination without shards",
        "Only a Kinesis stream has shards to distribute events over. Remove distribution.",
    )
    .on(AttributePath::root("distribution"))
}

pub(crate) fn grant_needs_function(destination: &Destination) -> Diagnostic {
    Diagnostic::error(
        "grant_invoke without a Lambda function",
        format!(
            "Only a Lambda function has a resource policy that can allow CloudWatch Logs to invoke \
             it, and destination_arn is the ARN of {destination}. Remove grant_invoke."
        ),
    )
    .on(AttributePath::root("grant_invoke"))
}

pub(crate) fn destination_in_another_region(arn: &Arn, region: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination in another region",
        format!(
            "CloudWatch Logs delivers within a region only: the policy's log groups are in \
             {region}, and {arn} is in {}. Use a destination in {region}, or set the policy's \
             region.",
            arn.region()
        ),
    )
    .on(AttributePath::root("destination_arn"))
}

pub(crate) fn destination_in_another_account(arn: &Arn, account: &str) -> Diagnostic {
    Diagnostic::error(
        "Destination in another account",
        format!(
            "CloudWatch Logs delivers to a function or stream in the same account only: the \
             current credentials belong to account {account}, and {arn} belongs to {}. To forward \
             to another account, use the ARN of a CloudWatch Logs destination there.",
            arn.account()
        ),
    )
    .on(AttributePath::root("destination_arn"))
}
