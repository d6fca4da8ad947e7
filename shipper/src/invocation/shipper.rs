//! The state of the shipper that is kept across invocations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use super::context::Invocation;
use super::payload::Unpacking;
use crate::aws::Aws;
use crate::backfill::Pace;
use crate::config::Config;
use crate::decode::BufferPool;
use crate::delivery::{self, Client, EndpointState};
use crate::destination::{Destination, Inspected};
use crate::tags::TagTables;

/// The shipper, kept across invocations.
pub struct Shipper {
    pub(super) config: Config,
    pub(super) client: Client,
    pub(super) own_log_group: Option<String>,
    aws: OnceLock<Aws>,
    endpoint_state: Mutex<BTreeMap<String, EndpointState>>,
    orphans: Mutex<BTreeMap<String, usize>>,
    /// The number of inspections of each destination.
    inspections: Mutex<BTreeMap<String, u32>>,
    /// The maximum message size of queues that receive on-failure records, by ARN; `None` if it
    /// cannot be read.
    pub(super) queues: Mutex<BTreeMap<String, Option<u64>>>,
    pub(super) buffers: BufferPool,
    /// The tags of log groups and functions, if they are configured.
    pub(super) tag_tables: Option<Arc<TagTables>>,
    /// The rates of a backfill's calls.
    pub(super) describe_pace: Pace,
    pub(super) filter_pace: Pace,
}

impl Shipper {
    /// Creates a shipper. `own_log_group` is the log group that the function itself writes to.
    pub fn new(config: Config, own_log_group: Option<String>, client: Client) -> Self {
        Self {
            tag_tables: config.tags.clone().map(TagTables::new).map(Arc::new),
            config,
            client,
            own_log_group,
            aws: OnceLock::new(),
            endpoint_state: Mutex::default(),
            orphans: Mutex::default(),
            inspections: Mutex::default(),
            queues: Mutex::default(),
            buffers: BufferPool::default(),
            describe_pace: Pace::default(),
            filter_pace: Pace::default(),
        }
    }

    /// A shipper with other secrets. What is known of the destinations is forgotten.
    pub(crate) fn with_secrets(&self, config: Config) -> Self {
        let new = Self::new(config, self.own_log_group.clone(), self.client.clone());
        Self { tag_tables: self.tag_tables.clone(), ..new }
    }

    /// How long before an invocation's deadline everything ends.
    pub(crate) fn reserve(&self) -> Duration {
        self.config.reserve
    }

    /// The time for deliveries of an invocation: without that for storing what they leave.
    pub(super) fn time_for_deliveries(&self, invocation: &Invocation<'_>) -> Duration {
        let storing = self.config.undelivered.as_ref().map(|it| it.reserve).unwrap_or_default();
        let left = invocation.deadline.duration_since(SystemTime::now()).unwrap_or_default();
        left.saturating_sub(self.config.reserve + storing.min(left / 4))
    }

    /// The context for unpacking an event.
    pub(super) fn unpacking<'i>(&self, invocation: &Invocation<'i>) -> Unpacking<'i> {
        Unpacking { now: SystemTime::now(), function_arn: invocation.function_arn }
    }

    /// The AWS client, created on first use.
    pub(super) fn aws(&self) -> &Aws {
        self.aws.get_or_init(|| Aws::new(self.client.clone()))
    }

    /// The state of a destination's endpoint after its last delivery.
    pub(super) fn endpoint_state(&self, destination: &str) -> EndpointState {
        let endpoint_state = self.endpoint_state.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint_state.get(destination).copied().unwrap_or_default()
    }

    pub(super) fn learned(&self, destination: &str, learned: EndpointState) {
        let mut endpoint_state = self.endpoint_state.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint_state.insert(destination.to_owned(), learned);
    }

    /// Inspects the setup of a destination, once per instance, or twice if the first result is
    /// unknown. Returns a warning if the setup is wrong.
    pub(super) async fn inspect(
        &self,
        name: &str,
        destination: &dyn Destination,
        until: SystemTime,
    ) -> Option<String> {
        const MAX_INSPECTIONS: u32 = 2;

        let time = until.duration_since(SystemTime::now()).unwrap_or_default();
        let inspections = || self.inspections.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut inspections = inspections();
            let attempts = inspections.entry(name.to_owned()).or_default();
            if *attempts >= MAX_INSPECTIONS || time.is_zero() {
                return None;
            }
            *attempts += 1;
        }
        let inspected = delivery::inspect(&self.client, destination, time).await;
        if inspected != Inspected::Unknown {
            inspections().insert(name.to_owned(), MAX_INSPECTIONS);
        }
        match inspected {
            Inspected::Invalid(why) => Some(format!("{name}: {why}")),
            Inspected::Valid | Inspected::NotFound | Inspected::Unknown => None,
        }
    }

    /// Stored events whose destinations are not configured, as seen by this instance.
    pub(super) fn orphans(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_tags_stay_in_use_with_other_secrets() {
        let config = || {
            let document = r#"{
                "destinations": {"x": {"type": "http", "url": "http://127.0.0.1:1"}},
                "tags": {"bucket": "tables", "accounts": ["123456789012"]}
            }"#;
            Config::parse(document).unwrap_or_else(|error| panic!("{error}"))
        };
        let before = Shipper::new(config(), None, Client::default());
        let after = before.with_secrets(config());
        assert!(Arc::ptr_eq(&before.tag_tables.unwrap(), &after.tag_tables.unwrap()));
    }
}
