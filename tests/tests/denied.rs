//! AWS refuses a write, and says who refused it: the error says what to change, and where.

use logagg_e2e::account::REGION;
use logagg_e2e::fault_proxy::AwsError;
use logagg_e2e::simulator::Simulator;
use serde_json::json;

use crate::scene::{SIMULATED_ACCOUNT, Scene, says};

const CALLER: &str = "User: arn:aws:sts::111122223333:assumed-role/ci/run";

fn denied(message: &str) -> AwsError {
    AwsError::new(400, "AccessDeniedException", message)
}

fn puts(scene: &Scene) -> usize {
    scene.proxy.calls_of("PutSubscriptionFilter").len()
}

#[test]
fn the_statement_has_the_action_and_the_resource_that_aws_named() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("PutSubscriptionFilter").fail(denied(&format!(
        "{CALLER} is not authorized to perform: iam:PassRole on resource: \
         arn:aws:iam::111122223333:role/cwl-to-firehose because no identity-based policy allows \
         the iam:PassRole action"
    )));
    let apply = scene.apply_fails();
    says(
        &apply,
        "The current credentials need this statement in an IAM policy: { \"Effect\": \"Allow\", \"Action\": \"iam:PassRole\", \"Resource\": \
         \"arn:aws:iam::111122223333:role/cwl-to-firehose\" }",
    );
    assert_eq!(puts(&scene), 1, "not waited for");
}

#[test]
fn a_statement_for_one_log_group_is_made_one_for_all() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);
    account.deny("logs:PutSubscriptionFilter");
    scene.policy(&scene.usual_policy());
    says(
        &scene.apply_fails(),
        "\"Action\": \"logs:PutSubscriptionFilter\", \"Resource\": \
         \"arn:aws:logs:eu-central-1:111122223333:log-group:*\" }",
    );
}

#[test]
fn an_explicit_deny_of_the_organization_is_reported_and_not_retried() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("PutSubscriptionFilter").fail(denied(&format!(
        "{CALLER} is not authorized to perform: logs:PutSubscriptionFilter on resource: \
         arn:aws:logs:eu-central-1:111122223333:destination:central with an explicit deny in a \
         service control policy: arn:aws:organizations::999988887777:policy/o-1/\
         service_control_policy/p-2"
    )));
    let apply = scene.apply_fails();
    says(
        &apply,
        "A service control policy of the organization \
         (arn:aws:organizations::999988887777:policy/o-1/service_control_policy/p-2) has a Deny \
         statement for logs:PutSubscriptionFilter. No policy of the account can override it",
    );
    assert!(!apply.text().contains("\"Effect\": \"Allow\""), "{apply}");
    assert_eq!(puts(&scene), 1, "not waited for");
}

#[test]
fn the_access_policy_of_a_logical_destination_is_waited_for() {
    let scene = Scene::with_groups(&["/app/a"]);
    let central = "arn:aws:logs:eu-central-1:444455556666:destination:central";
    scene.policy(&scene.policy_to(central));
    scene.proxy.on("PutSubscriptionFilter").times(1).fail(denied(&format!(
        "User with accountId: 111122223333 is not authorized to perform: \
         logs:PutSubscriptionFilter on resource: {central}"
    )));
    scene.apply();
    scene.ships("/app/a", central);
    assert_eq!(puts(&scene), 2);
}

#[test]
fn a_role_made_just_now_is_waited_for() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("PutSubscriptionFilter").times(1).fail(AwsError::new(
        400,
        "ValidationException",
        "Make sure you have given CloudWatch Logs permission to assume the provided role.",
    ));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    assert_eq!(puts(&scene), 2);
}

#[test]
fn a_destination_that_does_not_exist_is_no_deleted_log_group() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/b"]);
    let missing = format!("arn:aws:logs:{REGION}:{SIMULATED_ACCOUNT}:destination:nobody");
    let message = "PutSubscriptionFilter failed: ResourceNotFoundException: The specified destination \
                does not exist. Correct destination_arn or role_arn, or create the resource that \
                it names first.";
    scene.policy(&scene.policy_to(&missing));
    let apply = scene.apply_fails();
    says(&apply, "Error: Policy could not be applied");
    says(&apply, message);
    assert_eq!(scene.state(), json!(null));

    scene.policy(&scene.usual_policy());
    scene.apply();
    scene.policy(&scene.policy_to(&missing));
    let apply = scene.apply_fails();
    says(&apply, "Error: 2 log groups could not be changed");
    says(&apply, &message.replace("exist. Correct", "exist. /app/a /app/b Correct"));
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/app/b", &scene.shipper());
}

#[test]
fn a_deleted_log_group_is_recognized_by_every_error_message() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy().replace("= 30", "= 7"));
    let (logs, elsewhere) = (scene.account.logs(), scene.account.logs());
    scene.proxy.on("PutRetentionPolicy").group("/app/b").run(move || {
        logs.delete_group("/app/b").unwrap();
    });
    let apply = scene.apply();
    says(&apply, "Warning: 1 log group deleted since the plan");
    assert_eq!(elsewhere.retention("/app/a").unwrap(), Some(7));
}
