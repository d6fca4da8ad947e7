//! Where the account ships log groups by a subscription policy of its own. All of it in the
//! simulator: ministack has no account policies.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{AccountPolicy, Function, Region, Role, Simulator};
use serde_json::json;

use crate::scene::{SIMULATED_ACCOUNT, Scene, says};

const TWICE: &str = "also forwarded by the account-level policy";

fn scene(groups: &[&str]) -> Scene {
    Scene::simulated(Simulator::builder(), groups)
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

fn account_ships(scene: &Scene, destination: &str, except: &[&str]) {
    let policy = AccountPolicy::named("all", destination).except(except);
    here(scene).set_account_policy(Some(policy));
}

#[track_caller]
fn asked(scene: &Scene) -> u64 {
    scene.simulator.as_ref().unwrap().counts().of("DescribeAccountPolicies")
}

#[test]
fn what_the_account_policy_forwards_too_is_warned_of_once_in_each_plan() {
    let scene = scene(&["/app/a", "/app/b", "/app/c"]);
    account_ships(&scene, &scene.shipper(), &["/app/b"]);
    scene.policy(&scene.usual_policy());
    let warning = format!(
        "The account-level subscription policy \"all\" forwards to {}, and so does this policy. \
         Events are delivered and billed twice from: /app/a /app/c Exclude these",
        scene.shipper()
    );
    let first = scene.plan();
    says(&first, &format!("Warning: 2 log groups {TWICE}"));
    says(&first, &warning);
    assert_eq!(first.text().matches(TWICE).count(), 1, "{first}");
    scene.apply_plan();
    let later = scene.run(0, |terraform| terraform.plan(&[]));
    says(&later, &warning);
    assert_eq!(later.text().matches(TWICE).count(), 1, "{later}");

    account_ships(&scene, &scene.shipper(), &["/app/a", "/app/b", "/app/c"]);
    let corrected = scene.run(0, |terraform| terraform.plan(&[]));
    assert!(!corrected.text().contains(TWICE), "{corrected}");
}

#[test]
fn every_policy_of_the_account_is_read() {
    let scene = scene(&["/app/a"]);
    let other = scene.account.function_arn("other");
    let policies = [("all", scene.shipper()), ("elsewhere", other)];
    for policies in [policies.clone(), {
        let [one, two] = policies;
        [two, one]
    }] {
        let policies = policies.iter().map(|(name, arn)| AccountPolicy::named(name, arn));
        here(&scene).set_account_policies(policies);
        scene.policy(&scene.usual_policy());
        let plan = scene.plan();
        says(&plan, &format!("Warning: 1 log group {TWICE}"));
    }
}

#[test]
fn what_the_account_policy_forwards_elsewhere_is_not_reported() {
    let scene = scene(&["/app/a"]);
    account_ships(&scene, &scene.account.function_arn("other"), &[]);
    scene.policy(&scene.usual_policy());
    assert!(!scene.plan().text().contains(TWICE));
    scene.apply_plan();
    scene.policy(&scene.policy_to(&scene.account.function_arn("other")));
    says(&scene.plan(), &format!("Warning: 1 log group {TWICE}"));
}

#[test]
fn the_account_policy_is_read_once_a_plan_and_only_for_a_policy_that_forwards() {
    let scene = scene(&["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.plan_is_empty();
    assert_eq!(asked(&scene), 1);
    scene.policy("name = \"keep\"\nretention_in_days = 7\nselect {\n  names = [\"/app/a\"]\n}");
    scene.apply();
    scene.simulator.as_ref().unwrap().forget_calls();
    scene.plan_is_empty();
    assert_eq!(asked(&scene), 0);
}

#[test]
fn a_missing_permission_is_one_warning() {
    let scene = scene(&["/app/a"]);
    scene
        .simulator
        .as_ref()
        .unwrap()
        .account(SIMULATED_ACCOUNT)
        .deny("logs:DescribeAccountPolicies");
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    says(&plan, "Warning: Loop detection is incomplete");
    says(&plan, "\"Action\": \"logs:DescribeAccountPolicies\"");
    assert_eq!(plan.text().matches("Warning: Loop detection").count(), 1, "{plan}");
}

#[test]
fn an_account_policy_in_an_unknown_format_is_a_warning() {
    let scene = scene(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.proxy.on("DescribeAccountPolicies").answer(|_| {
        json!({"accountPolicies": [{
            "policyName": "all",
            "policyDocument": "{\"DestinationArn\": \"x\"}",
            "policyType": "SUBSCRIPTION_FILTER_POLICY",
            "selectionCriteria": "LogGroupName LIKE \"/a\"",
        }]})
    });
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    says(&plan, "The account-level subscription policy could not be read");
    says(
        &plan,
        "the account-level subscription policy \"all\" has a document or selection criteria in an \
         unknown format.",
    );
}

/// A function that logs to this group, and that CloudWatch Logs may invoke.
fn function(here: &Region, name: &str, log_group: &str) -> String {
    let arn = here.add_function(Function::named(name).logging_to(log_group));
    let permission = json!({
        "FunctionName": name,
        "StatementId": "logs",
        "Action": "lambda:InvokeFunction",
        "Principal": "logs.amazonaws.com",
    });
    here.call("AddPermission", permission).unwrap();
    arn
}

#[test]
fn a_loop_through_the_accounts_policy_cannot_be_made() {
    let scene = scene(&["/app/a", "/aws/lambda/tail", "/app/reader"]);
    let here = here(&scene);
    let tail = function(&here, "tail", "/aws/lambda/tail");
    account_ships(&scene, &function(&here, "reader", "/app/reader"), &[]);
    scene.policy(&scene.policy_to(&tail));
    scene.apply();
    scene.ships("/app/a", &tail);
    scene.ships_nowhere("/app/reader");
    let why = "loop: function reader writes to this log group, and forwarded events reach it: \
               function tail -> /aws/lambda/tail -> function reader";
    assert_eq!(scene.state()["skipped"], json!({"/app/reader": why}));
    scene.plan_is_empty();

    // Once the account leaves the shipper's own log group out, nothing comes back.
    let reader = scene.account.function_arn("reader");
    account_ships(&scene, &reader, &["/aws/lambda/tail"]);
    scene.apply();
    scene.ships("/app/reader", &tail);
    scene.plan_is_empty();
}

#[test]
fn a_loop_made_by_the_account_policy_is_reported_unless_aws_prevents_it() {
    let scene = scene(&["/app/a", "/aws/lambda/reader"]);
    let here = here(&scene);
    let reader = function(&here, "reader", "/aws/lambda/reader");
    account_ships(&scene, &reader, &["/app/a"]);
    let both = |policy: &str| policy.replace("\"/app/\"", "\"/app/\", \"/aws/lambda/\"");
    scene.policy(&both(&scene.policy_to(&reader)));
    assert!(!scene.plan().text().contains(TWICE));

    let stream = here.add_stream("logs", &[]);
    here.add_mapping(&stream, &reader);
    account_ships(&scene, &stream, &["/app/a"]);
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    let role = account.add_role(Role::named("to-stream").trusting("logs.amazonaws.com"));
    scene.policy(&format!("{}\nrole_arn = \"{role}\"", both(&scene.policy_to(&stream))));
    // What is behind the stream is found out when the policy is applied.
    scene.apply();
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    says(&plan, "or a resource behind it writes to (log recursion)");
    says(&plan, "Exclude these from it immediately: /aws/lambda/reader");
}
