//! What Terraform itself holds a provider to.

use serde_json::{Map, Value as Json};
use tfplugin::proto::tfplugin5::schema;

/// Marks an unknown value, before its refinements.
pub(super) const UNKNOWN: &str = "<unknown>";

pub(super) fn is_unknown(value: &Json) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(UNKNOWN))
}

/// With null for every attribute that is not in it.
pub(super) fn complete(value: &Json, block: &schema::Block) -> Json {
    let mut whole = Map::new();
    for attribute in &block.attributes {
        let value = value.get(&attribute.name).cloned().unwrap_or_default();
        whole.insert(attribute.name.clone(), value);
    }
    for nested in &block.block_types {
        let copies = value.get(&nested.type_name).and_then(Json::as_array).cloned();
        let content = nested.block.clone().unwrap_or_default();
        let copies = copies.unwrap_or_default();
        let copies = copies.iter().map(|one| complete(one, &content)).collect();
        whole.insert(nested.type_name.clone(), copies);
    }
    Json::Object(whole)
}

/// What is configured, over what there is. Blocks have no computed attributes here.
pub(super) fn proposed(config: &Json, prior: &Json, block: &schema::Block) -> Json {
    let mut proposed = config.clone();
    for attribute in block.attributes.iter().filter(|attribute| attribute.computed) {
        let value = &mut proposed[&attribute.name];
        if value.is_null() {
            *value = match prior {
                Json::Null => UNKNOWN.into(),
                prior => prior[&attribute.name].clone(),
            };
        }
    }
    proposed
}

/// What is wrong with a plan: an argument is planned as it is configured.
pub(super) fn invalid_plan(config: &Json, planned: &Json, block: &schema::Block) -> Option<String> {
    let attributes = block.attributes.iter().map(|one| (&one.name, one.computed));
    let mut all = attributes.chain(block.block_types.iter().map(|one| (&one.type_name, false)));
    all.find_map(|(name, computed)| {
        let (config, planned) = (&config[name], &planned[name]);
        let free = computed && config.is_null();
        (!free && config != planned).then(|| format!("{name} is {config}, planned is {planned}"))
    })
}

/// Where what was planned and what came of it differ: what was known has to be the same.
pub(super) fn incompatible(planned: &Json, actual: &Json) -> Option<String> {
    match (planned, actual) {
        (planned, _) if is_unknown(planned) => None,
        (Json::Object(planned), Json::Object(actual)) => {
            let mut names = planned.keys().chain(actual.keys());
            names.find_map(|name| match (planned.get(name), actual.get(name)) {
                (Some(planned), Some(actual)) => {
                    incompatible(planned, actual).map(|why| format!("{name}.{why}"))
                }
                (planned, actual) => Some(format!("{name}: {planned:?}, then {actual:?}")),
            })
        }
        (Json::Array(planned), Json::Array(actual)) if planned.len() == actual.len() => {
            planned.iter().zip(actual).find_map(|(planned, actual)| incompatible(planned, actual))
        }
        (planned, actual) => (planned != actual).then(|| format!(" {planned}, then {actual}")),
    }
}

/// Whether anything in it is unknown.
pub(super) fn has_unknowns(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(has_unknowns),
        Json::Object(entries) => entries.values().any(has_unknowns),
        value => is_unknown(value),
    }
}

/// Sets have no order: lists of strings are all sets here.
pub(super) fn sorted(mut value: Json) -> Json {
    match &mut value {
        Json::Array(items) if items.iter().all(Json::is_string) => {
            items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| *item = sorted(item.take())),
        Json::Object(entries) => {
            entries.values_mut().for_each(|entry| *entry = sorted(entry.take()));
        }
        _ => {}
    }
    value
}
