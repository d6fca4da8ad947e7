//! What the registry shows: the pages are rendered from what is, and what they claim holds.

use std::collections::BTreeSet;
use std::process::Command;

use logagg_e2e::account::REGION;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::simulator::Simulator;
use logagg_e2e::terraform::{Installation, Run, Terraform};
use logagg_e2e::workspace;
use serde_json::{Value, json};

use crate::pages::{blocks, file};
use crate::scene::{PROVIDER, SIMULATED_ACCOUNT, Scene, says};

const POLICY: &str = "docs/resources/policy.md";

/// The name of the policy in the example, and so of its filters.
const EXAMPLE: &str = "lambda-to-search";

/// What is asked about destinations other than the example's function, about tags, and in an
/// incremental refresh.
const NOT_OF_THE_EXAMPLE: [&str; 10] = [
    "cloudtrail:LookupEvents",
    "firehose:DescribeDeliveryStream",
    "firehose:ListDeliveryStreams",
    "kinesis:ListStreamConsumers",
    "lambda:ListEventSourceMappings",
    "logs:DescribeDestinations",
    "logs:ListLogGroups",
    "logs:ListTagsForResource",
    "pipes:DescribePipe",
    "pipes:ListPipes",
];

/// The IAM policies that the page shows: to plan, to apply besides, and to grant besides.
fn policies() -> [Value; 3] {
    let documents = blocks(&file(POLICY), "json").into_iter();
    let documents = documents.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    // The page shows the statement of a function's policy too.
    let documents = documents.filter(|document| document["Statement"].is_array());
    documents.collect::<Vec<_>>().try_into().unwrap()
}

/// The actions that they allow.
fn allowed() -> [BTreeSet<String>; 3] {
    policies().map(|policy| {
        let actions = policy["Statement"].as_array().unwrap().iter().flat_map(|statement| {
            match &statement["Action"] {
                Value::Array(actions) => actions.clone(),
                one => vec![one.clone()],
            }
        });
        actions.map(|action| action.as_str().unwrap().to_owned()).collect()
    })
}

/// The statements of these policies as one policy, for the account and region of the tests.
fn together<const N: usize>(policies: [&Value; N]) -> Value {
    let statements =
        policies.into_iter().flat_map(|policy| policy["Statement"].as_array().unwrap());
    let text = json!({"Statement": statements.collect::<Vec<_>>()}).to_string();
    serde_json::from_str(&text.replace("eu-west-1", REGION)).unwrap()
}

impl Scene {
    /// An account where the page's example has been applied to functions' log groups.
    fn of_the_example() -> Self {
        let groups = ["checkout", "orders", "refunds", "stock", "stock-canary"];
        let groups = groups.map(|name| format!("/aws/lambda/{name}"));
        let mut scene = Self::with_groups(&groups.each_ref().map(String::as_str));
        scene.configuration(&file("examples/resources/logagg_policy/resource.tf"));
        scene.terraform.set_environment(vec![("TF_VAR_shipper_arn", scene.shipper())]);
        scene.apply();
        scene.plan_is_empty();
        scene
    }

    /// Everything asked, as IAM names it; what is asked of STS needs no permission.
    fn asked(&self) -> BTreeSet<String> {
        let calls = self.proxy.calls().into_iter().map(|call| call.operation);
        let asked = calls.filter(|operation| operation != "GetCallerIdentity");
        asked.map(|operation| action(&operation)).collect()
    }
}

fn action(operation: &str) -> String {
    match operation.split_once(" /2015-03-31/functions/") {
        Some(("GET", path)) if path.ends_with("/configuration") => {
            "lambda:GetFunctionConfiguration".to_owned()
        }
        Some(("GET", _)) => "lambda:GetPolicy".to_owned(),
        Some(("POST", _)) => "lambda:AddPermission".to_owned(),
        Some(("DELETE", _)) => "lambda:RemovePermission".to_owned(),
        _ => format!("logs:{operation}"),
    }
}

#[test]
fn the_pages_are_what_schema_templates_and_examples_give() {
    let program = Binaries::shared().provider_dir().join("xtask");
    let output = Command::new(program).args(["docs", "--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_module_and_example_is_formatted() {
    let terraform =
        Terraform::new(Installation::Override(Binaries::shared().provider_dir())).unwrap();
    for folder in ["examples", "modules"] {
        let folder = workspace::root().join(folder);
        let run = terraform
            .run(&["fmt", "-check", "-diff", "-recursive", folder.to_str().unwrap()])
            .unwrap();
        assert_eq!(run.code(), 0, "{run}");
    }
}

#[test]
fn the_providers_example_plans() {
    let scene = Scene::with_groups(&[]);
    scene.terraform.write("main.tf", &file("examples/provider/provider.tf")).unwrap();
    scene.run(0, |terraform| terraform.run(&["validate", "-no-color"]));
    scene.plan_is_empty();
}

#[test]
fn the_policys_example_plans_as_the_page_shows() {
    let scene = Scene::of_the_example();
    let shipper = scene.shipper();
    scene.logs.put_filter_with_pattern("/aws/lambda/checkout", EXAMPLE, &shipper, "ERROR").unwrap();
    scene.logs.set_retention("/aws/lambda/orders", 7).unwrap();
    scene.logs.delete_filter("/aws/lambda/refunds", EXAMPLE).unwrap();
    scene.logs.remove_retention("/aws/lambda/refunds").unwrap();
    let plan = scene.plan();
    let [shown] = &blocks(&file(POLICY), "")[..] else { panic!("one excerpt of a plan") };
    says(&plan, shown);
}

#[test]
fn the_pages_statements_allow_every_call_and_nothing_that_is_never_called() {
    let [mut to_plan, mut to_apply, to_grant] = allowed();
    for action in NOT_OF_THE_EXAMPLE {
        assert!(to_plan.remove(action), "{action}");
    }
    to_apply.extend(to_plan.iter().cloned());
    let scene = Scene::of_the_example();
    let text = file("examples/resources/logagg_policy/resource.tf");
    scene.proxy.forget_calls();
    scene.logs.delete_filter("/aws/lambda/refunds", EXAMPLE).unwrap();
    scene.logs.set_retention("/aws/lambda/orders", 7).unwrap();
    scene.plan();
    assert_eq!(scene.asked(), to_plan);
    scene.apply_plan();
    scene.configuration(&text.replace("retention_in_days = 30", "retention_in_days = 0"));
    scene.apply();
    scene.destroy();
    assert!(to_apply.remove("iam:PassRole"), "no call of the provider's, but a condition of one");
    let protects = "logs:PutLogGroupDeletionProtection";
    assert!(to_apply.remove(protects), "not of the example, as its row says");
    assert_eq!(scene.asked(), to_apply);

    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let more = "grant_invoke = true\ndeletion_protection = true";
    scene.policy(&format!("{}\n{more}", scene.usual_policy()));
    scene.apply();
    scene.destroy();
    let asked = scene.asked().into_iter().filter(|action| !to_apply.contains(action));
    let mut asked: BTreeSet<_> = asked.collect();
    assert!(asked.remove(protects));
    assert_eq!(asked, to_grant);
}

#[test]
fn the_pages_statements_are_enough_to_plan_and_to_apply() {
    let groups = ["/aws/lambda/checkout", "/aws/lambda/orders", "/aws/lambda/shipper", "/ecs/web"];
    let mut scene = Scene::simulated(Simulator::builder(), &groups);
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    let [to_plan, to_apply, to_grant] = policies();
    let is_quiet = |run: &Run| {
        assert!(
            !run.text().contains("AccessDenied") && !run.text().contains("detection is incomplete"),
            "{run}"
        );
    };
    scene.configuration(&file("examples/resources/logagg_policy/resource.tf"));
    scene.terraform.set_environment(vec![("TF_VAR_shipper_arn", scene.shipper())]);
    account.allow_only(&together([&to_plan]));
    is_quiet(&scene.plan());
    let refused = scene.run(1, Terraform::apply_plan);
    says(&refused, "not authorized to perform: logs:PutSubscriptionFilter");
    account.allow_only(&together([&to_plan, &to_apply]));
    is_quiet(&scene.apply());
    account.allow_only(&together([&to_plan]));
    scene.plan_is_empty();
    account.allow_only(&together([&to_plan, &to_apply, &to_grant]));
    let example = file("examples/resources/logagg_policy/resource.tf");
    let name = "name              = \"lambda-to-search\"";
    let granting = example.replace(name, &format!("{name}\n  grant_invoke = true"));
    assert_ne!(granting, example);
    scene.configuration(&granting);
    is_quiet(&scene.apply());
    is_quiet(&scene.destroy());
}

#[test]
fn what_lies_behind_the_destination_is_a_warning_to_whom_may_not_look_there() {
    let groups = ["/aws/lambda/checkout", "/aws/lambda/shipper"];
    let mut scene = Scene::simulated(Simulator::builder(), &groups);
    let simulator = scene.simulator.as_ref().unwrap();
    let on = scene.account.function_arn("other");
    scene.logs.put_filter("/aws/lambda/shipper", "theirs", &on).unwrap();
    let [to_plan, to_apply, _] = policies();
    simulator.account(SIMULATED_ACCOUNT).allow_only(&together([&to_plan, &to_apply]));
    scene.configuration(&file("examples/resources/logagg_policy/resource.tf"));
    scene.terraform.set_environment(vec![("TF_VAR_shipper_arn", scene.shipper())]);
    let apply = scene.apply();
    says(&apply, "Warning: Loop detection is incomplete");
    says(&apply, "lambda:GetFunctionConfiguration");
}

#[test]
fn the_import_commands_bring_the_example_back() {
    let scene = Scene::of_the_example();
    let script = file("examples/resources/logagg_policy/import.sh");
    let command = script.lines().find_map(|line| line.strip_prefix("terraform ")).unwrap();
    scene.run(0, |terraform| terraform.run(&["state", "rm", "logagg_policy.lambda"]));
    scene.run(0, |terraform| terraform.run(&command.split(' ').collect::<Vec<_>>()));
    scene.proxy.forget_calls();
    scene.apply();
    assert_eq!(scene.writes(), [], "everything is there already");
    scene.plan_is_empty();
}

#[test]
fn the_data_sources_example_finds_what_is_not_forwarded() {
    let scene = Scene::with_groups(&["/aws/lambda/a"]);
    let example = file("examples/data-sources/logagg_log_groups/data-source.tf");
    scene.terraform.write("main.tf", &format!("{PROVIDER}\n{example}")).unwrap();
    let apply = scene.run(0, Terraform::apply);
    says(&apply, "Some functions' log groups have no subscription filter.");
    let outputs = &scene.terraform.state().unwrap()["values"]["outputs"];
    assert_eq!(outputs["unlimited_bytes"]["value"], 0);
    scene.logs.put_filter("/aws/lambda/a", "theirs", &scene.shipper()).unwrap();
    assert!(!scene.run(0, Terraform::apply).text().contains("have no subscription filter"));
}
