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

/// Log groups with a retention of a week, without one, and of a year.
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
pub(crate) fn a_plan_that_shortens_retention_warns_of_what_is_deleted() {
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
    says(
        &plan,
        "Together they store 3.0 kB. CloudWatch Logs permanently deletes events older than \
         the new retention",
    );
    scene.apply_plan();
    keeps(&scene, 90, "");
    let plan = scene.plan();
    assert!(!plan.text().contains("shortened"), "{plan}");
}

#[test]
pub(crate) fn destroy_restores_the_original_retention() {
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
fn a_retention_changed_since_is_not_restored() {
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
fn destroy_keeps_retention_by_default() {
    let scene = three_groups();
    keeps(&scene, 30, "");
    scene.apply();
    scene.destroy();
    retentions(&scene, [Some(30), Some(30), Some(30)]);
    assert_eq!(scene.state(), json!(null));
}

const RESTORE: &str = "retention_on_destroy = \"restore\"";

#[test]
fn the_restored_retention_is_the_one_at_the_first_write_not_at_the_first_read() {
    let scene = three_groups();
    let at_most = format!("retention_mode = \"at_most\"\n{RESTORE}");
    keeps(&scene, 365, &at_most);
    scene.apply();
    assert_eq!(scene.logs.retention("/app/short").unwrap(), Some(7), "left alone");
    scene.logs.set_retention("/app/short", 400).unwrap();
    scene.apply();
    assert_eq!(scene.logs.retention("/app/short").unwrap(), Some(365));
    scene.destroy();
    retentions(&scene, [Some(365), None, Some(400)]);
}

#[test]
fn a_retention_that_the_policy_never_wrote_is_not_restored() {
    let scene = three_groups();
    keeps(&scene, 30, &format!("retention_mode = \"if_unset\"\n{RESTORE}"));
    scene.apply();
    // Its owner sets by hand what the policy says.
    scene.logs.set_retention("/app/short", 30).unwrap();
    scene.apply();
    scene.destroy();
    retentions(&scene, [Some(365), None, Some(30)]);
}

#[test]
fn a_retention_that_is_added_later_records_the_one_it_finds() {
    let scene = three_groups();
    let ships = format!(
        "name = \"{NAME}\"\ndestination_arn = \"{}\"\n\
         select {{\n  name_prefixes = [\"/app/\"]\n}}",
        scene.shipper()
    );
    scene.policy(&ships);
    scene.apply();
    scene.logs.set_retention("/app/short", 400).unwrap();
    scene.policy(&format!("{ships}\nretention_in_days = 30\n{RESTORE}"));
    scene.apply();
    scene.destroy();
    retentions(&scene, [Some(365), None, Some(400)]);
}

#[test]
fn if_unset_changes_what_the_policy_itself_set() {
    let scene = three_groups();
    keeps(&scene, 30, "retention_mode = \"if_unset\"");
    scene.apply();
    keeps(&scene, 60, "retention_mode = \"if_unset\"");
    scene.apply();
    retentions(&scene, [Some(365), Some(60), Some(7)]);
    scene.plan_is_empty();
}

/// Writes log events to each log group, so that there is data to lose.
fn fill(scene: &Scene) {
    for group in ["/app/long", "/app/never", "/app/short"] {
        scene.logs.create_stream(group, "stream").unwrap();
        scene.logs.put_events(group, "stream", &["x".repeat(1_000)]).unwrap();
    }
}

#[test]
fn leaving_and_destroying_warn_of_every_shorter_retention_that_comes_back() {
    let scene = three_groups();
    fill(&scene);
    keeps(&scene, 30, RESTORE);
    scene.apply();
    let leaving = format!("{RESTORE}\nexclude {{\n  names = [\"/app/short\", \"/app/long\"]\n}}");
    keeps(&scene, 30, &leaving);
    let shorter =
        "Warning: Retention is shortened on 1 log group that the policy no longer manages";
    let plan = scene.plan();
    says(&plan, shorter);
    says(&plan, "It stores 1.0 kB.");
    says(&plan, "/app/short (30 days to 7 days)");
    let plan = scene.run(2, |terraform| terraform.plan(&["-destroy"]));
    says(&plan, shorter);
    scene.apply_plan();
    retentions(&scene, [Some(365), None, Some(7)]);
}

#[test]
fn what_leaves_counts_in_max_changes_in_plan_and_apply_alike() {
    let scene = three_groups();
    keeps(&scene, 30, RESTORE);
    scene.apply();
    let leaving = format!("{RESTORE}\nexclude {{\n  name_prefixes = [\"/app/\"]\n}}");
    keeps(&scene, 30, &format!("{leaving}\nmax_changes = 2"));
    says(&scene.plan_fails(), "The policy would change 3 log groups, and max_changes is 2.");
    keeps(&scene, 30, &format!("{leaving}\nmax_changes = 3"));
    scene.apply();
    retentions(&scene, [Some(365), None, Some(7)]);
}
