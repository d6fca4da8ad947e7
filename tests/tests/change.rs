//! The configuration changes: what follows is an update in place, never a gap.

use logagg_e2e::fault_proxy::AwsError;
use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

#[test]
pub(crate) fn another_destination_updates_every_filter_in_place() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let other = scene.account.function_arn("other");
    scene.policy(&scene.policy_to(&other));
    let plan = scene.plan();
    says(&plan, "# logagg_policy.it will be updated in-place");
    assert_eq!(scene.planned().actions, ["update"]);
    scene.apply_plan();
    scene.ships("/app/a", &other);
    scene.ships("/app/b", &other);
    let put = |group: &str| ("PutSubscriptionFilter".to_owned(), group.to_owned());
    assert_eq!(scene.writes(), [put("/app/a"), put("/app/b")], "nothing is deleted: no gap");
    scene.plan_is_empty();
}

#[test]
fn another_pattern_updates_the_filter_in_place() {
    let scene = Scene::governed(&["/app/a"]);
    scene.policy(&format!("{}\nfilter_pattern = \"ERROR\"", scene.usual_policy()));
    scene.apply();
    assert_eq!(scene.logs.filters("/app/a").unwrap()[0].pattern, "ERROR");
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_rename_creates_the_new_filter_before_it_deletes_the_old() {
    let scene = Scene::governed(&["/app/a"]);
    scene.policy(&format!("{}\nfilter_name = \"renamed\"", scene.usual_policy()));
    scene.apply();
    let filters = scene.logs.filters("/app/a").unwrap();
    let names: Vec<_> = filters.iter().map(|filter| filter.name.as_str()).collect();
    assert_eq!(names, ["renamed"]);
    let writes: Vec<_> = scene.proxy.writes().into_iter().map(|call| call.operation).collect();
    assert_eq!(writes, ["PutSubscriptionFilter", "DeleteSubscriptionFilter"]);
    scene.plan_is_empty();
}

#[test]
fn groups_that_leave_the_selection_are_unsubscribed_and_keep_their_retention() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/new/c"]);
    scene.policy(&scene.usual_policy().replace("\"/app/\"", "\"/app/a\", \"/new/\""));
    let plan = scene.plan();
    says(&plan, "/app/b");
    says(&plan, "/new/c");
    scene.apply_plan();
    scene.ships("/app/a", &scene.shipper());
    scene.ships_nowhere("/app/b");
    assert_eq!(scene.logs.retention("/app/b").unwrap(), Some(30));
    scene.ships("/new/c", &scene.shipper());
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/new/c": entry("active", 30)})
    );
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_selection_within_what_was_listed_is_planned_group_by_group() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/app/c"]);
    let policy = scene.usual_policy();
    scene.policy(&format!("{policy}\nexclude {{\n  names = [\"/app/b\"]\n}}"));
    scene.plan();
    let change = scene.planned();
    assert_eq!(change.log_groups(), json!({"/app/b": [entry("active", 30), null]}));
    scene.apply_plan();
    scene.ships_nowhere("/app/b");
    scene.plan_is_empty();

    // And back again: the record of the log group remains, though it was not selected.
    scene.policy(&policy);
    scene.plan();
    assert_eq!(scene.planned().log_groups(), json!({"/app/b": [null, entry("active", 30)]}));
    scene.apply_plan();
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_class_is_part_of_the_selection() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.logs.create_group_of_class("/app/rare", "INFREQUENT_ACCESS").unwrap();
    let policy = scene.usual_policy();
    scene.policy(&format!(
        "{policy}\nexclude {{\n  log_group_classes = [\"INFREQUENT_ACCESS\"]\n}}"
    ));
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/app/a": entry("active", 30)}));
    assert_eq!(scene.logs.retention("/app/rare").unwrap(), None);
    scene.plan_is_empty();
}

#[test]
fn a_policy_that_no_longer_ships_takes_its_filters_away() {
    let scene = Scene::governed(&["/app/a"]);
    let policy = scene.usual_policy();
    let without: String = policy
        .lines()
        .filter(|line| !line.contains("destination_arn"))
        .fold(String::new(), |text, line| text + line + "\n");
    scene.policy(&without);
    scene.apply();
    scene.ships_nowhere("/app/a");
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    scene.plan_is_empty();
}

#[test]
fn another_region_is_another_policy() {
    let scene = Scene::governed(&["/app/a"]);
    scene.account.logs_in("eu-west-1").create_group("/app/west").unwrap();
    let west = scene.shipper().replace("eu-central-1", "eu-west-1");
    scene.policy(&format!("region = \"eu-west-1\"\n{}", scene.policy_to(&west)));
    let plan = scene.plan();
    says(&plan, "~ region = \"eu-central-1\" -> \"eu-west-1\" # forces replacement");
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
    let filters = scene.account.logs_in("eu-west-1").filters("/app/west").unwrap();
    assert_eq!(filters[0].destination_arn, west);
    assert_eq!(scene.state()["id"], format!("{NAME}@eu-west-1"));
    scene.plan_is_empty();
}

#[test]
pub(crate) fn destroy_takes_away_what_is_ours_and_leaves_the_retention() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.destroy();
    scene.ships_nowhere("/app/a");
    scene.ships_nowhere("/app/b");
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    assert_eq!(scene.state(), json!(null));
}

#[test]
fn a_new_name_and_a_new_destination_in_one_go_leave_one_filter() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    let other = scene.account.function_arn("other");
    scene.policy(&format!("{}\nfilter_name = \"renamed\"", scene.policy_to(&other)));
    scene.apply();
    for group in ["/app/a", "/app/b"] {
        let filters = scene.logs.filters(group).unwrap();
        let filters: Vec<_> =
            filters.iter().map(|filter| (&*filter.name, &*filter.destination_arn)).collect();
        assert_eq!(filters, [("renamed", other.as_str())], "{group}");
    }
    scene.plan_is_empty();
}

#[test]
fn a_rename_that_stops_half_way_is_finished_by_the_next_apply() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.policy(&format!("{}\nfilter_name = \"renamed\"", scene.usual_policy()));
    scene
        .proxy
        .on("DeleteSubscriptionFilter")
        .group("/app/b")
        .fail(AwsError::access_denied("DeleteSubscriptionFilter"));
    let apply = scene.apply_fails();
    says(&apply, "/app/b");
    assert_eq!(scene.logs.filters("/app/b").unwrap().len(), 2, "the new one is there, no gap");
    scene.proxy.heal();
    scene.proxy.forget_calls();
    scene.apply();
    assert_eq!(
        scene.writes(),
        [("DeleteSubscriptionFilter".to_owned(), "/app/b".to_owned())],
        "what is left to do, and nothing else"
    );
    scene.plan_is_empty();
}

#[test]
fn a_retention_that_is_no_longer_configured_is_kept() {
    let scene = Scene::governed(&["/app/a"]);
    scene.policy(&scene.usual_policy().replace("retention_in_days = 30\n", ""));
    scene.run(2, |terraform| terraform.plan(&[]));
    scene.apply_plan();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(30));
    assert!(scene.writes().is_empty(), "{:?}", scene.writes());
    scene.logs.set_retention("/app/a", 7).unwrap();
    scene.plan_is_empty();
}

#[test]
fn a_retention_of_zero_is_never_expire() {
    let scene = Scene::governed(&["/app/a"]);
    scene.policy(&scene.usual_policy().replace("= 30", "= 0"));
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/a": [entry("active", 30), entry("active", 0)]})
    );
    scene.apply_plan();
    assert_eq!(scene.logs.retention("/app/a").unwrap(), None);
    scene.plan_is_empty();
}

#[test]
fn two_policies_on_the_same_groups_leave_each_other_alone() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let other = scene.account.function_arn("other");
    let policy = scene.usual_policy();
    let second = scene.policy_to(&other).replace("\"ship\"", "\"second\"");
    let it = format!("resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
    let second = format!("resource \"logagg_policy\" \"second\" {{\n{second}\n}}\n");
    scene.configuration(&format!("{it}{second}"));
    scene.apply();
    scene.plan_is_empty();
    scene.configuration(&it);
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    assert_eq!(scene.logs.filters("/app/a").unwrap().len(), 1);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_replaced_policy_ends_with_the_same_filters() {
    let scene = Scene::governed(&["/app/a"]);
    scene.run(0, |terraform| {
        terraform.run(&["apply", "-no-color", "-auto-approve", "-replace=logagg_policy.it"])
    });
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_plan_to_destroy_says_so_and_writes_nothing() {
    let scene = Scene::governed(&["/app/a"]);
    let plan = scene.run(2, |terraform| terraform.plan(&["-destroy"]));
    says(&plan, "# logagg_policy.it will be destroyed");
    says(&plan, "Plan: 0 to add, 0 to change, 1 to destroy.");
    assert!(scene.writes().is_empty());
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
}

#[test]
pub(crate) fn a_change_of_the_filters_arguments_shows_every_log_group_whose_filter_is_written() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.policy(&format!("{}\nfilter_pattern = \"ERROR\"", scene.usual_policy()));
    says(&scene.plan(), "~ subscription = \"active\" -> (known after apply)");
    let unknown = scene.planned().unknown;
    for group in ["/app/a", "/app/b"] {
        assert_eq!(unknown["log_groups"][group], json!({"subscription": true}), "{unknown}");
    }
    scene.apply_plan();
    let active = json!({"/app/a": entry("active", 30), "/app/b": entry("active", 30)});
    assert_eq!(scene.state()["log_groups"], active);
    scene.plan_is_empty();
}
