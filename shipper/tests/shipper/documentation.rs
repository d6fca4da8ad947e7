//! The documentation's examples are valid.

use std::path::Path;

use logagg_shipper::config::{Draft, TYPES};
use serde_json::{Value, json};

use crate::bulk::Bulk;
use crate::event;
use crate::lambda::{Lambda, accepting};

/// The pages with configurations: the shipper's, one for each destination, and the guides.
fn pages() -> Vec<String> {
    let mut pages = vec!["shipper.md".to_owned()];
    pages.extend(TYPES.iter().map(|name| format!("destinations/{name}.md")));
    let recipes = ["fluent-bit", "grafana-loki", "opentelemetry-collector", "victorialogs"];
    pages.extend(recipes.iter().map(|name| format!("guides/{name}.md")));
    pages
}

/// All JSON on a page.
fn json_blocks(page: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    text.split("```json\n")
        .skip(1)
        .map(|rest| {
            let (block, _) = rest.split_once("```").unwrap();
            serde_json::from_str(block).unwrap_or_else(|error| panic!("{page}: {error}\n{block}"))
        })
        .collect()
}

/// All configurations, with their pages.
pub(crate) fn configurations() -> Vec<(String, Value)> {
    let is_configuration =
        |block: &Value| block.get("destinations").is_some() && block.get("logagg").is_none();
    let mut found = Vec::new();
    for page in pages() {
        let before = found.len();
        for configuration in json_blocks(&page).into_iter().filter(is_configuration) {
            let text = configuration.to_string().replace("...", "x");
            found.push((page.clone(), serde_json::from_str(&text).unwrap()));
        }
        assert!(found.len() > before, "{page}");
    }
    found
}

#[test]
fn every_documented_configuration_is_accepted() {
    for (page, configuration) in configurations() {
        // The configuration of a guide is complete and starts unchanged.
        let text = match page.starts_with("guides/") {
            true => configuration.to_string(),
            false => accepting(&configuration),
        };
        if let Err(error) = Draft::check(&text, None) {
            panic!("{page}: {error}");
        }
    }
}

#[test]
fn every_type_is_in_the_list_of_destinations() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/destinations/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| [")?.split(']').next()).collect();
    assert_eq!(listed, TYPES);
}

#[test]
fn the_documented_document_is_what_is_sent() {
    let blocks = json_blocks("destinations/elasticsearch.md");
    let shown = blocks.iter().find(|block| block.get("@timestamp").is_some()).unwrap();
    let bulk = Bulk::start();
    let config = json!({"destinations": {"search": bulk.config()}});
    let line = shown["message"].as_str().unwrap();
    Lambda::start(&config).invoke(&event::with(&[line]));
    assert_eq!(bulk.documents(), std::slice::from_ref(shown));
}

#[test]
fn the_documented_summary_line_has_the_fields_of_a_real_one() {
    let blocks = json_blocks("shipper.md");
    let shown = blocks.iter().find(|block| block["logagg"] == "summary").unwrap();
    let bulk = Bulk::start();
    let config = json!({"destinations": {"search": bulk.config()}});
    let real = Lambda::start(&config).invoke(&event::of(1)).summary;
    let names = |value: &Value| -> Vec<String> {
        let names = value.as_object().unwrap().keys().cloned();
        // Optional fields.
        names.filter(|name| !["error", "reasons"].contains(&name.as_str())).collect()
    };
    assert_eq!(names(shown), names(&real));
    let counts = |summary: &Value| names(&summary["destinations"]["search"]);
    assert_eq!(counts(shown), counts(&real));
}
