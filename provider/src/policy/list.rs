//! `list "logagg_policy"`: the policies as which an account's subscription filters can be imported.

use std::cmp::Reverse;

use tfplugin::{
    Attr, Attribute, AttributePath, Block, Context, Convert, Diagnostic, ListResource, Listed,
    Query, Schema, Type,
};

use super::identity::{Identity, role_block};
use super::import::{Found, Place, most_common, policy, scan};
use super::model::Policy;
use crate::connection::Client;
use crate::{checks, diagnostics};

tfplugin::object! {
    /// The `config` block.
    #[derive(Clone, Debug)]
    pub(crate) struct Config {
        region: Attr<String>,
        assume_role_arn: Attr<String>,
    }
}

/// Lists what subscription filters of one name there are.
pub(crate) struct PolicyList;

impl ListResource for PolicyList {
    type Client = Client;
    type Config = Config;
    type State = Policy;

    fn type_name(&self) -> &'static str {
        "logagg_policy"
    }

    fn schema(&self) -> Schema {
        let block = Block::new()
            .describe(
                "The subscription filters of a region by their name: each name is a policy that \
                 can be imported. Those on most log groups come first.",
            )
            .attribute(
                "region",
                Attribute::optional(Type::String)
                    .describe("Region of the log groups. Default: the provider's.")
                    .check(|region: &String| checks::region(region)),
            )
            .attribute(
                "assume_role_arn",
                Attribute::optional(Type::String)
                    .describe(
                        "ARN of a role to assume with the provider block's credentials. The \
                         imported policies get an `assume_role` block with it.",
                    )
                    .check(|arn: &String| checks::role_arn(arn)),
            );
        Schema::new(0, block)
    }

    async fn list(
        &self,
        cx: &Context<Client>,
        config: Config,
        query: Query,
    ) -> Vec<Listed<Policy>> {
        match listed(cx, config, query).await {
            Ok(listed) => listed,
            Err(diagnostic) => {
                cx.report(diagnostic);
                Vec::new()
            }
        }
    }
}

async fn listed(
    cx: &Context<Client>,
    config: Config,
    query: Query,
) -> Result<Vec<Listed<Policy>>, Diagnostic> {
    let assume_role = match config.assume_role_arn.known() {
        Some(arn) => vec![role_block(arn, Attr::Null)?],
        None => Vec::new(),
    };
    let assume_role = Attr::Known(assume_role);
    // The role is an attribute here, and a block in a policy.
    let account = Client::account_to_work_in(cx, &assume_role).map_err(|error| {
        if error.attribute.is_some() {
            error.on(AttributePath::root("assume_role_arn"))
        } else {
            error
        }
    })?;
    let region = config.region.known().map_or(account.default_region(), String::as_str);
    let account_id =
        account.id(cx.stopped()).await.map_err(|error| diagnostics::no_account(&error))?;
    let reader = account.reader(region, cx.stopped());
    let scanned = scan(&reader)
        .await
        .map_err(|error| diagnostics::filters_not_listed(&error, region, account_id))?;
    let mut candidates: Vec<_> = scanned.into_values().collect();
    candidates.sort_by_key(|found| Reverse(found.len()));
    candidates.truncate(query.limit);
    let mut listed = Vec::with_capacity(candidates.len());
    for found in &candidates {
        let Some(filter) = most_common(found) else { continue };
        let identity = Identity {
            filter_name: Attr::Known(filter.name.clone()),
            region: Attr::Known(region.to_owned()),
            account_id: Attr::Known(account_id.to_owned()),
            assume_role_arn: config.assume_role_arn.clone(),
        };
        let state = if query.with_state {
            let place = Place { region, account_id, assume_role: assume_role.clone() };
            Some(policy(&reader, place, filter, found).await?.state)
        } else {
            None
        };
        listed.push(Listed {
            identity: identity.into_value(),
            display_name: display_name(found, &filter.name, &filter.destination_arn),
            state,
        });
    }
    Ok(listed)
}

/// What is on how many log groups, and where it forwards to.
fn display_name(found: &Found, name: &str, destination: &str) -> String {
    let same = found.values().filter(|(_, filter)| filter.destination_arn == destination).count();
    let groups = |count: usize| match count {
        1 => "1 log group".to_owned(),
        count => format!("{count} log groups"),
    };
    let others = match found.len() - same {
        0 => String::new(),
        others => format!(", {} to other destinations", groups(others)),
    };
    format!("{name}: {} to {destination}{others}", groups(same))
}
