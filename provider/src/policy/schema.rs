use tfplugin::{Attribute, Block, Schema, Type};

use crate::provider::role_block;
use crate::{checks, selection};

/// The version of the state's shape.
const VERSION: i64 = 0;

pub(super) fn schema() -> Schema {
    let block = Block::new()
        .describe(
            "Which CloudWatch log groups are shipped where, and how long they are kept. A plan shows \
             log group by log group what has drifted; apply reconciles exactly that.",
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
                    "How many days every chosen log group keeps its events: 0 for never expire, or \
                     one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, \
                     1827, 2192, 2557, 2922, 3288, 3653. Without it retention is left as it is. \
                     Events older than a shortened retention are deleted for good.",
                )
                .check(|days: &i64| checks::retention_in_days(*days)),
        )
        .attribute(
            "retention_mode",
            Attribute::optional(Type::String)
                .describe(
                    "What `retention_in_days` means for a log group that has another retention: \
                     `exact` (default) changes it, `at_least` leaves longer ones alone, `at_most` \
                     leaves shorter ones alone, `if_unset` changes only those that never expire, and those \
                     whose retention the policy itself set.",
                )
                .check(|mode: &String| checks::retention_mode(mode)),
        )
        .attribute(
            "retention_on_destroy",
            Attribute::optional(Type::String)
                .describe(
                    "What becomes of the retention of a log group that left the selection, or whose \
                     policy is destroyed: `keep` (default) leaves it, `restore` sets what it was \
                     before the policy's first write, if the retention there is still the one that \
                     the policy wrote. What it was is remembered in the state, and lost with it.",
                )
                .check(|text: &String| checks::retention_on_destroy(text)),
        )
        .attribute(
            "refresh",
            Attribute::optional(Type::String)
                .describe(
                    "Which log groups a refresh asks for their subscription filters: `full` (default) \
                     asks every one, `incremental` only those that are new, and those that CloudTrail \
                     has seen a filter put on or deleted from since the last refresh.",
                )
                .check(|mode: &String| checks::refresh(mode)),
        )
        .attribute(
            "full_refresh_after_hours",
            Attribute::optional(Type::Number)
                .describe(
                    "How old the last full refresh may be before an incremental one is made a full \
                     one: 1 to 720 hours. Default: 24.",
                )
                .check(|hours: &i64| checks::full_refresh_after_hours(*hours)),
        )
        .attribute(
            "max_changes",
            Attribute::optional(Type::Number)
                .describe(
                    "The most log groups that may change at once, those that leave the selection \
                     included: a plan that would change more fails, and so does an apply before it \
                     writes. A first plan counts every chosen log group that may have to be \
                     subscribed. A destroy is not stopped.",
                )
                .check(|number: &i64| checks::number_of_log_groups(*number)),
        )
        .attribute(
            "min_matches",
            Attribute::optional(Type::Number)
                .describe(
                    "The fewest log groups that the selection must choose: a plan that chooses fewer \
                     fails, and so does an apply before it writes. A destroy is not stopped.",
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
                    "ARN of what the chosen log groups are shipped to: a Lambda function, a Kinesis \
                     stream, a Firehose stream or a CloudWatch Logs destination, in the region of \
                     the log groups. Changing it changes every filter in place, without a gap. \
                     Without it nothing is shipped.",
                )
                .check(|arn: &String| checks::destination_arn(arn)),
        )
        .attribute(
            "filter_name",
            text()
                .describe(
                    "Name of the subscription filters. Default: `name`. It belongs to one policy of an \
                     account and region. A filter is this policy's only if it has this name and \
                     ships to the policy's destination, or ships to one of \
                     `replace_destination_arns`; any other is never overwritten and never deleted.",
                )
                .check(|name: &String| checks::filter_name(name)),
        )
        .attribute(
            "filter_pattern",
            text()
                .describe("Which events are shipped, in CloudWatch Logs' pattern syntax. Default: all.")
                .check(|pattern: &String| checks::filter_pattern(pattern)),
        )
        .attribute(
            "role_arn",
            text()
                .describe(
                    "ARN of the role that CloudWatch Logs assumes to deliver to a Kinesis or Firehose \
                     stream. A Lambda function needs none: its resource policy lets CloudWatch Logs \
                     invoke it.",
                )
                .check(|arn: &String| checks::role_arn(arn)),
        )
        .attribute(
            "distribution",
            text()
                .describe(
                    "How events are spread over a Kinesis stream's shards: `ByLogStream` (default) or \
                     `Random`.",
                )
                .check(|text: &String| checks::distribution(text)),
        )
        .attribute(
            "apply_on_transformed_logs",
            Attribute::optional(Type::Bool).describe(
                "Whether the pattern is held against events as a log transformer left them, and \
                 these are shipped. Default: false.",
            ),
        )
        .attribute(
            "field_selection_criteria",
            text()
                .describe("Which events are shipped, by system fields, as in `@aws.region = \"eu-west-1\"`.")
                .check(|criteria: &String| checks::field_selection_criteria(criteria)),
        )
        .attribute(
            "emit_system_fields",
            Attribute::optional(Type::set(Type::String))
                .describe("System fields to ship along: `@aws.account`, `@aws.region`.")
                .check_each(|field: &String| checks::system_field(field)),
        )
        .attribute(
            "replace_destination_arns",
            Attribute::optional(Type::set(Type::String))
                .describe(
                    "Destinations that this policy's takes the place of. Filters that ship there, \
                     whatever their names, are taken for this policy's: its own filter is created \
                     first, then they are deleted. To move off an earlier shipper without a gap.",
                )
                .check_each(|arn: &String| checks::destination_arn(arn)),
        )
        .attribute(
            "grant_invoke",
            Attribute::optional(Type::Bool).describe(
                "Whether the policy keeps a statement of its own in the resource policy of the \
                 function that it ships to, which lets CloudWatch Logs invoke it for every log group of the account \
                 and region, as an `aws_lambda_permission` would. Only for a Lambda function. \
                 Default: false.",
            ),
        )
        .attribute(
            "on_conflict",
            text()
                .describe(
                    "What becomes of a log group that cannot take the filter, because there is no \
                     free slot or another owner's filter has its name, or that AWS denies the policy \
                     to write to: `error` (default), or `skip`, which leaves it out and shows the \
                     reason in `skipped`.",
                )
                .check(|text: &String| checks::on_conflict(text)),
        )
}

fn computed(block: Block) -> Block {
    let entry = Type::object([
        ("subscription".to_owned(), Type::String),
        ("retention_in_days".to_owned(), Type::Number),
    ]);
    block
        .attribute("id", Attribute::computed(Type::String).describe("`NAME@REGION`, which import takes."))
        .attribute("account_id", Attribute::computed(Type::String).describe("Account of the log groups."))
        .attribute(
            "log_groups",
            Attribute::computed(Type::map(entry)).describe(
                "Every chosen log group by name. `subscription` is `active`, `missing`, \
                 `differs (ARGUMENTS)` with the arguments that differ, or null where nothing is \
                 shipped: the group is in `skipped`, or there is no `destination_arn`. \
                 `retention_in_days` is 0 where events never expire.",
            ),
        )
        .attribute(
            "skipped",
            Attribute::computed(Type::map(Type::String)).describe(
                "Chosen log groups that are not subscribed, with the reason: their events would be \
                 forwarded back to them (a loop); their class has no subscription filters; or, where \
                 `on_conflict` is `skip`, they are full, the filter's name is taken, or AWS denied a \
                 write to them.",
            ),
        )
        .attribute(
            "pending",
            Attribute::computed(Type::Number).describe(
                "How many log groups are not as they should be, and one more where the permission \
                 is not. A first apply that could not do everything ends with warnings and a number \
                 above 0 here.",
            ),
        )
        .attribute(
            "invoke_permission",
            Attribute::computed(Type::String).describe(
                "The statement of `grant_invoke` as it stands: `active`, `missing`, `differs`, \
                 `conflict` where another owner's has its id, or `not revoked` where one is left that \
                 is no longer wanted. Null where there is to be none, and is none.",
            ),
        )
        .attribute(
            "document",
            Attribute::computed(Type::String).describe(
                "The whole policy as JSON, for the enforcer, which applies it to log groups between \
                 two runs of Terraform. Always the same string for the same policy.",
            ),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::model::Policy;
    use tfplugin::{Convert, Value};

    /// The struct and the schema are two lists of the same names.
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
