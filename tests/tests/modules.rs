//! The modules, and the examples that call them: Terraform validates every argument against the AWS provider's
//! schema, and applies and destroys them with mocked providers.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::terraform::{Installation, Run, Terraform};
use logagg_e2e::workspace;
use logagg_shipper::config::Draft;
use logagg_shipper::enforcer::EnforcerConfig;
use serde_json::Value;

use crate::scene::{cli, says};
use crate::stack::{Stack, terraform_files};

pub(crate) const MODULES: [&str; 3] = ["modules/shipper", "modules/enforcer", "modules/stack"];

/// Folders of examples that are parts of a page.
const EXCERPTS: [&str; 3] = ["data-sources", "provider", "resources"];

/// What the examples name as archives; for Terraform any file will do.
const ARCHIVES: [&str; 2] = ["logagg-shipper_0.1.0_arm64.zip", "logagg-enforcer_0.1.0_arm64.zip"];

const ACCOUNT: &str = "111122223333";

/// What a policy gives the enforcer.
const POLICY: &str = r#"{"version":1,"name":"logagg","region":"eu-central-1","account_id":"111122223333","destination_arn":"arn:aws:lambda:eu-central-1:111122223333:function:logagg-shipper","filter_name":"logagg","filter_pattern":"","on_conflict":"error","retention_in_days":30,"retention_mode":"exact","select":[{"name_prefixes":["/aws/lambda/"]}]}"#;

/// Every example that can be applied.
pub(crate) fn examples() -> Vec<String> {
    let entries = std::fs::read_dir(workspace::root().join("examples")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !EXCERPTS.contains(&name.as_str())).collect();
    names.sort();
    assert!(names.len() > 8, "{names:?}");
    names.into_iter().map(|name| format!("examples/{name}")).collect()
}

/// A copy of modules and examples, and Terraform with both providers.
struct Copy(Terraform);

impl Copy {
    fn new() -> Self {
        let terraform = Terraform::by(&cli(), Installation::WithAws(Binaries::shared())).unwrap();
        for folder in ["modules", "examples"] {
            copy(&workspace::root().join(folder), &terraform.dir().join(folder));
        }
        Self(terraform)
    }

    fn run(&self, folder: &str, arguments: &[&str]) -> Run {
        let folder = format!("-chdir={folder}");
        let mut all = vec![folder.as_str()];
        all.extend(arguments);
        self.0.run(&all).unwrap()
    }

    fn init(&self, folder: &str) {
        let run = self.run(folder, &["init", "-no-color"]);
        assert_eq!(run.code(), 0, "{folder}: {run}");
    }

    fn validate(&self, folder: &str) -> Run {
        self.init(folder);
        self.run(folder, &["validate", "-no-color"])
    }

    /// Replaces a string that occurs once in a file.
    fn replace(&self, file: &str, from: &str, to: &str) {
        let path = self.0.dir().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// Validates a configuration that calls modules by where they are published.
pub(crate) fn validate(text: &str) -> Run {
    let mut body: Body = text.parse().unwrap();
    for module in body.get_blocks_mut("module") {
        // A folder has no versions.
        module.body.remove_attribute("version");
        let mut source = module.body.get_attribute_mut("source").expect("a module has a source");
        let published = source.value.as_str().unwrap().to_owned();
        let (_, name) = published.split_once("/modules/").expect("a module of this project");
        let here = format!("./modules/{}", name.split('?').next().unwrap());
        *source.value_mut() = here.into();
    }
    let copied = Copy::new();
    copied.0.write("main.tf", &body.to_string()).unwrap();
    copied.validate(".")
}

#[test]
pub(crate) fn every_module_and_example_is_valid() {
    let copied = Copy::new();
    for folder in MODULES.map(str::to_owned).into_iter().chain(examples()) {
        let run = copied.validate(&folder);
        assert_eq!(run.code(), 0, "{folder}: {run}");
        assert!(!run.stdout.contains("Warning"), "{folder}: {run}");
    }
}

#[test]
fn a_wrong_argument_of_either_provider_is_seen() {
    for (file, argument, wrong, expected) in [
        (
            "modules/shipper/undelivered.tf",
            "max_message_size ",
            "max_mesage_size ",
            "An argument named \"max_mesage_size\" is not expected here.",
        ),
        (
            "modules/shipper/main.tf",
            "log_format",
            "format",
            "The argument \"log_format\" is required, but no definition was found.",
        ),
        (
            "modules/stack/policy.tf",
            "max_changes ",
            "max_chnages ",
            "An argument named \"max_chnages\" is not expected here.",
        ),
    ] {
        let copied = Copy::new();
        copied.replace(file, argument, wrong);
        let run = copied.validate("examples/minimal");
        assert_eq!(run.code(), 1, "{run}");
        says(&run, expected);
    }
}

#[test]
pub(crate) fn the_modules_own_tests_pass() {
    let copied = Copy::new();
    for module in MODULES {
        copied.init(module);
        let run = copied.run(module, &["test", "-no-color"]);
        assert_eq!(run.code(), 0, "{module}: {run}");
        says(&run, " passed, 0 failed.");
    }
}

/// Both providers, mocked: an alias of the AWS provider's is another one.
fn mocks(example: &Stack) -> String {
    let of_aws = example
        .blocks()
        .filter(|block| block.has_ident("provider") && block.labels[0].as_str() == "aws");
    let mut text = format!(
        r#"
mock_provider "logagg" {{
  mock_resource "logagg_policy" {{
    defaults = {{
      account_id = "{ACCOUNT}"
      document   = {POLICY:?}
      log_groups = {{}}
      pending    = 0
      skipped    = {{}}
    }}
  }}
}}
run "it" {{}}
"#
    );
    for provider in of_aws {
        let alias = provider.body.get_attribute("alias");
        let alias = alias.map(|alias| format!("alias = {}", alias.value)).unwrap_or_default();
        let _ = write!(
            text,
            r#"
mock_provider "aws" {{
  {alias}
  mock_data "aws_caller_identity" {{
    defaults = {{ account_id = "{ACCOUNT}" }}
  }}
  mock_data "aws_region" {{
    defaults = {{ region = "eu-central-1" }}
  }}
  mock_data "aws_partition" {{
    defaults = {{ partition = "aws" }}
  }}
  mock_data "aws_iam_policy_document" {{
    defaults = {{ json = "{{}}" }}
  }}
  mock_resource "aws_lambda_function" {{
    defaults = {{ arn = "arn:aws:lambda:eu-central-1:{ACCOUNT}:function:logagg-shipper" }}
  }}
  mock_resource "aws_sqs_queue" {{
    defaults = {{ url = "https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/logagg" }}
  }}
  mock_resource "aws_kinesis_stream" {{
    defaults = {{ arn = "arn:aws:kinesis:eu-central-1:{ACCOUNT}:stream/logs" }}
  }}
  mock_resource "aws_iam_role" {{
    defaults = {{ arn = "arn:aws:iam::{ACCOUNT}:role/role" }}
  }}
}}
"#
        );
    }
    text
}

/// The state of an example once it is applied with mocked providers. Terraform destroys it afterwards.
fn applied(copied: &mut Copy, example: &str) -> Value {
    let folder = copied.0.dir().join(example);
    for archive in ARCHIVES {
        std::fs::write(folder.join(archive), "").unwrap();
    }
    std::fs::write(folder.join("mock.tftest.hcl"), mocks(&Stack::of(example))).unwrap();
    copied.init(example);
    let mut arguments = vec!["test", "-json", "-verbose"];
    if folder.join("example.tfvars").is_file() {
        arguments.push("-var-file=example.tfvars");
    } else {
        let function = format!("arn:aws:lambda:eu-central-1:{ACCOUNT}:function:shipper");
        copied.0.set_environment(vec![("TF_VAR_shipper_arn", function)]);
    }
    let run = copied.run(example, &arguments);
    assert_eq!(run.code(), 0, "{example}: {run}");
    let lines = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut states = lines.filter(|line| line["type"] == "test_state");
    states.next().expect("a state")["test_state"]["root_module"].clone()
}

/// Every resource and data source in a module and those that it calls.
fn resources(module: &Value) -> Vec<&Value> {
    let own = module["resources"].as_array().into_iter().flatten();
    let called = module["child_modules"].as_array().into_iter().flatten().flat_map(resources);
    own.chain(called).collect()
}

fn of_type<'a>(resources: &[&'a Value], kind: &str, name: &str) -> Vec<&'a Value> {
    let of_it = |it: &&&Value| it["type"] == kind && it["name"] == name;
    resources.iter().filter(of_it).map(|resource| &resource["values"]).collect()
}

/// The resources of the statements of a role that allow this action.
fn allowed(document: &Value, action: &str) -> BTreeSet<String> {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let statements = document["statement"].as_array().unwrap().iter();
    let of_it = statements.filter(|it| list(&it["actions"]).iter().any(|it| it == action));
    of_it.flat_map(|statement| list(&statement["resources"])).collect()
}

#[test]
fn every_example_applies_and_its_functions_accept_their_configuration_and_may_read_its_secrets() {
    let mut copied = Copy::new();
    let mut checked = 0;
    for example in examples() {
        let state = applied(&mut copied, &example);
        let resources = resources(&state);
        let documents = of_type(&resources, "aws_iam_policy_document", "shipper");
        for parameter in of_type(&resources, "aws_ssm_parameter", "shipper") {
            let document = with_region(parameter["value"].as_str().unwrap());
            let draft = Draft::check(&document, Some(256))
                .unwrap_or_else(|error| panic!("{example}: {error}\n{document}"));
            let wanted: BTreeSet<_> = draft.wanted().iter().map(ToString::to_string).collect();
            let role = documents.first().unwrap_or_else(|| panic!("{example}: {state:#}"));
            // With the key of a secret in JSON an ARN is longer.
            let may = allowed(role, "secretsmanager:GetSecretValue");
            let is_allowed = |arn: &String| may.iter().any(|it| arn.starts_with(it.as_str()));
            assert!(wanted.iter().all(is_allowed), "{example}: {wanted:?} of {may:?}");
            checked += 1;
        }
        for parameter in of_type(&resources, "aws_ssm_parameter", "enforcer") {
            let config = EnforcerConfig::parse(parameter["value"].as_str().unwrap());
            config.unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }
    assert!(checked > 8, "{checked}");
}

/// Of the copies that a centralization rule makes, those of log groups that a policy of their own account
/// and region forwards.
#[test]
fn log_groups_that_member_accounts_forward_too_are_reported() {
    let copied = Copy::new();
    let example = "examples/organization";
    let copies = ["444455556666/eu-west-1", "444455556666/us-east-1", "777788889999/eu-west-1"]
        .map(|place| format!("\"/central/{place}//aws/lambda/checkout\" = {{}}"));
    let copies = format!("log_groups = {{\n{}\n}}", copies.join("\n"));
    let document =
        POLICY.replace("111122223333", "444455556666").replace("eu-central-1", "eu-west-1");
    let kept = "{\"version\":1,\"name\":\"days\",\"region\":\"eu-west-1\",\"account_id\":\"777788889999\",\
                \"retention_in_days\":30,\"select\":[{\"name_prefixes\":[\"/aws/\"]}]}";
    let run = format!(
        r#"run "it" {{
  variables {{
    member_documents = [{document:?}, {kept:?}]
  }}
  assert {{
    condition     = join(", ", output.forwarded_twice) == "/central/444455556666/eu-west-1//aws/lambda/checkout"
    error_message = join(", ", output.forwarded_twice)
  }}
  expect_failures = [check.no_log_group_is_forwarded_twice]
}}"#
    );
    let folder = copied.0.dir().join(example);
    for archive in ARCHIVES {
        std::fs::write(folder.join(archive), "").unwrap();
    }
    let test = mocks(&Stack::of(example));
    let test = test.replace("log_groups = {}", &copies).replace("run \"it\" {}", &run);
    std::fs::write(folder.join("mock.tftest.hcl"), test).unwrap();
    copied.init(example);
    let tested = copied.run(example, &["test", "-no-color", "-var-file=example.tfvars"]);
    assert_eq!(tested.code(), 0, "{tested}");
}

/// The configuration without a region: the function's region comes from its environment.
fn with_region(document: &str) -> String {
    let mut document: Value = serde_json::from_str(document).unwrap();
    for (_, destination) in document["destinations"].as_object_mut().unwrap() {
        if destination["type"] == "s3" {
            destination["region"] = "eu-central-1".into();
        }
    }
    document.to_string()
}

/// Of some type, at the top of a module.
fn blocks_of<'a>(stack: &'a Stack, kind: &'a str) -> impl Iterator<Item = &'a Block> {
    stack.blocks().filter(move |block| {
        block.has_ident("resource") && block.labels.first().is_some_and(|it| it.as_str() == kind)
    })
}

fn text(body: &Body, name: &str) -> String {
    let attribute = body.get_attribute(name).unwrap_or_else(|| panic!("no {name}"));
    attribute.value.to_string().trim().to_owned()
}

#[test]
fn modules_have_no_provider_blocks_and_pinned_versions() {
    for module in MODULES {
        let stack = Stack::of(module);
        assert!(stack.blocks().all(|block| !block.has_ident("provider")), "{module}");
        let settings = stack.blocks().find(|block| block.has_ident("terraform")).unwrap();
        assert!(settings.body.has_attribute("required_version"), "{module}");
        let required = settings.body.get_blocks("required_providers").next().unwrap();
        for provider in required.body.attributes() {
            let Expression::Object(provider) = &provider.value else { panic!("{module}") };
            let version = provider
                .iter()
                .find(|(key, _)| key.as_ident().is_some_and(|key| key.as_str() == "version"));
            let (_, version) = version.unwrap();
            let version = version.expr().as_str().unwrap();
            assert!(version.starts_with("~> "), "{module}: {version}");
        }
    }
}

#[test]
fn arns_have_the_partition_of_the_account() {
    let folders = MODULES.map(str::to_owned).into_iter().chain(examples());
    for file in folders.flat_map(|folder| terraform_files(&workspace::root().join(folder))) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("arn:aws"), "{} writes a partition out", file.display());
    }
}

/// A destroy is never planned here, so what could stop it is looked for.
#[test]
fn nothing_outside_of_the_state_stops_a_destroy() {
    // A log stream is deleted with its log group, and a network interface by Lambda.
    const OF_WHAT_IS_DELETED: [&str; 2] = ["logs:CreateLogStream", "ec2:CreateNetworkInterface"];

    for module in MODULES {
        let stack = Stack::of(module);
        for bucket in blocks_of(&stack, "aws_s3_bucket") {
            assert_eq!(text(&bucket.body, "force_destroy"), "var.force_destroy", "{module}");
        }
        assert_eq!(blocks_of(&stack, "aws_s3_object").count(), 0, "{module}");
        for function in blocks_of(&stack, "aws_lambda_function") {
            let logging = function.body.get_blocks("logging_config").next().expect(module);
            let group = text(&logging.body, "log_group");
            assert!(group.starts_with("aws_cloudwatch_log_group."), "{module}: {group}");
            let name = function.labels[1].as_str();
            let actions = stack.actions(name);
            let creates = |action: &&String| action.contains(":Create");
            let created: Vec<_> = actions.iter().filter(creates).collect();
            assert!(
                created.iter().all(|action| OF_WHAT_IS_DELETED.contains(&action.as_str())),
                "{module}: {created:?}"
            );
        }
    }
}

#[test]
fn every_alarm_can_be_left_out_and_notifies_and_is_an_output() {
    for module in MODULES {
        let stack = Stack::of(module);
        let listed = stack
            .referred_in("alarms")
            .union(&stack.referred_by_output("alarm_arns"))
            .cloned()
            .collect::<BTreeSet<_>>();
        for alarm in blocks_of(&stack, "aws_cloudwatch_metric_alarm") {
            let name = alarm.labels[1].as_str();
            for actions in ["alarm_actions", "ok_actions"] {
                assert_eq!(text(&alarm.body, actions), "var.alarm_topic_arns", "{module}: {name}");
            }
            let number = alarm.body.get_attribute("count").or(alarm.body.get_attribute("for_each"));
            let number = number.unwrap_or_else(|| panic!("{module}: {name}")).value.to_string();
            assert!(number.contains("var.create_alarms"), "{module}: {name}: {number}");
            let reference = format!("aws_cloudwatch_metric_alarm.{name}");
            assert!(listed.contains(&reference), "{module}: {name} is no output: {listed:?}");
        }
    }
}

#[test]
fn everything_that_takes_tags_and_a_region_has_them() {
    let schema = include_str!("../aws-provider/schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    for module in MODULES {
        let stack = Stack::of(module);
        for block in stack.blocks().filter(|block| block.has_ident("resource")) {
            let kind = block.labels[0].as_str();
            let attributes = &schema["resource_schemas"][kind]["attributes"];
            for (argument, value) in [("tags", "var.tags"), ("region", "var.region")] {
                if attributes.get(argument).is_some() {
                    assert_eq!(
                        text(&block.body, argument),
                        value,
                        "{module}: {}",
                        block.labels[1].as_str()
                    );
                }
            }
        }
    }
}

#[test]
fn the_shipper_of_a_stream_receives_no_event_twice() {
    let stack = Stack::of("examples/kinesis");
    let [policy] = blocks_of(&stack, "logagg_policy").collect::<Vec<_>>()[..] else {
        panic!("one policy");
    };
    assert_eq!(text(&policy.body, "destination_arn"), "aws_kinesis_stream.logs.arn");
    let shipper = stack.blocks().find(|block| block.has_ident("module")).unwrap();
    assert_eq!(text(&shipper.body, "allow_cloudwatch_logs"), "false");
}
