//! One policy goes and another comes with the same filters, in one run of Terraform: whatever order
//! the two come in, filters, retention and permission are there afterwards.

use logagg_e2e::terraform::{Run, Terraform};

use crate::scene::{NAME, Scene, entry, says};

const APPLY: [&str; 3] = ["apply", "-no-color", "-auto-approve"];

fn resource(address: &str, arguments: &str) -> String {
    format!("resource \"logagg_policy\" \"{address}\" {{\n{arguments}\n}}\n")
}

#[track_caller]
fn apply_with(scene: &Scene, option: &str) -> Run {
    let mut arguments = APPLY.to_vec();
    arguments.push(option);
    scene.run(0, |terraform: &Terraform| terraform.run(&arguments))
}

/// Everything is as the usual policy says, and the state knows.
#[track_caller]
fn is_governed(scene: &Scene, groups: &[&str]) {
    for group in groups {
        scene.ships(group, &scene.shipper());
        assert_eq!(scene.logs.retention(group).unwrap(), Some(30), "{group}");
    }
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_policy_that_is_created_before_the_old_one_is_destroyed_keeps_the_filters() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let policy = scene.usual_policy();
    let first = "lifecycle {\n  create_before_destroy = true\n}";
    scene.policy(&format!("{policy}\n{first}"));
    scene.apply();
    scene.proxy.forget_calls();
    let apply = apply_with(&scene, "-replace=logagg_policy.it");
    says(&apply, "Warning: 2 log groups managed by another policy");
    assert!(scene.writes().is_empty(), "no gap: {:?}", scene.writes());
    is_governed(&scene, &["/app/a", "/app/b"]);
}

#[test]
fn a_dependent_that_is_created_first_reverses_the_order_and_nothing_is_lost() {
    let scene = Scene::with_groups(&["/app/a"]);
    let dependent = "resource \"terraform_data\" \"dependent\" {\n  input = logagg_policy.it.id\n  \
                     lifecycle {\n    create_before_destroy = true\n  }\n}\n";
    scene.configuration(&format!("{}{dependent}", resource("it", &scene.usual_policy())));
    scene.apply();
    apply_with(&scene, "-replace=logagg_policy.it");
    is_governed(&scene, &["/app/a"]);
}

#[test]
pub(crate) fn another_address_without_a_moved_block_ends_with_the_same_filters() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.configuration(&resource("other", &scene.usual_policy()));
    let plan = scene.plan();
    says(&plan, "Warning: 2 log groups handed over to another policy");
    says(&plan, "add a moved block");
    // The new policy has answered before the old one deletes anything.
    let gate = scene.proxy.on("DeleteSubscriptionFilter").hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "plan"]).unwrap();
    std::thread::scope(|scope| {
        let apply = scope.spawn(|| apply.finish().unwrap());
        // Whichever comes first, a delete that is under way is waited for.
        let _ = scene.proxy.wait_for("DescribeSubscriptionFilters", 1);
        gate.open();
        let apply = apply.join().unwrap();
        assert_eq!(apply.code(), 0, "{apply}");
    });
    is_governed(&scene, &["/app/a", "/app/b"]);
}

#[test]
fn one_after_the_other_a_policy_under_another_address_ends_with_the_same_filters() {
    let scene = Scene::governed(&["/app/a"]);
    for address in ["a_first", "z_last"] {
        scene.configuration(&resource(address, &scene.usual_policy()));
        apply_with(&scene, "-parallelism=1");
        is_governed(&scene, &["/app/a"]);
    }
}

#[test]
pub(crate) fn another_key_of_for_each_and_another_count_are_hand_overs() {
    let scene = Scene::with_groups(&["/app/a"]);
    let policy = scene.usual_policy();
    for multiple in ["for_each = toset([\"x\"])", "for_each = toset([\"y\"])", "count = 1"] {
        scene.policy(&format!("{multiple}\n{policy}"));
        scene.apply();
        is_governed(&scene, &["/app/a"]);
    }
}

#[test]
pub(crate) fn a_moved_block_changes_nothing() {
    let scene = Scene::governed(&["/app/a"]);
    let moved = "moved {\n  from = logagg_policy.it\n  to   = logagg_policy.other\n}\n";
    scene.configuration(&format!("{}{moved}", resource("other", &scene.usual_policy())));
    let plan = scene.plan();
    says(&plan, "Plan: 0 to add, 0 to change, 0 to destroy.");
    assert!(!plan.text().contains("handed over"), "{plan}");
    scene.apply();
    assert!(scene.writes().is_empty());
    is_governed(&scene, &["/app/a"]);
}

#[test]
fn a_log_group_moves_between_two_policies_and_ends_with_the_filter_of_its_new_one() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    let to = scene.shipper();
    let two = |one: &str, other: &str| {
        let policy = |name: &str, prefixes: &str| {
            let arguments = format!(
                "name = \"{name}\"\ndestination_arn = \"{to}\"\nretention_in_days = 30\n\
                 select {{\n  name_prefixes = [{prefixes}]\n}}"
            );
            resource(name, &arguments)
        };
        scene.configuration(&format!("{}{}", policy("one", one), policy("other", other)));
        scene.apply();
    };
    two("\"/app/\", \"/lib/\"", "\"/none/\"");
    for (one, other, name) in
        [("\"/app/\"", "\"/lib/\"", "other"), ("\"/app/\", \"/lib/\"", "\"/none/\"", "one")]
    {
        two(one, other);
        let filters = scene.logs.filters("/lib/b").unwrap();
        let names: Vec<_> = filters.iter().map(|filter| filter.name.as_str()).collect();
        assert_eq!(names, [name]);
        assert_eq!(scene.logs.retention("/lib/b").unwrap(), Some(30));
        scene.plan_is_empty();
    }
}

#[test]
fn two_policies_are_merged_into_one_and_one_is_split_in_two() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    let to = scene.shipper();
    let policy = |name: &str, prefixes: &str| {
        let arguments = format!(
            "name = \"{name}\"\ndestination_arn = \"{to}\"\nretention_in_days = 30\n\
             select {{\n  name_prefixes = [{prefixes}]\n}}"
        );
        resource(&format!("{name}_{}", prefixes.len()), &arguments)
    };
    let names = |group: &str| -> Vec<String> {
        scene.logs.filters(group).unwrap().into_iter().map(|filter| filter.name).collect()
    };
    scene.configuration(&format!("{}{}", policy("one", "\"/app/\""), policy("two", "\"/lib/\"")));
    scene.apply();
    scene.configuration(&policy("one", "\"/app/\", \"/lib/\""));
    scene.apply();
    assert_eq!((names("/app/a"), names("/lib/b")), (vec!["one".into()], vec!["one".into()]));
    scene.plan_is_empty();
    scene.configuration(&format!("{}{}", policy("one", "\"/app/\""), policy("two", "\"/lib/\"")));
    scene.apply();
    assert_eq!((names("/app/a"), names("/lib/b")), (vec!["one".into()], vec!["two".into()]));
    scene.plan_is_empty();
}

#[test]
fn the_original_retention_survives_a_replacement_in_the_default_order() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.logs.set_retention("/app/a", 365).unwrap();
    let policy = format!("{}\nretention_on_destroy = \"restore\"", scene.usual_policy());
    scene.policy(&policy);
    scene.apply();
    apply_with(&scene, "-replace=logagg_policy.it");
    is_governed(&scene, &["/app/a"]);
    scene.destroy();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(365));
}

#[test]
fn a_retention_that_another_policy_sets_is_not_restored_and_the_loss_is_reported() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.logs.set_retention("/app/a", 7).unwrap();
    let first = "lifecycle {\n  create_before_destroy = true\n}";
    let policy = format!("{}\nretention_on_destroy = \"restore\"\n{first}", scene.usual_policy());
    scene.policy(&policy);
    scene.apply();
    let apply = apply_with(&scene, "-replace=logagg_policy.it");
    says(&apply, "Warning: Retention not restored on 1 log group");
    says(&apply, "/app/a (30 days, before the policy 7 days)");
    is_governed(&scene, &["/app/a"]);
    // It does not know what was there, so it leaves what is.
    scene.destroy();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
}

#[test]
fn if_unset_leaves_what_another_policy_let_go_in_whichever_order() {
    let policy = |name: &str, days: u32, prefixes: &str, rest: &str| {
        let arguments = format!(
            "name = \"{name}\"\nretention_in_days = {days}\nselect {{\n  name_prefixes = \
             [{prefixes}]\n}}\n{rest}"
        );
        resource(name, &arguments)
    };
    let after = |name: &str| format!("depends_on = [logagg_policy.{name}]");
    for (one_after, other_after, unset) in
        [(after("other"), String::new(), 30), (String::new(), after("one"), 60)]
    {
        let scene = Scene::with_groups(&["/app/a", "/lib/set", "/lib/unset"]);
        scene.logs.set_retention("/lib/set", 7).unwrap();
        let two = |one: &str, other: &str| {
            let one_rest = format!("retention_on_destroy = \"restore\"\n{one_after}");
            let other_rest = format!("retention_mode = \"if_unset\"\n{other_after}");
            let one = policy("one", 30, one, &one_rest);
            scene.configuration(&format!("{one}{}", policy("other", 60, other, &other_rest)));
            scene.apply()
        };
        two("\"/app/\", \"/lib/\"", "\"/none/\"");
        let apply = two("\"/app/\"", "\"/lib/\"");
        let untold = !apply.text().contains("/lib/unset (30 days, before the policy never expire)");
        assert_eq!(untold, unset == 60, "{apply}");
        assert_eq!(scene.logs.retention("/lib/set").unwrap(), Some(7), "{apply}");
        assert_eq!(scene.logs.retention("/lib/unset").unwrap(), Some(unset), "{apply}");
        scene.plan_is_empty();
    }
}

#[test]
fn a_create_that_is_refused_leaves_the_old_policy_its_own_to_delete() {
    let scene = Scene::governed(&["/app/a"]);
    let foreign = scene.account.function_arn("elsewhere");
    scene.logs.create_group("/lib/b").unwrap();
    scene.logs.put_filter("/lib/b", NAME, &foreign).unwrap();
    let wider = scene.usual_policy().replace("\"/app/\"", "\"/app/\", \"/lib/\"");
    scene.configuration(&resource("other", &wider));
    says(&scene.apply_fails(), "Error: Filter name already in use on 1 log group");
    scene.logs.delete_filter("/lib/b", NAME).unwrap();
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/lib/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_second_state_takes_filters_over_with_a_warning_and_its_destroy_shows_as_drift_in_the_first() {
    let scene = Scene::governed(&["/app/a"]);
    let binaries = logagg_e2e::binaries::Binaries::shared();
    let installation = logagg_e2e::terraform::Installation::Override(binaries.provider_dir());
    let second = Terraform::new(installation)
        .unwrap()
        .with_environment(scene.account.environment(&scene.proxy.endpoint()));
    let policy = resource("it", &scene.usual_policy());
    second.write("main.tf", &format!("{}\n{policy}", crate::scene::PROVIDER)).unwrap();
    let plan = second.plan(&[]).unwrap();
    says(&plan, "1 of the 1 checked has this filter already, and is adopted.");
    let apply = second.apply().unwrap();
    says(&apply, "Warning: 1 log group already subscribed");
    // What one process cannot see of another: a limit that the documentation names.
    assert_eq!(second.destroy().unwrap().code(), 0);
    scene.ships_nowhere("/app/a");
    scene.plan();
    let expected = serde_json::json!({"/app/a": [entry("missing", 30), entry("active", 30)]});
    assert_eq!(scene.planned().log_groups(), expected);
    scene.apply_plan();
    is_governed(&scene, &["/app/a"]);
}
