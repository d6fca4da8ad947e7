use std::collections::BTreeSet;

use crate::Destination;

/// The log groups that a destination's own work writes to. Subscribing one of them would ship
/// the destination's logs to itself, which makes it log, and so on for ever.
#[derive(Clone, Debug, Default)]
pub struct LoopGuard {
    groups: BTreeSet<String>,
}

impl LoopGuard {
    /// What the destination's name alone tells. A Kinesis stream's and a logical destination's
    /// readers cannot be told from a name.
    #[must_use]
    pub fn by_name(destination: &Destination) -> Self {
        let group = match destination {
            Destination::Function { name } => Some(format!("/aws/lambda/{name}")),
            Destination::Firehose { name } => Some(format!("/aws/kinesisfirehose/{name}")),
            Destination::Stream { .. } | Destination::Logical { .. } => None,
        };
        Self { groups: group.into_iter().collect() }
    }

    /// Whether shipping this group would feed the destination its own logs.
    #[must_use]
    pub fn closes_a_loop(&self, log_group: &str) -> bool {
        self.groups.contains(log_group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_never_fed_its_own_group() {
        let guard = LoopGuard::by_name(&Destination::Function { name: "shipper".into() });
        assert!(guard.closes_a_loop("/aws/lambda/shipper"));
        assert!(!guard.closes_a_loop("/aws/lambda/shipper-two"));
        assert!(!guard.closes_a_loop("/aws/lambda/"));
    }

    #[test]
    fn a_firehose_is_never_fed_its_error_group() {
        let guard = LoopGuard::by_name(&Destination::Firehose { name: "s3".into() });
        assert!(guard.closes_a_loop("/aws/kinesisfirehose/s3"));
    }
}
