//! Scenarios that the Terraform of `PATH` may be too old for, or that are about the program itself.

use logagg_e2e::account::REGION;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::cli::Product;
use logagg_e2e::terraform::{Installation, Run, Terraform};
use logagg_release::product::VERSION;
use serde_json::json;

use crate::scene::{NAME, Scene, entry, says};

fn resource(address: &str, arguments: &str) -> String {
    format!("resource \"logagg_policy\" \"{address}\" {{\n{arguments}\n}}\n")
}

pub(crate) fn the_program_is_the_requested_one() {
    let scene = Scene::governed(&["/app/a"]);
    let state = std::fs::read_to_string(scene.terraform.dir().join("terraform.tfstate")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let wrote = state["terraform_version"].as_str().unwrap();
    let cli = scene.terraform.cli();
    // A build for developers says so in its version, and not in the state.
    let says = cli.version().unwrap();
    assert_eq!(Some(wrote), says.split('-').next(), "the version in the state");
    let (version, registry) = match cli.product() {
        Product::Terraform => ("1.15.", "registry.terraform.io"),
        Product::OpenTofu => ("1.", "registry.opentofu.org"),
    };
    assert!(wrote.starts_with(version), "{wrote}");
    let provider = format!("provider[\"{registry}/logagg/logagg\"]");
    assert_eq!(state["resources"][0]["provider"], provider);
}

pub(crate) fn the_provider_is_installed_from_a_mirror() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let mirror = Installation::Mirror(&Binaries::shared().provider);
    let installed = Terraform::by(scene.terraform.cli(), mirror)
        .unwrap()
        .with_environment(scene.account.environment(&scene.proxy.endpoint()));
    let text = std::fs::read_to_string(scene.terraform.dir().join("main.tf")).unwrap();
    installed.write("main.tf", &text).unwrap();
    let init = installed.run(&["init", "-no-color"]).unwrap();
    says(&init, &format!("Installed logagg/logagg v{VERSION}"));
    let apply = installed.apply().unwrap();
    assert_eq!(apply.code(), 0, "{apply}");
    scene.ships("/app/a", &scene.shipper());
}

/// The usual policy and an import block with these attributes of its identity.
fn by_identity(scene: &Scene, attributes: &str) {
    let policy = resource("it", &scene.usual_policy());
    scene.configuration(&format!(
        "import {{\n  to = logagg_policy.it\n  identity = {{\n{attributes}\n  }}\n}}\n{policy}"
    ));
}

pub(crate) fn an_import_block_with_an_identity_plans_the_difference() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    scene.logs.put_filter("/app/a", NAME, &scene.shipper()).unwrap();
    scene.logs.set_retention("/app/a", 30).unwrap();
    by_identity(&scene, &format!("filter_name = \"{NAME}\"\nregion = \"{REGION}\""));
    says(&scene.plan(), "1 to import, 0 to add, 1 to change, 0 to destroy.");
    scene.apply_plan();
    let written = |operation: &str| (operation.to_owned(), "/app/b".to_owned());
    assert_eq!(
        scene.writes(),
        [written("PutRetentionPolicy"), written("PutSubscriptionFilter")],
        "only what differed"
    );
    let active = json!({"/app/a": entry("active", 30), "/app/b": entry("active", 30)});
    assert_eq!(scene.state()["log_groups"], active);
    scene.plan_is_empty();
}

pub(crate) fn an_identity_that_no_policy_has_is_an_error() {
    let scene = Scene::with_groups(&["/app/a"]);
    let refused = |attributes: &str, why: &str| {
        by_identity(&scene, attributes);
        says(&scene.plan_fails(), why);
    };
    refused("filter_name = \"nobody\"", "Error: Policy not found");
    refused("filter_name = \"\"", "Error: Invalid identity");
    let another = format!("filter_name = \"{NAME}\"\naccount_id = \"999999999999\"");
    refused(&another, "Error: Policy of another account");
    assert_eq!(scene.writes(), []);
}

pub(crate) fn a_generated_configuration_writes_nothing_and_then_plans_empty() {
    let scene = Scene::with_groups(&["/app/a", "/app/b", "/app/c"]);
    for group in ["/app/a", "/app/b"] {
        scene.logs.put_filter(group, NAME, &scene.shipper()).unwrap();
    }
    let block = format!("import {{\n  to = logagg_policy.it\n  id = \"{NAME}\"\n}}\n");
    scene.configuration(&block);
    let generate = ["plan", "-no-color", "-input=false", "-generate-config-out=generated.tf"];
    let generated = scene.run(0, |terraform| terraform.run(&generate));
    says(&generated, "1 to import, 0 to add");
    let text = std::fs::read_to_string(scene.terraform.dir().join("generated.tf")).unwrap();
    for only_of_aws in ["log_groups", "pending", "document", "/app/c"] {
        assert!(!text.contains(only_of_aws), "{only_of_aws} in:\n{text}");
    }
    scene.apply();
    assert_eq!(scene.writes(), [], "{text}");
    scene.plan_is_empty();
    assert_eq!(scene.state()["name"], NAME);
    assert_eq!(scene.state()["destination_arn"], scene.shipper());
    let active = json!({"/app/a": entry("active", 0), "/app/b": entry("active", 0)});
    assert_eq!(scene.state()["log_groups"], active);
}

/// A command about the state, which must succeed and write nothing to AWS.
#[track_caller]
fn state(scene: &Scene, arguments: &[&str]) -> Run {
    scene.proxy.forget_calls();
    let run = scene.run(0, |terraform| terraform.run(arguments));
    assert_eq!(scene.writes(), [], "{run}");
    run
}

pub(crate) fn another_address_in_the_state_is_no_change() {
    let scene = Scene::governed(&["/app/a"]);
    state(&scene, &["state", "mv", "logagg_policy.it", "logagg_policy.other"]);
    scene.configuration(&resource("other", &scene.usual_policy()));
    scene.plan_is_empty();
    // The private state is preserved: a changed filter is still recognized as the policy's own.
    scene.configuration(&resource(
        "other",
        &scene.usual_policy().replace("\"/app/\"", "\"/elsewhere/\""),
    ));
    scene.apply();
    scene.ships_nowhere("/app/a");
}

pub(crate) fn a_policy_that_is_removed_from_the_state_keeps_its_filters() {
    let scene = Scene::governed(&["/app/a"]);
    let pulled = state(&scene, &["state", "pull"]);
    state(&scene, &["state", "rm", "logagg_policy.it"]);
    assert_eq!(scene.state(), json!(null));
    scene.ships("/app/a", &scene.shipper());
    // And the state that was pulled before is as good as it was.
    scene.terraform.write("pulled.tfstate", &pulled.stdout).unwrap();
    state(&scene, &["state", "push", "-force", "pulled.tfstate"]);
    scene.plan_is_empty();
    scene.destroy();
    scene.ships_nowhere("/app/a");
}

pub(crate) fn a_test_with_a_mock_provider_calls_nothing() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let test = |name: &str| {
        format!(
            "mock_provider \"logagg\" {{}}\n\nrun \"applies\" {{\n  assert {{\n    \
             condition     = logagg_policy.it.name == \"{name}\" && \
             length(logagg_policy.it.log_groups) == 0\n    \
             error_message = \"the policy is ${{logagg_policy.it.name}}\"\n  }}\n}}\n"
        )
    };
    scene.terraform.write("it.tftest.hcl", &test(NAME)).unwrap();
    let passed = scene.run(0, |terraform| terraform.run(&["test", "-no-color"]));
    says(&passed, "Success! 1 passed, 0 failed.");
    scene.terraform.write("it.tftest.hcl", &test("another")).unwrap();
    let failed = scene.run(1, |terraform| terraform.run(&["test", "-no-color"]));
    says(&failed, "the policy is ship");
    assert!(scene.proxy.calls().is_empty(), "{:?}", scene.proxy.calls());
}
