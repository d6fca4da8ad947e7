//! Why something failed, and what to do about it.

use tfplugin::{AttributePath, Diagnostic};

use super::denied;
use crate::aws::{CallError, Cause, Lacking, MissingAccess, Operation, RoleOf};
use crate::policy::Failure;

pub(super) const FREE_THE_NAME: &str =
    "Delete them if nobody needs them, or give the policy another filter_name.";

pub(super) fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Call(error) => stop(error),
        Failure::NameTaken { by } => {
            format!("A filter of this policy's name ships to {by}, and is not this policy's.")
        }
        Failure::Loop { why } => format!("Shipping it would close a loop: {why}."),
    }
}

pub(super) fn remedy(failure: &Failure) -> String {
    match failure {
        Failure::Call(error) => advice(error),
        Failure::NameTaken { .. } => FREE_THE_NAME.to_owned(),
        Failure::Loop { .. } => {
            "It was not subscribed. From the next read on it is in skipped, with the \
             reason."
                .to_owned()
        }
    }
}

/// What to do about a call that failed.
pub(super) fn advice(error: &CallError) -> String {
    match error.cause {
        Cause::Denied => denied::advice(error.operation, error.denial.as_deref()),
        Cause::NotYetPermitted(missing) => advice_on_destination(error, missing),
        Cause::DestinationMissing => {
            "Correct destination_arn or role_arn, or create what it names first.".to_owned()
        }
        Cause::Full if error.operation == Operation::AddPermission => "A function's resource policy holds 20,480 \
             bytes, and this one has no room left. Remove statements that nobody needs (aws lambda \
             get-policy, remove-permission): one for all log groups takes the place of one for each."
            .to_owned(),
        Cause::Full => "The log group has no free slot for a subscription filter. Delete one that \
             nobody needs, or leave the group out with an exclude block."
            .to_owned(),
        Cause::Class => {
            "The log group's class does not take this. Leave it out with an exclude block.".to_owned()
        }
        Cause::Unsupported => "The endpoint does not have this call, as some emulators do not. AWS has \
             it; if this is AWS, see whether endpoints in the provider block is right."
            .to_owned(),
        Cause::Unreachable => "No connection came about. See whether this machine reaches AWS, and \
             whether endpoints (AWS_ENDPOINT_URL), proxy and region are right."
            .to_owned(),
        Cause::Passing => "AWS did not serve the call, again and again. Try \
             again later; where throttling is the reason, lower requests_per_second in the provider \
             block or have AWS raise the quota."
            .to_owned(),
        Cause::Clock => "This machine's clock differs from AWS's by more than AWS accepts, and \
             signing by AWS's clock did not help. Set the clock of this machine (NTP), and leave \
             AWS_DISABLE_CLOCK_SKEW_CORRECTION unset."
            .to_owned(),
        Cause::NotSent => "The request never left this machine. See whether endpoints and region in \
             the provider block are right."
            .to_owned(),
        Cause::NoCredentials => credentials(error.lacking.as_ref()),
        Cause::Untrusted => "Nothing was sent, because nobody whom this machine trusts vouches for \
             the other end. Where a proxy or private endpoint has its own certificate authority, give \
             that in custom_ca_bundle or AWS_CA_BUNDLE."
            .to_owned(),
        Cause::Stopped => "Apply again to do the rest.".to_owned(),
        Cause::Missing if error.operation == Operation::AddPermission => {
            "Correct destination_arn, or create the function first.".to_owned()
        }
        Cause::Missing | Cause::Exists | Cause::Refused => {
            "AWS's message says what it refused; correct that and apply again.".to_owned()
        }
    }
}

/// How to come by credentials.
fn credentials(lacking: Option<&Lacking>) -> String {
    match lacking {
        Some(Lacking::Role(RoleOf::Provider(_) | RoleOf::Resource)) => "The credentials that the role is assumed \
             with need sts:AssumeRole on it (sts:TagSession too where tags are given), and the role's \
             trust policy has to let them, with the external_id it asks for."
            .to_owned(),
        Some(Lacking::Role(RoleOf::WebIdentity)) => "The role's trust policy has to allow \
             sts:AssumeRoleWithWebIdentity for the token's issuer, subject and audience, and the \
             token must not have expired."
            .to_owned(),
        Some(Lacking::SignIn { profile }) => format!(
            "Sign in and run Terraform again:\n\n  aws sso login --profile {profile}"
        ),
        Some(Lacking::Mfa { profile }) => format!(
            "Profile {profile} has an mfa_serial, and the provider cannot ask for the code of an MFA \
             device. Get credentials before, and run Terraform with them:\n\n  \
             eval \"$(aws configure export-credentials --profile {profile} --format env)\""
        ),
        Some(Lacking::Other) | None => "The call could not be signed, so it was not made. Give the \
             provider block a profile or keys, or set AWS_PROFILE or AWS_ACCESS_KEY_ID; where a \
             source of credentials is named above, correct that."
            .to_owned(),
    }
}

fn advice_on_destination(error: &CallError, missing: MissingAccess) -> String {
    match missing {
        MissingAccess::AccessPolicy => denied::access_policy(error.denial.as_deref()),
        MissingAccess::RoleTrust => "CloudWatch Logs may not assume the role of role_arn, also after a minute \
             for a fresh role to become known. The role's trust policy needs this statement:\n\n  \
             { \"Effect\": \"Allow\", \"Principal\": { \"Service\": \"logs.amazonaws.com\" }, \
             \"Action\": \"sts:AssumeRole\" }"
            .to_owned(),
        MissingAccess::InvokePermission => "CloudWatch Logs may not use the destination, also after a \
             minute for fresh permissions to become known. A Lambda function needs this in its \
             resource policy (aws_lambda_permission):\n\n  \
             principal  = \"logs.amazonaws.com\"\n  \
             action     = \"lambda:InvokeFunction\"\n  \
             source_arn = \"arn:aws:logs:REGION:ACCOUNT:log-group:*:*\"\n\n\
             grant_invoke = true has the policy see to that itself."
            .to_owned(),
        MissingAccess::Delivery => "CloudWatch Logs could not write to the destination, also after a minute \
             for fresh permissions to become known. A stream has to be active, and needs a role_arn \
             that logs.amazonaws.com may assume and that may write to the stream (kinesis:PutRecord, \
             firehose:PutRecord and firehose:PutRecordBatch)."
            .to_owned(),
    }
}

/// On the role that could not be assumed, where it is written in the resource or data source.
pub(super) fn on_role(error: &CallError, diagnostic: Diagnostic) -> Diagnostic {
    match error.lacking {
        Some(Lacking::Role(RoleOf::Resource)) => diagnostic.on(role_arn("assume_role", 0)),
        _ => diagnostic,
    }
}

pub(super) fn role_arn(block: &str, index: usize) -> AttributePath {
    AttributePath::root(block).index(index).attribute("role_arn")
}

pub(super) fn stop(error: &CallError) -> String {
    let text = error.to_string();
    if text.ends_with('.') { text } else { format!("{text}.") }
}
