use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Mutex;

/// What the policies at work in this process are about to ship, which no subscription filter shows
/// yet: two that each select the log group of the other's shipper would else close a loop between
/// them.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    destinations: BTreeMap<String, BTreeSet<String>>,
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

    /// Where a log group is about to be shipped.
    pub(crate) fn destinations_of(&self, log_group: &str) -> impl Iterator<Item = &String> {
        self.destinations.get(log_group).into_iter().flatten()
    }
}
