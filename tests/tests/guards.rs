//! Safety limits: `max_changes` and `min_matches`.

use crate::scene::{Scene, says};

const TOO_MANY: &str = "Error: More changes than max_changes allows";
const TOO_FEW: &str = "Error: Fewer log groups than min_matches requires";

#[test]
fn a_first_plan_that_would_change_too_much_fails() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    scene.policy(&format!("{}\nmax_changes = 2", scene.usual_policy()));
    let plan = scene.plan_fails();
    says(&plan, TOO_MANY);
    says(&plan, "The policy would change 3 log groups, and max_changes is 2.");
    assert!(scene.writes().is_empty());
    scene.policy(&format!("{}\nmax_changes = 3", scene.usual_policy()));
    scene.apply();
}

#[test]
fn drift_beyond_the_guard_fails_the_plan_and_reading_goes_on() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.policy(&format!("{}\nmax_changes = 1", scene.usual_policy()));
    scene.apply();
    for group in ["/app/c", "/app/d"] {
        scene.logs.create_group(group).unwrap();
    }
    says(&scene.plan_fails(), TOO_MANY);
    scene.run(2, |terraform| terraform.plan(&["-refresh-only"]));
    // Terraform plans before it destroys, and is not stopped there.
    scene.run(2, |terraform| terraform.plan(&["-destroy"]));
    scene.destroy();
    scene.ships_nowhere("/app/a");
}

#[test]
fn a_selection_that_suddenly_matches_too_little_fails() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/app/c"]);
    scene.policy(&format!("{}\nmin_matches = 2", scene.usual_policy()));
    scene.apply();
    for group in ["/app/b", "/app/c"] {
        scene.logs.delete_group(group).unwrap();
    }
    let plan = scene.plan_fails();
    says(&plan, TOO_FEW);
    says(&plan, "The selection matches 1 log group, and min_matches is 2.");
}

#[test]
fn another_selection_is_guarded_too() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/app/c"]);
    let narrowed = scene.usual_policy().replace("\"/app/\"", "\"/app/a\"");
    scene.policy(&format!("{narrowed}\nmin_matches = 2"));
    says(&scene.plan_fails(), TOO_FEW);
    scene.policy(&format!("{narrowed}\nmax_changes = 1"));
    says(&scene.plan_fails(), TOO_MANY);
    scene.policy(&format!("{narrowed}\nmax_changes = 2"));
    scene.apply();
}

#[test]
pub(crate) fn what_grew_since_the_plan_stops_the_apply_before_it_writes() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&format!("{}\nmax_changes = 1", scene.usual_policy()));
    scene.plan();
    scene.logs.create_group("/app/b").unwrap();
    let apply = scene.run(1, logagg_e2e::terraform::Terraform::apply_plan);
    says(&apply, TOO_MANY);
    assert!(scene.writes().is_empty());
}

#[test]
fn a_wider_selection_counts_what_is_new_and_not_what_is_there() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/lib/c"]);
    let wider = scene.usual_policy().replace("\"/app/\"", "\"/app/\", \"/lib/\"");
    scene.policy(&format!("{wider}\nmax_changes = 1"));
    scene.plan();
    scene.apply_plan();
    scene.ships("/lib/c", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn another_selection_beyond_what_was_listed_counts_what_leaves() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/lib/c"]);
    let elsewhere = scene.usual_policy().replace("\"/app/\"", "\"/lib/\"");
    scene.policy(&format!("{elsewhere}\nmax_changes = 2"));
    says(&scene.plan_fails(), "The policy would change 3 log groups, and max_changes is 2.");
    scene.policy(&format!("{elsewhere}\nmax_changes = 3"));
    scene.apply();
    scene.ships_nowhere("/app/a");
}
