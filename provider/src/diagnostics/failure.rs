//! Why an operation failed, and how to resolve it. `logagg-report` shows the same advice, so it does not say
//! where a setting is written.

use logagg_policy::{Arn, logs_principal};
use tfplugin::{AttributePath, Diagnostic};

use super::denied;
use crate::aws::{CallError, Cause, Lacking, MissingAccess, Operation, RoleOf};
use crate::policy::Failure;

pub(super) const FREE_THE_NAME: &str =
    "Delete them if they are unused, or give the policy another filter_name.";

pub(super) fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Call(error) => stop(error),
        Failure::NameTaken { by } => {
            format!(
                "A filter with this policy's filter name forwards to {by} and does not belong \
                 to this policy."
            )
        }
        Failure::Loop { why } => format!("Forwarding it would create a loop: {why}."),
    }
}

pub(super) fn remedy(failure: &Failure) -> String {
    match failure {
        Failure::Call(error) => advice(error),
        Failure::NameTaken { .. } => FREE_THE_NAME.to_owned(),
        Failure::Loop { .. } => {
            "It was not subscribed. From the next refresh on it is in skipped, with the reason."
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
            "Correct destination_arn or role_arn, or create the resource that it names first."
                .to_owned()
        }
        Cause::Full if error.operation == Operation::AddPermission => "A function's resource \
             policy is limited to 20,480 bytes, and this one is full. Remove unused statements \
             (aws lambda get-policy, remove-permission): one statement for all log groups can \
             replace one for each."
            .to_owned(),
        Cause::Full => "The log group has reached its quota of subscription filters. Delete an \
             unused one, or exclude the log group with an exclude block."
            .to_owned(),
        Cause::Class => {
            "The log group's class does not support this. Exclude the log group with an exclude \
             block."
                .to_owned()
        }
        Cause::Unsupported => "The endpoint does not implement this operation, as some emulators \
             do not. AWS does; if this is AWS, check endpoints (AWS_ENDPOINT_URL)."
            .to_owned(),
        Cause::Unreachable => "Could not connect to AWS. Check network access, endpoints \
             (AWS_ENDPOINT_URL), proxy and region."
            .to_owned(),
        Cause::Passing => "The request still failed after all retries. Try again later; if it was \
             throttled, lower requests_per_second or request a quota increase from AWS."
            .to_owned(),
        Cause::Clock => "This machine's clock differs from AWS's by more than AWS accepts, and \
             signing with AWS's time failed too. Synchronize the clock of this machine (NTP), and \
             leave AWS_DISABLE_CLOCK_SKEW_CORRECTION unset."
            .to_owned(),
        Cause::NotSent => {
            "The request was not sent. Check endpoints (AWS_ENDPOINT_URL) and region.".to_owned()
        }
        Cause::NoCredentials => credentials(error.lacking.as_ref()),
        Cause::Untrusted => "TLS certificate verification failed; nothing was sent. If a proxy or \
             private endpoint uses its own certificate authority, set custom_ca_bundle or \
             AWS_CA_BUNDLE."
            .to_owned(),
        Cause::Stopped => "Apply again to make the remaining changes.".to_owned(),
        Cause::Missing if error.operation == Operation::AddPermission => {
            "Correct destination_arn, or create the function first.".to_owned()
        }
        Cause::Missing | Cause::Exists | Cause::Refused => {
            "Correct what AWS's message names, and apply again.".to_owned()
        }
    }
}

/// How to get credentials.
fn credentials(lacking: Option<&Lacking>) -> String {
    match lacking {
        Some(Lacking::Role(RoleOf::Provider(_) | RoleOf::Resource)) => "The credentials that the \
             role is assumed with need sts:AssumeRole on it (and sts:TagSession if tags are set), \
             and the role's trust policy must allow them, with the external_id it requires."
            .to_owned(),
        Some(Lacking::Role(RoleOf::WebIdentity)) => "The role's trust policy must allow \
             sts:AssumeRoleWithWebIdentity for the token's issuer, subject and audience, and the \
             token must not have expired."
            .to_owned(),
        Some(Lacking::SignIn { profile }) => {
            format!("Sign in and try again:\n\n  aws sso login --profile {profile}")
        }
        Some(Lacking::Mfa { profile }) => format!(
            "Profile {profile} has an mfa_serial, and the code of an MFA device cannot be asked \
             for. Get credentials first, and try again with them:\n\n  eval \"$(aws configure \
             export-credentials --profile {profile} --format env)\""
        ),
        Some(Lacking::Other) | None => {
            "The request could not be signed, so it was not sent. Set a profile or keys, such as \
             AWS_PROFILE or AWS_ACCESS_KEY_ID; if a source of credentials is named above, correct \
             that one."
                .to_owned()
        }
    }
}

fn advice_on_destination(error: &CallError, missing: MissingAccess) -> String {
    let destination = error.destination_arn.as_deref().and_then(|arn| arn.parse::<Arn>().ok());
    let principal = logs_principal(destination.as_ref().map_or("aws", Arn::partition));
    match missing {
        MissingAccess::AccessPolicy => denied::access_policy(error.denial.as_deref()),
        MissingAccess::RoleTrust => format!(
            "CloudWatch Logs cannot assume the role in role_arn, even after waiting a minute for a \
             recent change to propagate. The role's trust policy needs this statement:\n\n  {{ \
             \"Effect\": \"Allow\", \"Principal\": {{ \"Service\": \"{principal}\" }}, \"Action\": \
             \"sts:AssumeRole\" }}"
        ),
        MissingAccess::InvokePermission => format!(
            "CloudWatch Logs is not allowed to use the destination, even after waiting a minute for \
             recent permissions to propagate. A Lambda function needs this in its resource policy \
             (aws_lambda_permission):\n\n  \
             principal  = \"{principal}\"\n  \
             action     = \"lambda:InvokeFunction\"\n  \
             source_arn = \"{}\"\n\n\
             With grant_invoke = true the policy manages this statement.",
            source_arn(error.destination_arn.as_deref())
        ),
        MissingAccess::Delivery => format!(
            "CloudWatch Logs could not write to the destination, even after waiting a minute for \
             recent permissions to propagate. A stream must be active, and requires a role_arn that \
             {principal} can assume and that can write to the stream (kinesis:PutRecord, \
             firehose:PutRecord and firehose:PutRecordBatch)."
        ),
    }
}

/// All log groups that may invoke a function: those of its partition, region and account.
fn source_arn(function_arn: Option<&str>) -> String {
    match function_arn.and_then(|arn| arn.parse::<Arn>().ok()) {
        Some(arn) => {
            let (partition, region, account) = (arn.partition(), arn.region(), arn.account());
            format!("arn:{partition}:logs:{region}:{account}:log-group:*:*")
        }
        None => "arn:PARTITION:logs:REGION:ACCOUNT:log-group:*:*".to_owned(),
    }
}

/// With the path of the role that could not be assumed, if the resource or data source sets it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_on_credentials_fits_every_program() {
        let profile = "dev".to_owned();
        let lacking = [
            None,
            Some(Lacking::Other),
            Some(Lacking::SignIn { profile: profile.clone() }),
            Some(Lacking::Mfa { profile }),
        ];
        for lacking in lacking {
            let advice = credentials(lacking.as_ref());
            let is_for_one = ["provider", "Terraform"].iter().any(|word| advice.contains(word));
            assert!(!is_for_one, "{advice}");
        }
    }

    #[test]
    fn the_source_arn_has_the_partition_region_and_account_of_the_function() {
        let function = "arn:aws-cn:lambda:cn-north-1:123456789012:function:shipper";
        let source = "arn:aws-cn:logs:cn-north-1:123456789012:log-group:*:*";
        assert_eq!(source_arn(Some(function)), source);
    }
}
