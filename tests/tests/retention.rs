//! How long events are kept: modes, the warning before anything is deleted, and giving back what
//! was there before.

use serde_json::json;

use crate::scene::{NAME, Scene, says};

/// A policy for everything below `/app/` that only sets retention.
fn keeps(scene: &Scene, days: u32, more: &str) {
    scene.policy(&format!(
        "name = \"{NAME}\"\nretention_in_days = {days}\n{more}\n\
         select {{\n  name_prefixes = [\"/app/\"]\n}}"
    ));
}

/// Log groups that keep events for a week, for ever, and for a year.
fn three_groups() -> Scene {
    let scene = Scene::with_groups(&["/app/long", "/app/never", "/app/short"]);
    scene.logs.set_retention("/app/long", 365).unwrap();
    scene.logs.set_retention("/app/short", 7).unwrap();
    scene
}

#[track_caller]
fn retentions(scene: &Scene, expected: [Option<u64>; 3]) {
    let groups = ["/app/long", "/app/never", "/app/short"];
    let found = groups.map(|group| scene.logs.retention(group).unwrap());
    assert_eq!(found, expected);
}

#[test]
fn each_mode_leaves_alone_what_it_says() {
    for (mode, expected) in [
        ("exact", [Some(30), Some(30), Some(30)]),
        ("at_least", [Some(365), None, Some(30)]),
        ("at_most", [Some(30), Some(30), Some(7)]),
        ("if_unset", [Some(365), Some(30), Some(7)]),
    ] {
        let scene = three_groups();
        keeps(&scene, 30, &format!("retention_mode = \"{mode}\""));
        scene.apply();
        retentions(&scene, expected);
        scene.plan_is_empty();
    }
}

#[test]
fn never_expire_is_a_retention_like_any_other() {
    let scene = three_groups();
    keeps(&scene, 0, "");
    scene.apply();
    retentions(&scene, [None, None, None]);
    scene.plan_is_empty();
}

#[test]
fn a_plan_that_shortens_retention_warns_of_what_is_deleted() {
    let scene = three_groups();
    for group in ["/app/long", "/app/never"] {
        scene.logs.create_stream(group, "stream").unwrap();
        scene.logs.put_events(group, "stream", &["x".repeat(1_500)]).unwrap();
    }
    keeps(&scene, 365, "");
    says(&scene.plan(), "Warning: Retention is shortened on 1 log group");
    scene.apply_plan();
    // An empty group has nothing to lose.
    keeps(&scene, 30, "");
    let plan = scene.plan();
    says(&plan, "Warning: Retention is shortened on 2 log groups");
    says(&plan, "Together they hold 3.0 kB. CloudWatch Logs deletes what is older");
    scene.apply_plan();
    keeps(&scene, 90, "");
    let plan = scene.plan();
    assert!(!plan.text().contains("shortened"), "{plan}");
}

#[test]
fn destroy_gives_back_what_was_there_before() {
    let scene = three_groups();
    keeps(&scene, 30, "retention_on_destroy = \"restore\"");
    scene.apply();
    scene.logs.create_group("/app/young").unwrap();
    scene.apply();
    assert_eq!(scene.logs.retention("/app/young").unwrap(), Some(30));
    // What the policy gives changes, what it found does not.
    keeps(&scene, 60, "retention_on_destroy = \"restore\"");
    scene.apply();
    retentions(&scene, [Some(60), Some(60), Some(60)]);
    scene.destroy();
    retentions(&scene, [Some(365), None, Some(7)]);
    assert_eq!(scene.logs.retention("/app/young").unwrap(), None, "it was born unlimited");
}

#[test]
fn what_somebody_set_since_is_not_given_back() {
    let scene = three_groups();
    keeps(&scene, 30, "retention_on_destroy = \"restore\"");
    scene.apply();
    scene.logs.set_retention("/app/long", 14).unwrap();
    scene.destroy();
    retentions(&scene, [Some(14), None, Some(7)]);
}

#[test]
fn a_group_that_leaves_the_selection_gets_its_retention_back() {
    let scene = three_groups();
    keeps(&scene, 30, "retention_on_destroy = \"restore\"");
    scene.apply();
    keeps(
        &scene,
        30,
        "retention_on_destroy = \"restore\"\nexclude {\n  names = [\"/app/long\"]\n}",
    );
    let plan = scene.plan();
    says(&plan, "- \"/app/long\"");
    scene.apply_plan();
    retentions(&scene, [Some(365), Some(30), Some(30)]);
    scene.plan_is_empty();
}

#[test]
fn destroy_keeps_retention_unless_told_otherwise() {
    let scene = three_groups();
    keeps(&scene, 30, "");
    scene.apply();
    scene.destroy();
    retentions(&scene, [Some(30), Some(30), Some(30)]);
    assert_eq!(scene.state(), json!(null));
}
