use tfplugin::{Attr, AttributePath, Diagnostics};

use super::config::Config;
use crate::aws::Operation;
use crate::{checks, diagnostics};

/// Looks at what several arguments say together, as far as they are known.
pub(super) fn validate(config: &Config, diagnostics: &mut Diagnostics) {
    keys(config, diagnostics);
    regions(config, diagnostics);
    accounts(config, diagnostics);
    roles(config, diagnostics);
    for (operation, rate) in config.requests_per_second.known().into_iter().flatten() {
        let path = AttributePath::root("requests_per_second").key(operation);
        if !Operation::ALL.iter().any(|known| known.name() == operation) {
            diagnostics.push(diagnostics::unknown_api(operation, path));
        } else if rate.known().is_some_and(|rate| !(0.01..=10_000.0).contains(rate)) {
            diagnostics.push(diagnostics::impossible_rate(operation, path));
        }
    }
    if config.insecure.known() == Some(&true) && !config.custom_ca_bundle.is_null() {
        diagnostics.push(diagnostics::needless_ca_bundle());
    }
}

fn keys(config: &Config, diagnostics: &mut Diagnostics) {
    for (present, absent, path) in [
        (&config.access_key, &config.secret_key, "secret_key"),
        (&config.secret_key, &config.access_key, "access_key"),
        (&config.token, &config.access_key, "access_key"),
    ] {
        if present.known().is_some() && absent.is_null() {
            diagnostics.push(diagnostics::incomplete_keys(path));
        }
    }
    if config.profile.known().is_some() && config.access_key.known().is_some() {
        diagnostics.push(diagnostics::profile_and_keys());
    }
}

fn regions(config: &Config, diagnostics: &mut Diagnostics) {
    // While the flag is unknown, nothing is reported.
    if !matches!(&config.skip_region_validation, Attr::Null | Attr::Known(false)) {
        return;
    }
    for (name, region) in [("region", &config.region), ("sts_region", &config.sts_region)] {
        if let Some(Err(found)) = region.known().map(|region| checks::region(region)) {
            diagnostics.push(found.on(AttributePath::root(name)));
        }
    }
}

fn accounts(config: &Config, diagnostics: &mut Diagnostics) {
    if !config.allowed_account_ids.is_null() && !config.forbidden_account_ids.is_null() {
        diagnostics.push(diagnostics::allowed_and_forbidden());
    }
    if config.allowed_account_ids.known().is_some_and(Vec::is_empty) {
        diagnostics.push(diagnostics::nothing_allowed());
    }
}

fn roles(config: &Config, diagnostics: &mut Diagnostics) {
    for (index, block) in config.assume_role.known().into_iter().flatten().enumerate() {
        let Attr::Known(keys) = &block.transitive_tag_keys else { continue };
        let (Attr::Null | Attr::Known(_)) = &block.tags else { continue };
        let tags = block.tags.known();
        for key in keys.iter().filter_map(Attr::known) {
            if !tags.is_some_and(|tags| tags.contains_key(key)) {
                let path = AttributePath::root("assume_role")
                    .index(index)
                    .attribute("transitive_tag_keys");
                diagnostics.push(diagnostics::no_such_tag(key, path));
            }
        }
    }
    let blocks = config.assume_role_with_web_identity.known().into_iter().flatten();
    for (index, block) in blocks.enumerate() {
        if !block.web_identity_token.is_null() && !block.web_identity_token_file.is_null() {
            let path = AttributePath::root("assume_role_with_web_identity")
                .index(index)
                .attribute("web_identity_token_file");
            diagnostics.push(diagnostics::two_tokens(path));
        }
    }
}
