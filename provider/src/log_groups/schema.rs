use tfplugin::{Attribute, Block, Schema, Type};

use crate::connection::role_block;
use crate::{checks, selection};

/// Version of the state's schema.
const VERSION: i64 = 0;

pub(super) fn schema() -> Schema {
    let block = Block::new()
        .describe(
            "The current state of the CloudWatch log groups that a selection matches. Read once \
             for each plan: a policy that selects these `names` shows every log group from its \
             first plan on.",
        )
        .attribute(
            "region",
            Attribute::optional(Type::String)
                .or_computed()
                .describe("Region of the log groups. Default: the provider's.")
                .check(|region: &String| checks::region(region)),
        )
        .attribute(
            "include_subscription_filters",
            Attribute::optional(Type::Bool).describe(
                "Read the subscription filters of every selected log group: one request each, 5 a \
                 second by AWS's default quota. Default: false.",
            ),
        )
        .block("assume_role", role_block());
    Schema::new(VERSION, computed(selection::blocks(block)))
}

fn computed(block: Block) -> Block {
    block
        .attribute("id", Attribute::computed(Type::String).describe("`ACCOUNT@REGION`."))
        .attribute(
            "account_id",
            Attribute::computed(Type::String).describe("Account of the log groups."),
        )
        .attribute(
            "names",
            Attribute::computed(Type::list(Type::String))
                .describe("Names of the selected log groups, sorted."),
        )
        .attribute(
            "log_groups",
            Attribute::computed(Type::map(found())).describe(
                "The selected log groups by name. `log_group_class` is `STANDARD`, \
                 `INFREQUENT_ACCESS`, `ESSENTIALS` or `DELIVERY`; `retention_in_days` is 0 if \
                 events never expire; `retention_policy_name` is the account-level retention policy that sets \
                 it, or null; `deletion_protection` says whether it is protected from \
                 deletion; `stored_bytes` is the size that AWS last reported; `creation_time` is \
                 UTC, for example `2026-01-31T09:30:00.000Z`; `subscription_filters` is null \
                 unless `include_subscription_filters` is set.",
            ),
        )
}

fn found() -> Type {
    let filter = Type::object([
        ("name", Type::String),
        ("destination_arn", Type::String),
        ("filter_pattern", Type::String),
        ("role_arn", Type::String),
        ("distribution", Type::String),
    ]);
    Type::object([
        ("arn", Type::String),
        ("log_group_class", Type::String),
        ("retention_in_days", Type::Number),
        ("retention_policy_name", Type::String),
        ("deletion_protection", Type::Bool),
        ("stored_bytes", Type::Number),
        ("creation_time", Type::String),
        ("subscription_filters", Type::list(filter)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_groups::model::LogGroups;
    use tfplugin::{Convert, Value};

    /// The struct and the schema list the same names.
    #[test]
    fn the_state_has_the_attributes_of_the_schema() {
        let schema = schema();
        let block = schema.block();
        let names = block.attributes().keys().chain(block.blocks().keys());
        let nulls = Value::Map(names.map(|name| (name.clone(), Value::Null)).collect());
        assert_eq!(LogGroups::from_value(nulls.clone()).unwrap().into_value(), nulls);
    }
}
