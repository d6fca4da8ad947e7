//! Import.

use std::collections::BTreeMap;

use tfplugin::Diagnostic;

use super::words::listed_pairs;

pub(crate) fn invalid_identity(why: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid identity",
        format!(
            "The identity does not name a policy: {why}. It reads filter_name, the name of the \
             policy's filters, and where that is not the provider's, region."
        ),
    )
}

pub(crate) fn import_from_another_account(named: &str, in_hand: &str) -> Diagnostic {
    Diagnostic::error(
        "Policy of another account",
        format!(
            "The identity names account {named}, and the credentials in hand are those of account \
             {in_hand}. Import looks in the account of the provider block: use a provider block of \
             {named}."
        ),
    )
}

pub(crate) fn invalid_import_id(id: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid import id",
        format!("{id:?} is not the id of a policy. It reads NAME, or NAME@REGION."),
    )
}

pub(crate) fn nothing_to_import(name: &str, region: &str) -> Diagnostic {
    Diagnostic::error(
        "No such policy",
        format!(
            "No log group in {region} has a subscription filter named {name:?}. If the policy's \
             filters have another name, import by that; a policy that only sets retention leaves \
             nothing to be found by, and is created rather than imported."
        ),
    )
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
