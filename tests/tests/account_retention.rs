//! Where the account sets the retention of log groups by a policy of its own. All of it in the simulator: no other AWS
//! of the tests has such policies.

use std::time::{Duration, SystemTime};

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Region, RetentionPolicy, Simulator};
use serde_json::json;

use crate::enforcer::enforcer;
use crate::scene::{SIMULATED_ACCOUNT, Scene, entry, says};

fn scene(groups: &[&str]) -> Scene {
    Scene::simulated(Simulator::builder(), groups)
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

/// The retention that a log group has of its own.
fn own_retention(scene: &Scene, group: &str) -> Option<u16> {
    here(scene).group(group).unwrap().retention_in_days
}

fn writes_of_retention(scene: &Scene) -> usize {
    let simulator = scene.simulator.as_ref().unwrap();
    let counts = simulator.counts();
    usize::try_from(counts.of("PutRetentionPolicy") + counts.of("DeleteRetentionPolicy")).unwrap()
}

#[test]
fn a_governed_log_group_is_no_drift_and_is_never_written() {
    let scene = scene(&["/app/a", "/app/b"]);
    let audit = RetentionPolicy::named("audit", Some(90)).prefix("/app/a");
    here(&scene).set_retention_policies([audit]);
    scene.policy(&scene.usual_policy());
    let first = scene.plan();
    let warning = "The account's retention policy \"audit\" sets the retention of 1 log group";
    says(&first, &format!("Warning: {warning}"));
    says(&first, "It keeps their log events for 90 days");
    assert_eq!(first.text().matches(warning).count(), 1, "{first}");
    scene.apply_plan();
    // Both are subscribed; one has the retention of the policy.
    assert_eq!(scene.state()["log_groups"]["/app/a"], entry("active", 90));
    assert_eq!(scene.state()["log_groups"]["/app/b"], entry("active", 30));
    assert_eq!(scene.state()["pending"], 0);
    assert_eq!((own_retention(&scene, "/app/a"), writes_of_retention(&scene)), (None, 1));
    let later = scene.run(0, |terraform| terraform.plan(&[]));
    says(&later, warning);

    // The next plan takes over once the account's policy is gone.
    here(&scene).set_retention_policies([]);
    scene.plan();
    scene.apply_plan();
    assert_eq!(own_retention(&scene, "/app/a"), Some(30));
    scene.plan_is_empty();
}

#[test]
fn a_policy_of_the_account_that_never_expires_is_not_overridden_by_name_only() {
    let scene = scene(&["/app/a"]);
    let policies =
        [RetentionPolicy::named("short", Some(30)), RetentionPolicy::named("keep", None)];
    here(&scene).set_retention_policies(policies);
    scene.policy(&scene.usual_policy());
    let first = scene.plan();
    says(&first, "The account's retention policy \"keep\" sets the retention of 1 log group");
    says(&first, "It never expires their log events");
    scene.apply_plan();
    assert_eq!(writes_of_retention(&scene), 0);
    scene.plan_is_empty();
}

#[test]
fn a_policy_of_the_account_that_comes_between_plan_and_apply_stops_the_write() {
    let scene = scene(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    here(&scene).change_group("/app/a", |group| group.retention_in_days = Some(7));
    scene.plan();
    here(&scene).set_retention_policies([RetentionPolicy::named("audit", Some(90))]);
    let writes = writes_of_retention(&scene);
    scene.apply_plan();
    assert_eq!((own_retention(&scene, "/app/a"), writes_of_retention(&scene)), (Some(7), writes));
    scene.plan_is_empty();
}

#[test]
fn a_log_group_that_is_governed_is_not_restored_on_destroy() {
    let scene = scene(&["/app/a"]);
    here(&scene).change_group("/app/a", |group| group.retention_in_days = Some(365));
    let policy = format!("{}\nretention_on_destroy = \"restore\"", scene.usual_policy());
    scene.policy(&policy);
    scene.apply();
    assert_eq!(own_retention(&scene, "/app/a"), Some(30));
    // What it reports is what the policy wrote, and not its own.
    here(&scene).set_retention_policies([RetentionPolicy::named("same", Some(30))]);
    let writes = writes_of_retention(&scene);
    scene.destroy();
    assert_eq!((own_retention(&scene, "/app/a"), writes_of_retention(&scene)), (Some(30), writes));
}

#[test]
fn the_enforcer_leaves_the_retention_of_a_governed_log_group() {
    let scene = scene(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    let document = scene.state()["document"].clone();
    let simulator = scene.simulator.as_ref().unwrap();
    // In force in a day.
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
    let keep = |name| RetentionPolicy::named(name, None);
    here(&scene).set_retention_policies([
        keep("keep").prefix("/app/kept"),
        keep("later").in_force_at(tomorrow),
        keep("new").prefix("/app/a").new_only(SystemTime::now()),
    ]);
    here(&scene).add_groups_named(["/app/kept", "/app/other"]);
    let enforcer = enforcer(simulator, &[document]);
    enforcer.invoke(&json!({"logagg": "sweep"})).unwrap().unwrap();
    assert_eq!(own_retention(&scene, "/app/kept"), None);
    assert_eq!(own_retention(&scene, "/app/other"), Some(30));
    scene.plan_is_empty();
}
