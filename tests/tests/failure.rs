//! AWS says no, or nothing at all.

use logagg_e2e::fault_proxy::AwsError;
use logagg_e2e::terraform::Terraform;
use serde_json::json;

use crate::scene::{Scene, entry, says};

#[test]
fn a_refusal_in_the_middle_of_a_create_is_a_warning_and_taints_nothing() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("PutSubscriptionFilter").group("/app/b").fail(AwsError::limit_exceeded());
    let apply = scene.apply();
    says(&apply, "Warning: 1 log group not yet compliant with the policy");
    says(
        &apply,
        "PutSubscriptionFilter failed: LimitExceededException: Resource limit exceeded. /app/b The \
         log group has reached its quota of subscription filters. Delete an unused one, or exclude \
         the log group with an exclude block. The policy was created, and counts these in pending. \
         The next plan shows them, and apply retries them.",
    );
    says(&apply, "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
    assert_eq!(scene.resource()["tainted"], json!(null));
    let state = scene.state();
    assert_eq!(state["pending"], 1);
    assert_eq!(state["log_groups"]["/app/b"], entry("missing", 30));

    scene.plan();
    let change = scene.planned();
    assert_eq!(change.actions, ["update"], "never a replacement");
    assert_eq!(change.log_groups(), json!({"/app/b": [entry("missing", 30), entry("active", 30)]}));
    scene.proxy.heal();
    scene.apply_plan();
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_permission_lost_in_the_middle_of_a_create_is_a_warning_too() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("PutRetentionPolicy").fail(AwsError::access_denied("PutRetentionPolicy"));
    let apply = scene.apply();
    says(&apply, "Warning: 3 log groups not yet compliant with the policy");
    says(&apply, "PutRetentionPolicy failed: AccessDeniedException");
    says(&apply, "/app/a /app/b /app/c");
    says(
        &apply,
        "The current credentials need this statement in an IAM policy: { \"Effect\": \"Allow\", \
         \"Action\": \"logs:PutRetentionPolicy\", \"Resource\": \"*\" }",
    );
    assert_eq!(scene.resource()["tainted"], json!(null));
    assert_eq!(scene.state()["pending"], 3);
    for group in ["/app/a", "/app/b", "/app/c"] {
        scene.ships(group, &scene.shipper());
    }
    scene.proxy.heal();
    scene.apply();
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_postcondition_on_pending_makes_a_half_done_create_fail_loudly() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.policy(&format!(
        "{}\nlifecycle {{\n  postcondition {{\n    condition = self.pending == 0\n    \
         error_message = \"Not all log groups are as they should be.\"\n  }}\n}}",
        scene.usual_policy()
    ));
    scene.proxy.on("PutSubscriptionFilter").group("/app/b").fail(AwsError::limit_exceeded());
    let apply = scene.apply_fails();
    says(&apply, "Not all log groups are as they should be.");
    assert_eq!(scene.resource()["tainted"], json!(null));
    scene.proxy.heal();
    scene.apply();
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
pub(crate) fn a_refusal_in_the_middle_of_an_update_keeps_what_was_done() {
    let scene = Scene::governed(&["/app/a", "/app/b", "/app/c"]);
    let other = scene.account.function_arn("other");
    scene.policy(&scene.policy_to(&other));
    scene.proxy.on("PutSubscriptionFilter").group("/app/b").fail(AwsError::new(
        400,
        "InvalidParameterException",
        "No such destination.",
    ));
    let apply = scene.apply_fails();
    says(&apply, "Error: 1 log group could not be changed");
    says(
        &apply,
        "PutSubscriptionFilter failed: InvalidParameterException: No such destination. /app/b",
    );
    says(&apply, "Completed changes are in the state; the next plan shows the rest.");
    scene.ships("/app/a", &other);
    scene.ships("/app/b", &scene.shipper());
    scene.ships("/app/c", &other);
    let state = scene.state();
    assert_eq!(state["pending"], 1);
    assert_eq!(state["log_groups"]["/app/a"], entry("active", 30));
    assert_eq!(state["log_groups"]["/app/b"], entry("differs (destination_arn)", 30));

    scene.proxy.heal();
    scene.proxy.forget_calls();
    scene.apply();
    scene.ships("/app/b", &other);
    assert_eq!(
        scene.writes(),
        [("PutSubscriptionFilter".to_owned(), "/app/b".to_owned())],
        "the rest, and only the rest"
    );
    scene.plan_is_empty();
}

#[test]
fn a_missing_permission_at_the_first_write_writes_nothing() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("PutSubscriptionFilter").fail(AwsError::access_denied("PutSubscriptionFilter"));
    let apply = scene.apply_fails();
    says(&apply, "Error: Policy could not be applied");
    says(
        &apply,
        "The first write, on /app/a, failed, so nothing was written. The 2 other log groups were \
         not attempted. PutSubscriptionFilter failed: AccessDeniedException: User: \
         arn:aws:iam::111122223333:user/terraform is not authorized to perform: \
         logs:PutSubscriptionFilter",
    );
    says(
        &apply,
        "The current credentials need this statement in an IAM policy: { \"Effect\": \"Allow\", \
         \"Action\": \"logs:PutSubscriptionFilter\", \"Resource\": \"*\" }",
    );
    assert_eq!(scene.state(), json!(null));
    for group in ["/app/a", "/app/b", "/app/c"] {
        scene.ships_nowhere(group);
        assert_eq!(scene.logs.retention(group).unwrap(), None, "{group}");
    }
    let tried = scene.proxy.calls_of("PutSubscriptionFilter");
    assert!(tried.iter().all(|call| call.group == tried[0].group), "one group is the probe");
}

#[test]
fn a_permission_that_takes_a_moment_to_arrive_is_waited_for() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let message = "Could not execute the lambda function. Make sure you have given CloudWatch \
                   Logs permission to execute your function.";
    scene.proxy.on("PutSubscriptionFilter").times(2).fail(AwsError::new(
        400,
        "InvalidParameterException",
        message,
    ));
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn what_passes_is_tried_again_and_never_seen() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("DescribeLogGroups").times(1).fail(AwsError::throttled());
    scene.proxy.on("DescribeSubscriptionFilters").times(1).drop_connection();
    scene.proxy.on("PutSubscriptionFilter").times(1).fail(AwsError::operation_aborted());
    scene.proxy.on("PutRetentionPolicy").times(1).fail(AwsError::unavailable());
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_lost_response_is_retried() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    scene.proxy.on("PutSubscriptionFilter").times(1).lose_answer();
    scene.apply();
    scene.ships("/app/a", &scene.shipper());
    scene.plan_is_empty();
}

#[test]
fn a_full_group_is_not_tried_again() {
    let scene = Scene::governed(&["/app/a"]);
    scene.logs.create_group("/app/full").unwrap();
    scene.proxy.on("PutSubscriptionFilter").group("/app/full").fail(AwsError::limit_exceeded());
    let apply = scene.apply_fails();
    says(&apply, "/app/full");
    assert_eq!(scene.proxy.calls_of("PutSubscriptionFilter").len(), 1);
    assert_eq!(scene.logs.retention("/app/full").unwrap(), Some(30), "the rest is done");
}

/// Every listing that fails half way is an error; fewer groups is never what it looks like.
#[test]
fn a_failed_listing_never_looks_like_fewer_groups() {
    let groups: Vec<_> = (0..60).map(|n| format!("/app/{n:02}")).collect();
    let scene = Scene::governed(&groups.iter().map(String::as_str).collect::<Vec<_>>());
    let before = scene.state();
    // The second page of the listing, of which there are two.
    scene.proxy.on("DescribeLogGroups").after(1).fail(AwsError::access_denied("DescribeLogGroups"));
    let plan = scene.plan_fails();
    says(&plan, "Error: Log groups could not be read");
    says(
        &plan,
        "The provider listed the policy's log groups in eu-central-1. DescribeLogGroups failed: \
         AccessDeniedException",
    );
    says(&plan, "From a partial list it would treat existing log groups as deleted, so it stops.");
    let apply = scene.apply_fails();
    says(&apply, "DescribeLogGroups");
    assert!(scene.writes().is_empty());
    assert_eq!(scene.state(), before);

    scene.proxy.heal();
    scene.proxy.on("DescribeSubscriptionFilters").group("/app/59").fail(AwsError::unavailable());
    let plan = scene.plan_fails();
    says(&plan, "DescribeSubscriptionFilters");
    scene.proxy.heal();
    scene.plan_is_empty();
}

#[test]
fn a_failed_destroy_keeps_the_rest_in_the_state() {
    let scene = Scene::governed(&["/app/a", "/app/b"]);
    scene
        .proxy
        .on("DeleteSubscriptionFilter")
        .group("/app/b")
        .fail(AwsError::access_denied("DeleteSubscriptionFilter"));
    let destroy = scene.run(1, Terraform::destroy);
    says(&destroy, "Error: 1 log group still subscribed");
    says(&destroy, "/app/b");
    says(&destroy, "These remain in the state; destroy again to delete the rest.");
    scene.ships_nowhere("/app/a");
    scene.ships("/app/b", &scene.shipper());
    assert!(scene.state()["log_groups"]["/app/b"].is_object());
    scene.proxy.heal();
    scene.destroy();
    scene.ships_nowhere("/app/b");
}

#[test]
fn credentials_of_another_account_touch_nothing() {
    let mut scene = Scene::governed(&["/app/a"]);
    let other = logagg_e2e::account::Account::new(logagg_e2e::ministack::Ministack::shared());
    let ours = scene.account.id().to_owned();
    scene.logs.delete_filter("/app/a", crate::scene::NAME).unwrap();
    let environment = other.environment(&scene.proxy.endpoint());
    scene.terraform.set_environment(environment);
    let plan = scene.plan_fails();
    says(&plan, "Error: State of another account");
    says(
        &plan,
        &format!(
            "This policy was created in account {ours}, and the current credentials belong to \
             account {}. Nothing was changed.",
            other.id()
        ),
    );
    scene.run(1, Terraform::destroy);
    assert!(scene.writes().is_empty());
}
