//! A policy that is looked at without Terraform: read and planned as Terraform has it read and
//! planned, and never applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use logagg_policy::{Document, GroupState};
use tfplugin::{Attr, CancellationToken, Context, Diagnostics, Proposal, Stored};

use super::model::Policy;
use super::planned_inventories::PlannedInventories;
use super::private_state::PrivateState;
use super::{plan, read};
use crate::connection::{Client, RoleBlock};
use crate::diagnostics;

/// What a policy finds, and what its plan would be.
#[derive(Debug)]
pub struct Survey {
    /// The log groups that it selects.
    pub groups: BTreeMap<String, Surveyed>,
    /// The diagnostics of the plan. An error blocks apply.
    pub diagnostics: Diagnostics,
}

/// One log group that a policy selects.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyed {
    /// How it stands.
    pub current: GroupState,
    /// How it is to stand.
    pub desired: GroupState,
    /// Why it is not subscribed.
    pub skip: Option<String>,
    /// The destination of another owner's filter that has the policy's filter name.
    pub foreign: Option<String>,
}

impl Survey {
    /// Reads and plans a policy.
    ///
    /// # Errors
    /// What could not be read.
    pub(crate) async fn take(
        client: &Arc<Client>,
        document: &Document,
        role: Option<RoleBlock>,
        stopped: &CancellationToken,
    ) -> Result<Self, Diagnostics> {
        let config = Policy::of(document, role);
        let unread = Stored { state: config.clone(), private: PrivateState::default() };
        let reading = Context::new(Arc::clone(client), stopped.clone());
        let prior = read::read(&reading, unread).await;
        let mut diagnostics = reading.diagnostics();
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let planning = Context::new(Arc::clone(client), stopped.clone());
        let proposal = Proposal {
            config,
            prior: Some(prior.clone()),
            proposed: prior.state.clone(),
            replaced: None,
        };
        let planned = plan::plan(&planning, &PlannedInventories::default(), proposal).await;
        diagnostics.extend(planning.diagnostics());
        if planned.state.log_groups.known().is_none() {
            return Err(diagnostics);
        }
        let unusable = |error| {
            Diagnostics::from(diagnostics::unusable_state(&error as &super::model::Unusable))
        };
        let current = prior.state.states().map_err(unusable)?;
        let desired = planned.state.states().map_err(unusable)?;
        let skipped = planned.state.skipped.known();
        let ownership = planned.state.ownership();
        let foreign: BTreeMap<_, _> = planned.private.foreign(&ownership).collect();
        let groups = current.into_iter().filter_map(|(name, current)| {
            let skip = skipped.and_then(|skipped| skipped.get(&name)).and_then(Attr::known);
            let surveyed = Surveyed {
                desired: desired.get(&name)?.clone(),
                current,
                skip: skip.cloned(),
                foreign: foreign.get(&name).map(|destination| (*destination).clone()),
            };
            Some((name, surveyed))
        });
        Ok(Self { groups: groups.collect(), diagnostics })
    }
}
