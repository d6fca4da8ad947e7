//! One policy block for many accounts and regions.

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::ministack::Ministack;
use logagg_e2e::simulator::{Role, Simulator};
use serde_json::json;

use crate::scene::{NAME, Scene, says};
use crate::sts::Sts;

const REGIONS: [&str; 2] = [REGION, "us-east-1"];

fn accounts(count: usize) -> Vec<Account> {
    (0..count).map(|_| Account::new(Ministack::shared())).collect()
}

fn shipper(account: &Account, region: &str) -> String {
    account.function_arn("shipper").replace(REGION, region)
}

/// A policy in each of these accounts, in each of the regions.
fn everywhere(scene: &Scene, sts: &Sts, accounts: &[Account]) {
    let ids: Vec<_> = accounts.iter().map(Account::id).collect();
    let configuration = format!(
        "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
         provider \"logagg\" {{\n  max_retries = 0\n  endpoints {{\n    sts = \"{}\"\n  }}\n}}\n\
         locals {{\n  places = {{\n    for place in setproduct({ids:?}, {REGIONS:?}) :\n    \
         \"${{place[0]}} ${{place[1]}}\" => {{ account = place[0], region = place[1] }}\n  }}\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n  for_each = local.places\n  name = \"{NAME}\"\n  \
         region = each.value.region\n  \
         destination_arn = \"arn:aws:lambda:${{each.value.region}}:${{each.value.account}}:function:shipper\"\n  \
         retention_in_days = 30\n  \
         assume_role {{\n    role_arn = \"arn:aws:iam::${{each.value.account}}:role/logs\"\n  }}\n  \
         select {{\n    name_prefixes = [\"/app/\"]\n  }}\n}}\n",
        sts.endpoint()
    );
    scene.terraform.write("main.tf", &configuration).unwrap();
}

fn filters(account: &Account, region: &str) -> Vec<String> {
    let filters = account.logs_in(region).filters("/app/a").unwrap();
    filters.into_iter().map(|filter| filter.destination_arn).collect()
}

#[test]
fn one_block_governs_forty_accounts_in_two_regions() {
    let scene = Scene::with_groups(&["/app/untouched"]);
    let sts = Sts::start();
    let accounts = accounts(40);
    for account in &accounts {
        for region in REGIONS {
            account.logs_in(region).create_group("/app/a").unwrap();
        }
    }
    everywhere(&scene, &sts, &accounts);
    scene.run(2, |terraform| terraform.plan(&["-parallelism=40"]));
    let apply =
        scene.run(0, |terraform| terraform.run(&["apply", "-no-color", "-parallelism=40", "plan"]));
    says(&apply, "Apply complete! Resources: 80 added, 0 changed, 0 destroyed.");
    for account in &accounts {
        for region in REGIONS {
            assert_eq!(filters(account, region), [shipper(account, region)]);
            assert_eq!(account.logs_in(region).retention("/app/a").unwrap(), Some(30));
        }
    }
    scene.ships_nowhere("/app/untouched");
    scene.run(0, |terraform| terraform.plan(&["-parallelism=40"]));

    // Drift in one place is one place's.
    accounts[17].logs_in(REGIONS[1]).delete_filter("/app/a", NAME).unwrap();
    let plan = scene.run(2, |terraform| terraform.plan(&["-parallelism=40"]));
    says(&plan, "Plan: 0 to add, 1 to change, 0 to destroy.");
    scene.apply_plan();
    assert_eq!(filters(&accounts[17], REGIONS[1]), [shipper(&accounts[17], REGIONS[1])]);
}

/// One policy for an account's log groups, entered by a role of this name if there is one.
fn policy_for(scene: &Scene, sts: &Sts, account: &Account, role: Option<&str>) {
    let role = role.map(|role| {
        let id = account.id();
        format!("  assume_role {{\n    role_arn = \"arn:aws:iam::{id}:role/{role}\"\n  }}\n")
    });
    let text = format!(
        "terraform {{\n  required_providers {{\n    logagg = {{ source = \"logagg/logagg\" }}\n  }}\n}}\n\
         provider \"logagg\" {{\n  endpoints {{\n    sts = \"{}\"\n  }}\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{}\n{}}}\n",
        sts.endpoint(),
        scene.policy_to(&shipper(account, REGION)),
        role.unwrap_or_default()
    );
    scene.terraform.write("main.tf", &text).unwrap();
}

#[test]
fn a_role_of_another_account_is_another_policy() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    let accounts = accounts(2);
    for account in &accounts {
        account.logs().create_group("/app/a").unwrap();
    }
    let policy = |account: &Account, role: &str| policy_for(&scene, &sts, account, Some(role));
    policy(&accounts[0], "logs");
    scene.apply();
    assert_eq!(scene.state()["account_id"], accounts[0].id());
    // Another role into the same account changes nothing in it.
    policy(&accounts[0], "other");
    scene.plan();
    assert_eq!(scene.planned().actions, ["update"]);
    scene.apply_plan();
    policy(&accounts[1], "logs");
    scene.plan();
    assert_eq!(scene.planned().actions, ["delete", "create"]);
    scene.apply_plan();
    assert_eq!(filters(&accounts[0], REGION), Vec::<String>::new());
    assert_eq!(filters(&accounts[1], REGION), [shipper(&accounts[1], REGION)]);
    assert_eq!(scene.state()["account_id"], json!(accounts[1].id()));
}

#[test]
fn a_policy_without_its_role_moves_to_the_providers_account_and_back_with_it() {
    let scene = Scene::with_groups(&["/app/a"]);
    let sts = Sts::start();
    let other = accounts(1).remove(0);
    other.logs().create_group("/app/a").unwrap();
    policy_for(&scene, &sts, &other, Some("logs"));
    scene.apply();

    policy_for(&scene, &sts, &scene.account, None);
    scene.plan();
    assert_eq!(scene.planned().actions, ["delete", "create"]);
    scene.apply_plan();
    assert_eq!(filters(&other, REGION), Vec::<String>::new());
    scene.ships("/app/a", &scene.shipper());
    assert_eq!(scene.state()["account_id"], scene.account.id());
    scene.run(0, |terraform| terraform.plan(&[]));

    policy_for(&scene, &sts, &other, Some("logs"));
    scene.plan();
    assert_eq!(scene.planned().actions, ["delete", "create"]);
    scene.apply_plan();
    scene.ships_nowhere("/app/a");
    assert_eq!(filters(&other, REGION), [shipper(&other, REGION)]);
}

#[test]
fn a_role_of_the_providers_own_account_comes_and_goes_in_place() {
    let scene = Scene::with_groups(&["/app/a"]);
    let sts = Sts::start();
    policy_for(&scene, &sts, &scene.account, None);
    scene.apply();
    scene.proxy.forget_calls();
    for role in [Some("logs"), None] {
        policy_for(&scene, &sts, &scene.account, role);
        scene.plan();
        assert_eq!(scene.planned().actions, ["update"], "{role:?}");
        scene.apply_plan();
        scene.plan_is_empty();
    }
    assert_eq!(scene.writes(), []);
}

#[test]
fn credentials_of_another_account_are_refused_by_a_plan_without_a_refresh_too() {
    let mut scene = Scene::governed(&["/app/a"]);
    let other = accounts(1).remove(0);
    let environment = other.environment(&scene.proxy.endpoint());
    scene.terraform.set_environment(environment);
    let plan = scene.run(1, |terraform| terraform.plan(&["-refresh=false"]));
    says(&plan, "Error: State of another account");
    says(&plan, &format!("the current credentials belong to account {}", other.id()));
}

#[test]
fn a_policy_whose_role_can_no_longer_be_assumed_is_planned_without_a_refresh() {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    let simulator = scene.simulator.as_ref().unwrap();
    let account = "444455556666";
    let region = simulator.region(account, REGION);
    region.add_groups_named(["/app/a"]);
    region.add_shipper("shipper");
    let trusting = |external_id: &str| {
        let role = Role::named("logs").trusting(scene.account.id()).external_id(external_id);
        simulator.account(account).add_role(role);
        scene.policy(&format!(
            "{}\nassume_role {{\n  role_arn = \"arn:aws:iam::{account}:role/logs\"\n  \
             external_id = \"{external_id}\"\n}}",
            scene.policy_to(&format!("arn:aws:lambda:{REGION}:{account}:function:shipper"))
        ));
    };
    trusting("before");
    scene.apply();
    trusting("after");
    let plan = scene.plan_fails();
    says(&plan, "could not be assumed");
    says(
        &plan,
        "A refresh uses the role that is in the state. If the configuration has another role or \
         external_id, apply once with -refresh=false.",
    );
    scene.run(0, |terraform| {
        terraform.run(&["apply", "-no-color", "-auto-approve", "-refresh=false"])
    });
    scene.plan_is_empty();
}
