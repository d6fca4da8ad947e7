//! What users of other tools suffer from is not so here: docs/testing.md says which test shows it.

use std::path::Path;

use logagg_e2e::workspace;
use serde_json::json;

use crate::scene::{NAME, Scene, entry};

/// Every test that is named in the table, as in `failure::a_full_group_is_not_tried_again`.
fn named() -> Vec<String> {
    let page = std::fs::read_to_string(workspace::root().join("docs/testing.md")).unwrap();
    let (_, rest) = page.split_once("| what others do | tests |").unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let tests = rows.flat_map(|row| {
        let tests: Vec<_> = row.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!tests.is_empty(), "no test is named for: {row}");
        tests
    });
    tests.collect()
}

#[test]
fn every_fault_of_others_has_a_test_that_exists() {
    let named = named();
    assert!(named.len() > 20, "{named:?}");
    for test in named {
        let (module, name) = test.rsplit_once("::").unwrap();
        let path = Path::new("tests/tests").join(module.replace("::", "/")).with_extension("rs");
        let text = std::fs::read_to_string(workspace::root().join(&path)).unwrap_or_default();
        let (before, _) = text.split_once(&format!("fn {name}()")).unwrap_or_default();
        let attribute = before.trim_end().trim_end_matches("pub(crate)").trim_end();
        assert!(attribute.ends_with("#[test]"), "{test} is no test in {}", path.display());
    }
}

#[test]
fn a_name_is_never_taken_for_the_beginning_or_a_part_of_another() {
    let scene = Scene::with_groups(&["/foo", "/foobar", "/x/foo", "/foo/bar"]);
    let policy = |rule: &str| {
        scene.policy(&format!(
            "name = \"{NAME}\"\ndestination_arn = \"{}\"\nretention_in_days = 30\n\
             select {{\n  {rule}\n}}",
            scene.shipper()
        ));
    };
    policy("names = [\"/foo\"]");
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/foo": entry("active", 30)}));
    for other in ["/foobar", "/x/foo", "/foo/bar"] {
        scene.ships_nowhere(other);
        assert_eq!(scene.logs.retention(other).unwrap(), None, "{other}");
    }
    scene.plan_is_empty();
    policy("name_prefixes = [\"/foo/\"]");
    scene.apply();
    assert_eq!(scene.state()["log_groups"], json!({"/foo/bar": entry("active", 30)}));
    scene.plan_is_empty();
}
