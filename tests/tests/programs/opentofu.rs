//! What OpenTofu has and Terraform has not.

use std::path::Path;

use logagg_e2e::terraform::{Run, Terraform};
use serde_json::json;

use crate::scene::{NAME, PROVIDER, Scene, entry, says, with_cli};

/// Runs a scenario with the OpenTofu that was asked for.
fn in_opentofu(scenario: fn()) {
    with_cli(&super::opentofu(), scenario);
}

const ENCRYPTION: &str = "terraform {
  encryption {
    key_provider \"pbkdf2\" \"it\" {
      passphrase = \"PASSPHRASE\"
    }
    method \"aes_gcm\" \"it\" {
      keys = key_provider.pbkdf2.it
    }
    state {
      method   = method.aes_gcm.it
      enforced = true
    }
    plan {
      method   = method.aes_gcm.it
      enforced = true
    }
  }
}
";

/// The file says nothing of what is in it but that it is encrypted.
#[track_caller]
fn is_encrypted(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(document["encrypted_data"].is_string(), "{text}");
    for text_in_clear in ["/app/", "logagg", NAME] {
        assert!(!text.contains(text_in_clear), "{} contains {text_in_clear}", path.display());
    }
}

#[test]
#[ignore = "needs OpenTofu"]
fn an_encrypted_state_and_plan_keep_the_private_state() {
    in_opentofu(|| {
        let scene = Scene::with_groups(&["/app/a", "/app/b"]);
        scene.logs.set_retention("/app/a", 365).unwrap();
        let policy = format!("{}\nretention_on_destroy = \"restore\"", scene.usual_policy());
        let policy = format!("resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n");
        let encryption = ENCRYPTION.replace("PASSPHRASE", "correct horse battery staple");
        scene.configuration(&format!("{encryption}{policy}"));
        scene.plan();
        is_encrypted(&scene.terraform.dir().join("plan"));
        scene.apply_plan();
        is_encrypted(&scene.terraform.dir().join("terraform.tfstate"));
        scene.plan_is_empty();

        scene.logs.delete_filter("/app/b", NAME).unwrap();
        scene.plan();
        assert_eq!(
            scene.planned().log_groups(),
            json!({"/app/b": [entry("missing", 30), entry("active", 30)]})
        );
        scene.apply_plan();
        scene.ships("/app/b", &scene.shipper());

        scene.proxy.forget_calls();
        let other = ENCRYPTION.replace("PASSPHRASE", "another that is as long");
        scene.configuration(&format!("{other}{policy}"));
        says(&scene.plan_fails(), "decryption failed");
        assert!(scene.proxy.calls().is_empty(), "{:?}", scene.proxy.calls());

        scene.configuration(&format!("{encryption}{policy}"));
        scene.destroy();
        scene.ships_nowhere("/app/a");
        assert_eq!(scene.logs.retention("/app/a").unwrap(), Some(365));
    });
}

const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];

/// A provider configuration for each region, and a policy in each of some.
fn in_regions(scene: &Scene, regions: &[&str]) {
    let (required, provider) = PROVIDER.split_once("provider \"logagg\" {").unwrap();
    let arn = scene.shipper().replace("eu-central-1", "${each.key}");
    let policy = scene.policy_to(&arn);
    let text = format!(
        "{required}\nprovider \"logagg\" {{\n  alias    = \"by_region\"\n  \
         for_each = toset({REGIONS:?})\n  region   = each.key\n{provider}\n\
         resource \"logagg_policy\" \"it\" {{\n  for_each = toset({regions:?})\n  \
         provider = logagg.by_region[each.key]\n{policy}\n}}\n"
    );
    scene.terraform.write("main.tf", &text).unwrap();
}

#[test]
#[ignore = "needs OpenTofu"]
fn a_provider_configuration_for_each_region_has_its_policy() {
    in_opentofu(|| {
        let scene = Scene::with_groups(&["/app/a"]);
        let west = scene.account.logs_in("eu-west-1");
        west.create_group("/app/west").unwrap();
        in_regions(&scene, &REGIONS);
        scene.apply();
        scene.ships("/app/a", &scene.shipper());
        let there = scene.shipper().replace("eu-central-1", "eu-west-1");
        assert_eq!(west.filters("/app/west").unwrap()[0].destination_arn, there);
        scene.plan_is_empty();

        in_regions(&scene, &REGIONS[..1]);
        says(&scene.plan(), "Plan: 0 to add, 0 to change, 1 to destroy.");
        scene.apply_plan();
        assert_eq!(west.filters("/app/west").unwrap(), []);
        scene.ships("/app/a", &scene.shipper());
        scene.plan_is_empty();
    });
}

#[test]
#[ignore = "needs OpenTofu"]
fn a_policy_that_is_not_enabled_is_destroyed_and_comes_back() {
    in_opentofu(|| {
        let scene = Scene::governed(&["/app/a"]);
        let enabled = |enabled: &str| {
            let lifecycle = format!("lifecycle {{\n  enabled = {enabled}\n}}");
            scene.policy(&format!("{}\n{lifecycle}", scene.usual_policy()));
        };
        enabled("true");
        scene.plan_is_empty();
        enabled("false");
        says(&scene.plan(), "Plan: 0 to add, 0 to change, 1 to destroy.");
        scene.apply_plan();
        scene.ships_nowhere("/app/a");
        scene.plan_is_empty();
        enabled("true");
        scene.apply();
        scene.ships("/app/a", &scene.shipper());
        scene.plan_is_empty();
    });
}

#[test]
#[ignore = "needs OpenTofu"]
fn a_policy_that_is_never_destroyed_is_forgotten_with_its_filters_in_place() {
    in_opentofu(|| {
        let scene = Scene::governed(&["/app/a"]);
        let kept = "lifecycle {\n  destroy = false\n}";
        scene.policy(&format!("{}\n{kept}", scene.usual_policy()));
        scene.apply();
        scene.proxy.forget_calls();
        let arguments = ["destroy", "-no-color", "-auto-approve", "-suppress-forget-errors"];
        scene.run(0, |tofu| tofu.run(&arguments));
        assert_eq!(scene.state(), json!(null));
        assert_eq!(scene.writes(), []);
        scene.ships("/app/a", &scene.shipper());

        // It is taken up again as it lies there, and one that is replaced leaves no gap.
        scene.apply();
        assert_eq!(scene.writes(), []);
        let replace = ["apply", "-no-color", "-auto-approve", "-replace=logagg_policy.it"];
        scene.run(0, |tofu| tofu.run(&replace));
        assert_eq!(scene.writes(), []);
        scene.ships("/app/a", &scene.shipper());
        scene.plan_is_empty();
    });
}

#[test]
#[ignore = "needs OpenTofu"]
fn an_excluded_policy_is_neither_read_nor_written() {
    in_opentofu(|| {
        let scene = Scene::with_groups(&["/app/a", "/lib/a"]);
        let policy = scene.usual_policy();
        let other = policy.replace("\"ship\"", "\"other\"").replace("/app/", "/lib/");
        let both = format!(
            "resource \"logagg_policy\" \"it\" {{\n{policy}\n}}\n\
             resource \"logagg_policy\" \"other\" {{\n{other}\n}}\n"
        );
        scene.configuration(&both);
        let run = |command: &[&str]| -> Run {
            let mut arguments = command.to_vec();
            arguments.push("-exclude=logagg_policy.other");
            scene.run(0, |tofu: &Terraform| tofu.run(&arguments))
        };
        let apply = run(&["apply", "-no-color", "-auto-approve"]);
        says(&apply, "Apply complete! Resources: 1 added, 0 changed, 0 destroyed.");
        scene.ships("/app/a", &scene.shipper());
        scene.ships_nowhere("/lib/a");
        scene.apply();
        assert_eq!(scene.logs.filters("/lib/a").unwrap().len(), 1);

        scene.logs.delete_filter("/app/a", NAME).unwrap();
        scene.logs.delete_filter("/lib/a", "other").unwrap();
        scene.proxy.forget_calls();
        run(&["apply", "-no-color", "-auto-approve"]);
        assert_eq!(scene.writes(), [("PutSubscriptionFilter".to_owned(), "/app/a".to_owned())]);
        run(&["destroy", "-no-color", "-auto-approve"]);
        scene.ships_nowhere("/app/a");
        scene.plan();
        scene.apply_plan();
        scene.ships("/app/a", &scene.shipper());
        assert_eq!(scene.logs.filters("/lib/a").unwrap().len(), 1);
        scene.plan_is_empty();
    });
}
