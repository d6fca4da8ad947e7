use tfplugin::{Attr, Attribute, Block, NestedBlock, Type};

use crate::aws::AssumeRole;
use crate::checks;

tfplugin::object! {
    /// The `assume_role` block of a resource or data source.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct RoleBlock {
        pub(crate) role_arn: Attr<String>,
        pub(crate) external_id: Attr<String>,
        pub(crate) session_name: Attr<String>,
    }
}

impl RoleBlock {
    /// The role, where its block is wholly known.
    pub(super) fn role(self) -> Option<AssumeRole> {
        Some(AssumeRole {
            role_arn: self.role_arn.into_known()?,
            external_id: self.external_id.into_known(),
            session_name: self.session_name.into_known(),
            ..AssumeRole::default()
        })
    }
}

/// The schema of that block.
pub(crate) fn role_block() -> NestedBlock {
    let block = Block::new().describe(
        "Role to assume with the provider block's credentials. The resource is managed in its \
         account, so one block with `for_each` covers many accounts.",
    );
    NestedBlock::list(with_role(block)).max_items(1)
}

/// With the arguments that every `assume_role` block has.
pub(crate) fn with_role(block: Block) -> Block {
    block.attribute("role_arn", role_arn()).attribute("session_name", session_name()).attribute(
        "external_id",
        Attribute::optional(Type::String)
            .describe("External ID that the role's trust policy requires.")
            .check(|id: &String| checks::external_id(id)),
    )
}

pub(crate) fn role_arn() -> Attribute {
    Attribute::required(Type::String)
        .describe("ARN of the role.")
        .check(|arn: &String| checks::role_arn(arn))
}

pub(crate) fn session_name() -> Attribute {
    Attribute::optional(Type::String)
        .describe(
            "Name of the session, as CloudTrail shows it. Default: `terraform-provider-logagg`.",
        )
        .check(|name: &String| checks::session_name(name))
}
