//! Quotas on a clock that the test moves.

use std::time::Duration;

use logagg_e2e::account::REGION;
use logagg_e2e::api::Api;
use logagg_e2e::simulator::{Place, Quotas, Simulator};
use serde_json::json;

use super::{Simulated, logs, refused};

#[test]
fn more_than_a_seconds_worth_is_refused_until_time_passes() {
    let simulated = Simulated::with(Simulator::builder().speed(0.0).quotas(Quotas::aws()));
    simulated.here.add_groups_named(["/a"]);
    let describe = || simulated.logs("DescribeSubscriptionFilters", json!({"logGroupName": "/a"}));
    for _ in 0..5 {
        describe().unwrap();
    }
    refused(describe(), "400 ThrottlingException: Rate exceeded");
    // Other operations, regions and accounts have quotas of their own.
    simulated.logs("DescribeLogGroups", json!({})).unwrap();
    let elsewhere = Api::new(&simulated.aws.endpoint(), simulated.account.id(), "eu-west-1");
    let outcome = logs(&elsewhere, "DescribeSubscriptionFilters", json!({"logGroupName": "/a"}));
    assert_eq!(outcome.unwrap_err().code, "ResourceNotFoundException");

    simulated.aws.advance(Duration::from_millis(200));
    describe().unwrap();
    assert_eq!(describe().unwrap_err().code, "ThrottlingException");
    simulated.aws.set_quotas(Quotas::aws().with("DescribeSubscriptionFilters", 100.0));
    simulated.aws.advance(Duration::from_secs(1));
    for _ in 0..100 {
        describe().unwrap();
    }
}

#[test]
fn every_call_is_counted_where_it_was_made() {
    let simulated = Simulated::with(Simulator::builder().speed(0.0).quotas(Quotas::aws()));
    for _ in 0..7 {
        let _ = simulated.logs("DeleteRetentionPolicy", json!({"logGroupName": "/a"}));
    }
    let counts = simulated.aws.counts();
    let here = Place::new(simulated.account.id(), REGION);
    assert_eq!(counts.total(), 7);
    assert_eq!(counts.of_in("DeleteRetentionPolicy", &here), 7);
    assert_eq!(counts.refused("DeleteRetentionPolicy", "ResourceNotFoundException"), 5);
    assert_eq!(counts.refused("DeleteRetentionPolicy", "ThrottlingException"), 2);
    simulated.aws.forget_calls();
    assert_eq!(simulated.aws.counts().total(), 0);
}
