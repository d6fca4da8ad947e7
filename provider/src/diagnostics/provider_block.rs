//! The provider block.

use tfplugin::{AttributePath, Diagnostic};

use super::failure::role_arn;
use super::reading::no_account;
use crate::aws::{CallError, CannotConnect, ForbiddenAccount, Given, Lacking, Operation, RoleOf};

pub(crate) fn cannot_connect(error: &CannotConnect) -> Diagnostic {
    match error {
        CannotConnect::NoRegion => Diagnostic::error(
            "No region",
            format!(
                "The provider cannot connect to AWS: {error}. Set region in the provider block, or \
                 AWS_REGION."
            ),
        )
        .on(AttributePath::root("region")),
        CannotConnect::UnreadableFile { given, why, .. } => {
            let detail = format!(
                "{error}: {why}. The path is set in {}; correct it, or make the file readable.",
                place(*given)
            );
            at(*given, Diagnostic::error("File cannot be read", detail))
        }
        CannotConnect::UnreadableProfiles(why) => Diagnostic::error(
            "Shared configuration files cannot be read",
            format!("{why}. Correct the file, or remove the profile."),
        ),
        CannotConnect::NoProfile { given, .. } => {
            let detail = format!(
                "The profile is set in {}, and {error}. Correct the name, or add the profile to \
                 ~/.aws/config or ~/.aws/credentials.",
                place(*given)
            );
            at(*given, Diagnostic::error("Profile not found", detail))
        }
        CannotConnect::NoAttempts { given, .. } => {
            let detail = format!(
                "{error}. It is set in {}; use a number of at least 1, or set max_retries in the \
                 provider block.",
                place(*given)
            );
            at(*given, Diagnostic::error("Invalid number of attempts", detail))
        }
        CannotConnect::NoCertificate { given, .. } => {
            let detail = format!(
                "{error}. It is set in {}; use a file with certificates that begin with -----BEGIN \
                 CERTIFICATE-----.",
                place(*given)
            );
            at(*given, Diagnostic::error("No certificate authority", detail))
        }
        CannotConnect::NotAProxy { given } => {
            let detail = format!(
                "The value of {} is not the URL of a proxy, for example \
                 http://proxy.example.com:3128.",
                place(*given)
            );
            at(*given, Diagnostic::error("Invalid proxy", detail))
        }
        CannotConnect::NoClient(why) => Diagnostic::error(
            "No HTTP client",
            format!("The provider cannot create an HTTP client from the provider block: {why}."),
        ),
        CannotConnect::UnknownAccount => Diagnostic::error(
            "Unknown account",
            "With skip_requesting_account_id the provider does not ask STS for the account, and \
             nothing else determines it. Add an assume_role block, or allowed_account_ids with \
             exactly one account.",
        )
        .on(AttributePath::root("skip_requesting_account_id")),
        CannotConnect::NoToken => Diagnostic::error(
            "No web identity token",
            "The role requires a web identity token, and none is configured. Set \
             web_identity_token, web_identity_token_file or AWS_WEB_IDENTITY_TOKEN_FILE.",
        )
        .on(AttributePath::root("assume_role_with_web_identity").index(0)),
    }
}

fn place(given: Given) -> String {
    match given {
        Given::Argument(name) | Given::Element(name, _) => {
            format!("{name} of the provider block")
        }
        Given::Variable(name) => format!("the environment variable {name}"),
        Given::Profile(name) => format!("{name} of the profile"),
    }
}

fn at(given: Given, diagnostic: Diagnostic) -> Diagnostic {
    match given {
        Given::Argument(name) => diagnostic.on(AttributePath::root(name)),
        Given::Element(name, index) => diagnostic.on(AttributePath::root(name).index(index)),
        Given::Variable(_) | Given::Profile(_) => diagnostic,
    }
}

/// The account of the provider block's own credentials could not be determined.
pub(crate) fn no_account_of_provider(error: &CallError) -> Diagnostic {
    let diagnostic = no_account(error);
    match error.lacking {
        Some(Lacking::Role(RoleOf::Provider(index))) => {
            diagnostic.on(role_arn("assume_role", index))
        }
        Some(Lacking::Role(RoleOf::WebIdentity)) => {
            diagnostic.on(role_arn("assume_role_with_web_identity", 0))
        }
        _ => diagnostic,
    }
}

/// The account of the provider block's own credentials.
pub(crate) fn forbidden_account(error: &ForbiddenAccount) -> Diagnostic {
    let argument = match error {
        ForbiddenAccount::NotAllowed(_) => "allowed_account_ids",
        ForbiddenAccount::Forbidden(_) => "forbidden_account_ids",
    };
    Diagnostic::error(
        "Account not allowed",
        format!(
            "The provider block does not allow the current credentials: {error}. Nothing was read \
             or written. Use credentials of another account, or correct {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

/// The account of a role that a resource or data source names.
pub(crate) fn forbidden_role(error: &ForbiddenAccount) -> Diagnostic {
    Diagnostic::error(
        "Account not allowed",
        format!(
            "The provider block does not allow the role's account: {error}. Nothing was read or \
             written there. Use a role in another account, or correct the provider block."
        ),
    )
}

pub(crate) fn profile_and_keys() -> Diagnostic {
    Diagnostic::error(
        "Both profile and access_key",
        "Credentials come from either a profile or keys, and both are set. Remove one of them.",
    )
    .on(AttributePath::root("profile"))
}

pub(crate) fn allowed_and_forbidden() -> Diagnostic {
    Diagnostic::error(
        "Both allowed_account_ids and forbidden_account_ids",
        "With allowed_account_ids every other account is forbidden already. Remove one of them.",
    )
    .on(AttributePath::root("forbidden_account_ids"))
}

pub(crate) fn nothing_allowed() -> Diagnostic {
    Diagnostic::error(
        "No account is allowed",
        "An empty allowed_account_ids allows no account. List the allowed accounts, or remove it.",
    )
    .on(AttributePath::root("allowed_account_ids"))
}

pub(crate) fn no_such_tag(key: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "Tag not found",
        format!("transitive_tag_keys has {key:?}, and tags has no such key. Add it to tags."),
    )
    .on(path)
}

pub(crate) fn two_tokens(path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "Two web identity tokens",
        "Set either web_identity_token or web_identity_token_file, not both.",
    )
    .on(path)
}

pub(crate) fn needless_ca_bundle() -> Diagnostic {
    Diagnostic::error(
        "custom_ca_bundle without effect",
        "With insecure = true certificates are not verified, so certificate authorities have no \
         effect. Remove one of them.",
    )
    .on(AttributePath::root("custom_ca_bundle"))
}

pub(crate) fn incomplete_keys(missing: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Missing {missing}"),
        "access_key and secret_key must be set together, and token requires both. Set all of them, \
         or none to use the credentials of the environment.",
    )
    .on(AttributePath::root(missing))
}

pub(crate) fn unknown_api(name: &str, path: AttributePath) -> Diagnostic {
    let known = Operation::ALL.map(Operation::name).join(", ");
    Diagnostic::error(
        "Unknown operation",
        format!("{name:?} is not an operation that the provider calls. It calls {known}."),
    )
    .on(path)
}

pub(crate) fn impossible_rate(operation: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "Invalid rate",
        format!("The rate of {operation} must be from 0.01 to 10000 requests per second."),
    )
    .on(path)
}
