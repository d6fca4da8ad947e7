//! Import.

use std::collections::BTreeMap;

use tfplugin::Diagnostic;

use super::failure::{advice, stop};
use super::format::listed_pairs;
use crate::aws::CallError;

const ID: &str = "The import ID is NAME, NAME@REGION or NAME@REGION@ROLE_ARN, where NAME is the \
                  name of the policy's filters and ROLE_ARN the role_arn of its assume_role block.";

pub(crate) fn invalid_identity(why: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid identity",
        format!(
            "The identity does not identify a policy: {why}. The import identity requires \
             filter_name, the name of the policy's filters; region is optional and defaults to the \
             provider's region; set assume_role_arn if the policy has an assume_role block."
        ),
    )
}

pub(crate) fn import_from_another_account(named: &str, in_hand: &str) -> Diagnostic {
    Diagnostic::error(
        "Policy of another account",
        format!(
            "The identity names account {named}, and the current credentials belong to account \
             {in_hand}. Set assume_role_arn to a role in {named}, or use a provider block for \
             {named}."
        ),
    )
}

pub(crate) fn invalid_import_id(id: &str, why: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid import ID",
        format!(
            "{id:?} is not the import ID of a policy. {why} \
         {ID}"
        ),
    )
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
            " An import takes the external_id from the import ID: \
             NAME@REGION@ROLE_ARN?external_id=EXTERNAL_ID.",
        );
    }
    Diagnostic::error("Policy could not be imported", text)
}

pub(crate) fn filters_not_listed(error: &CallError, region: &str, account_id: &str) -> Diagnostic {
    let detail = format!(
        "The provider looked for subscription filters in {region} of account {account_id}. {}\n\n{}",
        stop(error),
        advice(error)
    );
    Diagnostic::error("Policies could not be listed", detail)
}

pub(crate) fn nothing_to_import(name: &str, region: &str, no_region: Option<&str>) -> Diagnostic {
    let mut text = format!("No log group in {region} has a subscription filter named {name:?}.");
    if let Some(no_region) = no_region {
        text.push_str(&format!(
            " The part after the last @, {no_region:?}, is not a region such as eu-west-1, so it \
             was read as part of the name. {ID}"
        ));
    }
    text.push_str(
        " If the policy's filters have another name, import by that name; a policy that only sets \
         retention cannot be imported: create it.",
    );
    Diagnostic::error("Policy not found", text)
}

pub(crate) fn imported_in_part(
    name: &str,
    destination: &str,
    foreign: &BTreeMap<&String, &String>,
) -> Diagnostic {
    Diagnostic::warning(
        format!("Filters named {name:?} forward to several destinations"),
        format!(
            "Most of them forward to {destination} and were imported. The others do not belong to \
             the policy and were not changed:\n\n{}",
            listed_pairs(foreign)
        ),
    )
}
