//! Why there are no credentials, and what the sources of an error say.

use aws_sdk_cloudwatchlogs::error::ErrorMetadata;

/// Why a call has no credentials to be signed with, as far as something can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// STS did not give those of a role.
    Role(RoleOf),
    /// There is no IAM Identity Center session, or it has expired.
    SignIn { profile: String },
    /// A role wants the code of an MFA device.
    Mfa { profile: String },
    /// Whatever else it is, AWS's message says it.
    Other,
}

/// Where a role is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoleOf {
    /// In this `assume_role` block of the provider block.
    Provider(usize),
    /// In the provider block's `assume_role_with_web_identity`.
    WebIdentity,
    /// In the `assume_role` block of a resource or data source.
    Resource,
}

/// Who was asked for credentials and gave none.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{who} returned no credentials: {why}")]
pub(super) struct NotGiven {
    pub(super) who: String,
    pub(super) why: String,
    pub(super) lacking: Lacking,
}

/// STS gave no credentials for a role.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{role_arn} could not be assumed: {message}")]
pub(super) struct NotAssumed {
    pub(super) role_arn: String,
    pub(super) message: String,
    pub(super) of: RoleOf,
}

/// An error's sources, outermost first.
fn sources<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |error| error.source())
}

/// The SDK reports missing credentials like a broken connection: only the sources differ.
pub(super) fn find<'e, T: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e T> {
    sources(error).find_map(|source| source.downcast_ref())
}

/// An error and its sources in one line; of a response of AWS's, its code and its words.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(answer) = find::<ErrorMetadata>(error)
        && let (Some(code), Some(message)) = (answer.code(), answer.message())
    {
        return format!("{code}: {message}");
    }
    sources(error).map(ToString::to_string).fold(error.to_string(), |text, source| {
        if text.ends_with(&source) { text } else { format!("{text}: {source}") }
    })
}

/// What all else came from.
pub(super) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    sources(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}
