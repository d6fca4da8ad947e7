//! The provider's functions: what they say is enough and what they select is what a plan selects.

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{Region, Simulator};
use logagg_e2e::workspace;
use serde_json::Value;

use crate::scene::{SIMULATED_ACCOUNT, Scene, says};

const OUTPUTS: &str = r#"
output "plan" {
  value = provider::logagg::iam_policy(logagg_policy.it.document, "plan", "grant_invoke")
}

output "apply" {
  value = provider::logagg::iam_policy(logagg_policy.it.document, "apply", "grant_invoke")
}

output "selects" {
  value = {
    for name in ["/app/a", "/app/secret", "/web/a"] :
    name => provider::logagg::selects(logagg_policy.it.document, name)
  }
}

output "selects_by_tags" {
  value = provider::logagg::selects(logagg_policy.it.document, "/app/tagged", { team = "shop" })
}
"#;

fn policy(scene: &Scene) -> String {
    format!(
        "resource \"logagg_policy\" \"it\" {{\n\
           name = \"ship\"\n destination_arn = \"{}\"\n grant_invoke = true\n retention_in_days = 30\n\
           select {{\n name_prefixes = [\"/app/\"]\n }}\n\
           exclude {{\n names = [\"/app/secret\"]\n }}\n\
           exclude {{\n tags = {{ team = \"shop\" }}\n }}\n\
         }}\n",
        scene.shipper()
    )
}

fn here(scene: &Scene) -> Region {
    scene.simulator.as_ref().unwrap().region(SIMULATED_ACCOUNT, REGION)
}

fn output(scene: &Scene, name: &str) -> Value {
    scene.terraform.json(&["output", "-json", name]).unwrap()
}

/// The IAM policy in an output.
fn allowed(scene: &Scene, name: &str) -> Value {
    serde_json::from_str(output(scene, name).as_str().unwrap()).unwrap()
}

#[test]
pub(crate) fn a_configuration_calls_the_functions() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a", "/app/secret"]);
    scene.configuration(&(policy(&scene) + OUTPUTS));
    scene.apply();
    let selects = output(&scene, "selects");
    assert_eq!(selects, serde_json::json!({"/app/a": true, "/app/secret": false, "/web/a": false}));
    assert_eq!(output(&scene, "selects_by_tags"), false);
    assert_eq!(allowed(&scene, "plan")["Version"], "2012-10-17");
    scene.plan_is_empty();
}

#[test]
fn the_permissions_of_each_phase_are_enough_for_it_and_for_no_more() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    scene.configuration(&(policy(&scene) + OUTPUTS));
    scene.apply();
    let (plan, apply) = (allowed(&scene, "plan"), allowed(&scene, "apply"));
    let account = scene.simulator.as_ref().unwrap().account(SIMULATED_ACCOUNT);

    account.allow_only(&plan);
    here(&scene).add_groups_named(["/app/new"]);
    let planned = scene.plan();
    assert!(!planned.text().contains("not authorized"), "{planned}");
    assert!(!planned.text().contains("in part"), "{planned}");
    says(&scene.apply_fails(), "logs:PutSubscriptionFilter");

    account.allow_only(&apply);
    scene.apply();
    scene.plan_is_empty();
    here(&scene).change_group("/app/a", |group| {
        group.retention_in_days = Some(7);
        group.filters.clear();
    });
    scene.apply();
    scene.destroy();
    assert!(here(&scene).filters("/app/a").is_empty());
}

#[test]
fn an_argument_that_is_wrong_is_named() {
    let scene = Scene::simulated(Simulator::builder(), &["/app/a"]);
    for (call, expected) in [
        (
            "iam_policy(\"{}\", \"plan\")",
            "Invalid value for \"document\" parameter: This is not the document of a logagg_policy",
        ),
        (
            "iam_policy(logagg_policy.it.document, \"aply\")",
            "Invalid value for \"phase\" parameter: \"aply\" must be one of \"plan\", \"apply\".",
        ),
        (
            "iam_policy(logagg_policy.it.document, \"plan\", \"x\")",
            "\"x\" must be one of \"grant_invoke\", \"incremental_refresh\".",
        ),
        (
            "selects(logagg_policy.it.document, \"a b\")",
            "Invalid value for \"log_group\" parameter:",
        ),
    ] {
        let wrong = format!("output \"it\" {{\n  value = provider::logagg::{call}\n}}\n");
        scene.configuration(&(policy(&scene) + &wrong));
        says(&scene.apply_fails(), expected);
        scene.terraform.run(&["destroy", "-no-color", "-auto-approve"]).unwrap();
    }
}

/// How pages write a type.
fn shown(kind: &Value) -> String {
    match kind {
        Value::String(name) => name.clone(),
        Value::Array(parts) => {
            format!("{} of {}", parts[0].as_str().unwrap(), shown(&parts[1]))
        }
        other => panic!("{other}"),
    }
}

/// The same at the beginning of a sentence.
fn titled(kind: &str) -> String {
    let words = kind.split(' ').map(|word| match word {
        "of" => word.to_owned(),
        word => word[..1].to_uppercase() + &word[1..],
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_pages_of_functions_say_what_the_provider_says() {
    let scene = Scene::simulated(Simulator::builder(), &[]);
    scene.configuration(&policy(&scene));
    let schema = scene.terraform.json(&["providers", "schema", "-json"]).unwrap();
    let (_, provider) = schema["provider_schemas"].as_object().unwrap().iter().next().unwrap();
    let functions = provider["functions"].as_object().unwrap();
    assert_eq!(functions.keys().collect::<Vec<_>>(), ["iam_policy", "selects"]);
    for (name, function) in functions {
        let path = format!("docs/functions/{name}.md");
        let page = std::fs::read_to_string(workspace::root().join(&path)).unwrap();
        let has = |text: &str| assert!(page.contains(text), "{path} does not have: {text}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        has(&format!("description: |-\n  {}\n", text(&function["summary"])));
        has(&text(&function["description"]));
        let mut signature = Vec::new();
        let fixed = function["parameters"].as_array().unwrap().iter().map(|it| (it, false));
        let variadic =
            function["variadic_parameter"].as_object().map(|_| &function["variadic_parameter"]);
        for (number, (parameter, is_variadic)) in
            (1..).zip(fixed.chain(variadic.map(|it| (it, true))))
        {
            let (kind, name) = (shown(&parameter["type"]), text(&parameter["name"]));
            let dots = if is_variadic { "..." } else { "" };
            signature.push(format!("{name} {kind}{dots}"));
            let kind = titled(&kind);
            let kind = if is_variadic { format!("Variadic, {kind}") } else { kind };
            has(&format!("{number}. `{name}` ({kind}) {}\n", text(&parameter["description"])));
        }
        let result = shown(&function["return_type"]);
        has(&format!("\n{name}({}) {result}\n", signature.join(", ")));
    }
}
