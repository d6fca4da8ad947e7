//! The plan shows what another client changed, and apply corrects it.

use logagg_e2e::terraform::Terraform;
use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

#[test]
pub(crate) fn a_removed_filter_is_missing_and_comes_back() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.logs.delete_filter("/app/b", NAME).unwrap();
    let plan = scene.plan();
    says(&plan, "~ \"/app/b\" = { ~ subscription = \"missing\" -> \"active\"");
    says(&plan, "~ pending = 1 -> 0");
    says(&plan, "Plan: 0 to add, 1 to change, 0 to destroy.");
    let change = scene.planned();
    assert_eq!(change.actions, ["update"]);
    assert_eq!(change.log_groups(), json!({"/app/b": [entry("missing", 30), entry("active", 30)]}));
    scene.apply_plan();
    scene.ships("/app/b", &scene.shipper());
    assert_eq!(
        scene.writes(),
        [("PutSubscriptionFilter".to_owned(), "/app/b".to_owned())],
        "only what drifted is written"
    );
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_redirected_filter_is_drift_and_belongs_to_another_owner() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let elsewhere = scene.account.function_arn("elsewhere");
    scene.logs.put_filter("/app/b", NAME, &elsewhere).unwrap();
    let plan = scene.plan();
    says(&plan, "~ subscription = \"differs (destination_arn)\" -> \"active\"");
    says(&plan, "Warning: Filter name already in use on 1 log group");
    says(
        &plan,
        &format!(
            "Filters named \"{NAME}\" that forward to another destination do not belong to this \
             policy. Apply will not change them and will report an error for: /app/b forwards to \
             {elsewhere}"
        ),
    );
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/b": [entry("differs (destination_arn)", 30), entry("active", 30)]})
    );
    let apply = scene.run(1, Terraform::apply_plan);
    says(&apply, "/app/b");
    says(&apply, &elsewhere);
    scene.ships("/app/b", &elsewhere);
    assert!(scene.writes().is_empty());
    // It remains in the state until the other owner reverts it.
    assert_eq!(scene.state()["log_groups"]["/app/b"], entry("differs (destination_arn)", 30));
    scene.logs.delete_filter("/app/b", NAME).unwrap();
    scene.apply();
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_changed_pattern_differs_and_is_corrected() {
    let scene = Scene::governed(&["/app/a"]);
    scene.logs.put_filter_with_pattern("/app/a", NAME, &scene.shipper(), "ERROR").unwrap();
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/a": [entry("differs (filter_pattern)", 30), entry("active", 30)]})
    );
    scene.apply_plan();
    assert_eq!(scene.logs.filters("/app/a").unwrap()[0].pattern, "");
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_changed_retention_goes_back_to_the_policys() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/app/c"]);
    scene.logs.set_retention("/app/a", 3653).unwrap();
    scene.logs.remove_retention("/app/b").unwrap();
    let plan = scene.plan();
    says(&plan, "~ retention_in_days = 3653 -> 30");
    says(&plan, "~ retention_in_days = 0 -> 30");
    assert_eq!(
        scene.planned().log_groups(),
        json!({
            "/app/a": [entry("active", 3653), entry("active", 30)],
            "/app/b": [entry("active", 0), entry("active", 30)],
        })
    );
    scene.apply_plan();
    for group in ["/app/a", "/app/b", "/app/c"] {
        assert_eq!(scene.logs.retention(group).unwrap(), Some(30), "{group}");
    }
    let put = |group: &str| ("PutRetentionPolicy".to_owned(), group.to_owned());
    assert_eq!(scene.writes(), [put("/app/a"), put("/app/b")]);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_new_group_is_shown_as_it_is_and_as_it_will_be() {
    let scene = Scene::governed(&["/app/a"]);
    scene.logs.create_group("/app/new").unwrap();
    let plan = scene.plan();
    says(
        &plan,
        "~ \"/app/new\" = { ~ retention_in_days = 0 -> 30 ~ subscription = \"missing\" -> \"active\" }",
    );
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/new": [entry("missing", 0), entry("active", 30)]})
    );
    scene.apply_plan();
    scene.ships("/app/new", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_deleted_group_is_simply_no_longer_there() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.logs.delete_group("/app/b").unwrap();
    scene.plan_is_empty();
    // The state learns of it with the next apply, which writes nothing to AWS.
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    assert!(scene.writes().is_empty());
}

#[test]
pub(crate) fn all_kinds_at_once_are_one_plan_and_one_apply() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/app/c", "/app/d"]);
    scene.logs.delete_filter("/app/a", NAME).unwrap();
    scene.logs.set_retention("/app/b", 1).unwrap();
    scene.logs.delete_group("/app/c").unwrap();
    scene.logs.create_group("/app/e").unwrap();
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({
            "/app/a": [entry("missing", 30), entry("active", 30)],
            "/app/b": [entry("active", 1), entry("active", 30)],
            "/app/e": [entry("missing", 0), entry("active", 30)],
        })
    );
    scene.apply_plan();
    scene.plan_is_empty();
}

#[test]
fn two_plans_in_a_row_are_equal_to_the_byte() {
    let groups: Vec<_> = (0..40).map(|n| format!("/app/{n}")).collect();
    let scene = Scene::governed(&groups.iter().map(String::as_str).collect::<Vec<_>>());
    for n in [3, 17, 29] {
        scene.logs.delete_filter(&format!("/app/{n}"), NAME).unwrap();
        scene.logs.set_retention(&format!("/app/{}", n + 1), 1).unwrap();
    }
    scene.plan();
    let first = scene.terraform.show().unwrap()["planned_values"].to_string();
    scene.plan();
    let second = scene.terraform.show().unwrap()["planned_values"].to_string();
    assert_eq!(first, second);
}

#[test]
pub(crate) fn only_refreshing_shows_drift_and_writes_nothing() {
    let scene = Scene::governed(&["/app/a"]);
    scene.logs.delete_filter("/app/a", NAME).unwrap();
    let plan = scene.run(2, |terraform| terraform.plan(&["-refresh-only"]));
    says(&plan, "~ subscription = \"active\" -> \"missing\"");
    assert!(scene.writes().is_empty());
    // Without a refresh there is nothing to see, and nothing is asked.
    scene.proxy.forget_calls();
    scene.run(0, |terraform| terraform.plan(&["-refresh=false"]));
    assert!(scene.proxy.calls_of("DescribeSubscriptionFilters").is_empty());
}
