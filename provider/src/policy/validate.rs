use logagg_policy::{Arn, Destination};
use tfplugin::{Attr, AttributePath, Diagnostics};

use super::model::{Policy, RuleBlock};
use crate::diagnostics;

/// Looks at what several arguments say together, as far as they are known.
pub(super) fn validate(config: &Policy, diagnostics: &mut Diagnostics) {
    if config.destination_arn.is_null() && config.retention_in_days.is_null() {
        diagnostics.push(diagnostics::nothing_to_do());
    }
    match &config.select {
        Attr::Null => diagnostics.push(diagnostics::no_selection()),
        Attr::Known(blocks) if blocks.is_empty() => diagnostics.push(diagnostics::no_selection()),
        Attr::Known(_) | Attr::Unknown(_) => {}
    }
    for (name, blocks) in [("select", &config.select), ("exclude", &config.exclude)] {
        for (index, block) in blocks.known().into_iter().flatten().enumerate() {
            if is_empty(block) {
                let path = AttributePath::root(name).index(index);
                diagnostics.push(diagnostics::empty_rule(name, path));
            }
        }
    }
    validate_subscription(config, diagnostics);
}

fn validate_subscription(config: &Policy, diagnostics: &mut Diagnostics) {
    let without_destination = config.destination_arn.is_null();
    for (name, given) in [
        ("filter_name", &config.filter_name),
        ("filter_pattern", &config.filter_pattern),
        ("role_arn", &config.role_arn),
        ("distribution", &config.distribution),
    ] {
        if without_destination && !given.is_null() {
            diagnostics.push(diagnostics::needs_destination(name));
        }
    }
    let arn: Option<Arn> = config.destination_arn.known().and_then(|arn| arn.parse().ok());
    let Some(Ok(destination)) = arn.as_ref().map(Destination::of) else {
        return;
    };
    if destination.needs_role() && config.role_arn.is_null() {
        diagnostics.push(diagnostics::needs_role());
    }
    if matches!(destination, Destination::Function { .. }) && !config.role_arn.is_null() {
        diagnostics.push(diagnostics::needs_no_role());
    }
    if !destination.takes_distribution() && !config.distribution.is_null() {
        diagnostics.push(diagnostics::needs_no_distribution());
    }
}

fn is_empty(block: &RuleBlock) -> bool {
    block.names.is_null() && block.name_prefixes.is_null() && block.name_regex.is_null()
}
