//! The stacks that teams copy. `hashicorp/aws` is not at hand where there is no registry, so what
//! belongs to it is read; what belongs to this provider is validated and, where it stands alone,
//! applied.

use std::fmt::Write;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::terraform::{Installation, Terraform};
use logagg_e2e::workspace;
use logagg_shipper::config::Draft;

use crate::pages::file;
use crate::scene::{Scene, says};
use crate::stack::{Stack, terraform_files};
use crate::sts::Sts;

/// Those with resources of the AWS provider's.
const STACKS: [&str; 2] = ["complete", "kinesis"];

#[test]
fn every_name_that_is_referred_to_is_declared() {
    for example in STACKS {
        let stack = Stack::of(example);
        let referred = stack.referred();
        let declared = stack.declared();
        assert!(referred.len() > 10, "{example}: {referred:?}");
        let unknown: Vec<_> = referred.difference(&declared).collect();
        assert!(unknown.is_empty(), "{example} refers to {unknown:?}, which nobody declares");
    }
}

#[test]
fn every_variable_is_used_and_described() {
    for example in STACKS {
        let stack = Stack::of(example);
        let referred = stack.referred();
        let unused: Vec<_> = stack
            .declared()
            .into_iter()
            .filter(|name| name.starts_with("var.") || name.starts_with("local."))
            .filter(|name| !referred.contains(name))
            .collect();
        assert!(unused.is_empty(), "{example} does not use {unused:?}");
    }
}

#[test]
fn what_belongs_to_this_provider_is_valid() {
    for example in STACKS {
        let terraform =
            Terraform::new(Installation::Override(Binaries::shared().provider_dir())).unwrap();
        terraform.write("main.tf", &Stack::of(example).without_aws()).unwrap();
        let run = terraform.run(&["validate", "-no-color"]).unwrap();
        assert_eq!(run.code(), 0, "{example}: {run}");
    }
}

#[test]
fn the_tests_see_a_wrong_argument_in_a_stack() {
    let terraform =
        Terraform::new(Installation::Override(Binaries::shared().provider_dir())).unwrap();
    let stack = Stack::of("complete").without_aws();
    terraform.write("main.tf", &stack.replace("max_changes", "max_chnages")).unwrap();
    let run = terraform.run(&["validate", "-no-color"]).unwrap();
    assert_eq!(run.code(), 1, "{run}");
    says(&run, "An argument named \"max_chnages\" is not expected here.");
}

/// What stands between the parentheses that open the text.
fn in_parentheses(text: &str) -> &str {
    let mut depth = 0;
    let end = text.char_indices().find(|(_, character)| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &text[1..end.unwrap().0]
}

#[test]
fn the_shipper_accepts_the_configuration_that_the_complete_stack_gives_it() {
    let shipper = file("examples/complete/shipper.tf");
    let (_, parameter) = shipper.split_once("resource \"aws_ssm_parameter\" \"shipper\"").unwrap();
    let (_, value) = parameter.split_once("jsonencode").unwrap();
    let value = in_parentheses(value)
        .replace("aws_s3_bucket.undelivered.bucket", "\"undelivered\"")
        .replace("var.account_id", "\"111122223333\"")
        .replace("aws_sqs_queue.undelivered.url", "\"https://sqs.eu-central-1.amazonaws.com/1/q\"")
        .replace("local.metrics_namespace", "\"logagg\"");
    let terraform =
        Terraform::new(Installation::Override(Binaries::shared().provider_dir())).unwrap();
    let variables = "variable \"destinations\" {\n  type = any\n}\n";
    terraform
        .write(
            "main.tf",
            &format!("{variables}output \"it\" {{\n  value = jsonencode({value})\n}}\n"),
        )
        .unwrap();
    let given = file("examples/complete/example.tfvars");
    let (_, destinations) = given.split_once("destinations = ").unwrap();
    let (destinations, _) = destinations.split_once("\n}\n").unwrap();
    terraform.write("terraform.tfvars", &format!("destinations = {destinations}\n}}\n")).unwrap();
    let run = terraform.apply().unwrap();
    assert_eq!(run.code(), 0, "{run}");
    let state = terraform.state().unwrap();
    let document = state["values"]["outputs"]["it"]["value"].as_str().unwrap();
    let draft = Draft::check(document, Some(256)).unwrap_or_else(|error| panic!("{error}"));
    let wanted: Vec<_> = draft.wanted().into_iter().map(|arn| arn.to_string()).collect();
    let named = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:search-AbCdEf";
    assert_eq!(wanted, [named]);
    assert!(given.contains(&format!("secret_arns = [\"{named}\"]")), "the role may read it");
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

#[test]
fn many_accounts_apply_and_plan_empty() {
    let mut scene = Scene::with_groups(&[]);
    let sts = Sts::start();
    scene.terraform.set_environment(vec![("AWS_ENDPOINT_URL_STS", sts.endpoint())]);
    let example = workspace::root().join("examples/many-accounts/main.tf");
    scene.terraform.write("main.tf", &std::fs::read_to_string(example).unwrap()).unwrap();
    let accounts = [Account::new(Ministack::shared()), Account::new(Ministack::shared())];
    let places = [(&accounts[0], REGION), (&accounts[0], "us-east-1"), (&accounts[1], REGION)];
    let mut variables = String::from("places = {\n");
    for (number, (account, region)) in places.iter().enumerate() {
        account.logs_in(region).create_group("/aws/lambda/orders").unwrap();
        let arn = account.function_arn("shipper").replace(REGION, region);
        let _ = writeln!(
            variables,
            "  place-{number} = {{\n    region      = \"{region}\"\n    \
             role_arn    = \"arn:aws:iam::{}:role/logagg\"\n    shipper_arn = \"{arn}\"\n  }}",
            account.id()
        );
    }
    scene.terraform.write("terraform.tfvars", &format!("{variables}}}\n")).unwrap();
    let apply = scene.run(0, Terraform::apply);
    says(&apply, "Apply complete! Resources: 3 added, 0 changed, 0 destroyed.");
    for (account, region) in places {
        let [filter] = &account.logs_in(region).filters("/aws/lambda/orders").unwrap()[..] else {
            panic!("one filter in {region}");
        };
        assert!(filter.destination_arn.contains(&format!(":{region}:{}:", account.id())));
    }
    scene.run(0, |terraform| terraform.plan(&[]));
}
