//! A provider block that is only known after apply, where Terraform takes deferred changes. Its command line does so in
//! experimental builds only, so this speaks the protocol.

use logagg_e2e::binaries::Binaries;
use serde_json::{Map, Value as Json, json};
use tfplugin::proto::tfplugin5 as wire;
use tfplugin::proto::tfplugin5::deferred::Reason;
use tokio::process::Command;
use wire::schema::Block;

use crate::client::{Connected, Terraform};
use crate::program::Program;
use crate::value::{dynamic, json as read};

const UNKNOWN: &str = "<unknown>";
const TERRAFORM: [(Option<wire::ClientCapabilities>, bool); 2] = [
    (None, false),
    (
        Some(wire::ClientCapabilities {
            deferral_allowed: true,
            write_only_attributes_allowed: false,
        }),
        true,
    ),
];

/// A provider whose region is not known, and its schema.
struct Unconfigured {
    connected: Connected,
    _program: Program,
    schema: wire::get_provider_schema::Response,
}

impl Unconfigured {
    async fn start() -> Self {
        let terraform = Terraform::new();
        let command = Command::new(&Binaries::shared().provider);
        let program = Program::shake_hands(command, &terraform).await;
        let mut connected = terraform.connect(&program).await.unwrap();
        let request = wire::get_provider_schema::Request {};
        let schema = connected.provider.get_schema(request).await.unwrap().into_inner();
        let provider = schema.provider.clone().and_then(|schema| schema.block).unwrap();
        let request = wire::configure::Request {
            terraform_version: "1.15.5".to_owned(),
            config: dynamic(&filled(&provider, &json!({"region": UNKNOWN}))),
            client_capabilities: TERRAFORM[1].0,
        };
        let configured = connected.provider.configure(request).await.unwrap().into_inner();
        assert_eq!(configured.diagnostics, []);
        Self { connected, _program: program, schema }
    }

    fn policy(&self, values: &Json) -> Json {
        filled(self.schema.resource_schemas["logagg_policy"].block.as_ref().unwrap(), values)
    }

    fn log_groups(&self, values: &Json) -> Json {
        filled(self.schema.data_source_schemas["logagg_log_groups"].block.as_ref().unwrap(), values)
    }
}

/// A value of a block: what is not given is null, and a block that is not given is not there.
fn filled(block: &Block, values: &Json) -> Json {
    let mut all = Map::new();
    for attribute in &block.attributes {
        all.insert(attribute.name.clone(), Json::Null);
    }
    for nested in &block.block_types {
        let inner = nested.block.as_ref().unwrap();
        let given = values[&nested.type_name].as_array().cloned().unwrap_or_default();
        let given = given.iter().map(|values| filled(inner, values)).collect();
        all.insert(nested.type_name.clone(), Json::Array(given));
    }
    for (name, value) in values.as_object().unwrap() {
        if !block.block_types.iter().any(|nested| nested.type_name == *name) {
            all.insert(name.clone(), value.clone());
        }
    }
    Json::Object(all)
}

fn reason(deferred: Option<wire::Deferred>) -> Option<Reason> {
    deferred.map(|deferred| deferred.reason())
}

fn expected(defers: bool) -> Option<Reason> {
    defers.then_some(Reason::ProviderConfigUnknown)
}

fn policy() -> Json {
    json!({"name": "ship", "retention_in_days": 30, "select": [{"name_prefixes": ["/app/"]}]})
}

#[tokio::test]
async fn a_policy_is_planned_and_put_off() {
    let mut unconfigured = Unconfigured::start().await;
    let config = unconfigured.policy(&policy());
    let mut proposed = policy();
    for computed in ["id", "account_id", "region", "log_groups", "skipped", "pending", "document"] {
        proposed[computed] = json!(UNKNOWN);
    }
    let proposed = unconfigured.policy(&proposed);
    for (client_capabilities, defers) in TERRAFORM {
        let request = wire::plan_resource_change::Request {
            type_name: "logagg_policy".to_owned(),
            prior_state: dynamic(&Json::Null),
            proposed_new_state: dynamic(&proposed),
            config: dynamic(&config),
            client_capabilities,
            ..Default::default()
        };
        let plan = unconfigured.connected.provider.plan_resource_change(request).await;
        let plan = plan.unwrap().into_inner();
        assert_eq!(plan.diagnostics, []);
        assert_eq!(reason(plan.deferred), expected(defers));
        assert_eq!(read(plan.planned_state)["log_groups"], UNKNOWN);
    }
}

#[tokio::test]
async fn a_refresh_keeps_the_state_and_warns_only_where_it_is_not_put_off() {
    let mut unconfigured = Unconfigured::start().await;
    let mut state = policy();
    state["region"] = json!("eu-central-1");
    state["log_groups"] = json!({});
    let state = unconfigured.policy(&state);
    for (client_capabilities, defers) in TERRAFORM {
        let request = wire::read_resource::Request {
            type_name: "logagg_policy".to_owned(),
            current_state: dynamic(&state),
            client_capabilities,
            ..Default::default()
        };
        let now = unconfigured.connected.provider.read_resource(request).await;
        let now = now.unwrap().into_inner();
        assert_eq!(now.diagnostics.is_empty(), defers, "{:?}", now.diagnostics);
        assert_eq!(reason(now.deferred), expected(defers));
        assert_eq!(read(now.new_state), state);
    }
}

#[tokio::test]
async fn log_groups_are_unknown_or_an_error() {
    let mut unconfigured = Unconfigured::start().await;
    let config = json!({"select": [{"name_prefixes": ["/app/"]}]});
    let config = unconfigured.log_groups(&config);
    for (client_capabilities, defers) in TERRAFORM {
        let request = wire::read_data_source::Request {
            type_name: "logagg_log_groups".to_owned(),
            config: dynamic(&config),
            client_capabilities,
            ..Default::default()
        };
        let found = unconfigured.connected.provider.read_data_source(request).await;
        let found = found.unwrap().into_inner();
        assert_eq!(found.diagnostics.is_empty(), defers, "{:?}", found.diagnostics);
        assert_eq!(reason(found.deferred), expected(defers));
        assert_eq!(found.state.map(|state| read(Some(state))), defers.then(|| json!(UNKNOWN)));
    }
}

#[tokio::test]
async fn an_import_is_put_off_or_an_error() {
    let mut unconfigured = Unconfigured::start().await;
    for (client_capabilities, defers) in TERRAFORM {
        let request = wire::import_resource_state::Request {
            type_name: "logagg_policy".to_owned(),
            id: "ship@eu-central-1".to_owned(),
            client_capabilities,
            ..Default::default()
        };
        let imported = unconfigured.connected.provider.import_resource_state(request).await;
        let imported = imported.unwrap().into_inner();
        assert_eq!(imported.diagnostics.is_empty(), defers, "{:?}", imported.diagnostics);
        assert_eq!(reason(imported.deferred), expected(defers));
        let states: Vec<_> =
            imported.imported_resources.into_iter().map(|one| read(one.state)).collect();
        assert_eq!(states, if defers { vec![json!(UNKNOWN)] } else { Vec::new() });
    }
}
