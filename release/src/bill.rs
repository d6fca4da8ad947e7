//! The bill of materials: every crate in a program, in CycloneDX's JSON
//! (<https://cyclonedx.org/docs/1.6/json/>).

use serde_json::{Map, Value, json};

use crate::compile;
use crate::crates::{Crate, Crates, Id};
use crate::product::{Product, VERSION};

/// What is in the program of a product.
///
/// # Errors
/// When the compiler does not report its version.
pub fn render(product: &Product, crates: &Crates) -> anyhow::Result<String> {
    let library = library(&compile::compiler_version()?);
    let linked = crates.all.iter().filter(|(id, _)| **id != crates.root);
    let mut components: Vec<_> = linked.map(|(_, it)| component(it)).collect();
    components.push(library.clone());
    let mut dependencies: Vec<_> = crates
        .needs
        .iter()
        .map(|(id, needed)| {
            let mut on: Vec<_> = needed.iter().map(|id| reference(crates, id)).collect();
            if *id == crates.root {
                on.push(library["bom-ref"].clone());
            }
            json!({"ref": reference(crates, id), "dependsOn": on})
        })
        .collect();
    dependencies.push(json!({"ref": library["bom-ref"]}));
    let mut program = component(&crates.all[&crates.root]);
    program["type"] = json!("application");
    program["name"] = json!(product.program.name());
    program["properties"] = json!([{"name": "logagg:platform", "value": product.platform}]);
    let bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": program,
            "tools": {"components": [
                {"type": "application", "name": "logagg-release", "version": VERSION},
            ]},
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(format!("{bill:#}\n"))
}

fn component(it: &Crate) -> Value {
    let mut component = Map::new();
    component.insert("type".to_owned(), json!("library"));
    component.insert("bom-ref".to_owned(), url(it));
    component.insert("name".to_owned(), json!(it.name));
    component.insert("version".to_owned(), json!(it.version));
    component.insert("licenses".to_owned(), json!([{"expression": it.license}]));
    if let Some(checksum) = &it.checksum {
        component.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": checksum}]));
        component.insert("purl".to_owned(), url(it));
    }
    if let Some(repository) = &it.repository {
        component
            .insert("externalReferences".to_owned(), json!([{"type": "vcs", "url": repository}]));
    }
    component.into()
}

/// What is linked into every program written in Rust.
fn library(version: &str) -> Value {
    json!({
        "type": "library",
        "bom-ref": format!("pkg:generic/rust-std@{version}"),
        "name": "rust-std",
        "version": version,
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "purl": format!("pkg:generic/rust-std@{version}"),
        "externalReferences": [{"type": "vcs", "url": "https://github.com/rust-lang/rust"}],
    })
}

fn reference(crates: &Crates, id: &Id) -> Value {
    url(&crates.all[id])
}

/// A package URL; what is in no registry is named likewise.
fn url(it: &Crate) -> Value {
    let kind = if it.checksum.is_some() { "pkg:cargo/" } else { "logagg:" };
    // The one character of a version that a URL may not hold.
    json!(format!("{kind}{}@{}", it.name, it.version.replace('+', "%2B")))
}
