//! Many accounts and regions in one configuration: a role and a region for each data source.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::ministack::Ministack;
use logagg_e2e::simulator::{Place, Quotas, Role, Simulator};
use logagg_e2e::terraform::Terraform;
use serde_json::{Value, json};

use crate::scene::{Scene, says};
use crate::sts::{FORBIDDEN, Sts};

const ACCOUNTS: usize = 40;
const REGIONS: [&str; 2] = [REGION, "us-east-1"];

/// The provider with AWS's quotas, and everything else from the environment.
const REQUIRED: &str =
    "terraform {\n  required_providers {\n    logagg = { source = \"logagg/logagg\" }\n  }\n}\n";

fn configuration(sts: &Sts, provider: &str, rest: &str) -> String {
    format!(
        "{REQUIRED}provider \"logagg\" {{\n  max_retries = 0\n  endpoints {{\n    sts = \"{}\"\n  }}\n{provider}\n}}\n{rest}",
        sts.endpoint()
    )
}

/// One data source for each of `accounts`, in each of the regions.
fn everywhere(accounts: &[Account], role: &str) -> String {
    let mut ids = String::new();
    for account in accounts {
        write!(ids, "\"{}\", ", account.id()).unwrap();
    }
    format!(
        "locals {{\n  places = {{\n    for place in setproduct([{ids}], {REGIONS:?}) :\n    \
         \"${{place[0]}} ${{place[1]}}\" => {{ account = place[0], region = place[1] }}\n  }}\n}}\n\
         data \"logagg_log_groups\" \"{role}\" {{\n  for_each = local.places\n  region = each.value.region\n  \
         assume_role {{\n    role_arn = \"arn:aws:iam::${{each.value.account}}:role/{role}\"\n    \
         external_id = \"ours\"\n  }}\n  select {{\n    name_prefixes = [\"/in/\"]\n  }}\n}}\n\
         output \"{role}\" {{\n  value = {{ for place, found in data.logagg_log_groups.{role} : place => {{\n    \
         names = found.names, id = found.id, account = found.account_id\n  }} }}\n}}\n"
    )
}

fn accounts(count: usize) -> Vec<Account> {
    (0..count).map(|_| Account::new(Ministack::shared())).collect()
}

fn outputs(scene: &Scene) -> Value {
    scene.terraform.state().unwrap()["values"]["outputs"].clone()
}

#[test]
fn forty_accounts_in_two_regions_are_read_with_one_role_each() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    let accounts = accounts(ACCOUNTS);
    let mut expected = BTreeMap::new();
    for account in &accounts {
        for region in REGIONS {
            let name = format!("/in/{}/{region}", account.id());
            account.logs_in(region).create_group(&name).unwrap();
            let id = format!("{}@{region}", account.id());
            let found = json!({"names": [name], "id": id, "account": account.id()});
            expected.insert(format!("{} {region}", account.id()), found);
        }
    }
    let text = configuration(&sts, "", &everywhere(&accounts, "reader"));
    scene.terraform.write("main.tf", &text).unwrap();
    let plan = |terraform: &Terraform| terraform.plan(&["-parallelism=40"]);
    scene.run(2, plan);
    let mut assumed: Vec<_> = sts
        .asked("AssumeRole")
        .iter()
        .map(|asked| {
            assert_eq!(asked.by, scene.account.id());
            assert_eq!(asked.field("ExternalId"), "ours");
            asked.field("RoleArn").to_owned()
        })
        .collect();
    assumed.sort();
    let roles: Vec<_> = accounts
        .iter()
        .map(|account| format!("arn:aws:iam::{}:role/reader", account.id()))
        .collect();
    assert_eq!(assumed, roles, "each role once, for all regions");
    scene.apply_plan();
    assert_eq!(outputs(&scene)["reader"]["value"], json!(expected));
}

#[test]
fn the_role_of_a_data_source_is_assumed_with_the_provider_blocks() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    let accounts = accounts(2);
    let hub = format!(
        "  assume_role {{\n    role_arn = \"arn:aws:iam::{}:role/hub\"\n  }}",
        accounts[0].id()
    );
    let text = configuration(&sts, &hub, &everywhere(&accounts[1..], "spoke"));
    scene.terraform.write("main.tf", &text).unwrap();
    scene.run(2, |terraform| terraform.plan(&[]));
    let asked = sts.asked("AssumeRole");
    let chain: Vec<_> =
        asked.iter().map(|asked| (asked.by.as_str(), asked.field("RoleArn"))).collect();
    assert_eq!(
        chain,
        [
            (scene.account.id(), format!("arn:aws:iam::{}:role/hub", accounts[0].id()).as_str()),
            (accounts[0].id(), format!("arn:aws:iam::{}:role/spoke", accounts[1].id()).as_str()),
        ]
    );
}

#[test]
fn an_account_that_is_kept_out_is_not_entered_by_a_role_either() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    let accounts = accounts(1);
    let only = format!("  allowed_account_ids = [\"{}\"]", scene.account.id());
    let text = configuration(&sts, &only, &everywhere(&accounts, "reader"));
    scene.terraform.write("main.tf", &text).unwrap();
    let run = scene.plan_fails();
    says(&run, "Error: Account not allowed");
    says(
        &run,
        &format!(
            "The provider block does not allow the role's account: account {} is not among \
             allowed_account_ids.",
            accounts[0].id()
        ),
    );
    assert!(run.stderr.contains("role_arn"), "the attribute is shown: {run}");
    assert_eq!(sts.asked("AssumeRole").len(), 0);
    assert!(scene.proxy.calls().is_empty());
}

#[test]
fn one_role_that_cannot_be_assumed_fails_alone() {
    let scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    let account = accounts(1).remove(0);
    let one = |role: &str| {
        format!(
            "data \"logagg_log_groups\" \"{role}\" {{\n  assume_role {{\n    \
             role_arn = \"arn:aws:iam::{}:role/{role}\"\n  }}\n  select {{\n    names = [\"/in/a\"]\n  }}\n}}\n",
            account.id()
        )
    };
    let text = configuration(&sts, "", &format!("{}{}", one("reader"), one(FORBIDDEN)));
    scene.terraform.write("main.tf", &text).unwrap();
    let run = scene.plan_fails();
    says(&run, &format!("role/{FORBIDDEN} could not be assumed"));
    assert_eq!(run.text().matches("Error:").count(), 1, "{run}");
}

#[test]
fn a_stop_ends_the_wait_for_credentials() {
    let scene = Scene::with_groups(&[]);
    let gate = scene.proxy.on("AssumeRole").hold();
    let account = accounts(1).remove(0);
    // Here the AWS of the tests plays STS as well.
    scene.configuration(&everywhere(&[account], "reader"));
    let plan = scene.terraform.start(&["plan", "-no-color"]).unwrap();
    scene.proxy.wait_for("AssumeRole", 1).unwrap();
    plan.interrupt().unwrap();
    let run = plan.finish().unwrap();
    says(&run, "DescribeLogGroups failed: Terraform asked to stop");
    gate.open();
}

/// In the simulator's words for who may assume what.
#[test]
fn a_role_is_assumed_with_the_external_id_it_asks_for() {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    let simulator = scene.simulator.as_ref().unwrap();
    let account = simulator.account("444455556666");
    account.add_role(Role::named("reader").trusting(scene.account.id()).external_id("ours"));
    account.add_role(Role::named("other").trusting(scene.account.id()).external_id("theirs"));
    simulator.region("444455556666", REGION).add_groups_named(["/in/a"]);
    let there = [Account::at(&simulator.endpoint(), "444455556666")];
    scene.configuration(&everywhere(&there, "reader"));
    scene.run(0, Terraform::apply);
    let seen = &outputs(&scene)["reader"]["value"][format!("444455556666 {REGION}")];
    assert_eq!(seen["names"], json!(["/in/a"]));
    assert_eq!(seen["account"], "444455556666");
    scene.configuration(&everywhere(&there, "other"));
    let run = scene.plan_fails();
    says(&run, "arn:aws:iam::444455556666:role/other could not be assumed");
    says(
        &run,
        "is not authorized to perform: sts:AssumeRole on resource: \
         arn:aws:iam::444455556666:role/other",
    );
}

/// The simulator throttles as AWS does. A bucket for each role would send twice what the account
/// takes.
#[test]
fn two_roles_into_one_account_keep_to_its_quota_together() {
    let quotas = Quotas::aws().burst(Duration::from_millis(1500));
    let scene = Scene::simulated(Simulator::builder().quotas(quotas), &[]);
    let simulator = scene.simulator.as_ref().unwrap();
    let mut text = String::new();
    for role in ["one", "other"] {
        let role = Role::named(role).trusting(scene.account.id());
        simulator.account("444455556666").add_role(role);
    }
    for role in ["one", "other"] {
        write!(
            text,
            "data \"logagg_log_groups\" \"{role}\" {{\n  count = 12\n  assume_role {{\n    \
             role_arn = \"arn:aws:iam::444455556666:role/{role}\"\n  }}\n  select {{\n    \
             names = [\"/in/${{count.index}}\"]\n  }}\n}}\n"
        )
        .unwrap();
    }
    scene.terraform.write("main.tf", &format!("{REQUIRED}{text}")).unwrap();
    scene.run(0, |terraform| terraform.plan(&["-parallelism=40"]));
    let counts = simulator.counts();
    assert_eq!(counts.of("AssumeRole"), 2);
    assert_eq!(counts.of("DescribeLogGroups"), 24);
    assert_eq!(counts.refused("DescribeLogGroups", "ThrottlingException"), 0);
}

/// Each place has quotas of its own, which all places together would break at once.
#[test]
fn forty_accounts_in_two_regions_use_a_quota_each() {
    let scene = Scene::simulated(Simulator::builder().quotas(Quotas::aws()), &[]);
    let simulator = scene.simulator.as_ref().unwrap();
    let accounts: Vec<_> = (0..ACCOUNTS)
        .map(|n| Account::at(&simulator.endpoint(), &format!("{}", 500_000_000_000_u64 + n as u64)))
        .collect();
    for account in &accounts {
        let role = Role::named("reader").trusting(scene.account.id()).external_id("ours");
        simulator.account(account.id()).add_role(role);
        for region in REGIONS {
            simulator
                .region(account.id(), region)
                .add_groups_named((0..200).map(|n| format!("/in/{n:03}")));
        }
    }
    let text = everywhere(&accounts, "reader");
    scene.terraform.write("main.tf", &format!("{REQUIRED}{text}")).unwrap();
    scene.run(2, |terraform| terraform.plan(&["-parallelism=40"]));
    let counts = simulator.counts();
    assert_eq!(counts.of("AssumeRole"), ACCOUNTS as u64);
    assert_eq!(counts.of("DescribeLogGroups"), 4 * 2 * ACCOUNTS as u64);
    for account in &accounts {
        for region in REGIONS {
            let place = Place::new(account.id(), region);
            assert_eq!(counts.of_in("DescribeLogGroups", &place), 4, "{place:?}");
        }
    }
    assert_eq!(counts.refused("DescribeLogGroups", "ThrottlingException"), 0);
}
