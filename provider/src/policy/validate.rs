use logagg_policy::{Arn, Destination};
use tfplugin::{Attr, Diagnostic, Diagnostics};

use super::model::Policy;
use super::refresh_mode::RefreshMode;
use crate::{diagnostics, selection};

/// Looks at what several arguments say together, as far as they are known.
pub(super) fn validate(config: &Policy, diagnostics: &mut Diagnostics) {
    let has_effect = !config.destination_arn.is_null()
        || !config.retention_in_days.is_null()
        || !config.deletion_protection.is_null();
    if !has_effect {
        diagnostics.push(diagnostics::nothing_to_do());
    }
    match &config.select {
        Attr::Null => diagnostics.push(diagnostics::no_selection()),
        Attr::Known(blocks) if blocks.is_empty() => diagnostics.push(diagnostics::no_selection()),
        Attr::Known(_) | Attr::Unknown(_) => {}
    }
    selection::validate("select", &config.select, diagnostics);
    selection::validate("exclude", &config.exclude, diagnostics);
    for (name, is_given) in [
        ("retention_mode", !config.retention_mode.is_null()),
        ("retention_on_destroy", !config.retention_on_destroy.is_null()),
    ] {
        if config.retention_in_days.is_null() && is_given {
            diagnostics.push(diagnostics::needs_retention(name));
        }
    }
    let on_destroy = !config.deletion_protection_on_destroy.is_null();
    if config.deletion_protection.is_null() && on_destroy {
        diagnostics.push(diagnostics::needs_deletion_protection());
    }
    validate_subscription(config, diagnostics);
    validate_refresh(config, diagnostics);
}

/// Every refresh is full where nothing else is said.
fn validate_refresh(config: &Policy, diagnostics: &mut Diagnostics) {
    let full = match &config.refresh {
        Attr::Null => true,
        Attr::Known(mode) => mode.parse() == Ok(RefreshMode::Full),
        Attr::Unknown(_) => false,
    };
    let ships = !config.destination_arn.is_null();
    if ships && full && !config.full_refresh_after_hours.is_null() {
        diagnostics.push(diagnostics::needs_incremental_refresh());
    }
}

fn validate_subscription(config: &Policy, diagnostics: &mut Diagnostics) {
    let without_destination = config.destination_arn.is_null();
    for (name, is_given) in [
        ("filter_name", !config.filter_name.is_null()),
        ("filter_pattern", !config.filter_pattern.is_null()),
        ("role_arn", !config.role_arn.is_null()),
        ("distribution", !config.distribution.is_null()),
        ("apply_on_transformed_logs", !config.apply_on_transformed_logs.is_null()),
        ("field_selection_criteria", !config.field_selection_criteria.is_null()),
        ("emit_system_fields", !config.emit_system_fields.is_null()),
        ("replace_destination_arns", !config.replace_destination_arns.is_null()),
        ("grant_invoke", !config.grant_invoke.is_null()),
        ("on_conflict", !config.on_conflict.is_null()),
        ("refresh", !config.refresh.is_null()),
        ("full_refresh_after_hours", !config.full_refresh_after_hours.is_null()),
    ] {
        if without_destination && is_given {
            diagnostics.push(diagnostics::needs_destination(name));
        }
    }
    let replaced = config.replace_destination_arns.known().into_iter().flatten();
    for replaced in replaced.filter_map(Attr::known) {
        if config.destination_arn.known() == Some(replaced) {
            diagnostics.push(diagnostics::replaces_itself(replaced));
        }
    }
    let arn: Option<Arn> = config.destination_arn.known().and_then(|arn| arn.parse().ok());
    let Some(Ok(destination)) = arn.as_ref().map(Destination::of) else {
        return;
    };
    if let Some(error) = grant_to_what_is_no_function(config) {
        diagnostics.push(error);
    }
    if destination.needs_role() && config.role_arn.is_null() {
        diagnostics.push(diagnostics::needs_role());
    }
    if destination.is_function() && !config.role_arn.is_null() {
        diagnostics.push(diagnostics::needs_no_role());
    }
    if !destination.takes_distribution() && !config.distribution.is_null() {
        diagnostics.push(diagnostics::needs_no_distribution());
    }
}

pub(super) fn grant_to_what_is_no_function(config: &Policy) -> Option<Diagnostic> {
    let arn: Arn = config.destination_arn.known()?.parse().ok()?;
    let destination = Destination::of(&arn).ok()?;
    let grants = config.grant_invoke.known() == Some(&true);
    (grants && !destination.is_function()).then(|| diagnostics::grant_needs_function(&destination))
}
