//! The workflows use the documented commands, and these exist.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use logagg_release::compile;
use logagg_release::product::PRODUCTS;
use saphyr::{LoadableYamlNode, YamlOwned};
use serde_json::Value;

const CI: &str = ".github/workflows/ci.yml";
const RELEASE: &str = ".github/workflows/release.yml";

/// What the machines of GitHub's have, or a step before installs.
const INSTALLED: [&str; 4] = ["gh", "gpg", "rustup", "sudo"];

/// Cargo's own commands, and the one that a step installs.
const OF_CARGO: [&str; 2] = ["install", "deny"];

fn workflow(file: &str) -> Value {
    let text = std::fs::read_to_string(compile::root().join(file)).unwrap();
    let [workflow] = &YamlOwned::load_from_str(&text).unwrap()[..] else { panic!("one document") };
    json(workflow)
}

/// What is read here is texts, lists and maps; anything else, such as `true`, is null.
fn json(yaml: &YamlOwned) -> Value {
    if let Some(map) = yaml.as_mapping() {
        let named = map.iter().map(|(name, it)| (name.as_str().unwrap().to_owned(), json(it)));
        return Value::Object(named.collect());
    }
    if let Some(list) = yaml.as_sequence() {
        return list.iter().map(json).collect();
    }
    yaml.as_str().into()
}

fn steps(workflow: &Value) -> Vec<Value> {
    let jobs = workflow["jobs"].as_object().unwrap().values();
    jobs.flat_map(|job| job["steps"].as_array().unwrap().clone()).collect()
}

/// Every line that a workflow runs.
fn lines(file: &str) -> Vec<String> {
    let steps = steps(&workflow(file)).into_iter();
    let scripts = steps.filter_map(|step| step["run"].as_str().map(str::to_owned));
    scripts.flat_map(|script| script.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn aliases() -> BTreeSet<String> {
    let text = std::fs::read_to_string(compile::root().join(".cargo/config.toml")).unwrap();
    let config: toml::Table = toml::from_str(&text).unwrap();
    config["alias"].as_table().unwrap().keys().cloned().collect()
}

#[test]
fn every_command_exists() {
    let aliases = aliases();
    for file in [CI, RELEASE] {
        for line in lines(file) {
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                ["cargo", verb, ..] => {
                    assert!(aliases.contains(verb) || OF_CARGO.contains(&verb), "{file}: {line}");
                }
                [script] if script.starts_with('.') => {
                    let script = compile::root().join(script);
                    let mode = std::fs::metadata(script).unwrap().permissions().mode();
                    assert!(mode & 0o111 != 0, "{file}: {line} may not be run");
                }
                [program, ..] => assert!(INSTALLED.contains(&program), "{file}: {line}"),
                [] => {}
            }
        }
    }
}

#[test]
fn packing_is_called_with_options_that_it_has() {
    let mut tried = 0;
    for line in lines(CI).into_iter().chain(lines(RELEASE)) {
        let Some(options) = line.strip_prefix("cargo pack") else { continue };
        // The shell makes an option a target of what follows.
        let options = options.split("$(").next().unwrap();
        let pack = Command::new(env!("CARGO_BIN_EXE_pack"))
            .args(options.split_whitespace())
            .arg("--help")
            .output()
            .unwrap();
        assert!(pack.status.success(), "{line}: {}", String::from_utf8_lossy(&pack.stderr));
        tried += 1;
    }
    assert_eq!(tried, 3);
}

#[test]
fn the_machines_of_a_release_compile_for_every_target() {
    let release = workflow(RELEASE);
    let machines = release["jobs"]["pack"]["strategy"]["matrix"]["include"].as_array().unwrap();
    let compiled: BTreeSet<_> = machines
        .iter()
        .flat_map(|machine| machine["targets"].as_str().unwrap().split(' '))
        .collect();
    let released = PRODUCTS.iter().flat_map(|product| product.targets).copied().collect();
    assert_eq!(compiled, released);
}

#[test]
fn both_hold_a_change_to_the_same_gate() {
    for file in [CI, RELEASE] {
        assert!(lines(file).contains(&".ci/run".to_owned()), "{file}");
    }
}

/// Maven is on the machines of GitHub's.
#[test]
fn the_gate_has_what_third_party_servers_are_built_with() {
    let pinned = std::fs::read_to_string(compile::root().join("tests/third-party.toml")).unwrap();
    let pinned: toml::Table = toml::from_str(&pinned).unwrap();
    let oldest: BTreeSet<_> =
        pinned.values().filter_map(|server| server.get("java")?.as_integer()).collect();
    for file in [CI, RELEASE] {
        let workflow = workflow(file);
        let steps = workflow["jobs"]["gate"]["steps"].as_array().unwrap();
        let with = |action: &str| {
            let used =
                |step: &&Value| step["uses"].as_str().is_some_and(|it| it.starts_with(action));
            &steps.iter().find(used).unwrap_or_else(|| panic!("{file}: no {action}"))["with"]
        };
        let java = with("actions/setup-java@")["java-version"].as_str().unwrap();
        let java: Vec<i64> = java.split_whitespace().map(|it| it.parse().unwrap()).collect();
        for version in &oldest {
            assert!(java.iter().any(|java| java >= version), "{file}: no Java {version}");
        }
        assert!(with("actions/setup-go@")["go-version"].is_string(), "{file}");
    }
}

#[test]
fn the_gate_runs_third_party_suites_where_they_can_be_built() {
    let gate = std::fs::read_to_string(compile::root().join(".ci/run")).unwrap();
    let run = gate.lines().find(|line| line.contains("cargo xtask third-party")).unwrap();
    for option in ["--available", "--only opensearch-2", "--only opensearch-3", "--only collector"]
    {
        assert!(run.contains(option), "{option}");
    }
}

#[test]
fn the_work_of_others_is_pinned_and_may_only_read() {
    for file in [CI, RELEASE] {
        let workflow = workflow(file);
        assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}), "{file}");
        for step in steps(&workflow) {
            let Some(action) = step["uses"].as_str() else { continue };
            let (_, commit) = action.split_once('@').unwrap();
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit, "{file}: {action} may change");
        }
    }
}
