//! Subscription filters: limits, classes, and what becomes of an update.

use logagg_e2e::simulator::{AccountPolicy, Class, Filter, Group, InfrequentAccess, Simulator};
use serde_json::{Value, json};

use super::{Simulated, refused};

const ONLY_STANDARD: &str =
    "400 ValidationException: This operation is only supported on the Standard log class.";

fn filter(name: &str, destination: &str) -> Value {
    json!({
        "logGroupName": "/a",
        "filterName": name,
        "filterPattern": "",
        "destinationArn": destination,
    })
}

#[test]
fn an_update_at_the_limit_works_and_one_more_does_not() {
    let simulated = Simulated::new();
    let shipper = simulated.here.add_shipper("shipper");
    let other = simulated.here.add_shipper("other");
    let foreign = |name| Filter::named(name, &other);
    simulated.here.add_groups([Group::named("/a").filter(foreign("x")).filter(foreign("y"))]);
    let full = "400 LimitExceededException: Resource limit exceeded.";
    refused(simulated.logs("PutSubscriptionFilter", filter("z", &shipper)), full);
    simulated.logs("PutSubscriptionFilter", filter("y", &shipper)).unwrap();
    let filters = simulated.here.filters("/a");
    assert_eq!(filters[1].destination_arn, shipper);
    simulated.aws.set_filters_per_group(3);
    simulated.logs("PutSubscriptionFilter", filter("z", &shipper)).unwrap();
    refused(simulated.logs("PutSubscriptionFilter", filter("w", &shipper)), full);
}

#[test]
fn every_argument_comes_back() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named(["/a"]);
    let shipper = simulated.here.add_shipper("shipper");
    let mut input = filter("ship", &shipper);
    for (name, value) in [
        ("filterPattern", json!("{ $.level = \"ERROR\" }")),
        ("distribution", json!("Random")),
        ("applyOnTransformedLogs", json!(true)),
        ("fieldSelectionCriteria", json!("@aws.region = \"eu-central-1\"")),
        ("emitSystemFields", json!(["@aws.account", "@aws.region"])),
    ] {
        input[name] = value;
    }
    simulated.logs("PutSubscriptionFilter", input.clone()).unwrap();
    let input_group = json!({"logGroupName": "/a"});
    let mut found = simulated.logs("DescribeSubscriptionFilters", input_group).unwrap();
    let shown = found["subscriptionFilters"][0].as_object_mut().unwrap();
    assert!(shown.remove("creationTime").unwrap().as_u64().unwrap() > 0);
    assert_eq!(Value::from(shown.clone()), input);
}

#[test]
fn only_standard_groups_take_filters() {
    for (behavior, expected) in
        [(InfrequentAccess::Refuses, Some(ONLY_STANDARD)), (InfrequentAccess::Answers, None)]
    {
        let simulated = Simulated::with(Simulator::builder().infrequent_access(behavior));
        simulated.here.add_groups([Group::named("/a").class(Class::InfrequentAccess)]);
        let shipper = simulated.here.add_shipper("shipper");
        refused(simulated.logs("PutSubscriptionFilter", filter("x", &shipper)), ONLY_STANDARD);
        let found = simulated.logs("DescribeSubscriptionFilters", json!({"logGroupName": "/a"}));
        match expected {
            Some(expected) => refused(found, expected),
            None => assert_eq!(found.unwrap(), json!({"subscriptionFilters": []})),
        }
    }
}

#[test]
fn a_delivery_group_rejects_another_retention() {
    let simulated = Simulated::new();
    let input = json!({"logGroupName": "/a", "logGroupClass": "DELIVERY"});
    simulated.logs("CreateLogGroup", input).unwrap();
    assert_eq!(simulated.here.group("/a").unwrap().retention_in_days, Some(1));
    for (operation, input) in [
        ("PutRetentionPolicy", json!({"logGroupName": "/a", "retentionInDays": 30})),
        ("DeleteRetentionPolicy", json!({"logGroupName": "/a"})),
    ] {
        let expected =
            "400 ValidationException: This operation is not supported on the Delivery log class.";
        refused(simulated.logs(operation, input), expected);
    }
}

#[test]
fn a_wrong_pattern_or_field_is_refused() {
    let simulated = Simulated::new();
    simulated.here.add_groups_named(["/a"]);
    let shipper = simulated.here.add_shipper("shipper");
    let mut input = filter("x", &shipper);
    input["filterPattern"] = "{ $.a".into();
    refused(
        simulated.logs("PutSubscriptionFilter", input),
        "400 InvalidParameterException: Invalid filter pattern",
    );
    let mut input = filter("x", &shipper);
    input["emitSystemFields"] = json!(["@aws.planet"]);
    refused(
        simulated.logs("PutSubscriptionFilter", input),
        "400 InvalidParameterException: Unsupported system field: @aws.planet",
    );
}

#[test]
fn an_account_has_one_subscription_policy() {
    let simulated = Simulated::new();
    let shipper = simulated.here.add_shipper("shipper");
    let put = |name: &str| {
        simulated.logs(
            "PutAccountPolicy",
            json!({
                "policyName": name,
                "policyType": "SUBSCRIPTION_FILTER_POLICY",
                "policyDocument": json!({"DestinationArn": shipper}).to_string(),
                "scope": "ALL",
                "selectionCriteria": "LogGroupName NOT IN [\"/aws/lambda/shipper\"]",
            }),
        )
    };
    put("all").unwrap();
    put("all").unwrap();
    refused(put("more"), "400 LimitExceededException: Resource limit exceeded.");
    simulated.here.set_account_policy(Some(AccountPolicy::named("mine", &shipper).except(&["/x"])));
    let input = json!({"policyType": "SUBSCRIPTION_FILTER_POLICY"});
    let found = simulated.logs("DescribeAccountPolicies", input).unwrap();
    let policy = &found["accountPolicies"][0];
    assert_eq!(policy["policyName"], "mine");
    assert_eq!(policy["selectionCriteria"], "LogGroupName NOT IN [\"/x\"]");
    assert!(policy["policyDocument"].as_str().unwrap().contains(&shipper));
}
