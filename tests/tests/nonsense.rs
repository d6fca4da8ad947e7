//! What answers is not quite AWS: a proxy in between, an emulator, something broken.

use logagg_e2e::fault_proxy::AwsError;
use serde_json::json;

use crate::scene::{Scene, says};

#[test]
fn an_endpoint_that_ignores_the_prefix_never_widens_a_policy() {
    let scene = Scene::with_groups(&["/app/a", "/private"]);
    scene.proxy.on("DescribeLogGroups").answer(
        |_| json!({"logGroups": [{"logGroupName": "/app/a"}, {"logGroupName": "/private"}]}),
    );
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/private");
    assert!(scene.writes().iter().all(|(_, group)| group == "/app/a"), "{:?}", scene.writes());
    assert_eq!(scene.state()["log_groups"].as_object().unwrap().len(), 1);
}

#[test]
fn a_listing_that_goes_round_in_circles_is_an_error() {
    let scene = Scene::governed(&["/app/a"]);
    scene
        .proxy
        .on("DescribeLogGroups")
        .answer(|_| json!({"logGroups": [{"logGroupName": "/app/a"}], "nextToken": "again"}));
    let plan = scene.plan_fails();
    says(&plan, "Error: Log groups could not be read");
    says(&plan, "DescribeLogGroups");
    assert!(scene.writes().is_empty());
}

#[test]
fn a_listing_without_a_list_is_an_error_and_not_an_empty_one() {
    let scene = Scene::governed(&["/app/a"]);
    scene.proxy.on("DescribeLogGroups").answer(|_| json!({}));
    let plan = scene.plan_fails();
    says(&plan, "Error: Log groups could not be read");
    scene.proxy.heal();
    scene.proxy.on("DescribeSubscriptionFilters").answer(|_| json!({}));
    let plan = scene.plan_fails();
    says(&plan, "Error: Log groups could not be read");
}

#[test]
fn a_gateway_error_is_reported_with_its_status() {
    let scene = Scene::governed(&["/app/a"]);
    scene.proxy.on("DescribeLogGroups").fail(AwsError::new(502, "", "Bad Gateway"));
    let plan = scene.plan_fails();
    says(&plan, "Error: Log groups could not be read");
    says(&plan, "DescribeLogGroups failed 3 times");
}

#[test]
fn an_endpoint_without_a_listener_is_named() {
    let mut scene = Scene::governed(&["/app/a"]);
    // Nothing listens on the port that discards: 9.
    let nowhere = scene.account.environment("http://127.0.0.1:9");
    scene.terraform.set_environment(nowhere);
    let plan = scene.plan_fails();
    says(&plan, "Error:");
    says(&plan, "Connection refused");
}
