//! Conflicting policies of one configuration are reported before anything is written.

use crate::scene::{Scene, says};

/// Two policies, each with the arguments given.
fn two(scene: &Scene, one: &str, other: &str) {
    scene.configuration(&format!(
        "resource \"logagg_policy\" \"one\" {{\n{one}\n}}\n\
         resource \"logagg_policy\" \"other\" {{\n{other}\n}}\n"
    ));
}

fn below(prefix: &str) -> String {
    format!("select {{\n  name_prefixes = [\"{prefix}\"]\n}}")
}

fn keeping(name: &str, days: u16, rest: &str) -> String {
    format!("name = \"{name}\"\nretention_in_days = {days}\n{rest}")
}

fn shipping(name: &str, to: &str, rest: &str) -> String {
    format!("name = \"{name}\"\ndestination_arn = \"{to}\"\n{rest}")
}

#[test]
fn two_retentions_for_one_log_group_are_an_error_in_the_first_plan() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/lib/c"]);
    two(&scene, &keeping("all", 30, &below("/")), &keeping("apps", 14, &below("/app/")));
    let plan = scene.plan_fails();
    says(&plan, "Error: Policies conflict over the retention of 2 log groups");
    says(
        &plan,
        "The policies \"all\" and \"apps\" both set the retention of: /app/a /app/b One sets \
         exactly 30 days, the other exactly 14 days, so each apply would change it back and forth.",
    );
    assert_eq!(plan.text().matches("Error: ").count(), 1, "{plan}");
    assert!(scene.writes().is_empty());
}

#[test]
fn the_first_twenty_log_groups_are_named() {
    let names: Vec<_> = (0..25).map(|n| format!("/app/{n:02}")).collect();
    let scene = Scene::with_groups(&names.iter().map(String::as_str).collect::<Vec<_>>());
    two(&scene, &keeping("one", 30, &below("/app/")), &keeping("other", 0, &below("/app/")));
    let plan = scene.plan_fails();
    says(&plan, "Error: Policies conflict over the retention of 25 log groups");
    says(&plan, "/app/19 and 5 more One sets exactly 30 days, the other that events never expire");
}

#[test]
fn retentions_that_can_hold_together_are_no_conflict() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    for group in ["/app/a", "/lib/b"] {
        scene.logs.set_retention(group, 7).unwrap();
    }
    two(
        &scene,
        &keeping("least", 30, &format!("retention_mode = \"at_least\"\n{}", below("/app/"))),
        &keeping("less", 14, &format!("retention_mode = \"at_least\"\n{}", below("/"))),
    );
    scene.apply();
    scene.apply();
    scene.plan_is_empty();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    assert_eq!(scene.logs.retention("/lib/b").unwrap(), Some(14));
}

#[test]
fn a_conflict_that_begins_later_is_an_error_of_the_plan_that_would_begin_it() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    let apps = keeping("apps", 30, &below("/app/"));
    two(&scene, &apps, &keeping("libs", 14, &below("/lib/")));
    scene.apply();
    scene.plan_is_empty();
    scene.proxy.forget_calls();
    two(&scene, &apps, &keeping("libs", 14, &below("/")));
    let plan = scene.plan_fails();
    says(&plan, "Error: Policies conflict over the retention of 1 log group");
    two(&scene, &keeping("apps", 60, &below("/")), &keeping("libs", 14, &below("/lib/")));
    says(&scene.plan_fails(), "Error: Policies conflict over the retention of 1 log group");
    assert!(scene.writes().is_empty());
}

#[test]
fn a_log_group_moves_from_one_policy_to_the_other_without_a_conflict() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    two(&scene, &keeping("all", 30, &below("/")), &keeping("libs", 14, &below("/none/")));
    scene.apply();
    two(
        &scene,
        &keeping(
            "all",
            30,
            &format!("{}\nexclude {{\n  name_prefixes = [\"/lib/\"]\n}}", below("/")),
        ),
        &keeping("libs", 14, &below("/lib/")),
    );
    scene.apply();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    assert_eq!(scene.logs.retention("/lib/b").unwrap(), Some(14));
    scene.plan_is_empty();
}

const ONE_NAME: &str = "Error: Two policies with one filter name";

#[test]
pub(crate) fn one_filter_name_for_two_policies_is_an_error_before_anything_is_written() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    let (here, there) = (scene.shipper(), scene.account.function_arn("other"));
    let rest = below("/app/");
    two(&scene, &shipping("ship", &here, &rest), &shipping("ship", &there, &rest));
    let plan = scene.plan_fails();
    says(&plan, ONE_NAME);
    says(&plan, "Two policies named \"ship\" both name their subscription filters \"ship\".");
    says(&plan, "Both select: /app/a Their filters differ in destination_arn:");
    assert!(scene.writes().is_empty());

    let named = format!("filter_name = \"ship\"\n{rest}");
    two(&scene, &shipping("one", &here, &named), &shipping("other", &here, &named));
    let plan = scene.plan_fails();
    says(
        &plan,
        "The policies \"one\" and \"other\" both name their subscription filters \"ship\".",
    );

    let skip = |rest: &str| format!("on_conflict = \"skip\"\n{rest}");
    let elsewhere = skip(&below("/lib/"));
    two(&scene, &shipping("ship", &here, &skip(&rest)), &shipping("ship", &there, &elsewhere));
    says(&scene.plan_fails(), ONE_NAME);
    assert!(scene.writes().is_empty());

    // What the error advises.
    let other = format!("filter_name = \"other\"\n{elsewhere}");
    two(&scene, &shipping("ship", &here, &rest), &shipping("ship", &there, &other));
    scene.apply();
    scene.plan_is_empty();
}

#[test]
fn a_second_policy_of_a_filter_name_that_is_in_the_state_is_an_error() {
    let scene = Scene::governed(&["/app/a", "/lib/b"]);
    let policy = scene.usual_policy();
    let twin = policy.replace("/app/", "/lib/");
    scene.configuration(&format!(
        "resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n\
         resource \"logagg_policy\" \"twin\" {{\n{twin}\n}}\n"
    ));
    says(&scene.plan_fails(), ONE_NAME);
    assert!(scene.writes().is_empty());
}

#[test]
pub(crate) fn twins_that_are_in_the_state_are_parted_by_forgetting_one() {
    let scene = Scene::governed(&["/app/a"]);
    let policy = scene.usual_policy();
    let both = format!(
        "resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n\
         resource \"logagg_policy\" \"twin\" {{\n{policy}\n}}\n"
    );
    scene.configuration(&both);
    // What no plan of both would allow: each run sees only one of them.
    let twin = ["apply", "-no-color", "-auto-approve", "-target=logagg_policy.twin"];
    let apply = scene.run(0, |terraform| terraform.run(&twin));
    says(&apply, "Warning: 1 log group already subscribed");
    says(&scene.plan_fails(), ONE_NAME);
    scene.proxy.forget_calls();
    let it = format!("resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
    let removed =
        "removed {\n  from = logagg_policy.twin\n  lifecycle {\n    destroy = false\n  }\n}\n";
    scene.configuration(&format!("{it}{removed}"));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    assert!(scene.writes().is_empty());
    scene.plan_is_empty();
}

#[test]
fn of_twins_that_are_in_the_state_one_is_destroyed_and_the_other_keeps_the_filters() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let policy = scene.usual_policy();
    let it = format!("resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
    let twin = it.replace("\"it\"", "\"twin\"").replace("/app/", "/app/b");
    scene.configuration(&format!("{it}{twin}"));
    let only = ["apply", "-no-color", "-auto-approve", "-target=logagg_policy.twin"];
    scene.run(0, |terraform| terraform.run(&only));
    scene.configuration(&it);
    scene.proxy.forget_calls();
    says(&scene.apply(), "Warning: 1 log group managed by another policy");
    assert!(scene.writes().is_empty());
    scene.plan_is_empty();
    // Both at once leave nothing behind.
    scene.configuration(&format!("{it}{twin}"));
    scene.run(0, |terraform| terraform.run(&only));
    scene.destroy();
    scene.ships_nowhere("/app/a");
    scene.ships_nowhere("/app/b");
}

#[test]
fn a_policy_that_replaces_the_others_destination_is_an_error() {
    let scene = Scene::with_groups(&["/app/a"]);
    let (new, old) = (scene.shipper(), scene.account.function_arn("other"));
    let rest = below("/app/");
    let replacing = format!("replace_destination_arns = [\"{old}\"]\n{rest}");
    two(&scene, &shipping("old", &old, &rest), &shipping("new", &new, &replacing));
    let plan = scene.plan_fails();
    says(&plan, "Error: Policies conflict over the filters of 1 log group");
    says(&plan, "so each apply would delete the filters that the other creates on: /app/a");
}

#[test]
fn shipping_to_one_destination_twice_is_warned_of_and_done() {
    let scene = Scene::with_groups(&["/app/a"]);
    let to = scene.shipper();
    let errors = format!("filter_pattern = \"ERROR\"\n{}", below("/app/"));
    two(&scene, &shipping("all", &to, &below("/")), &shipping("errors", &to, &errors));
    let plan = scene.plan();
    says(&plan, "Warning: 1 log group forwarded to one destination twice");
    says(
        &plan,
        &format!(
            "The policies \"all\" and \"errors\" forward the same events to {to}, through the \
             filters \"all\" and \"errors\". Events are delivered and billed twice from: /app/a"
        ),
    );
    scene.apply_plan();
    assert_eq!(scene.logs.filters("/app/a").unwrap().len(), 2);
    scene.plan_is_empty();

    let warnings = format!("filter_pattern = \"WARN\"\n{}", below("/app/"));
    two(&scene, &shipping("all", &to, &warnings), &shipping("errors", &to, &errors));
    let plan = scene.plan();
    assert!(!plan.text().contains("twice"), "two patterns may share no event: {plan}");
}

#[test]
fn what_only_apply_knows_is_an_error_before_anything_is_written_for_it() {
    let scene = Scene::with_groups(&["/app/a"]);
    let (here, there) = (scene.shipper(), scene.account.function_arn("other"));
    let policy = |name: &str, destination: &str| {
        format!(
            "name = \"{name}\"\nfilter_name = \"ship\"\ndestination_arn = {destination}\n{}",
            below("/app/")
        )
    };
    scene.configuration(&format!(
        "resource \"terraform_data\" \"arn\" {{\n  input = \"{there}\"\n}}\n\
         resource \"logagg_policy\" \"one\" {{\n{}\n}}\n\
         resource \"logagg_policy\" \"other\" {{\n{}\ndepends_on = [logagg_policy.one]\n}}\n",
        policy("one", &format!("\"{here}\"")),
        policy("other", "terraform_data.arn.output"),
    ));
    scene.plan();
    let apply = scene.run(1, logagg_e2e::terraform::Terraform::apply_plan);
    says(&apply, ONE_NAME);
    scene.ships("/app/a", &here);
    assert_eq!(scene.writes(), [("PutSubscriptionFilter".to_owned(), "/app/a".to_owned())]);
}
