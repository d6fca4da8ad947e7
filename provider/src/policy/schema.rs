use tfplugin::{Attribute, Block, Schema, Type};

use crate::connection::role_block;
use crate::{checks, selection};

/// Version of the state's schema.
const VERSION: i64 = 0;

pub(super) fn schema() -> Schema {
    let block = Block::new()
        .describe(
            "Forwarding and retention of CloudWatch log groups. The plan shows the drift of each \
             log group; apply corrects exactly that.",
        )
        .attribute(
            "name",
            Attribute::required(Type::String)
                .describe(
                    "Name of the policy, and of its subscription filters unless `filter_name` is \
                     given. 1 to 512 characters, without `:` and `*`.",
                )
                .check(|name: &String| checks::policy_name(name)),
        )
        .attribute(
            "region",
            Attribute::optional(Type::String)
                .or_computed()
                .describe("Region of the log groups. Default: the provider's. Another one replaces the policy.")
                .check(|region: &String| checks::region(region)),
        )
        .attribute(
            "retention_in_days",
            Attribute::optional(Type::Number)
                .describe(
                    "Retention of every selected log group in days: 0 for never expire, or one of \
                     1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, \
                     2192, 2557, 2922, 3288, 3653. Without it retention is not changed. Events \
                     older than a shortened retention are permanently deleted.",
                )
                .check(|days: &i64| checks::retention_in_days(*days)),
        )
        .attribute(
            "retention_mode",
            Attribute::optional(Type::String)
                .describe(
                    "How `retention_in_days` applies to a log group with another retention: \
                     `exact` (default) changes it, `at_least` keeps a longer one, `at_most` keeps \
                     a shorter one, `if_unset` changes only log groups that never expire, and \
                     those whose retention the policy itself set.",
                )
                .check(|mode: &String| checks::retention_mode(mode)),
        )
        .attribute(
            "retention_on_destroy",
            Attribute::optional(Type::String)
                .describe(
                    "Retention of a log group that left the selection, or whose policy is \
                     destroyed: `keep` (default) does not change it, `restore` sets the retention \
                     from before the policy's first write, if the current one is still the one \
                     that the policy wrote. The original retention is recorded in the state and \
                     lost with it.",
                )
                .check(|text: &String| checks::on_destroy("retention_on_destroy", text)),
        )
        .attribute(
            "deletion_protection",
            Attribute::optional(Type::Bool).describe(
                "Whether the selected log groups are protected from deletion: `true` enables \
                 CloudWatch Logs' deletion protection on each of them, `false` disables it. \
                 Without it deletion protection is not changed. A protected log group cannot be \
                 deleted by anyone, Terraform included, before its protection is disabled.",
            ),
        )
        .attribute(
            "deletion_protection_on_destroy",
            Attribute::optional(Type::String)
                .describe(
                    "Deletion protection of a log group that left the selection, or whose policy \
                     is destroyed: `keep` (default) does not change it, `restore` sets what was \
                     there before the policy's first write, if the current one is still the one \
                     that the policy wrote. The original is recorded in the state and lost with \
                     it.",
                )
                .check(|text: &String| checks::on_destroy("deletion_protection_on_destroy", text)),
        )
        .attribute(
            "refresh",
            Attribute::optional(Type::String)
                .describe(
                    "For which log groups a refresh reads the subscription filters: `full` \
                     (default) for all, `incremental` only for new ones and those for which \
                     CloudTrail recorded a created, updated or deleted filter since the last \
                     refresh.",
                )
                .check(|mode: &String| checks::refresh(mode)),
        )
        .attribute(
            "full_refresh_after_hours",
            Attribute::optional(Type::Number)
                .describe(
                    "Age of the last full refresh after which an incremental refresh becomes a \
                     full one: 1 to 720 hours. Default: 24.",
                )
                .check(|hours: &i64| checks::full_refresh_after_hours(*hours)),
        )
        .attribute(
            "max_changes",
            Attribute::optional(Type::Number)
                .describe(
                    "Maximum number of log groups that one plan may change, including those that \
                     leave the selection: a plan that would change more fails, and so does an \
                     apply before it writes. A first plan counts every selected log group that may \
                     have to be subscribed. Does not limit a destroy.",
                )
                .check(|number: &i64| checks::number_of_log_groups(*number)),
        )
        .attribute(
            "min_matches",
            Attribute::optional(Type::Number)
                .describe(
                    "Minimum number of log groups that the selection must match: a plan that \
                     matches fewer fails, and so does an apply before it writes. Does not limit a \
                     destroy.",
                )
                .check(|number: &i64| checks::number_of_log_groups(*number)),
        )
        .block("assume_role", role_block());
    Schema::new(VERSION, computed(subscription(selection::blocks(block))))
}

fn subscription(block: Block) -> Block {
    let text = || Attribute::optional(Type::String);
    block
        .attribute(
            "destination_arn",
            text()
                .describe(
                    "ARN of the destination that the selected log groups are forwarded to: a \
                     Lambda function, a Kinesis stream, a Firehose stream or a CloudWatch Logs \
                     destination, in the region of the log groups. Changing it updates every \
                     filter in place. Without it nothing is forwarded.",
                )
                .check(|arn: &String| checks::destination_arn(arn)),
        )
        .attribute(
            "filter_name",
            text()
                .describe(
                    "Name of the subscription filters. Default: `name`. Unique among the policies \
                     of an account and region. A filter belongs to this policy only if it has this \
                     name and forwards to the policy's destination, or forwards to one of \
                     `replace_destination_arns`; any other is never updated and never deleted.",
                )
                .check(|name: &String| checks::filter_name(name)),
        )
        .attribute(
            "filter_pattern",
            text()
                .describe(
                    "Which events are forwarded, in CloudWatch Logs' filter pattern syntax. \
                     Default: all.",
                )
                .check(|pattern: &String| checks::filter_pattern(pattern)),
        )
        .attribute(
            "role_arn",
            text()
                .describe(
                    "ARN of the role that CloudWatch Logs assumes to deliver to a Kinesis or \
                     Firehose stream. A Lambda function needs none: its resource policy allows \
                     CloudWatch Logs to invoke it.",
                )
                .check(|arn: &String| checks::role_arn(arn)),
        )
        .attribute(
            "distribution",
            text()
                .describe(
                    "How events are distributed over a Kinesis stream's shards: `ByLogStream` \
                     (default) or `Random`.",
                )
                .check(|text: &String| checks::distribution(text)),
        )
        .attribute(
            "apply_on_transformed_logs",
            Attribute::optional(Type::Bool).describe(
                "Whether the filter pattern applies to transformed log events, which are then \
                 forwarded. Default: false.",
            ),
        )
        .attribute(
            "field_selection_criteria",
            text()
                .describe(
                    "Which events are forwarded, by system fields, for example `@aws.region \
                     = \"eu-west-1\"`.",
                )
                .check(|criteria: &String| checks::field_selection_criteria(criteria)),
        )
        .attribute(
            "emit_system_fields",
            Attribute::optional(Type::set(Type::String))
                .describe(
                    "System fields to add to the forwarded events: `@aws.account`, \
                     `@aws.region`, `@source.log`.",
                )
                .check_each(|field: &String| checks::system_field(field)),
        )
        .attribute(
            "replace_destination_arns",
            Attribute::optional(Type::set(Type::String))
                .describe(
                    "Destinations that this policy's destination replaces. Filters that forward \
                     there, whatever their names, are treated as this policy's: its own filter is \
                     created first, then they are deleted, so no event is missed. On a log group \
                     that is at its filter quota the old filter is deleted first, and events in \
                     between are not forwarded.",
                )
                .check_each(|arn: &String| checks::destination_arn(arn)),
        )
        .attribute(
            "grant_invoke",
            Attribute::optional(Type::Bool).describe(
                "Whether the policy manages a statement in the resource policy of its destination \
                 function that allows CloudWatch Logs to invoke it for every log group of the \
                 account and region, like an `aws_lambda_permission`. Only for a Lambda function. \
                 Default: false.",
            ),
        )
        .attribute(
            "on_conflict",
            text()
                .describe(
                    "How to handle a log group that cannot get the filter, because it is at its \
                     filter quota or another owner's filter has the name, or because AWS denies \
                     writing to it: `error` (default), or `skip`, which skips it and shows the \
                     reason in `skipped`.",
                )
                .check(|text: &String| checks::on_conflict(text)),
        )
}

fn computed(block: Block) -> Block {
    let entry = Type::object([
        ("subscription".to_owned(), Type::String),
        ("retention_in_days".to_owned(), Type::Number),
        ("deletion_protection".to_owned(), Type::Bool),
    ]);
    block
        .attribute(
            "id",
            Attribute::computed(Type::String).describe("`NAME@REGION`, the import ID."),
        )
        .attribute(
            "account_id",
            Attribute::computed(Type::String).describe("Account of the log groups."),
        )
        .attribute(
            "log_groups",
            Attribute::computed(Type::map(entry)).describe(
                "Every selected log group by name. `subscription` is `active`, `missing`, `differs \
                 (ARGUMENTS)` with the arguments that differ, or null if nothing is forwarded: the \
                 log group is in `skipped`, or there is no `destination_arn`. `retention_in_days` \
                 is 0 if events never expire. `deletion_protection` is null if the policy does not \
                 set it.",
            ),
        )
        .attribute(
            "skipped",
            Attribute::computed(Type::map(Type::String)).describe(
                "Selected log groups that are not subscribed, with the reason: their events would \
                 be forwarded back to them (a loop); their class does not support subscription \
                 filters; or, if `on_conflict` is `skip`, they are at their filter quota, another \
                 owner's filter has the name, or AWS denied a write to them.",
            ),
        )
        .attribute(
            "pending",
            Attribute::computed(Type::Number).describe(
                "Number of log groups that are not compliant with the policy, plus one if the \
                 permission is not. A first apply that could not make every change ends with \
                 warnings and a number above 0 here.",
            ),
        )
        .attribute(
            "invoke_permission",
            Attribute::computed(Type::String).describe(
                "State of the statement of `grant_invoke`: `active`, `missing`, `differs`, \
                 `conflict` if another owner's statement has its ID, or `not revoked` if a \
                 statement remains that is no longer required. Null if there is none and none is \
                 required.",
            ),
        )
        .attribute(
            "document",
            Attribute::computed(Type::String).describe(
                "The policy document (JSON), for the enforcer, which applies it to log groups \
                 between two runs of Terraform. Deterministic for the same policy.",
            ),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::model::Policy;
    use tfplugin::{Convert, Value};

    /// The struct and the schema list the same names.
    #[test]
    fn the_state_has_the_attributes_of_the_schema() {
        let block = schema();
        let block = block.block();
        let names = block.attributes().keys().chain(block.blocks().keys());
        let nulls = Value::Map(names.map(|name| (name.clone(), Value::Null)).collect());
        let policy = Policy::from_value(nulls.clone()).unwrap();
        assert_eq!(policy.into_value(), nulls);
    }
}
