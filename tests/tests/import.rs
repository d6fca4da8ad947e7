//! A policy whose state is lost comes back by its name.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Role, Simulator};
use logagg_e2e::terraform::Run;
use serde_json::{Value, json};

use crate::scene::{NAME, PROVIDER, Scene, entry, says};

/// Filters as an earlier apply left them, and nothing in the state: on a group of the selection,
/// and an orphan outside of it.
fn lost() -> Scene {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/old/orphan", "/other"]);
    for group in ["/app/a", "/old/orphan"] {
        scene.logs.put_filter(group, NAME, &scene.shipper()).unwrap();
    }
    scene.logs.set_retention("/app/a", 30).unwrap();
    scene.logs.put_filter("/other", "foreign", &scene.shipper()).unwrap();
    scene.policy(&scene.usual_policy());
    scene
}

/// The first apply after an import changes only what differs.
fn comes_back(scene: &Scene) {
    let put = |operation: &str, group: &str| (operation.to_owned(), group.to_owned());
    assert_eq!(
        scene.writes(),
        [
            put("DeleteSubscriptionFilter", "/old/orphan"),
            put("PutRetentionPolicy", "/app/b"),
            put("PutSubscriptionFilter", "/app/b"),
        ]
    );
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/app/b", &scene.shipper());
    scene.ships_nowhere("/old/orphan");
    assert_eq!(scene.logs.filters("/other").unwrap().len(), 1);
    assert_eq!(
        scene.state()["log_groups"],
        json!({"/app/a": entry("active", 30), "/app/b": entry("active", 30)})
    );
    scene.plan_is_empty();
}

#[test]
pub(crate) fn the_import_command_finds_the_filters_of_the_name() {
    let scene = lost();
    let import = import(&scene, 0, "logagg_policy.it", NAME);
    says(&import, "Import successful!");
    let state = scene.state();
    assert_eq!(state["name"], NAME);
    assert_eq!(state["destination_arn"], scene.shipper());
    assert!(scene.writes().is_empty(), "an import writes nothing");
    scene.apply();
    comes_back(&scene);
}

#[test]
pub(crate) fn the_import_block_plans_the_difference() {
    let scene = lost();
    let policy = scene.usual_policy();
    scene.configuration(&format!(
        "import {{\n  to = logagg_policy.it\n  id = \"{NAME}@eu-central-1\"\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n"
    ));
    let plan = scene.plan();
    says(&plan, "logagg_policy.it will be updated in-place");
    says(&plan, "1 to import, 0 to add, 1 to change, 0 to destroy.");
    scene.apply_plan();
    comes_back(&scene);
}

#[test]
fn a_name_that_no_filter_has_is_an_error() {
    let scene = lost();
    let import = import(&scene, 1, "logagg_policy.it", "nobody");
    says(&import, "Error: Policy not found");
    says(&import, "No log group in eu-central-1 has a subscription filter named \"nobody\".");
    assert_eq!(scene.state(), json!(null));
}

#[test]
fn a_policy_of_another_region_comes_back_by_name_and_region() {
    let scene = Scene::with_groups(&[]);
    let west = scene.account.logs_in("eu-west-1");
    let shipper = scene.shipper().replace("eu-central-1", "eu-west-1");
    west.create_group("/app/west").unwrap();
    west.put_filter("/app/west", NAME, &shipper).unwrap();
    west.set_retention("/app/west", 30).unwrap();
    scene.policy(&format!("region = \"eu-west-1\"\n{}", scene.policy_to(&shipper)));
    import(&scene, 0, "logagg_policy.it", &format!("{NAME}@eu-west-1"));
    assert_eq!(scene.state()["region"], "eu-west-1");
    scene.apply();
    assert!(scene.writes().is_empty(), "{:?}", scene.writes());
    scene.plan_is_empty();
}

/// Imports the policy by this id, and expects an exit code.
#[track_caller]
fn import(scene: &Scene, code: i32, address: &str, id: &str) -> Run {
    scene.run(code, |terraform| terraform.run(&["import", "-no-color", address, id]))
}

#[test]
fn an_import_id_that_is_none_says_what_one_is() {
    let scene = lost();
    let check = |id: &str, why: &str| {
        let import = import(&scene, 1, "logagg_policy.it", id);
        says(&import, "Error: Invalid import ID");
        says(&import, &format!("{id:?} is not the import ID of a policy. {why}"));
        says(&import, "NAME, NAME@REGION or NAME@REGION@ROLE_ARN");
    };
    check(
        "@eu-west-1",
        "A subscription filter's name has 1 to 512 characters, and this one has 0.",
    );
    check(
        "ship@eu-west-1@arn:aws:iam::1:user/me",
        "arn:aws:iam::1:user/me is not the ARN of an IAM role",
    );
    check(
        "ship@eu-west-1@arn:aws:iam::1:role/logs?external_id=",
        "An external ID has 2 to 1224 characters",
    );
}

#[test]
fn a_name_with_an_at_sign_is_imported_without_a_region() {
    let scene = Scene::with_groups(&["/app/a"]);
    let name = "ship@team-a-prod";
    scene.policy(&scene.usual_policy().replace("\"ship\"", &format!("{name:?}")));
    scene.apply();
    scene.run(0, |terraform| terraform.run(&["state", "rm", "logagg_policy.it"]));
    let wrong = import(&scene, 1, "logagg_policy.it", "ship@team-b");
    says(&wrong, "has a subscription filter named \"ship@team-b\"");
    says(
        &wrong,
        "The part after the last @, \"team-b\", is not a region such as eu-west-1, so it was read \
         as part of the name.",
    );
    import(&scene, 0, "logagg_policy.it", name);
    assert_eq!(scene.state()["name"], name);
    scene.proxy.forget_calls();
    scene.apply();
    assert_eq!(scene.writes(), []);
    scene.plan_is_empty();
}

#[test]
fn an_import_where_nothing_differs_has_nothing_pending() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.run(0, |terraform| terraform.run(&["state", "rm", "logagg_policy.it"]));
    import(&scene, 0, "logagg_policy.it", NAME);
    assert_eq!(scene.state()["pending"], 0);
    scene.plan();
    let planned = scene.planned();
    assert_eq!((&planned.before["pending"], &planned.after["pending"]), (&json!(0), &json!(0)));
    assert_eq!(planned.log_groups(), json!({}));
    scene.apply_plan();
    assert_eq!(scene.writes(), []);
    scene.plan_is_empty();
}

/// The accounts of the policy that is one block.
const TARGETS: [&str; 2] = ["444455556666", "777788889999"];

/// A policy in each account, which is entered by a role.
fn in_accounts(assume_role: &str, before: &str) -> String {
    format!(
        "{PROVIDER}\n{before}\nresource \"logagg_policy\" \"it\" {{\n  for_each = toset({TARGETS:?})\n  \
         name = \"{NAME}\"\n  \
         destination_arn = \"arn:aws:lambda:{REGION}:${{each.key}}:function:shipper\"\n  \
         retention_in_days = 30\n  \
         assume_role {{\n    role_arn = \"arn:aws:iam::${{each.key}}:role/logs@all\"\n{assume_role}  }}\n  \
         select {{\n    name_prefixes = [\"/app/\"]\n  }}\n}}\n"
    )
}

/// Two accounts with a policy each, whose state is lost.
fn lost_in_accounts(role: impl Fn() -> Role, assume_role: &str) -> Scene {
    let scene = Scene::simulated(Simulator::builder(), &["/app/own"]);
    let simulator = scene.simulator.as_ref().unwrap();
    for account in TARGETS {
        simulator.account(account).add_role(role().trusting(scene.account.id()));
        let region = simulator.region(account, REGION);
        region.add_groups_named(["/app/a", "/app/b"]);
        region.add_shipper("shipper");
    }
    scene.terraform.write("main.tf", &in_accounts(assume_role, "")).unwrap();
    scene.apply();
    scene.run(0, |terraform| terraform.run(&["state", "rm", "logagg_policy.it"]));
    scene.proxy.forget_calls();
    scene
}

/// The policies in the state, by account.
fn policies(scene: &Scene) -> Vec<Value> {
    let state = scene.terraform.state().unwrap();
    let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap();
    resources.into_iter().map(|mut resource| resource["values"].take()).collect()
}

#[test]
pub(crate) fn one_block_for_many_accounts_is_imported_through_its_roles() {
    let scene = lost_in_accounts(|| Role::named("logs@all"), "");
    let block = format!(
        "import {{\n  for_each = toset({TARGETS:?})\n  to = logagg_policy.it[each.key]\n  \
         id = \"{NAME}@{REGION}@arn:aws:iam::${{each.key}}:role/logs@all\"\n}}\n"
    );
    scene.terraform.write("main.tf", &in_accounts("", &block)).unwrap();
    let plan = scene.plan();
    says(&plan, "2 to import, 0 to add, 2 to change, 0 to destroy.");
    scene.apply_plan();
    assert_eq!(scene.writes(), [], "everything is there already");
    for (policy, account) in policies(&scene).iter().zip(TARGETS) {
        assert_eq!(policy["account_id"], account);
        let role = format!("arn:aws:iam::{account}:role/logs@all");
        assert_eq!(policy["assume_role"][0]["role_arn"], role);
        let both = json!({"/app/a": entry("active", 30), "/app/b": entry("active", 30)});
        assert_eq!(policy["log_groups"], both);
    }
    scene.plan_is_empty();
}

#[test]
fn a_role_that_asks_for_an_external_id_is_given_it_in_the_import_id() {
    let role = || Role::named("logs@all").external_id("ours/1");
    let scene = lost_in_accounts(role, "    external_id = \"ours/1\"\n");
    for account in TARGETS {
        let address = format!("logagg_policy.it[\"{account}\"]");
        let id = format!("{NAME}@{REGION}@arn:aws:iam::{account}:role/logs@all");
        let refused = import(&scene, 1, &address, &id);
        says(&refused, "could not be assumed");
        says(&refused, "NAME@REGION@ROLE_ARN?external_id=EXTERNAL_ID");
        import(&scene, 0, &address, &format!("{id}?external_id=ours/1"));
    }
    scene.apply();
    assert_eq!(scene.writes(), []);
    scene.plan_is_empty();
}

#[test]
fn an_import_through_a_role_that_is_kept_out_is_refused() {
    let scene = lost_in_accounts(|| Role::named("logs@all"), "");
    let [account, _] = TARGETS;
    let forbidding = format!("provider \"logagg\" {{\n  forbidden_account_ids = [\"{account}\"]\n");
    let text = in_accounts("", "").replace("provider \"logagg\" {\n", &forbidding);
    scene.terraform.write("main.tf", &text).unwrap();
    let id = format!("{NAME}@{REGION}@arn:aws:iam::{account}:role/logs@all");
    let refused = import(&scene, 1, &format!("logagg_policy.it[\"{account}\"]"), &id);
    says(&refused, "Error: Account not allowed");
    assert_eq!(scene.proxy.calls_of("AssumeRole").len(), 0);
}
