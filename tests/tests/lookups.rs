//! Optional reads never delay a plan, and are reported if they fail.

use logagg_e2e::account::REGION;
use logagg_e2e::fault_proxy::AwsError;
use logagg_e2e::simulator::{Function, Simulator};

use crate::scene::{SIMULATED_ACCOUNT, Scene, says};

const ACCOUNT_POLICIES: &str = "DescribeAccountPolicies";

fn scene() -> Scene {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    // As a user's, who says nothing about retries.
    let configuration = crate::scene::PROVIDER.replace("  max_retries = 2\n", "");
    let policy = format!("resource \"logagg_policy\" \"it\" {{\n{}\n}}\n", scene.usual_policy());
    scene.terraform.write("main.tf", &format!("{configuration}\n{policy}")).unwrap();
    scene
}

fn internal_failure() -> AwsError {
    AwsError::new(500, "InternalFailure", "")
}

#[test]
fn account_policies_are_read_at_most_twice() {
    let scene = scene();
    scene.proxy.on(ACCOUNT_POLICIES).fail(internal_failure());
    let first = scene.plan();
    assert_eq!(scene.proxy.calls_of(ACCOUNT_POLICIES).len(), 2, "{first}");
    says(
        &first,
        "Warning: Account-level subscription policies could not be read for the policy \
                  \"ship\"",
    );
    says(&first, "DescribeAccountPolicies failed 2 times: InternalFailure");
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());

    scene.proxy.forget_calls();
    let later = scene.run(0, |terraform| terraform.plan(&[]));
    assert_eq!(scene.proxy.calls_of(ACCOUNT_POLICIES).len(), 2, "{later}");
    says(&later, "The account-level subscription policy could not be read");
    says(&later, "DescribeAccountPolicies failed 2 times: InternalFailure");
}

#[test]
fn a_call_that_is_not_implemented_is_made_once() {
    let scene = scene();
    let message = "API action 'DescribeAccountPolicies' for service 'logs' not yet implemented";
    scene.proxy.on(ACCOUNT_POLICIES).fail(AwsError::new(501, "InternalFailure", message));
    let first = scene.plan();
    assert_eq!(scene.proxy.calls_of(ACCOUNT_POLICIES).len(), 1, "{first}");
    says(
        &first,
        "Warning: Account-level subscription policies could not be read for the policy \
                  \"ship\"",
    );
    scene.apply_plan();
    let later = scene.run(0, |terraform| terraform.plan(&[]));
    says(&later, "The account-level subscription policy could not be read");
    says(&later, message);
}

#[test]
fn a_first_plan_says_what_it_may_not_look_at() {
    let scene = scene();
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("logs:DescribeAccountPolicies");
    let first = scene.plan();
    says(
        &first,
        "Warning: Account-level subscription policies could not be read for the policy \
                  \"ship\"",
    );
    says(&first, "{ \"Effect\": \"Allow\", \"Action\": \"logs:DescribeAccountPolicies\",");
}

#[test]
fn what_lies_behind_the_destination_holds_up_no_plan() {
    let scene = scene();
    scene.apply();
    let shipper = scene.shipper().replace(':', "%3A");
    let operation = format!("GET /2015-03-31/functions/{shipper}/configuration");
    scene.proxy.forget_calls();
    scene.proxy.on(&operation).fail(internal_failure());
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    assert_eq!(scene.proxy.calls_of(&operation).len(), 2, "{:?}", scene.proxy.calls());
    says(&plan, "Warning: Loop detection is incomplete");
    says(&plan, "GetFunctionConfiguration failed 2 times: ");
    assert_eq!(plan.text().matches("Warning: Loop detection").count(), 1, "{plan}");
}

#[test]
fn a_loop_that_was_seen_before_stays_known_while_it_cannot_be_looked_at() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/own"]);
    let here = scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION);
    let tail = here.add_function(Function::named("tail").logging_to("/app/own"));
    scene.policy(&format!("{}\ngrant_invoke = true", scene.policy_to(&tail)));
    scene.apply();
    let skipped = scene.state()["skipped"].clone();
    assert!(skipped["/app/own"].is_string(), "{skipped}");
    let configuration =
        format!("GET /2015-03-31/functions/{}/configuration", tail.replace(':', "%3A"));
    scene.proxy.on(&configuration).fail(internal_failure());
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    says(&plan, "Warning: Loop detection is incomplete");
    scene.proxy.forget_calls();
    // An apply would close the loop, so it waits longer, and stops before it writes.
    scene.policy(&format!("{}\nfilter_name = \"other\"", scene.policy_to(&tail)));
    let apply = scene.apply_fails();
    says(&apply, "GetFunctionConfiguration failed 3 times");
    assert!(scene.writes().is_empty());
}
