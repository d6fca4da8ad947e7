//! Filters of others survive everything.

use logagg_e2e::cloudwatch::Filter;
use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

const AUDIT: &str = "audit";

fn foreign(scene: &Scene) -> Vec<Filter> {
    let filters = scene.logs.filters("/app/a").unwrap();
    filters.into_iter().filter(|filter| filter.name == AUDIT).collect()
}

#[test]
fn a_filter_beside_ours_survives_apply_change_and_destroy() {
    let scene = Scene::with_groups(&["/app/a"]);
    let auditor = scene.account.function_arn("auditor");
    scene.logs.put_filter_with_pattern("/app/a", AUDIT, &auditor, "DENIED").unwrap();
    let before = foreign(&scene);
    scene.policy(&scene.usual_policy());
    scene.apply();
    assert_eq!(foreign(&scene), before);
    scene.policy(&scene.policy_to(&scene.account.function_arn("other")));
    scene.apply();
    assert_eq!(foreign(&scene), before);
    scene.plan_is_empty();
    scene.destroy();
    assert_eq!(scene.logs.filters("/app/a").unwrap(), before);
}

#[test]
fn a_filter_to_our_destination_under_another_name_is_not_ours() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.logs.put_filter("/app/a", AUDIT, &scene.shipper()).unwrap();
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.destroy();
    assert_eq!(foreign(&scene).len(), 1);
}

#[test]
fn another_owners_filter_of_our_name_stops_the_first_apply_before_it_writes() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    let elsewhere = scene.account.function_arn("elsewhere");
    for group in ["/app/b", "/app/c"] {
        scene.logs.put_filter(group, NAME, &elsewhere).unwrap();
    }
    scene.policy(&scene.usual_policy());
    let apply = scene.apply_fails();
    says(&apply, "Error: Filter name already in use on 2 log groups");
    says(
        &apply,
        &format!(
            "Filters named \"{NAME}\" that forward to another destination do not belong to this \
             policy: /app/b forwards to {elsewhere} /app/c forwards to {elsewhere} Nothing was written. \
             Delete them if they are unused, or give the policy another filter_name."
        ),
    );
    assert!(scene.writes().is_empty(), "{:?}", scene.writes());
    assert_eq!(scene.state(), json!(null));
    scene.ships("/app/b", &elsewhere);
}

#[test]
fn our_name_taken_later_survives_even_destroy() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let elsewhere = scene.account.function_arn("elsewhere");
    scene.logs.put_filter("/app/b", NAME, &elsewhere).unwrap();
    scene.destroy();
    scene.ships_nowhere("/app/a");
    scene.ships("/app/b", &elsewhere);
}

#[test]
fn a_group_that_leaves_with_a_foreign_filter_keeps_it() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let auditor = scene.account.function_arn("auditor");
    scene.logs.put_filter("/app/a", AUDIT, &auditor).unwrap();
    scene.policy(&scene.usual_policy().replace("/app/", "/app/b"));
    scene.apply();
    let left = scene.logs.filters("/app/a").unwrap();
    assert_eq!(left, foreign(&scene));
    assert_eq!(left.len(), 1);
    assert_eq!(scene.state()["log_groups"], json!({"/app/b": entry("active", 30)}));
}
