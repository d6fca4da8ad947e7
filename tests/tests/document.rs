//! The policy document, for the enforcer, which applies it between two runs of Terraform.

use serde_json::{Value, json};

use crate::scene::Scene;

/// The document of the policy in the state.
#[track_caller]
fn document(scene: &Scene) -> Value {
    serde_json::from_str(scene.state()["document"].as_str().unwrap()).unwrap()
}

#[test]
fn the_first_plan_shows_the_document_that_apply_leaves() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&format!(
        "{}\nfilter_name = \"lines\"\nfilter_pattern = \"?ERROR ?\\\"WARN\\\"\"\n\
         on_conflict = \"skip\"\nretention_mode = \"at_least\"\nmax_changes = 7\n\
         exclude {{\n  names = [\"/app/z\", \"/app/y\"]\n  name_regex = \"-canary$\"\n}}",
        scene.usual_policy()
    ));
    scene.plan();
    let planned = scene.planned();
    assert_eq!(planned.after["account_id"], scene.account.id());
    let expected = json!({
        "version": 1,
        "name": "ship",
        "region": "eu-central-1",
        "account_id": scene.account.id(),
        "destination_arn": scene.shipper(),
        "filter_name": "lines",
        "filter_pattern": "?ERROR ?\"WARN\"",
        "on_conflict": "skip",
        "retention_in_days": 30,
        "retention_mode": "at_least",
        "select": [{"name_prefixes": ["/app/"]}],
        "exclude": [{"names": ["/app/y", "/app/z"], "name_regex": "-canary$"}],
    });
    let text = planned.after["document"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);
    scene.apply_plan();
    assert_eq!(scene.state()["document"], planned.after["document"]);
    scene.plan_is_empty();
}

#[test]
fn a_document_is_known_once_every_argument_is() {
    let scene = Scene::with_groups(&["/app/a"]);
    let configuration = |pattern: &str| {
        scene.configuration(&format!(
            "resource \"terraform_data\" \"pattern\" {{\n  input = \"{pattern}\"\n}}\n\
             resource \"logagg_policy\" \"it\" {{\n{}\n\
             filter_pattern = terraform_data.pattern.output\n}}\n",
            scene.usual_policy()
        ));
    };
    configuration("ERROR");
    scene.plan();
    assert_eq!(scene.planned().unknown["document"], true);
    scene.apply_plan();
    assert_eq!(document(&scene)["filter_pattern"], "ERROR");
    scene.plan_is_empty();

    configuration("WARN");
    scene.plan();
    assert_eq!(scene.planned().unknown["document"], true);
    scene.apply_plan();
    assert_eq!(document(&scene)["filter_pattern"], "WARN");
    scene.plan_is_empty();
}

#[test]
fn a_group_that_comes_or_goes_leaves_the_document_as_it_is() {
    let scene = Scene::governed(&["/app/a"]);
    let before = scene.state()["document"].clone();
    scene.logs.create_group("/app/b").unwrap();
    scene.plan();
    assert_eq!(scene.planned().after["document"], before);
    scene.apply_plan();
    assert_eq!(scene.state()["document"], before);
}

#[test]
fn a_thousand_names_are_all_in_it() {
    let scene = Scene::with_groups(&[]);
    let names: Vec<_> = (0..1000).map(|n| format!("/app/{n:04}")).collect();
    let listed = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    scene.policy(&format!(
        "name = \"keep\"\nretention_in_days = 0\nselect {{\n  names = [{listed}]\n}}"
    ));
    scene.plan();
    let planned = scene.planned();
    let text = planned.after["document"].as_str().unwrap();
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document["select"][0]["names"], json!(names));
    assert_eq!(document["retention_in_days"], 0);
}

#[test]
fn a_sensitive_argument_shows_in_the_document() {
    // Terraform does not report a provider what is sensitive: the guide on security says so.
    let scene = Scene::with_groups(&["/app/a"]);
    scene.configuration(&format!(
        "variable \"pattern\" {{\n  default   = \"hidden-pattern\"\n  sensitive = true\n}}\n\
         resource \"logagg_policy\" \"it\" {{\n{}\nfilter_pattern = var.pattern\n}}\n",
        scene.usual_policy()
    ));
    let plan = scene.plan();
    assert!(plan.text().contains("filter_pattern = (sensitive value)"), "{plan}");
    let document = scene.planned().after["document"].as_str().unwrap().to_owned();
    assert!(document.contains("hidden-pattern"), "{document}");
}
