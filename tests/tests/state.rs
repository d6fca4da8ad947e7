//! The state in other hands: of the first release, of one to come, under another address.

use std::path::Path;
use tokio::process::Command;

use logagg_e2e::binaries::Binaries;
use serde_json::{Value as Json, json};
use tfplugin::proto::tfplugin5 as wire;

use crate::client::{Connected, Terraform};
use crate::program::Program;
use crate::scene::{NAME, Scene, entry, says};
use crate::value::{dynamic, json as read};

/// As the first release wrote it, with the private state of the policy.
const FIRST_RELEASE: &str = include_str!("recorded/first_release.tfstate");
const RECORDED_ACCOUNT: &str = "100000000000";

impl Scene {
    /// What that state is of, and that state after some change of its text.
    fn of_the_first_release(change: impl FnOnce(&str) -> String) -> Self {
        let scene = Self::with_groups(&["/app/a", "/app/b", "/app/c-canary"]);
        for group in ["/app/a", "/app/b"] {
            scene.logs.put_filter(group, NAME, &scene.shipper()).unwrap();
            scene.logs.set_retention(group, 30).unwrap();
        }
        scene.policy(&scene.policy_of_the_first_release());
        let state = FIRST_RELEASE.replace(RECORDED_ACCOUNT, scene.account.id());
        scene.terraform.write("terraform.tfstate", &change(&state)).unwrap();
        scene
    }

    fn policy_of_the_first_release(&self) -> String {
        format!(
            "{}\nretention_on_destroy = \"restore\"\nexclude {{\n  name_regex = \"-canary$\"\n}}",
            self.usual_policy()
        )
    }
}

#[test]
fn that_of_the_first_release_plans_empty_and_lives_on() {
    let scene = Scene::of_the_first_release(str::to_owned);
    scene.plan_is_empty();
    scene.logs.delete_filter("/app/b", NAME).unwrap();
    scene.plan();
    assert_eq!(
        scene.planned().log_groups(),
        json!({"/app/b": [entry("missing", 30), entry("active", 30)]})
    );
    scene.apply_plan();
    scene.ships("/app/b", &scene.shipper());
    scene.plan_is_empty();
    scene.destroy();
    scene.ships_nowhere("/app/a");
}

#[test]
fn that_of_a_release_to_come_is_refused_untouched() {
    let scene = Scene::of_the_first_release(|state| {
        state.replace("\"schema_version\": 0", "\"schema_version\": 7")
    });
    let plan = scene.plan_fails();
    says(&plan, "Error: Resource instance managed by newer provider version");
    assert!(scene.proxy.calls_of("DescribeLogGroups").is_empty());
}

#[test]
fn an_unreadable_private_state_is_reported() {
    let scene = Scene::of_the_first_release(|state| {
        let start = state.find("\"private\": \"").unwrap() + "\"private\": \"".len();
        let end = start + state[start..].find('"').unwrap();
        format!("{}bm9ib2R5{}", &state[..start], &state[end..])
    });
    let plan = scene.plan_fails();
    assert!(plan.text().contains("logagg_policy.it"), "{plan}");
    assert_eq!(scene.writes(), []);
}

#[test]
fn another_address_is_no_change() {
    let scene = Scene::governed(&["/app/a"]);
    let policy = scene.usual_policy();
    scene.configuration(&format!(
        "moved {{\n  from = logagg_policy.it\n  to   = logagg_policy.each[\"here\"]\n}}\n\
         resource \"logagg_policy\" \"each\" {{\n  for_each = toset([\"here\"])\n{policy}\n}}\n"
    ));
    let plan = scene.run(2, |terraform| terraform.plan(&[]));
    says(&plan, "Plan: 0 to add, 0 to change, 0 to destroy.");
    scene.apply_plan();
    assert_eq!(scene.writes(), []);
    scene.plan_is_empty();
}

/// The provider as Terraform 1.12 and newer speaks to it, which the Terraform of these tests need
/// not be.
struct Speaking {
    connected: Connected,
    _program: Program,
}

impl Speaking {
    async fn with(environment: Vec<(&'static str, String)>) -> Self {
        let terraform = Terraform::new();
        let mut command = Command::new(Path::new(&Binaries::shared().provider));
        command.envs(environment);
        let program = Program::shake_hands(command, &terraform).await;
        let mut connected = terraform.connect(&program).await.unwrap();
        let request = wire::configure::Request {
            terraform_version: "1.12.0".to_owned(),
            config: Some(wire::DynamicValue { json: b"{}".to_vec(), msgpack: Vec::new() }),
            client_capabilities: None,
        };
        let answer = connected.provider.configure(request).await.unwrap().into_inner();
        assert_eq!(answer.diagnostics, []);
        Self { connected, _program: program }
    }

    async fn import(&mut self, identity: &Json) -> wire::import_resource_state::Response {
        let request = wire::import_resource_state::Request {
            type_name: "logagg_policy".to_owned(),
            identity: identity_of(identity),
            ..Default::default()
        };
        self.connected.provider.import_resource_state(request).await.unwrap().into_inner()
    }
}

fn identity_of(identity: &Json) -> Option<wire::ResourceIdentityData> {
    Some(wire::ResourceIdentityData { identity_data: dynamic(identity) })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn an_identity_imports_what_it_is_of_and_follows_a_rename() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.logs.put_filter("/app/a", NAME, &scene.shipper()).unwrap();
    let whole = json!({
        "filter_name": NAME,
        "region": "eu-central-1",
        "account_id": scene.account.id(),
        "assume_role_arn": null,
    });
    runtime().block_on(async {
        let environment = scene.account.environment(&scene.proxy.endpoint());
        let mut speaking = Speaking::with(environment).await;
        let request = wire::get_resource_identity_schemas::Request {};
        let provider = &mut speaking.connected.provider;
        let schemas = provider.get_resource_identity_schemas(request).await.unwrap().into_inner();
        let attributes = &schemas.identity_schemas["logagg_policy"].identity_attributes;
        let required = attributes.iter().filter(|one| one.required_for_import);
        assert_eq!(required.map(|one| one.name.as_str()).collect::<Vec<_>>(), ["filter_name"]);

        for identity in
            [whole.clone(), json!({"filter_name": NAME, "region": null, "account_id": null, "assume_role_arn": null})]
        {
            let found = speaking.import(&identity).await;
            assert_eq!(found.diagnostics, []);
            let [found] = found.imported_resources.try_into().unwrap();
            assert_eq!(read(found.state.clone())["name"], NAME);
            let identity = found.identity.clone().unwrap();
            assert_eq!(read(identity.identity_data), whole);

            let request = wire::read_resource::Request {
                type_name: "logagg_policy".to_owned(),
                current_state: found.state,
                private: found.private,
                current_identity: found.identity,
                ..Default::default()
            };
            let now = speaking.connected.provider.read_resource(request).await.unwrap();
            let now = now.into_inner();
            let errors = now.diagnostics.iter().filter(|it| it.severity == 1).count();
            assert_eq!(errors, 0, "{:?}", now.diagnostics);
            assert_eq!(read(now.new_identity.unwrap().identity_data), whole);
        }

        for (changed, summary) in [
            (
                json!({"filter_name": "nobody", "region": null, "account_id": null, "assume_role_arn": null}),
                "Policy not found",
            ),
            (json!({"filter_name": "", "region": null, "account_id": null, "assume_role_arn": null}), "Invalid identity"),
            (
                json!({"filter_name": NAME, "region": null, "account_id": "999999999999", "assume_role_arn": null}),
                "Policy of another account",
            ),
        ] {
            let refused = speaking.import(&changed).await;
            assert_eq!(refused.diagnostics[0].summary, summary, "{:?}", refused.diagnostics);
            assert!(refused.imported_resources.is_empty());
        }
    });
}

#[test]
fn a_policy_of_a_fork_moves_here_and_other_kinds_do_not() {
    let scene = Scene::with_groups(&["/app/a"]);
    let recorded: Json = serde_json::from_str(FIRST_RELEASE).unwrap();
    let instance = &recorded["resources"][0]["instances"][0];
    let private = instance["private"].as_str().unwrap();
    use base64::Engine;
    let request = |version: i64, kind: &str, state: &Json| wire::move_resource_state::Request {
        source_provider_address: "registry.example.com/fork/logagg".to_owned(),
        source_type_name: kind.to_owned(),
        source_schema_version: version,
        source_state: Some(wire::RawState {
            json: state.to_string().into_bytes(),
            flatmap: Default::default(),
        }),
        target_type_name: "logagg_policy".to_owned(),
        source_private: base64::prelude::BASE64_STANDARD.decode(private).unwrap(),
        ..Default::default()
    };
    let state = &instance["attributes"];
    runtime().block_on(async {
        let environment = scene.account.environment(&scene.proxy.endpoint());
        let mut speaking = Speaking::with(environment).await;
        let provider = &mut speaking.connected.provider;
        let moved = provider.move_resource_state(request(0, "logagg_policy", state)).await;
        let moved = moved.unwrap().into_inner();
        assert_eq!(moved.diagnostics, []);
        // The first release did not know of deletion protection.
        let mut log_groups = state["log_groups"].clone();
        for entry in log_groups.as_object_mut().unwrap().values_mut() {
            entry["deletion_protection"] = Json::Null;
        }
        assert_eq!(read(moved.target_state)["log_groups"], log_groups);
        assert!(!moved.target_private.is_empty());
        for (version, kind, state, summary) in [
            (7, "logagg_policy", state, "The state is newer than the provider"),
            (0, "logagg_policy", &json!({"name": 1}), "The state cannot be read"),
            (0, "aws_cloudwatch_log_subscription_filter", state, "State cannot be moved"),
        ] {
            let refused = provider.move_resource_state(request(version, kind, state)).await;
            let refused = refused.unwrap().into_inner();
            assert_eq!(refused.diagnostics[0].summary, summary, "{:?}", refused.diagnostics);
        }
    });
}
