//! AWS's request quotas: a token bucket for each account, region and operation.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use super::place::Place;
use super::service::Operation;

/// How many requests a second each operation takes in an account and region, and how many may come
/// at once after a pause.
#[derive(Debug, Clone, PartialEq)]
pub struct Quotas {
    per_second: BTreeMap<&'static str, f64>,
    burst: Duration,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>,
/// <https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html>,
/// <https://docs.aws.amazon.com/firehose/latest/dev/limits.html>,
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>,
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>
const DOCUMENTED: [(&str, f64); 17] = [
    ("DescribeLogGroups", 10.0),
    ("CreateLogGroup", 10.0),
    ("DeleteLogGroup", 10.0),
    ("DescribeSubscriptionFilters", 5.0),
    ("PutSubscriptionFilter", 5.0),
    ("DeleteSubscriptionFilter", 5.0),
    ("PutRetentionPolicy", 5.0),
    ("DeleteRetentionPolicy", 5.0),
    ("ListTagsForResource", 5.0),
    ("GetFunctionConfiguration", 100.0),
    ("GetPolicy", 15.0),
    ("AddPermission", 15.0),
    ("RemovePermission", 15.0),
    ("ListEventSourceMappings", 15.0),
    ("DescribeStreamSummary", 20.0),
    ("LookupEvents", 2.0),
    ("GetMetricData", 50.0),
];

/// AWS lists no quota for these, or one this project has not seen; these are assumptions.
const ASSUMED: [(&str, f64); 16] = [
    ("ListLogGroups", 10.0),
    ("PutLogGroupDeletionProtection", 5.0),
    ("TagResource", 5.0),
    ("UntagResource", 5.0),
    ("DescribeDestinations", 5.0),
    ("PutDestination", 5.0),
    ("PutDestinationPolicy", 5.0),
    ("DescribeAccountPolicies", 5.0),
    ("PutAccountPolicy", 5.0),
    ("DeleteAccountPolicy", 5.0),
    ("ListStreamConsumers", 5.0),
    ("DescribeDeliveryStream", 5.0),
    ("ListDeliveryStreams", 5.0),
    ("DescribePipe", 5.0),
    ("ListPipes", 5.0),
    ("AssumeRole", 100.0),
];

impl Quotas {
    /// None at all.
    pub fn off() -> Self {
        Self { per_second: BTreeMap::new(), burst: Duration::from_secs(1) }
    }

    /// AWS's defaults.
    pub fn aws() -> Self {
        Self { per_second: DOCUMENTED.into_iter().chain(ASSUMED).collect(), ..Self::off() }
    }

    /// The same with another quota for one operation.
    ///
    /// # Panics
    /// When there is no such operation, or the rate is not above zero.
    #[must_use]
    pub fn with(mut self, operation: &str, requests_per_second: f64) -> Self {
        let operation = Operation::named(operation)
            .unwrap_or_else(|| panic!("the simulator has no operation {operation}"));
        assert!(requests_per_second > 0.0, "a quota of {requests_per_second} lets nothing pass");
        self.per_second.insert(operation.name, requests_per_second);
        self
    }

    /// What a pause saves up is worth this much simulated time instead of a second. AWS does not
    /// say how much it is. A caller who saves up a second of real time needs as many simulated
    /// ones as the clock's speed.
    #[must_use]
    pub fn burst(mut self, worth: Duration) -> Self {
        self.burst = worth;
        self
    }

    /// The requests a second that an operation takes; none when there is no quota.
    pub fn of(&self, operation: &str) -> Option<f64> {
        self.per_second.get(operation).copied()
    }
}

/// What is left of the quotas.
#[derive(Debug, Default)]
pub(super) struct Buckets(HashMap<(Place, &'static str), Bucket>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: SystemTime,
}

impl Buckets {
    /// Takes a token, or says that there is none.
    pub(super) fn take(
        &mut self,
        quotas: &Quotas,
        operation: &'static str,
        place: &Place,
        now: SystemTime,
    ) -> bool {
        let Some(rate) = quotas.of(operation) else { return true };
        let burst = (rate * quotas.burst.as_secs_f64()).max(1.0);
        let bucket = self
            .0
            .entry((place.clone(), operation))
            .or_insert_with(|| Bucket { tokens: burst, at: now });
        let gone = now.duration_since(bucket.at).unwrap_or_default().as_secs_f64();
        bucket.tokens = (bucket.tokens + gone * rate).min(burst);
        bucket.at = bucket.at.max(now);
        let there = bucket.tokens >= 1.0;
        if there {
            bucket.tokens -= 1.0;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_seconds_worth_passes_at_once_and_then_the_rate() {
        let (quotas, mut buckets) = (Quotas::aws(), Buckets::default());
        let place = Place::new("111122223333", "eu-central-1");
        let mut passed = |millis| {
            let now = UNIX_EPOCH + Duration::from_millis(millis);
            buckets.take(&quotas, "PutSubscriptionFilter", &place, now)
        };
        assert_eq!([0; 6].map(&mut passed), [true, true, true, true, true, false]);
        assert_eq!([100, 200, 201, 400].map(&mut passed), [false, true, false, true]);
        // A minute of rest saves up one second's worth.
        assert_eq!([60_000; 6].map(&mut passed), [true, true, true, true, true, false]);
    }

    #[test]
    fn every_place_and_operation_has_its_own() {
        let (quotas, mut buckets) = (Quotas::off().with("GetPolicy", 1.0), Buckets::default());
        let here = Place::new("111122223333", "eu-central-1");
        let there = Place::new("111122223333", "eu-west-1");
        let mut passed = |operation, place| buckets.take(&quotas, operation, place, UNIX_EPOCH);
        assert!(passed("GetPolicy", &here));
        assert!(!passed("GetPolicy", &here));
        assert!(passed("GetPolicy", &there));
        assert!(passed("AddPermission", &here));
        assert!(passed("AddPermission", &here));
    }
}
