//! Between the plan and its apply the world goes on; the apply does what the plan says.

use logagg_e2e::terraform::Terraform;
use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

#[test]
fn a_group_created_between_plan_and_apply_waits_for_the_next_plan() {
    let scene = Scene::governed(&["/app/a"]);
    scene.logs.delete_filter("/app/a", NAME).unwrap();
    scene.plan();
    scene.logs.create_group("/app/born").unwrap();
    let apply = scene.apply_plan();
    says(
        &apply,
        "Warning: 1 log group newly selected since the plan (ship@eu-central-1) with \
         logagg_policy.it, on main.tf line",
    );
    says(
        &apply,
        "Apply makes only planned changes, so these were not changed: /app/born The next plan \
         shows them.",
    );
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/app/born");
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/born": [entry("missing", 0), entry("active", 30)]})
    );
}

#[test]
fn a_group_deleted_between_plan_and_apply_is_reported_and_no_error() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.logs.delete_filter("/app/a", NAME).unwrap();
    scene.logs.delete_filter("/app/b", NAME).unwrap();
    scene.plan();
    scene.logs.delete_group("/app/b").unwrap();
    let apply = scene.apply_plan();
    says(&apply, "Warning: 1 log group deleted since the plan");
    says(
        &apply,
        "These log groups no longer exist, so nothing was changed on them: /app/b The \
                  next plan no longer shows them.",
    );
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_group_deleted_during_the_apply_is_reported_and_no_error() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.logs.delete_filter("/app/b", NAME).unwrap();
    let logs = scene.logs.clone();
    scene.plan();
    scene
        .proxy
        .on("PutSubscriptionFilter")
        .group("/app/b")
        .times(1)
        .run(move || logs.delete_group("/app/b").unwrap());
    let apply = scene.apply_plan();
    says(&apply, "Warning: 1 log group deleted since the plan");
    says(&apply, "/app/b");
    scene.plan_is_empty();
}

#[test]
fn drift_after_the_plan_is_corrected_by_planned_changes_or_the_next_plan() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.logs.delete_filter("/app/a", NAME).unwrap();
    scene.plan();
    // Another client restores the filter, and changes a log group outside the plan.
    scene.logs.put_filter("/app/a", NAME, &scene.shipper()).unwrap();
    scene.logs.set_retention("/app/b", 1).unwrap();
    scene.apply_plan();
    assert!(scene.writes().is_empty(), "nothing planned was left to do: {:?}", scene.writes());
    assert_eq!(scene.logs.retention("/app/b").unwrap(), Some(1));
    scene.plan();
}

#[test]
fn a_group_created_after_the_first_plan_is_part_of_the_first_apply() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.plan();
    scene.logs.create_group("/app/born").unwrap();
    scene.apply_plan();
    scene.ships("/app/born", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_group_deleted_and_created_again_after_the_plan_becomes_what_the_plan_says() {
    let scene = Scene::governed(&["/app/a"]);
    scene.logs.delete_filter("/app/a", NAME).unwrap();
    scene.plan();
    scene.logs.delete_group("/app/a").unwrap();
    scene.logs.create_group("/app/a").unwrap();
    says(&scene.apply_plan(), "Warning: 1 log group recreated since the plan");
    scene.ships("/app/a", &scene.shipper());
    // Its retention was not in the plan; the next one has it.
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/a": [entry("active", 0), entry("active", 30)]})
    );
    scene.apply_plan();
    scene.plan_is_empty();
}

#[test]
fn a_filter_of_another_owner_since_the_plan_is_not_changed() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let elsewhere = scene.account.function_arn("elsewhere");
    scene.logs.delete_filter("/app/b", NAME).unwrap();
    scene.plan();
    scene.logs.put_filter("/app/b", NAME, &elsewhere).unwrap();
    let apply = scene.run(1, Terraform::apply_plan);
    says(&apply, "/app/b");
    says(&apply, &elsewhere);
    scene.ships("/app/b", &elsewhere);
}

/// A policy that only sets retention, by a mode.
fn keeps(scene: &Scene, mode: &str) {
    scene.policy(&format!(
        "name = \"{NAME}\"\nretention_in_days = 30\nretention_mode = \"{mode}\"\n\
         select {{\n  name_prefixes = [\"/app/\"]\n}}"
    ));
}

#[test]
fn a_retention_that_the_mode_no_longer_changes_is_kept_with_a_warning() {
    for (mode, set) in [("at_least", Some(400)), ("if_unset", Some(7)), ("exact", Some(400))] {
        let scene = Scene::with_groups(&["/app/a", "/app/b"]);
        keeps(&scene, mode);
        scene.apply();
        let start = if mode == "if_unset" { None } else { Some(14) };
        for group in ["/app/a", "/app/b"] {
            match start {
                Some(days) => scene.logs.set_retention(group, days).unwrap(),
                None => {
                    scene.logs.delete_group(group).unwrap();
                    scene.logs.create_group(group).unwrap();
                }
            }
        }
        scene.plan();
        scene.logs.set_retention("/app/a", set.unwrap()).unwrap();
        let apply = scene.apply_plan();
        says(&apply, "Warning: Retention changed since the plan on 1 log group");
        says(&apply, &format!("/app/a ({} days)", set.unwrap()));
        assert_eq!(scene.logs.retention("/app/a").unwrap(), set, "{mode}");
        assert_eq!(scene.logs.retention("/app/b").unwrap(), Some(30), "{mode}");
    }
}

#[test]
fn a_planned_shortening_is_applied_to_a_retention_shortened_since() {
    let scene = Scene::with_groups(&["/app/a"]);
    keeps(&scene, "exact");
    scene.apply();
    scene.logs.set_retention("/app/a", 365).unwrap();
    scene.plan();
    scene.logs.set_retention("/app/a", 180).unwrap();
    scene.apply_plan();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    scene.plan_is_empty();
}

#[test]
fn a_filter_that_changed_since_the_plan_is_reported() {
    let scene = Scene::governed(&["/app/a"]);
    scene.logs.delete_filter("/app/a", NAME).unwrap();
    scene.plan();
    scene.logs.put_filter("/app/a", NAME, &scene.shipper()).unwrap();
    says(&scene.apply_plan(), "Warning: Filter changed since the plan on 1 log group");
    scene.plan_is_empty();
}
