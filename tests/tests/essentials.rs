//! Log groups of class ESSENTIALS. AWS does not say whether they take subscription filters, so its answer decides.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Class, Essentials, Group, Region, Simulator};
use serde_json::json;

use crate::enforcer::enforcer;
use crate::scene::{SIMULATED_ACCOUNT, Scene, entry, says};

/// One log group of the class beside one of class STANDARD.
fn scene(essentials: Essentials) -> Scene {
    let scene = Scene::simulated(Simulator::builder().essentials(essentials), &["/app/a"]);
    here(&scene).add_groups([Group::named("/app/thrifty").class(Class::Essentials)]);
    scene
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

#[test]
fn a_class_that_takes_filters_is_subscribed() {
    let scene = scene(Essentials::Takes);
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships("/app/thrifty", &scene.shipper());
    assert_eq!(scene.state()["log_groups"]["/app/thrifty"], entry("active", 30));
    scene.plan_is_empty();
    scene.logs.delete_filter("/app/thrifty", "ship").unwrap();
    says(&scene.plan(), "\"/app/thrifty\" = { ~ subscription = \"missing\"");
    scene.apply_plan();
    scene.ships("/app/thrifty", &scene.shipper());
    scene.plan_is_empty();
    scene.destroy();
    scene.ships_nowhere("/app/thrifty");
}

#[test]
fn a_class_that_rejects_them_is_skipped_in_the_words_of_aws() {
    for essentials in [Essentials::Refuses, Essentials::Answers] {
        let scene = scene(essentials);
        scene.policy(&scene.usual_policy());
        scene.apply();
        scene.ships("/app/a", &scene.shipper());
        let state = scene.state();
        let reason = state["skipped"]["/app/thrifty"].as_str().unwrap();
        assert!(reason.starts_with("class: "), "{reason}");
        assert!(reason.ends_with("is not supported on the Essentials log class."), "{reason}");
        let thrifty = &state["log_groups"]["/app/thrifty"];
        assert_eq!(thrifty["subscription"], json!(null));
        assert_eq!(thrifty["retention_in_days"], 30);
        assert_eq!(state["pending"], 0);
        scene.plan_is_empty();
    }
}

#[test]
fn one_that_comes_later_is_skipped_by_the_apply() {
    let scene = scene(Essentials::Answers);
    scene.policy(&scene.usual_policy());
    scene.apply();
    here(&scene).add_groups([Group::named("/app/later").class(Class::Essentials)]);
    scene.plan();
    let apply = scene.apply_plan();
    says(&apply, "Warning: 1 log group skipped for the class");
    assert_eq!(scene.state()["log_groups"]["/app/later"]["subscription"], json!(null));
    assert_eq!(scene.state()["log_groups"]["/app/later"]["retention_in_days"], 30);
    scene.run(0, |terraform| terraform.run(&["apply", "-no-color", "-auto-approve"]));
    assert!(scene.state()["skipped"]["/app/later"].is_string());
    scene.plan_is_empty();
    // Another destination changes nothing of that.
    let next = here(&scene).add_shipper("next");
    scene.policy(&scene.policy_to(&next));
    scene.apply();
    scene.ships("/app/a", &next);
    scene.ships_nowhere("/app/later");
    scene.run(0, |terraform| terraform.run(&["apply", "-no-color", "-auto-approve"]));
    scene.plan_is_empty();
}

#[test]
fn an_account_with_such_log_groups_alone_is_no_error() {
    let scene = Scene::simulated(Simulator::builder().essentials(Essentials::Answers), &[]);
    here(&scene).add_groups([Group::named("/app/thrifty").class(Class::Essentials)]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    assert_eq!(scene.state()["log_groups"]["/app/thrifty"]["retention_in_days"], 30);
    assert!(scene.state()["skipped"]["/app/thrifty"].is_string());
    scene.plan_is_empty();
}

/// The search for loops asks for the filters of log groups that no policy selects, too.
#[test]
fn one_that_the_destination_writes_to_closes_no_loop() {
    let scene = scene(Essentials::Refuses);
    let own = "/aws/lambda/shipper";
    here(&scene).add_groups([Group::named(own).class(Class::Essentials)]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
    let simulator = scene.simulator.as_ref().unwrap();
    let document = scene.state()["document"].as_str().unwrap().parse().unwrap();
    scene.logs.create_group("/app/later").unwrap();
    let swept = enforcer(simulator, &[document]).invoke(&json!({"logagg": "sweep"}));
    swept.unwrap().unwrap();
    scene.ships("/app/later", &scene.shipper());
}
