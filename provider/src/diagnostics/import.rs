//! Import.

use std::collections::BTreeMap;

use tfplugin::Diagnostic;

use super::failure::{advice, stop};
use super::format::listed_pairs;
use crate::aws::CallError;

const ID: &str = "The id reads NAME, NAME@REGION or NAME@REGION@ROLE_ARN, where NAME is that of the \
                  policy's filters and ROLE_ARN the role_arn of its assume_role block.";

pub(crate) fn invalid_identity(why: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid identity",
        format!(
            "The identity does not name a policy: {why}. It reads filter_name, the name of the \
             policy's filters; region, where that is not the provider's; and assume_role_arn, where \
             the policy has an assume_role block."
        ),
    )
}

pub(crate) fn import_from_another_account(named: &str, in_hand: &str) -> Diagnostic {
    Diagnostic::error(
        "Policy of another account",
        format!(
            "The identity names account {named}, and the import would look in account {in_hand}. \
             Give a role of {named} in assume_role_arn, or use a provider block of {named}."
        ),
    )
}

pub(crate) fn invalid_import_id(id: &str, why: &str) -> Diagnostic {
    Diagnostic::error("Invalid import id", format!("{id:?} is not the id of a policy. {why} {ID}"))
}

pub(crate) fn not_looked_for(
    error: &CallError,
    name: &str,
    region: &str,
    account_id: &str,
) -> Diagnostic {
    let mut text = format!(
        "The provider looked for filters named {name:?} in {region} of account {account_id}. {}\n\n{}",
        stop(error),
        advice(error)
    );
    if error.is_about_the_resources_role() {
        text.push_str(
            " An import knows of an external_id only what its id says: \
             NAME@REGION@ROLE_ARN?external_id=EXTERNAL_ID.",
        );
    }
    Diagnostic::error("Policy could not be looked for", text)
}

pub(crate) fn nothing_to_import(name: &str, region: &str, no_region: Option<&str>) -> Diagnostic {
    let mut text = format!("No log group in {region} has a subscription filter named {name:?}.");
    if let Some(no_region) = no_region {
        text.push_str(&format!(
            " What follows the last @, {no_region:?}, is not a region as in eu-west-1, so it was \
             taken for a part of the name. {ID}"
        ));
    }
    text.push_str(
        " If the policy's filters have another name, import by that; a policy that only sets \
         retention leaves nothing to be found by, and is created rather than imported.",
    );
    Diagnostic::error("No such policy", text)
}

pub(crate) fn imported_in_part(
    name: &str,
    destination: &str,
    foreign: &BTreeMap<&String, &String>,
) -> Diagnostic {
    Diagnostic::warning(
        format!("Filters named {name:?} ship to several destinations"),
        format!(
            "Most of them ship to {destination}, and these were imported. The others are taken for \
             somebody else's and left alone:\n\n{}",
            listed_pairs(foreign)
        ),
    )
}
