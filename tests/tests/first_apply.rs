//! From nothing to a policy that holds.

use serde_json::json;

use crate::grant::function;
use crate::scene::{NAME, PROVIDER, Scene, entry, says};

#[test]
pub(crate) fn the_first_plan_says_what_it_is_about_to_do() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/other"]);
    scene.policy(&scene.usual_policy());
    let plan = scene.plan();
    says(&plan, "# logagg_policy.it will be created");
    says(&plan, "+ log_groups = (known after apply)");
    says(&plan, "Warning: Planned changes of the policy \"ship\"");
    says(
        &plan,
        &format!(
            "In eu-central-1 the selection matches 2 log groups. At most 2 subscription filters to \
             {}: /app/a /app/b 2 retention changes: /app/a /app/b",
            scene.shipper()
        ),
    );
    assert!(!plan.text().contains("/other"), "{plan}");
    let change = scene.planned();
    assert_eq!(change.actions, ["create"]);
    assert_eq!(change.after["id"], format!("{NAME}@eu-central-1"));
    for unread in ["log_groups", "skipped", "pending"] {
        assert_eq!(change.unknown[unread], true, "{unread}");
    }
    assert!(scene.writes().is_empty(), "a plan writes nothing");
}

#[test]
pub(crate) fn the_first_apply_subscribes_and_sets_retention_and_the_next_plan_is_empty() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/other"]);
    scene.logs.set_retention("/app/b", 30).unwrap();
    scene.policy(&scene.usual_policy());
    scene.apply();
    for group in ["/app/a", "/app/b"] {
        scene.ships(group, &scene.shipper());
        assert_eq!(scene.logs.retention(group).unwrap(), Some(30));
    }
    scene.ships_nowhere("/other");
    assert_eq!(scene.logs.retention("/other").unwrap(), None);
    let state = scene.state();
    assert_eq!(
        state["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/b": entry("active", 30)})
    );
    assert_eq!(state["skipped"], json!({}));
    assert_eq!(state["pending"], 0);
    assert_eq!(state["id"], format!("{NAME}@eu-central-1"));
    assert_eq!(state["region"], "eu-central-1");
    assert_eq!(state["account_id"], scene.account.id());
    assert_eq!(state["filter_name"], json!(null));
    let unneeded = ("PutRetentionPolicy".to_owned(), "/app/b".to_owned());
    assert!(!scene.writes().contains(&unneeded), "what is as it should be is not written");

    scene.proxy.forget_calls();
    scene.plan_is_empty();
    assert!(scene.writes().is_empty());
}

#[test]
pub(crate) fn the_shippers_own_group_is_skipped_and_still_gets_its_retention() {
    let scene = Scene::with_groups(&["/aws/lambda/a", "/aws/lambda/shipper"]);
    scene.policy(&scene.usual_policy().replace("/app/", "/aws/lambda/"));
    scene.apply();
    scene.ships("/aws/lambda/a", &scene.shipper());
    scene.ships_nowhere("/aws/lambda/shipper");
    assert_eq!(scene.logs.retention("/aws/lambda/shipper").unwrap(), Some(30));
    let state = scene.state();
    assert_eq!(
        state["log_groups"]["/aws/lambda/shipper"],
        json!({"subscription": null, "retention_in_days": 30, "deletion_protection": null})
    );
    assert_eq!(
        state["skipped"],
        json!({"/aws/lambda/shipper": "loop: the destination itself writes to this log group"})
    );
    assert_eq!(state["pending"], 0);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_class_without_subscriptions_is_skipped_with_its_reason() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.logs.create_group_of_class("/app/rare", "INFREQUENT_ACCESS").unwrap();
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships_nowhere("/app/rare");
    assert_eq!(
        scene.state()["skipped"],
        json!({
            "/app/rare":
                "class: subscription filters require STANDARD, and this is INFREQUENT_ACCESS"
        })
    );
    scene.plan_is_empty();
}

#[test]
fn the_policy_itself_leaves_out_what_is_excluded() {
    let scene = Scene::with_groups(&["/app/a", "/app/a-canary", "/app/b"]);
    let policy = scene.usual_policy();
    scene.policy(&format!("{policy}\nexclude {{\n  name_regex = \"-canary$\"\n}}"));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/app/a-canary");
    assert_eq!(scene.state()["log_groups"].as_object().unwrap().len(), 2);
}

#[test]
fn retention_alone_asks_for_no_filters() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&format!(
        "name = \"{NAME}\"\nretention_in_days = 7\nselect {{\n  name_prefixes = [\"/app/\"]\n}}"
    ));
    scene.apply();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(7));
    assert!(scene.proxy.calls_of("DescribeSubscriptionFilters").is_empty());
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": {"subscription": null, "retention_in_days": 7, "deletion_protection": null}})
    );
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_destination_made_in_the_same_apply_is_no_obstacle() {
    let scene = Scene::with_groups(&["/app/a"]);
    let configuration = |arn: &str| {
        let policy = scene.usual_policy();
        let policy =
            policy.replace(&format!("\"{}\"", scene.shipper()), "terraform_data.arn.output");
        scene.configuration(&format!(
            "resource \"terraform_data\" \"arn\" {{\n  input = \"{arn}\"\n}}\n\
             resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n"
        ));
    };
    configuration(&scene.shipper());
    scene.plan();
    let change = scene.planned();
    assert_eq!(change.unknown["destination_arn"], true);
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();

    // Unknown again, when there are groups already: each may change, none disappears.
    let other = scene.account.function_arn("other");
    configuration(&other);
    scene.plan();
    let change = scene.planned();
    assert_eq!(change.actions, ["update"]);
    assert_eq!(change.unknown["log_groups"], json!({"/app/a": {"subscription": true}}));
    assert_eq!(
        change.after["log_groups"],
        json!({"/app/a": {"retention_in_days": 30, "deletion_protection": null}})
    );
    scene.apply_plan();
    scene.ships("/app/a", &other);
    scene.plan_is_empty();
}

#[test]
fn a_first_plan_shows_every_group_that_is_selected_by_name() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    scene.policy(&format!(
        "name = \"{NAME}\"\ndestination_arn = \"{}\"\nretention_in_days = 30\n\
         select {{\n  names = [\"/app/a\", \"/app/c\"]\n}}",
        scene.shipper()
    ));
    let plan = scene.plan();
    says(&plan, "+ \"/app/a\" = {");
    says(&plan, "+ \"/app/c\" = {");
    let unread = json!({"subscription": true, "retention_in_days": true});
    assert_eq!(scene.planned().unknown["log_groups"], json!({"/app/a": unread, "/app/c": unread}));
    scene.apply_plan();
    scene.ships_nowhere("/app/b");
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/c": entry("active", 30)})
    );
    scene.plan_is_empty();
}

#[test]
fn a_selection_that_is_known_only_at_apply_is_no_obstacle() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let configuration = |group: &str| {
        scene.configuration(&format!(
            "resource \"terraform_data\" \"group\" {{\n  input = \"{group}\"\n}}\n\
             resource \"logagg_policy\" \"it\" {{\n  name = \"{NAME}\"\n  destination_arn = \"{}\"\n  \
             select {{\n    names = [terraform_data.group.output]\n  }}\n}}\n",
            scene.shipper()
        ));
    };
    configuration("/app/a");
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/app/b");
    scene.plan_is_empty();
    configuration("/app/b");
    scene.plan();
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn an_account_without_log_groups_is_governed_too() {
    let scene = Scene::with_groups(&[]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({}));
    scene.plan_is_empty();
    scene.logs.create_group("/app/first").unwrap();
    scene.apply();
    scene.ships("/app/first", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_provider_that_is_not_yet_configured_calls_nothing() {
    let scene = Scene::with_groups(&["/app/a"]);
    let provider = PROVIDER.replace(
        "provider \"logagg\" {",
        "provider \"logagg\" {\n  region = terraform_data.region.output",
    );
    let policy = scene.usual_policy();
    let configuration = format!(
        "{provider}\nresource \"terraform_data\" \"region\" {{\n  input = \"eu-central-1\"\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n"
    );
    scene.terraform.write("main.tf", &configuration).unwrap();
    scene.plan();
    assert!(scene.proxy.calls().is_empty(), "{:?}", scene.proxy.calls());
    assert_eq!(scene.planned().unknown["region"], true);
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    assert_eq!(scene.state()["id"], format!("{NAME}@eu-central-1"));
    scene.plan_is_empty();
}

#[test]
fn the_quickstart_is_formatted_and_applies_and_plans_empty() {
    let mut scene = Scene::with_groups(&["/aws/lambda/a", "/aws/lambda/shipper"]);
    let example = logagg_e2e::workspace::root().join("examples/quickstart/main.tf");
    let text = std::fs::read_to_string(example).unwrap();
    scene.terraform.write("main.tf", &text).unwrap();
    scene.run(0, |terraform| terraform.run(&["fmt", "-check", "-diff"]));
    let shipper = function(&scene, "shipper");
    scene.terraform.set_environment(vec![("TF_VAR_shipper_arn", shipper)]);
    scene.apply();
    scene.plan_is_empty();
    scene.destroy();
}

#[test]
fn each_of_several_first_plans_is_announced() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    let policy = scene.usual_policy().replace("\"ship\"", "each.key");
    let policy = policy.replace("\"/app/\"", "\"/${each.key}/\"");
    scene.policy(&format!("for_each = toset([\"app\", \"lib\"])\n{policy}"));
    let plan = scene.plan();
    says(&plan, "Warning: Planned changes of the policy \"app\" (app@eu-central-1)");
    says(&plan, "Warning: Planned changes of the policy \"lib\" (lib@eu-central-1)");
    assert!(!plan.text().contains("similar warning"), "{plan}");
}

#[test]
fn an_apply_lists_no_log_group_twice() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    scene.plan();
    scene.proxy.forget_calls();
    scene.apply_plan();
    assert_eq!(scene.proxy.calls_of("DescribeLogGroups").len(), 1);
}
