//! The configurations that teams copy: read here, and applied where this provider's part stands alone.

use std::fmt::Write;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::ministack::Ministack;
use logagg_e2e::terraform::Terraform;
use logagg_e2e::workspace;

use crate::modules::{MODULES, examples};
use crate::scene::{Scene, says};
use crate::stack::{Stack, terraform_files};
use crate::sts::Sts;

#[test]
fn every_variable_is_used() {
    for folder in MODULES.map(str::to_owned).into_iter().chain(examples()) {
        let stack = Stack::of(&folder);
        let referred = stack.referred();
        let unused: Vec<_> = stack
            .declared()
            .into_iter()
            .filter(|name| name.starts_with("var.") || name.starts_with("local."))
            .filter(|name| !referred.contains(name))
            .collect();
        assert!(unused.is_empty(), "{folder} does not use {unused:?}");
    }
}

#[test]
fn every_folder_of_examples_has_a_reader() {
    let examples = workspace::root().join("examples");
    for entry in std::fs::read_dir(examples).unwrap() {
        let folder = entry.unwrap().path();
        if !terraform_files(&folder).is_empty() && !folder.ends_with("provider") {
            assert!(folder.join("README.md").is_file(), "{} has no README.md", folder.display());
        }
    }
}

/// The beginning of a configuration in place of that with the modules.
const MANY_ACCOUNTS: &str = r#"
terraform {
  required_providers {
    logagg = {
      source = "logagg/logagg"
    }
  }
}

variable "retention_in_days" {
  default = 30
}

locals {
  targets = {
"#;

#[test]
fn many_accounts_apply_and_plan_empty() {
    let mut scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    scene.terraform.set_environment(vec![("AWS_ENDPOINT_URL_STS", sts.endpoint())]);
    let example = workspace::root().join("examples/many-accounts/policies.tf");
    scene.terraform.write("policies.tf", &std::fs::read_to_string(example).unwrap()).unwrap();
    let accounts = [Account::new(Ministack::shared()), Account::new(Ministack::shared())];
    let targets_of = [(&accounts[0], REGION), (&accounts[0], "us-east-1"), (&accounts[1], REGION)];
    // What the example's modules give.
    let mut targets = String::from(MANY_ACCOUNTS);
    for (number, (account, region)) in targets_of.iter().enumerate() {
        account.logs_in(region).create_group("/aws/lambda/orders").unwrap();
        let arn = account.function_arn("shipper").replace(REGION, region);
        let _ = writeln!(
            targets,
            "    target-{number} = {{\n      region      = \"{region}\"\n      \
             role_arn    = \"arn:aws:iam::{}:role/logagg\"\n      shipper_arn = \"{arn}\"\n    }}",
            account.id()
        );
    }
    scene.terraform.write("main.tf", &format!("{targets}  }}\n}}\n")).unwrap();
    let apply = scene.run(0, Terraform::apply);
    says(&apply, "Apply complete! Resources: 3 added, 0 changed, 0 destroyed.");
    for (account, region) in targets_of {
        let [filter] = &account.logs_in(region).filters("/aws/lambda/orders").unwrap()[..] else {
            panic!("one filter in {region}");
        };
        assert!(filter.destination_arn.contains(&format!(":{region}:{}:", account.id())));
    }
    scene.run(0, |terraform| terraform.plan(&[]));
}
