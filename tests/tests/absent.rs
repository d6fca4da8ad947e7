//! Log groups that a policy holds and a listing does not show: whether there are any is found out
//! without a call for each. All of it in the simulator, which counts calls.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Group, Refusal, Region, Simulator};
use serde_json::json;

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene, says};

/// An account with these log groups, which keep their events for 30 days already.
fn scene(groups: impl IntoIterator<Item = String>) -> Scene {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    here(&scene).add_groups(groups.into_iter().map(|name| Group::named(name).retention(30)));
    scene
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

/// A policy that keeps events for 30 days.
fn keeps(scene: &Scene, select: &str) {
    scene
        .policy(&format!("name = \"{NAME}\"\nretention_in_days = 30\nselect {{\n  {select}\n}}\n"));
}

fn listings(scene: &Scene) -> u64 {
    scene.simulator.as_ref().unwrap().counts().of("DescribeLogGroups")
}

fn named(prefix: &'static str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |n| format!("{prefix}{n:03}"))
}

#[test]
fn a_log_group_missing_from_a_complete_listing_is_deleted_without_another_call() {
    let scene = scene(named("/app/", 40));
    keeps(&scene, "name_prefixes = [\"/app/\"]");
    scene.apply();
    for name in named("/app/", 30) {
        here(&scene).call("DeleteLogGroup", json!({"logGroupName": name})).unwrap();
    }
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.terraform.plan(&[]).unwrap();
    assert_eq!(listings(&scene), 1);
    scene.apply();
    assert_eq!(scene.state()["log_groups"].as_object().unwrap().len(), 10);
}

#[test]
fn names_that_do_not_exist_cost_one_listing() {
    let scene = scene(["/app/000".to_owned(), "/else".to_owned()]);
    let names: Vec<_> = named("/app/", 2_880).map(|name| format!("\"{name}\"")).collect();
    keeps(&scene, &format!("names = [{}]", names.join(", ")));
    scene.apply();
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.terraform.plan(&[]).unwrap();
    assert_eq!(listings(&scene), 1);
}

#[test]
fn log_groups_that_leave_are_listed_by_what_they_have_in_common() {
    let scene = scene(named("/app/", 60).chain(["/other/a".to_owned()]));
    keeps(&scene, "name_prefixes = [\"/app/\"]");
    scene.apply();
    keeps(&scene, "name_prefixes = [\"/other/\"]");
    scene.plan();
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.apply_plan();
    // Two pages of what leaves, beside the new selection.
    assert!(listings(&scene) <= 5, "{}", listings(&scene));
    assert_eq!(scene.state()["log_groups"].as_object().unwrap().len(), 1);
}

#[test]
fn a_listing_that_shows_mostly_others_is_given_up_for_the_names() {
    let held = || named("/a/", 30).chain(named("/z/", 30));
    let others = (0..6_000).map(|n| format!("/m/{n:04}"));
    let scene = scene(held().chain(others));
    keeps(&scene, "name_prefixes = [\"/a/\", \"/z/\"]");
    scene.apply();
    keeps(&scene, "name_prefixes = [\"/other/\"]");
    scene.plan();
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.apply_plan();
    // As many pages as names, and by name those that had not come up; all pages would be 122.
    assert!(listings(&scene) <= 60 + 30 + 3, "{}", listings(&scene));
    assert_eq!(scene.state()["log_groups"], json!({}));
}

#[test]
fn a_log_group_that_leaves_is_not_treated_as_deleted_if_its_listing_fails() {
    let scene = scene(named("/app/", 60));
    keeps(&scene, "name_prefixes = [\"/app/\"]");
    scene.apply();
    keeps(&scene, "name_prefixes = [\"/other/\"]");
    scene.plan();
    let aws = scene.simulator.as_ref().unwrap();
    // The first page comes, the second does not.
    aws.on("DescribeLogGroups").after(2).fail(Refusal::new(
        400,
        "InvalidParameterException",
        "The specified nextToken is invalid.",
    ));
    let apply = scene.run(1, logagg_e2e::terraform::Terraform::apply_plan);
    says(&apply, "Error: Log groups could not be read");
    assert_eq!(scene.state()["log_groups"].as_object().unwrap().len(), 60);
}
