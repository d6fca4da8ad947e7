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
                "The provider cannot reach AWS: {error}. Set region in the provider block, or \
                 AWS_REGION."
            ),
        )
        .on(AttributePath::root("region")),
        CannotConnect::UnreadableFile { given, why, .. } => {
            let detail = format!(
                "{error}: {why}. It is written in {}; correct the path there, or make the file \
                 readable.",
                place(*given)
            );
            at(*given, Diagnostic::error("File cannot be read", detail))
        }
        CannotConnect::UnreadableProfiles(why) => Diagnostic::error(
            "Shared configuration files cannot be read",
            format!("{why}. Correct the file, or leave the profile out."),
        ),
        CannotConnect::NoProfile { given, .. } => {
            let detail = format!(
                "The profile is named in {}, and {error}. Correct the name, or add the profile to \
                 ~/.aws/config or ~/.aws/credentials.",
                place(*given)
            );
            at(*given, Diagnostic::error("No such profile", detail))
        }
        CannotConnect::NoAttempts { given, .. } => {
            let detail = format!(
                "{error}. It is written in {}; give a number from 1 on, or set max_retries in the \
                 provider block.",
                place(*given)
            );
            at(*given, Diagnostic::error("Invalid number of attempts", detail))
        }
        CannotConnect::NoCertificate { given, .. } => {
            let detail = format!(
                "{error}. It is written in {}; give a file with certificates that begin with \
                 -----BEGIN CERTIFICATE-----.",
                place(*given)
            );
            at(*given, Diagnostic::error("No certificate authority", detail))
        }
        CannotConnect::NotAProxy { given } => {
            let detail = format!(
                "What is written in {} is not the address of a proxy, as in \
                 http://proxy.example.com:3128.",
                place(*given)
            );
            at(*given, Diagnostic::error("Invalid proxy", detail))
        }
        CannotConnect::NoClient(why) => Diagnostic::error(
            "No HTTP client",
            format!("The provider cannot make connections as the provider block says: {why}."),
        ),
        CannotConnect::UnknownAccount => Diagnostic::error(
            "Account not known",
            "With skip_requesting_account_id nobody is asked whose the credentials are, and nothing \
             else tells. Add an assume_role block, or allowed_account_ids with the one account.",
        )
        .on(AttributePath::root("skip_requesting_account_id")),
        CannotConnect::NoToken => Diagnostic::error(
            "No web identity token",
            "A role is to be assumed with a token, and nothing says where that is. Give \
             web_identity_token or web_identity_token_file, or set AWS_WEB_IDENTITY_TOKEN_FILE.",
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

/// No account could be made out for the provider block's own credentials.
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
            "The credentials in hand are not to be used: {error}. Nothing was read or written. Use \
             credentials of another account, or correct {argument}."
        ),
    )
    .on(AttributePath::root(argument))
}

/// The account of a role that a resource or data source names.
pub(crate) fn forbidden_role(error: &ForbiddenAccount) -> Diagnostic {
    Diagnostic::error(
        "Account not allowed",
        format!(
            "The role's account is kept out by the provider block: {error}. Nothing was read or \
             written there. Name a role of another account, or correct the provider block."
        ),
    )
}

pub(crate) fn profile_and_keys() -> Diagnostic {
    Diagnostic::error(
        "Both profile and access_key",
        "Credentials come from a profile or from keys, and this gives both. Remove one of them.",
    )
    .on(AttributePath::root("profile"))
}

pub(crate) fn allowed_and_forbidden() -> Diagnostic {
    Diagnostic::error(
        "Both allowed_account_ids and forbidden_account_ids",
        "AllowedAccounts that are allowed leave no others to forbid. Remove one of them.",
    )
    .on(AttributePath::root("forbidden_account_ids"))
}

pub(crate) fn nothing_allowed() -> Diagnostic {
    Diagnostic::error(
        "No account is allowed",
        "An empty allowed_account_ids leaves no account to work in. Name those that may be worked \
         in, or remove it.",
    )
    .on(AttributePath::root("allowed_account_ids"))
}

pub(crate) fn no_such_tag(key: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "No such tag",
        format!(
            "{key:?} is to be kept by roles assumed after, and tags has no such key. Add it there."
        ),
    )
    .on(path)
}

pub(crate) fn two_tokens(path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "Two web identity tokens",
        "Give web_identity_token or web_identity_token_file, not both.",
    )
    .on(path)
}

pub(crate) fn needless_ca_bundle() -> Diagnostic {
    Diagnostic::error(
        "custom_ca_bundle without effect",
        "With insecure = true anybody's certificate is accepted, and no certificate authority is \
         asked. Remove one of them.",
    )
    .on(AttributePath::root("custom_ca_bundle"))
}

pub(crate) fn incomplete_keys(missing: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Missing {missing}"),
        "access_key and secret_key go together, and token with both of them. Give all that belong \
         together, or none to use the credentials of the environment.",
    )
    .on(AttributePath::root(missing))
}

pub(crate) fn unknown_api(name: &str, path: AttributePath) -> Diagnostic {
    let known = Operation::ALL.map(Operation::name).join(", ");
    Diagnostic::error(
        "Unknown call",
        format!("{name:?} is not a call that the provider makes. It makes {known}."),
    )
    .on(path)
}

pub(crate) fn impossible_rate(operation: &str, path: AttributePath) -> Diagnostic {
    Diagnostic::error(
        "Impossible rate",
        format!(
            "{operation} can be called 0.01 to 10000 times a second. Give a number between these."
        ),
    )
    .on(path)
}
