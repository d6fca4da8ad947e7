//! How to resolve a call that AWS denied.

use std::fmt::Write;

use crate::aws::{CallError, Cause, Denial, Operation, PolicyKind, Reason};

/// What to change, and where.
pub(super) fn advice(operation: Operation, denial: Option<&Denial>) -> String {
    let Some(denial) = denial else { return needs(&[operation.iam_action()], "*") };
    let Denial { action, reason, .. } = denial;
    match reason {
        None => needs(std::slice::from_ref(action), &resource(denial)),
        Some(Reason::NotAllowed { by }) => not_allowed(*by, denial),
        Some(Reason::ExplicitDeny { by, policy_arn }) => {
            let named = policy_arn.as_ref().map(|arn| format!(" ({arn})")).unwrap_or_default();
            format!(
                "{}{named} has a Deny statement for {action}. {}",
                holder(*by, denial),
                way_out(*by)
            )
        }
    }
}

/// Whether a statement in an IAM policy is all that is missing.
pub(super) fn is_by_iam_policy(error: &CallError) -> bool {
    let reason = error.denial.as_deref().and_then(|denial| denial.reason.as_ref());
    let by_iam_policy = match reason {
        None => true,
        Some(Reason::NotAllowed { by }) => *by == PolicyKind::IdentityBased,
        Some(Reason::ExplicitDeny { .. }) => false,
    };
    error.cause == Cause::Denied && by_iam_policy
}

/// The action that an IAM policy has to allow for a call: what AWS named is surer than the call's
/// name.
pub(super) fn action(error: &CallError) -> String {
    let named = error.denial.as_ref().map(|denial| denial.action.clone());
    named.unwrap_or_else(|| error.operation.iam_action())
}

/// The statement that the current credentials lack.
pub(super) fn needs(actions: &[String], resource: &str) -> String {
    format!(
        "The current credentials need this statement in an IAM policy:\n\n  {}",
        statement(actions, resource)
    )
}

/// The statement that the access policy of a CloudWatch Logs destination requires.
pub(super) fn access_policy(denial: Option<&Denial>) -> String {
    let mut text = String::from(
        "The access policy of the CloudWatch Logs destination does not allow this account to \
         subscribe to it, even after waiting a minute for a recent change to propagate. In the \
         destination's own account it needs this statement (aws_cloudwatch_log_destination_policy, \
         aws logs put-destination-policy)",
    );
    let resource =
        denial.and_then(|denial| denial.resource.as_deref()).unwrap_or("DESTINATION_ARN");
    let account = denial.and_then(|denial| account(denial.principal.as_deref()?));
    let account = account.unwrap_or("ACCOUNT");
    let _ = write!(
        text,
        ":\n\n  {{ \"Effect\": \"Allow\", \"Principal\": {{ \"AWS\": \"{account}\" }}, \"Action\": \
         \"logs:PutSubscriptionFilter\", \"Resource\": \"{resource}\" }}"
    );
    text
}

fn account(principal: &str) -> Option<&str> {
    let is_account = |text: &&str| text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit());
    Some(principal).filter(is_account).or(principal.split(':').nth(4).filter(is_account))
}

fn statement(actions: &[String], resource: &str) -> String {
    let action = match actions {
        [action] => format!("\"{action}\""),
        actions => format!("[\"{}\"]", actions.join("\", \"")),
    };
    format!("{{ \"Effect\": \"Allow\", \"Action\": {action}, \"Resource\": \"{resource}\" }}")
}

/// What AWS named, but all log groups in place of one: the next would be denied.
fn resource(denial: &Denial) -> String {
    let Some(resource) = &denial.resource else { return "*".to_owned() };
    match resource.split_once(":log-group:") {
        Some((place, _)) => format!("{place}:log-group:*"),
        None => resource.clone(),
    }
}

fn not_allowed(by: PolicyKind, denial: &Denial) -> String {
    let Denial { action, .. } = denial;
    let statement = || statement(std::slice::from_ref(action), &resource(denial));
    match by {
        PolicyKind::IdentityBased => needs(std::slice::from_ref(action), &resource(denial)),
        PolicyKind::ServiceControl | PolicyKind::ResourceControl => {
            format!("No {} of the organization allows {action}. {}", by.name(), way_out(by))
        }
        PolicyKind::PermissionsBoundary | PolicyKind::Session | PolicyKind::VpcEndpoint => {
            format!(
                "{} must also allow {action}. It needs:\n\n  {}",
                holder(by, denial),
                statement()
            )
        }
        PolicyKind::ResourceBased | PolicyKind::RoleTrust => {
            let principal = denial.principal.as_deref().unwrap_or("the current credentials");
            format!("{} must allow {action} for {principal}.", holder(by, denial))
        }
    }
}

fn holder(by: PolicyKind, denial: &Denial) -> String {
    match by {
        PolicyKind::IdentityBased => "An IAM policy of the current credentials".to_owned(),
        PolicyKind::ResourceBased => match &denial.resource {
            Some(resource) => format!("The resource policy of {resource}"),
            None => "The resource policy".to_owned(),
        },
        PolicyKind::ServiceControl => "A service control policy of the organization".to_owned(),
        PolicyKind::ResourceControl => "A resource control policy of the organization".to_owned(),
        PolicyKind::PermissionsBoundary => {
            "The permissions boundary of the current credentials".to_owned()
        }
        PolicyKind::Session => {
            "The session policy that the current credentials were issued with (policy and \
             policy_arns of assume_role)"
                .to_owned()
        }
        PolicyKind::VpcEndpoint => {
            "The policy of the VPC endpoint that the call goes through".to_owned()
        }
        PolicyKind::RoleTrust => "The trust policy of the role".to_owned(),
    }
}

fn way_out(by: PolicyKind) -> &'static str {
    match by {
        PolicyKind::ServiceControl | PolicyKind::ResourceControl => {
            "No policy of the account can override it: the organization's administrator has to \
             change it or exempt these credentials."
        }
        _ => {
            "An Allow statement elsewhere does not override it: remove or narrow the Deny \
             statement."
        }
    }
}
