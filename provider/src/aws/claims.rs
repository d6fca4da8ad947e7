use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logagg_policy::{Fight, Stake};
use tokio::sync::Mutex;

/// What the policies at work in this process are about to do, which AWS does not show yet: two that
/// each select the log group of the other's shipper would else close a loop between them, and two
/// that want different things of one log group would undo each other's work.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    destinations: BTreeMap<String, BTreeSet<String>>,
    /// By the whole of each policy: names may be the same.
    stakes: BTreeMap<String, Stake>,
}

/// What two policies fight about.
#[derive(Debug)]
pub(crate) struct Dispute {
    pub(crate) fight: Fight,
    pub(crate) log_groups: BTreeSet<String>,
    /// The one that comes second, and the one before it.
    pub(crate) stakes: [Stake; 2],
}

/// Held while a policy finds out what it may ship and claims it, so that of two policies one sees
/// what the other is about to do.
pub(crate) type SharedClaims = Arc<Mutex<Claims>>;

impl Claims {
    /// These log groups are about to be shipped to this destination.
    pub(crate) fn make(
        &mut self,
        destination_arn: &str,
        log_groups: impl IntoIterator<Item = String>,
    ) {
        for log_group in log_groups {
            self.destinations.entry(log_group).or_default().insert(destination_arn.to_owned());
        }
    }

    /// A policy says what it is about to do, and learns whom that is a fight with. `policy` tells
    /// it from all others.
    pub(crate) fn stake(&mut self, policy: String, stake: Stake) -> Vec<Dispute> {
        let mut disputes = Vec::new();
        for (_, other) in self.stakes.iter().filter(|(other, _)| **other != policy) {
            disputes.extend(stake.fights(other).into_iter().map(|(fight, log_groups)| Dispute {
                fight,
                log_groups,
                stakes: [stake.terms(), other.terms()],
            }));
        }
        self.stakes.insert(policy, stake);
        disputes
    }

    /// Where a log group is about to be shipped.
    pub(crate) fn destinations_of(&self, log_group: &str) -> impl Iterator<Item = &String> {
        self.destinations.get(log_group).into_iter().flatten()
    }
}
