//! The lists of `deny.toml`, held to without cargo-deny: licenses of every crate that is used on
//! this machine in any way, sources of every crate in `Cargo.lock`.

use std::collections::BTreeSet;

use logagg_release::product::PRODUCTS;
use logagg_release::{compile, crates};
use serde::Deserialize;
use spdx::Expression;

#[derive(Deserialize)]
struct Deny {
    graph: Graph,
    licenses: Licenses,
    sources: Sources,
}

#[derive(Deserialize)]
struct Graph {
    targets: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: String,
    unknown_git: String,
    allow_registry: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    source: Option<String>,
}

fn read<T: serde::de::DeserializeOwned>(file: &str) -> T {
    toml::from_str(&std::fs::read_to_string(compile::root().join(file)).unwrap()).unwrap()
}

fn is_allowed(expression: &str, allow: &BTreeSet<String>) -> bool {
    let expression = Expression::parse(expression).unwrap();
    expression.evaluate(|license| allow.contains(&license.to_string()))
}

#[test]
fn every_crate_is_under_a_license_that_is_allowed() {
    let allow = read::<Deny>("deny.toml").licenses.allow;
    for it in crates::described(&compile::host().unwrap()).unwrap().values() {
        let is_allowed = is_allowed(&it.license, &allow);
        assert!(is_allowed, "{} {}: {}", it.name, it.version, it.license);
    }
}

#[test]
fn a_license_that_is_not_on_the_list_is_not_allowed() {
    let allow = read::<Deny>("deny.toml").licenses.allow;
    for refused in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "AGPL-3.0-or-later OR GPL-2.0-only"] {
        assert!(!is_allowed(refused, &allow), "{refused}");
    }
    assert!(is_allowed("MIT OR GPL-3.0-only", &allow));
}

#[test]
fn every_license_on_the_list_is_used() {
    let used: BTreeSet<_> = crates::described(&compile::host().unwrap())
        .unwrap()
        .values()
        .flat_map(|it| {
            let expression = Expression::parse(&it.license).unwrap();
            expression.requirements().map(|it| it.req.to_string()).collect::<Vec<_>>()
        })
        .collect();
    let allow = read::<Deny>("deny.toml").licenses.allow;
    assert_eq!(allow.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_crate_comes_from_the_registry_that_is_allowed() {
    let sources = read::<Deny>("deny.toml").sources;
    assert_eq!((sources.unknown_registry.as_str(), sources.unknown_git.as_str()), ("deny", "deny"));
    for locked in read::<Lock>("Cargo.lock").package {
        let Some(source) = locked.source else { continue };
        let registry = source.strip_prefix("registry+").unwrap_or(&source);
        assert!(sources.allow_registry.contains(registry), "{} from {source}", locked.name);
    }
}

#[test]
fn every_target_that_is_released_for_is_looked_at() {
    let released = PRODUCTS.iter().flat_map(|product| product.targets);
    let released: BTreeSet<_> = released.map(|target| (*target).to_owned()).collect();
    assert_eq!(read::<Deny>("deny.toml").graph.targets, released);
}
