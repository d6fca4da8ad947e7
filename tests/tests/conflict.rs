//! Log groups that cannot take the filter, and filters that are taken over.

use logagg_e2e::fault_proxy::AwsError;
use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

fn skipping(scene: &Scene) -> String {
    format!("{}\non_conflict = \"skip\"", scene.usual_policy())
}

#[test]
fn a_name_in_use_is_skipped_with_its_destination_until_it_is_free() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let elsewhere = scene.account.function_arn("elsewhere");
    scene.logs.put_filter("/app/b", NAME, &elsewhere).unwrap();
    scene.policy(&skipping(&scene));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/app/b", &elsewhere);
    let state = scene.state();
    let reason =
        format!("name taken: another owner's filter with this name forwards to {elsewhere}");
    assert_eq!(state["skipped"], json!({"/app/b": reason}));
    assert_eq!(state["pending"], 0);
    assert_eq!(state["log_groups"]["/app/b"]["subscription"], json!(null));
    assert_eq!(scene.logs.retention("/app/b").unwrap(), Some(30), "retention is no conflict");
    scene.plan_is_empty();

    scene.logs.delete_filter("/app/b", NAME).unwrap();
    scene.plan();
    scene.apply_plan();
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_full_group_is_skipped_and_not_retried_until_its_filters_change() {
    let scene = Scene::with_groups(&["/app/a", "/app/full"]);
    for name in ["one", "two"] {
        scene.logs.put_filter("/app/full", name, &scene.account.function_arn(name)).unwrap();
    }
    scene.policy(&skipping(&scene));
    scene.proxy.on("PutSubscriptionFilter").group("/app/full").fail(AwsError::limit_exceeded());
    let apply = scene.apply();
    assert!(!apply.text().contains("not yet compliant with the policy"), "{apply}");
    let reason = "full: the log group is at its quota of subscription filters";
    assert_eq!(scene.state()["skipped"], json!({"/app/full": reason}));
    assert_eq!(scene.state()["pending"], 0);
    scene.proxy.forget_calls();
    scene.plan_is_empty();
    assert!(scene.writes().is_empty());

    scene.proxy.heal();
    scene.logs.delete_filter("/app/full", "one").unwrap();
    scene.plan();
    scene.apply_plan();
    assert_eq!(scene.state()["log_groups"]["/app/full"], entry("active", 30));
    scene.plan_is_empty();
}

#[test]
fn a_group_that_is_full_in_an_update_is_skipped() {
    let scene = Scene::governed(&["/app/a"]);
    scene.policy(&skipping(&scene));
    scene.apply();
    scene.logs.create_group("/app/full").unwrap();
    scene.proxy.on("PutSubscriptionFilter").group("/app/full").fail(AwsError::limit_exceeded());
    scene.plan();
    assert_eq!(scene.planned().unknown["log_groups"]["/app/full"]["subscription"], true);
    let apply = scene.apply_plan();
    says(&apply, "Warning: 1 log group skipped");
    assert!(scene.state()["log_groups"]["/app/full"]["subscription"].is_null());
    assert_eq!(scene.state()["pending"], 0);
    scene.run(0, |terraform| terraform.run(&["apply", "-no-color", "-auto-approve"]));
    assert!(scene.state()["skipped"]["/app/full"].is_string());
    scene.plan_is_empty();
}

#[test]
fn the_filters_of_an_earlier_shipper_are_replaced_without_a_gap() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let old = scene.account.function_arn("old-forwarder");
    let foreign = scene.account.function_arn("siem");
    scene.logs.put_filter("/app/a", "dd-x7f2", &old).unwrap();
    scene.logs.put_filter("/app/b", "siem", &foreign).unwrap();
    let policy = scene.usual_policy();
    scene.policy(&format!("{policy}\nreplace_destination_arns = [\"{old}\"]"));
    scene.apply();
    let filters = |group: &str| {
        let filters = scene.logs.filters(group).unwrap();
        filters.into_iter().map(|filter| (filter.name, filter.destination_arn)).collect::<Vec<_>>()
    };
    assert_eq!(filters("/app/a"), [(NAME.to_owned(), scene.shipper())]);
    let mut both = filters("/app/b");
    both.sort();
    assert_eq!(both, [(NAME.to_owned(), scene.shipper()), ("siem".to_owned(), foreign.clone())]);
    let writes = scene.proxy.writes().into_iter();
    let of_a: Vec<_> = writes
        .filter(|call| call.group.as_deref() == Some("/app/a"))
        .map(|call| call.operation)
        .filter(|operation| operation.ends_with("SubscriptionFilter"))
        .collect();
    assert_eq!(of_a, ["PutSubscriptionFilter", "DeleteSubscriptionFilter"]);
    scene.plan_is_empty();
    // A filter that reappears after that is replaced again, but no destroy deletes it.
    scene.logs.put_filter("/app/a", "dd-x7f3", &old).unwrap();
    let plan = scene.plan();
    says(&plan, "~ subscription = \"differs (filter_name)\" -> \"active\"");
    scene.destroy();
    assert_eq!(filters("/app/a"), [("dd-x7f3".to_owned(), old)]);
    assert_eq!(filters("/app/b"), [("siem".to_owned(), foreign)]);
}

#[test]
fn another_filter_name_frees_a_log_group_in_the_plan_that_gives_it() {
    for on_conflict in ["error", "skip"] {
        let scene = Scene::with_groups(&["/app/a", "/app/b"]);
        let elsewhere = scene.account.function_arn("elsewhere");
        let policy = format!("{}\non_conflict = \"{on_conflict}\"", scene.usual_policy());
        scene.policy(&policy);
        scene.apply();
        scene.logs.delete_filter("/app/b", NAME).unwrap();
        scene.logs.put_filter("/app/b", NAME, &elsewhere).unwrap();
        scene.run(0, |terraform| {
            terraform.run(&["apply", "-no-color", "-auto-approve", "-refresh-only"])
        });
        scene.policy(&format!("{policy}\nfilter_name = \"other\""));
        let plan = scene.plan();
        assert!(!plan.text().contains("Filter name already in use"), "{on_conflict}: {plan}");
        scene.apply_plan();
        let filters = scene.logs.filters("/app/b").unwrap();
        let ships = filters
            .iter()
            .any(|filter| filter.name == "other" && filter.destination_arn == scene.shipper());
        assert!(ships, "{on_conflict}: {filters:?}");
        scene.plan_is_empty();
    }
}

#[test]
fn a_denied_log_group_is_skipped_with_the_reason() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/sealed"]);
    for operation in ["PutSubscriptionFilter", "PutRetentionPolicy"] {
        scene.proxy.on(operation).group("/app/sealed").fail(AwsError::access_denied(operation));
    }
    scene.policy(&skipping(&scene));
    scene.apply();
    let reason = scene.state()["skipped"]["/app/sealed"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("denied: Put"), "{reason}");
    assert_eq!(scene.state()["pending"], 0);
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();

    // A log group that is created later.
    scene.logs.create_group("/app/sealed2").unwrap();
    let denied = AwsError::access_denied("PutSubscriptionFilter");
    scene.proxy.on("PutSubscriptionFilter").group("/app/sealed2").fail(denied);
    let apply = scene.apply();
    says(&apply, "Warning: 1 log group skipped");
    assert!(scene.state()["log_groups"]["/app/sealed2"]["subscription"].is_null());
    scene.run(0, |terraform| terraform.run(&["apply", "-no-color", "-auto-approve"]));
    assert!(scene.state()["skipped"]["/app/sealed2"].is_string());
    scene.plan_is_empty();
}

#[test]
fn a_filter_stays_where_only_the_retention_is_denied() {
    let scene = Scene::with_groups(&["/app/a", "/app/sealed"]);
    let denied = AwsError::access_denied("PutRetentionPolicy");
    scene.proxy.on("PutRetentionPolicy").group("/app/sealed").fail(denied);
    scene.policy(&skipping(&scene));
    scene.apply();
    // Once more: the first apply has recorded the denial.
    scene.apply();
    scene.ships("/app/sealed", &scene.shipper());
    let state = scene.state();
    assert!(state["skipped"]["/app/sealed"].as_str().unwrap().starts_with("denied: "), "{state}");
    assert_eq!(state["log_groups"]["/app/sealed"]["subscription"], "active");
    scene.plan_is_empty();
}

#[test]
fn a_policy_without_any_write_permission_is_an_error_even_with_skip() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    for operation in ["PutSubscriptionFilter", "PutRetentionPolicy"] {
        scene.proxy.on(operation).fail(AwsError::access_denied(operation));
    }
    scene.policy(&skipping(&scene));
    says(&scene.apply_fails(), "Error: Policy could not be applied");
    assert_eq!(scene.state(), json!(null));
}
