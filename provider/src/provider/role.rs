use tfplugin::{Attribute, Block, NestedBlock, Type};

use crate::checks;

/// The `assume_role` block of a resource or data source.
pub(crate) fn role_block() -> NestedBlock {
    let block = Block::new().describe(
        "Role to assume with the provider block's credentials. The resource is managed in its \
         account, so one block with `for_each` covers many accounts.",
    );
    NestedBlock::list(with_role(block)).max_items(1)
}

/// With the arguments that every `assume_role` block has.
pub(super) fn with_role(block: Block) -> Block {
    block.attribute("role_arn", role_arn()).attribute("session_name", session_name()).attribute(
        "external_id",
        Attribute::optional(Type::String)
            .describe("External ID that the role's trust policy requires.")
            .check(|id: &String| checks::external_id(id)),
    )
}

pub(super) fn role_arn() -> Attribute {
    Attribute::required(Type::String)
        .describe("ARN of the role.")
        .check(|arn: &String| checks::role_arn(arn))
}

pub(super) fn session_name() -> Attribute {
    Attribute::optional(Type::String)
        .describe(
            "Name of the session, as CloudTrail shows it. Default: `terraform-provider-logagg`.",
        )
        .check(|name: &String| checks::session_name(name))
}
