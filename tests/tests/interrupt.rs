//! An apply that is ended before it is done: nothing is forgotten, nothing is made twice.

use std::sync::{Mutex, mpsc};

use logagg_e2e::fault_proxy::AwsError;
use logagg_e2e::simulator::Simulator;
use serde_json::json;

use crate::scene::{NAME, PROVIDER, Scene, says};

fn names() -> Vec<String> {
    (0..80).map(|n| format!("/app/{n:02}")).collect()
}

#[test]
pub(crate) fn a_create_ends_with_what_it_reached_and_taints_nothing() {
    let names = names();
    let scene = Scene::with_groups(&names.iter().map(String::as_str).collect::<Vec<_>>());
    scene.policy(&scene.usual_policy());
    let gate = scene.proxy.on("PutSubscriptionFilter").after(10).hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    // Ten are through, one and more hang.
    scene.proxy.wait_for("PutSubscriptionFilter", 11).unwrap();
    apply.interrupt().unwrap();
    let apply = apply.finish().unwrap();
    says(&apply, "Interrupt received.");
    assert!(!apply.text().contains("panic"), "{apply}");
    assert_eq!(scene.resource()["tainted"], serde_json::Value::Null, "{apply}");
    // The state says of each group what is: ten are subscribed, the others not.
    let state = scene.state();
    let mut subscribed = 0;
    for name in &names {
        let filters = scene.logs.filters(name).unwrap().len();
        let expected = ["missing", "active"][filters];
        assert_eq!(state["log_groups"][name]["subscription"], expected, "{name}\n{apply}");
        subscribed += filters;
    }
    assert_eq!(subscribed, 10);
    assert!(state["pending"].as_u64().unwrap() >= 70, "{state:#}");
    gate.open();
    scene.proxy.heal();
    scene.apply();
    for name in &names {
        scene.ships(name, &scene.shipper());
    }
    scene.plan_is_empty();
}

#[test]
fn an_update_ends_with_an_error_and_the_next_one_finishes() {
    let names = names();
    let scene = Scene::governed(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let other = scene.account.function_arn("other");
    scene.policy(&scene.policy_to(&other));
    let gate = scene.proxy.on("PutSubscriptionFilter").after(10).hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    scene.proxy.wait_for("PutSubscriptionFilter", 11).unwrap();
    apply.interrupt().unwrap();
    let apply = apply.finish().unwrap();
    assert_eq!(apply.code(), 1, "{apply}");
    assert!(!apply.text().contains("panic"), "{apply}");
    gate.open();
    scene.proxy.heal();
    scene.apply();
    for name in &names {
        scene.ships(name, &other);
    }
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_plan_ends_at_once() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let _gate = scene.proxy.on("DescribeSubscriptionFilters").hold();
    let plan = scene.terraform.start(&["plan", "-no-color"]).unwrap();
    scene.proxy.wait_for("DescribeSubscriptionFilters", 1).unwrap();
    plan.interrupt().unwrap();
    // The gate is never opened: this would hang if the provider waited.
    let plan = plan.finish().unwrap();
    assert_eq!(plan.code(), 1, "{plan}");
    says(&plan, "Terraform asked to stop.");
    assert!(!plan.text().contains("panic"), "{plan}");
}

#[test]
pub(crate) fn a_destroy_keeps_what_it_did_not_come_to() {
    let names = names();
    let scene = Scene::governed(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let gate = scene.proxy.on("DeleteSubscriptionFilter").after(10).hold();
    let destroy = scene.terraform.start(&["destroy", "-no-color", "-auto-approve"]).unwrap();
    scene.proxy.wait_for("DeleteSubscriptionFilter", 11).unwrap();
    destroy.interrupt().unwrap();
    let destroy = destroy.finish().unwrap();
    assert_eq!(destroy.code(), 1, "{destroy}");
    let left = names.iter().filter(|name| !scene.logs.filters(name).unwrap().is_empty()).count();
    assert_eq!(left, 70);
    let state = scene.state();
    assert_eq!(state["log_groups"].as_object().unwrap().len(), 70, "{destroy}");
    gate.open();
    scene.proxy.heal();
    scene.destroy();
    for name in &names {
        scene.ships_nowhere(name);
    }
}

#[test]
pub(crate) fn a_killed_create_leaves_no_state_and_the_next_one_takes_it_up() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    scene.policy(&scene.usual_policy());
    let gate = scene.proxy.on("PutSubscriptionFilter").after(1).hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    scene.proxy.wait_for("PutSubscriptionFilter", 2).unwrap();
    apply.kill().unwrap();
    apply.finish().unwrap();
    gate.open();
    scene.proxy.heal();
    scene.proxy.wait_until_idle().unwrap();
    scene.apply();
    for group in ["/app/a", "/app/b", "/app/c"] {
        scene.ships(group, &scene.shipper());
        assert_eq!(scene.logs.filters(group).unwrap().len(), 1);
    }
    scene.plan_is_empty();
}

const NOT_EXECUTED: &str = "Could not execute the lambda function. Make sure you have given \
                            CloudWatch Logs permission to execute your function.";

/// Starts an operation, waits for a number of calls, and interrupts it: without the interrupt the
/// provider would wait for minutes, or never end.
#[track_caller]
fn ends_at_once(scene: &Scene, arguments: &[&str], operation: &str, calls: usize) {
    let run = scene.terraform.start(arguments).unwrap();
    scene.proxy.wait_for(operation, calls).unwrap();
    run.interrupt().unwrap();
    let run = run.finish().unwrap();
    assert_eq!(run.code(), 1, "{run}");
    assert!(!run.text().contains("panic"), "{run}");
    assert!(!run.text().contains("plugin did not respond"), "{run}");
}

const APPLY: [&str; 3] = ["apply", "-no-color", "-auto-approve"];
const PLAN: [&str; 2] = ["plan", "-no-color"];

/// A scene whose provider block differs from the usual one.
fn with_provider(groups: &[&str], from: &str, to: &str) -> Scene {
    let scene = Scene::governed(groups);
    let provider = PROVIDER.replace(from, to);
    assert_ne!(provider, PROVIDER);
    let policy = scene.usual_policy();
    let policy = format!("resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
    scene.terraform.write("main.tf", &format!("{provider}\n{policy}")).unwrap();
    scene.proxy.forget_calls();
    scene
}

#[test]
fn waiting_for_a_quota_ends_at_once() {
    let slow = "DescribeSubscriptionFilters = 0.01";
    let scene = with_provider(&["/app/a", "/app/b"], "DescribeSubscriptionFilters = 10000", slow);
    ends_at_once(&scene, &PLAN, "DescribeSubscriptionFilters", 1);
    assert_eq!(scene.proxy.calls_of("DescribeSubscriptionFilters").len(), 1);
}

#[test]
fn waiting_to_try_again_ends_at_once() {
    let scene = with_provider(&["/app/a"], "max_retries = 2", "max_retries = 1000");
    scene.proxy.on("DescribeLogGroups").fail(AwsError::unavailable());
    ends_at_once(&scene, &PLAN, "DescribeLogGroups", 6);
}

#[test]
fn waiting_for_a_permission_to_be_known_ends_at_once_and_leaves_no_state() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let refusal = AwsError::new(400, "InvalidParameterException", NOT_EXECUTED);
    scene.proxy.on("PutSubscriptionFilter").fail(refusal);
    ends_at_once(&scene, &APPLY, "PutSubscriptionFilter", 1);
    assert!(
        scene.proxy.calls_of("PutSubscriptionFilter").len() <= 2,
        "the provider did not wait \
         for a minute"
    );
    assert_eq!(scene.state(), json!(null));
}

#[test]
fn the_call_for_the_account_ends_at_once() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let _gate = scene.proxy.on("GetCallerIdentity").hold();
    ends_at_once(&scene, &PLAN, "GetCallerIdentity", 1);
}

#[test]
fn an_import_ends_at_once() {
    let scene = Scene::with_groups(&["/app/a"]);
    let policy = scene.usual_policy();
    scene.configuration(&format!(
        "import {{\n  to = logagg_policy.it\n  id = \"{NAME}\"\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n"
    ));
    let _gate = scene.proxy.on("DescribeSubscriptionFilters").hold();
    ends_at_once(&scene, &PLAN, "DescribeSubscriptionFilters", 1);
}

#[test]
fn a_first_write_that_is_cut_off_may_have_been_done() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    let gate = scene.proxy.on("PutSubscriptionFilter").hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    scene.proxy.wait_for("PutSubscriptionFilter", 1).unwrap();
    apply.interrupt().unwrap();
    let apply = apply.finish().unwrap();
    says(&apply, "received no response, so it may have succeeded");
    assert!(!apply.text().contains("nothing was written"), "{apply}");
    gate.open();
    scene.proxy.heal();
    scene.apply();
    scene.plan_is_empty();
}

#[test]
fn a_rename_on_a_full_log_group_that_is_interrupted_leaves_it_one_filter() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/full"]);
    let there = scene.account.function_arn("elsewhere");
    scene.logs.put_filter("/app/full", "theirs", &there).unwrap();
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.policy(&format!("{}\nfilter_name = \"renamed\"", scene.usual_policy()));
    // There is no slot for a second filter of ours, so the old one makes room, and then Ctrl-C.
    let (deletes, deleting) = mpsc::channel();
    let (goes_on, going_on) = mpsc::channel::<()>();
    let going_on = Mutex::new(going_on);
    scene.proxy.on("DeleteSubscriptionFilter").times(1).run(move || {
        deletes.send(()).unwrap();
        going_on.lock().unwrap().recv().unwrap();
    });
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    deleting.recv().unwrap();
    apply.interrupt().unwrap();
    goes_on.send(()).unwrap();
    let apply = apply.finish().unwrap();
    assert!(!apply.text().contains("panic"), "{apply}");
    let filters = scene.logs.filters("/app/full").unwrap();
    let ours = filters.iter().filter(|filter| filter.destination_arn == scene.shipper());
    assert_eq!(ours.count(), 1, "{filters:?}\n{apply}");
    scene.apply();
    scene.plan_is_empty();
}
