//! `grant_invoke`: the policy keeps the statement that lets CloudWatch Logs invoke its destination.

use std::path::Path;
use std::time::Duration;

use logagg_e2e::account::REGION;
use logagg_e2e::lambda;
use logagg_e2e::simulator::{Function, Refusal, Simulator};
use serde_json::{Value, json};

use crate::scene::{NAME, SIMULATED_ACCOUNT, Scene, entry, says};

/// The ids of our statements without the policy's own, which is drawn when it is created.
const OURS: &str = "logagg-eu-central-1-ship";
const INTERIM: &str = "logagg_interim-eu-central-1-ship";

/// An id of ours without what is the policy's own.
fn stem(id: &str) -> String {
    match id.rsplit_once('-') {
        Some((stem, drawn)) if id.starts_with("logagg") && drawn.len() == 8 => stem.to_owned(),
        _ => id.to_owned(),
    }
}

/// A function, in the simulator without permission to invoke it.
pub(crate) fn function(scene: &Scene, name: &str) -> String {
    match &scene.simulator {
        Some(aws) => aws.region(SIMULATED_ACCOUNT, REGION).add_function(Function::named(name)),
        None => {
            let program = Path::new("/bin/true");
            let function = lambda::Function { name, program, environment: &[], timeout_seconds: 1 };
            scene.account.lambda().create(&function).unwrap()
        }
    }
}

/// A call to Lambda behind Terraform's back.
#[track_caller]
fn call(scene: &Scene, method: &str, path: &str, input: &Value) -> Value {
    let path = format!("/2015-03-31/functions/{path}");
    scene.account.api().lambda(method, &path, input).unwrap().unwrap()
}

/// another owner's hand in a function's resource policy.
fn add(scene: &Scene, name: &str, id: &str, principal: &str) {
    let input =
        json!({"StatementId": id, "Action": "lambda:InvokeFunction", "Principal": principal});
    call(scene, "POST", &format!("{name}/policy"), &input);
}

fn remove(scene: &Scene, name: &str, id: &str) {
    call(scene, "DELETE", &format!("{name}/policy/{id}"), &Value::Null);
}

/// The statements of a function's policy that a policy of ours may have made.
fn statements(scene: &Scene, name: &str) -> Vec<Value> {
    let path = format!("/2015-03-31/functions/{name}/policy");
    let answer = scene.account.api().lambda("GET", &path, &Value::Null).unwrap();
    // Where there is no statement, there is no policy.
    let Ok(answer) = answer else { return Vec::new() };
    let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let ours = |it: &&Value| it["Sid"].as_str().unwrap().starts_with("logagg");
    statements.filter(ours).cloned().collect()
}

fn ids(scene: &Scene, name: &str) -> Vec<String> {
    whole_ids(scene, name).iter().map(|id| stem(id)).collect()
}

fn whole_ids(scene: &Scene, name: &str) -> Vec<String> {
    let statements = statements(scene, name);
    statements.iter().map(|it| it["Sid"].as_str().unwrap().to_owned()).collect()
}

/// The whole id of our statement.
#[track_caller]
fn ours(scene: &Scene, name: &str) -> String {
    let ids = whole_ids(scene, name);
    let [id] = &ids[..] else { panic!("one statement in place of {ids:?}") };
    id.clone()
}

/// Replaces our statement with another.
#[track_caller]
fn alter(scene: &Scene, name: &str, principal: &str) {
    let id = ours(scene, name);
    remove(scene, name, &id);
    add(scene, name, &id, principal);
}

/// What was written, in order: filters, and statements with their function and id.
fn writes(scene: &Scene) -> Vec<String> {
    let calls = scene.proxy.calls().into_iter();
    let writes = calls.filter_map(|call| {
        let path = call.operation.split_once(" /2015-03-31/functions/");
        match path.map(|(method, path)| (method, path.split('/').collect::<Vec<_>>())) {
            Some(("POST", path)) => {
                let id = call.input["StatementId"].as_str().unwrap_or_default();
                Some(format!("grant {} {}", path[0], stem(id)))
            }
            Some(("DELETE", path)) => Some(format!("revoke {} {}", path[0], stem(path[2]))),
            Some(_) => None,
            None => call.operation.contains("SubscriptionFilter").then_some(call.operation),
        }
    });
    writes.filter(|operation| operation != "DescribeSubscriptionFilters").collect()
}

fn granting(scene: &Scene, destination: &str) -> String {
    format!("{}\ngrant_invoke = true", scene.policy_to(destination))
}

/// A policy that grants has been applied to these log groups.
fn granted(groups: &[&str]) -> Scene {
    let scene = Scene::with_groups(groups);
    let sink = function(&scene, "sink");
    scene.policy(&granting(&scene, &sink));
    scene.apply();
    scene.proxy.forget_calls();
    scene
}

/// The same in a simulator of these rules; the function is known, and nothing applied yet.
fn simulated(rules: logagg_e2e::simulator::Builder) -> (Scene, String) {
    let scene = Scene::simulated(rules, &["/app/a", "/app/b"]);
    let sink = function(&scene, "sink");
    scene.policy(&granting(&scene, &sink));
    (scene, sink)
}

#[test]
pub(crate) fn it_is_granted_before_the_filters_and_revoked_after_them() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let sink = function(&scene, "sink");
    add(&scene, "sink", "theirs", "events.amazonaws.com");
    scene.policy(&granting(&scene, &sink));
    let plan = scene.plan();
    says(&plan, "+ invoke_permission = \"active\"");
    says(
        &plan,
        &format!(
            "A statement in the resource policy of {sink} allows CloudWatch Logs to invoke it."
        ),
    );
    scene.apply_plan();
    let put = "PutSubscriptionFilter".to_owned();
    assert_eq!(writes(&scene), [format!("grant sink {OURS}"), put.clone(), put]);
    let account = scene.account.id();
    assert_eq!(
        statements(&scene, "sink"),
        [json!({
            "Sid": ours(&scene, "sink"),
            "Effect": "Allow",
            "Principal": {"Service": "logs.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": sink,
            "Condition": {
                "ArnLike": {
                    "AWS:SourceArn": format!("arn:aws:logs:{REGION}:{account}:log-group:*:*"),
                },
                "StringEquals": {"AWS:SourceAccount": account},
            },
        })]
    );
    assert_eq!(scene.state()["invoke_permission"], "active");
    assert_eq!(scene.state()["pending"], 0);
    scene.plan_is_empty();

    scene.proxy.forget_calls();
    scene.destroy();
    let delete = "DeleteSubscriptionFilter".to_owned();
    assert_eq!(writes(&scene), [delete.clone(), delete, format!("revoke sink {OURS}")]);
    assert_eq!(ids(&scene, "sink"), [""; 0]);
    remove(&scene, "sink", "theirs");
}

#[test]
pub(crate) fn a_removed_statement_is_drift_that_apply_corrects() {
    let scene = granted(&["/app/a"]);
    remove(&scene, "sink", &ours(&scene, "sink"));
    let plan = scene.plan();
    says(&plan, "~ invoke_permission = \"missing\" -> \"active\"");
    says(&plan, "~ pending = 1 -> 0");
    assert_eq!(scene.planned().log_groups(), json!({}));
    scene.apply_plan();
    assert_eq!(writes(&scene), [format!("grant sink {OURS}")], "and nothing else");
    assert_eq!(ids(&scene, "sink"), [OURS]);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn an_altered_statement_is_replaced_with_an_interim_one_meanwhile() {
    let scene = granted(&["/app/a"]);
    alter(&scene, "sink", "logs.amazonaws.com");
    says(&scene.plan(), "~ invoke_permission = \"differs\" -> \"active\"");
    scene.apply_plan();
    assert_eq!(
        writes(&scene),
        [
            format!("grant sink {INTERIM}"),
            format!("revoke sink {OURS}"),
            format!("grant sink {OURS}"),
            format!("revoke sink {INTERIM}"),
        ]
    );
    assert_eq!(ids(&scene, "sink"), [OURS]);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn another_destination_takes_it_along() {
    let scene = granted(&["/app/a"]);
    let next = function(&scene, "next");
    scene.policy(&granting(&scene, &next));
    scene.apply();
    assert_eq!(
        writes(&scene),
        [
            format!("grant next {OURS}"),
            "PutSubscriptionFilter".to_owned(),
            format!("revoke sink {OURS}"),
        ]
    );
    assert_eq!(ids(&scene, "next"), [OURS]);
    assert_eq!(ids(&scene, "sink"), [""; 0]);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_rename_gives_it_another_id() {
    let scene = granted(&["/app/a"]);
    let arguments = granting(&scene, &scene.account.function_arn("sink"));
    scene.policy(&arguments.replace(&format!("\"{NAME}\""), "\"to sink\""));
    scene.apply();
    let [id] = &ids(&scene, "sink")[..] else { panic!("one statement") };
    assert!(id.starts_with("logagg-eu-central-1-to-sink-"), "{id}");
    scene.plan_is_empty();
}

#[test]
pub(crate) fn turned_off_it_is_revoked() {
    let scene = granted(&["/app/a"]);
    let arguments = granting(&scene, &scene.account.function_arn("sink"));
    scene.policy(&arguments.replace("grant_invoke = true", ""));
    says(&scene.plan(), "- invoke_permission = \"active\" -> null");
    scene.apply_plan();
    assert_eq!(writes(&scene), [format!("revoke sink {OURS}")]);
    assert_eq!(scene.state()["invoke_permission"], json!(null));
    scene.plan_is_empty();
    scene.policy(&arguments);
    scene.apply();
    assert_eq!(ids(&scene, "sink"), [OURS]);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn two_policies_of_one_name_have_statements_of_their_own() {
    let scene = Scene::with_groups(&["/app/a", "/lib/b"]);
    let sink = function(&scene, "sink");
    let it = format!("resource \"logagg_policy\" \"it\" {{\n{}\n}}\n", granting(&scene, &sink));
    let other = it.replace("\"it\"", "\"other\"").replace("/app/", "/lib/");
    let other = other.replace("grant_invoke", "filter_name = \"other\"\ngrant_invoke");
    scene.configuration(&format!("{it}{other}"));
    scene.apply();
    assert_eq!(ids(&scene, "sink"), [OURS, OURS]);
    let both = whole_ids(&scene, "sink");
    assert_ne!(both[0], both[1]);
    scene.configuration(&it);
    scene.apply();
    assert_eq!(ids(&scene, "sink"), [OURS], "the one that stays has its own");
    scene.ships("/app/a", &sink);
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_statement_that_replaced_ours_is_not_changed() {
    let scene = granted(&["/app/a"]);
    alter(&scene, "sink", "events.amazonaws.com");
    let plan = scene.plan();
    says(&plan, "~ invoke_permission = \"conflict\" -> \"active\"");
    says(&plan, "Warning: Statement ID already in use");
    says(&plan, "Apply will not change it and will report an error.");
    says(&scene.apply_fails(), "Error: Statement ID already in use");
    assert_eq!(scene.state()["invoke_permission"], "conflict");
    says(
        &scene.destroy(),
        "which has been changed since this policy added it. It was not removed.",
    );
    let left = statements(&scene, "sink");
    assert_eq!(left[0]["Principal"], json!({"Service": "events.amazonaws.com"}));
    scene.ships_nowhere("/app/a");
}

#[test]
pub(crate) fn an_import_finds_it() {
    let scene = granted(&["/app/a"]);
    scene.run(0, |terraform| terraform.run(&["state", "rm", "logagg_policy.it"]));
    scene.run(0, |terraform| terraform.run(&["import", "-no-color", "logagg_policy.it", NAME]));
    assert_eq!(scene.state()["grant_invoke"], true);
    assert_eq!(scene.state()["invoke_permission"], "active");
    scene.apply();
    assert_eq!(writes(&scene), [""; 0], "all of it is there");
    scene.plan_is_empty();
    scene.destroy();
    assert_eq!(ids(&scene, "sink"), [""; 0]);
}

#[test]
fn without_it_the_function_may_not_be_invoked_and_a_fresh_one_is_waited_for() {
    let rules = Simulator::builder().speed(20.0).propagation(Duration::from_secs(40));
    let (scene, sink) = simulated(rules);
    scene.apply();
    scene.ships("/app/a", &sink);
    let refused = "InvalidParameterException";
    let counts = scene.simulator.as_ref().unwrap().counts();
    assert_ne!(counts.refused("PutSubscriptionFilter", refused), 0, "not known at once");
    scene.plan_is_empty();
}

#[test]
fn an_alias_has_a_statement_of_its_own() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let here = scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION);
    let sink = here.add_function(Function::named("sink").alias("live"));
    let live = format!("{sink}:live");
    scene.policy(&granting(&scene, &live));
    scene.apply();
    scene.ships("/app/a", &live);
    assert_eq!(ids(&scene, "sink"), [""; 0]);
    assert_eq!(statements(&scene, "sink:live")[0]["Resource"], live);
    scene.plan_is_empty();
    scene.destroy();
    assert_eq!(ids(&scene, "sink:live"), [""; 0]);
}

#[test]
fn a_full_resource_policy_says_what_to_do() {
    let (scene, sink) = simulated(Simulator::builder());
    let principal = "arn:aws:iam::444455556666:role/somebody-with-a-long-name";
    for number in 0..100 {
        let id = format!("{number}-{}", "x".repeat(80));
        let input = json!({
            "FunctionName": "sink",
            "StatementId": id,
            "Action": "lambda:InvokeFunction",
            "Principal": principal,
        });
        let here = scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION);
        if here.call("AddPermission", input).is_err() {
            break;
        }
    }
    let apply = scene.apply_fails();
    says(&apply, "Error: Permission could not be granted");
    says(&apply, &format!("The provider tried to add the statement \"{OURS}-"));
    says(
        &apply,
        &format!(
            "in the resource policy of {sink} that allows CloudWatch Logs to invoke it. No filter \
             was created. AddPermission failed: PolicyLengthExceededException: The final policy \
             size ("
        ),
    );
    says(
        &apply,
        "A function's resource policy is limited to 20,480 bytes, and this one is full. Remove \
         unused statements (aws lambda get-policy, remove-permission): one statement for all log \
         groups can replace one for each.",
    );
    assert_eq!(scene.state(), json!(null));
    scene.ships_nowhere("/app/a");
}

#[test]
fn a_missing_function_is_named() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    scene.policy(&granting(&scene, &scene.account.function_arn("nowhere")));
    let apply = scene.apply_fails();
    says(&apply, "AddPermission failed: ResourceNotFoundException: Function not found:");
    says(&apply, "Correct destination_arn, or create the function first.");
    assert_eq!(scene.state(), json!(null));
}

#[test]
fn each_missing_permission_is_named() {
    let (scene, _) = simulated(Simulator::builder());
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    let sink = scene.account.function_arn("sink");
    let statement = |action: &str| {
        format!(
            "The current credentials need this statement in an IAM policy: {{ \"Effect\": \
             \"Allow\", \"Action\": \"lambda:{action}\", \"Resource\": \"{sink}\" }}"
        )
    };
    for action in ["GetPolicy", "AddPermission"] {
        account.deny(&format!("lambda:{action}"));
        says(&scene.apply_fails(), &statement(action));
        assert_eq!(scene.state(), json!(null));
        account.allow_all();
    }
    scene.apply();
    account.deny("lambda:GetPolicy");
    let plan = scene.plan_fails();
    says(&plan, "Error: Permission could not be read");
    says(&plan, &statement("GetPolicy"));
    account.allow_all();
    account.deny("lambda:RemovePermission");
    let destroy = scene.run(1, logagg_e2e::terraform::Terraform::destroy);
    says(&destroy, "Error: Permission could not be revoked");
    says(&destroy, &statement("RemovePermission"));
    says(&destroy, "It remains in the state; the next apply or destroy retries.");
    assert_eq!(scene.state()["invoke_permission"], "active");
    scene.ships_nowhere("/app/a");
    account.allow_all();
    scene.destroy();
    assert_eq!(ids(&scene, "sink"), [""; 0]);
}

#[test]
fn what_could_not_be_revoked_is_drift_and_the_next_apply_revokes_it() {
    let (scene, _) = simulated(Simulator::builder());
    scene.apply();
    let next = function(&scene, "next");
    scene.policy(&granting(&scene, &next));
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("lambda:RemovePermission");
    says(&scene.apply_fails(), "and is no longer needed.");
    scene.ships("/app/a", &next);
    assert_eq!(scene.state()["invoke_permission"], "not revoked");
    assert_eq!(scene.state()["pending"], 1);
    account.allow_all();
    says(&scene.plan(), "~ invoke_permission = \"not revoked\" -> \"active\"");
    scene.apply_plan();
    assert_eq!(ids(&scene, "sink"), [""; 0]);
    assert_eq!(ids(&scene, "next"), [OURS]);
    scene.plan_is_empty();
}

#[test]
fn a_destination_keeps_it_as_long_as_some_log_group_may_still_ship_there() {
    let (scene, sink) = simulated(Simulator::builder());
    scene.apply();
    let next = function(&scene, "next");
    scene.policy(&granting(&scene, &next));
    let aws = scene.simulator.as_ref().unwrap();
    aws.on("PutSubscriptionFilter").resource("/app/b").fail(Refusal::unavailable());
    scene.apply_fails();
    scene.ships("/app/a", &next);
    scene.ships("/app/b", &sink);
    assert_eq!((ids(&scene, "sink"), ids(&scene, "next")), (vec![OURS.into()], vec![OURS.into()]));
    aws.heal();
    scene.apply();
    scene.ships("/app/b", &next);
    assert_eq!(ids(&scene, "sink"), [""; 0]);
    scene.plan_is_empty();
}

#[test]
fn a_first_filter_that_is_refused_takes_it_back_and_leaves_no_state() {
    let (scene, _) = simulated(Simulator::builder());
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("logs:PutSubscriptionFilter");
    says(&scene.apply_fails(), "Error: Policy could not be applied");
    assert_eq!(scene.state(), json!(null));
    assert_eq!(ids(&scene, "sink"), [""; 0]);

    // Where it cannot be taken back there is a state, which is not tainted.
    account.deny("lambda:RemovePermission");
    let apply = scene.apply();
    says(&apply, "Warning: 2 log groups not yet compliant with the policy");
    assert_eq!(scene.resource()["tainted"], json!(null));
    let state = scene.state();
    assert_eq!(state["invoke_permission"], "active");
    assert_eq!(state["log_groups"]["/app/a"]["subscription"], "missing");
    account.allow_all();
    scene.apply();
    scene.plan_is_empty();
}

#[test]
fn a_create_that_is_stopped_after_it_has_a_state() {
    let (scene, sink) = simulated(Simulator::builder());
    let gate = scene.proxy.on("PutSubscriptionFilter").hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    scene.proxy.wait_for("PutSubscriptionFilter", 1).unwrap();
    apply.interrupt().unwrap();
    let apply = apply.finish().unwrap();
    assert!(!apply.text().contains("panic"), "{apply}");
    assert_eq!(scene.resource()["tainted"], json!(null), "{apply}");
    assert_eq!(scene.state()["log_groups"]["/app/a"], entry("missing", 0));
    assert_eq!(ids(&scene, "sink"), [OURS]);
    gate.open();
    scene.proxy.heal();
    scene.apply();
    scene.ships("/app/a", &sink);
    scene.plan_is_empty();
}

#[test]
fn a_lost_response_does_not_make_it_another_owners() {
    let (scene, sink) = simulated(Simulator::builder());
    scene.simulator.as_ref().unwrap().on("AddPermission").times(1).reset_after();
    scene.apply();
    assert_eq!(ids(&scene, "sink"), [OURS]);
    scene.ships("/app/a", &sink);
    scene.plan_is_empty();
}

#[test]
fn what_stood_in_when_the_provider_was_killed_is_taken_away() {
    let (scene, _) = simulated(Simulator::builder());
    scene.apply();
    alter(&scene, "sink", "logs.amazonaws.com");
    scene.proxy.forget_calls();
    let operation = format!(
        "DELETE /2015-03-31/functions/sink/policy/{}",
        ours(&scene, "sink").replace(OURS, INTERIM)
    );
    let gate = scene.proxy.on(&operation).hold();
    let apply = scene.terraform.start(&["apply", "-no-color", "-auto-approve"]).unwrap();
    scene.proxy.wait_for(&operation, 1).unwrap();
    apply.kill().unwrap();
    apply.finish().unwrap();
    drop(gate);
    scene.proxy.heal();
    scene.proxy.wait_until_idle().unwrap();
    assert_eq!(ids(&scene, "sink"), [INTERIM, OURS]);
    says(&scene.plan(), "~ invoke_permission = \"differs\" -> \"active\"");
    scene.apply_plan();
    assert_eq!(ids(&scene, "sink"), [OURS]);
    scene.plan_is_empty();
}

#[test]
fn a_destination_that_is_no_function_is_rejected_before_anything_is_written() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    let stream = format!("arn:aws:kinesis:{REGION}:{SIMULATED_ACCOUNT}:stream/logs");
    scene.configuration(&format!(
        "resource \"terraform_data\" \"arn\" {{\n  input = \"{stream}\"\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{}\n}}\n",
        granting(&scene, "${terraform_data.arn.output}")
    ));
    scene.plan();
    assert_eq!(scene.planned().unknown["invoke_permission"], true);
    let apply = scene.run(1, logagg_e2e::terraform::Terraform::apply_plan);
    says(&apply, "Error: grant_invoke without a Lambda function");
    assert_eq!(writes(&scene), [""; 0]);
}
