//! State from older versions, from imports and from other resources.

use serde_json::{Value as Json, json};
use tfplugin::proto::tfplugin5 as wire;

use crate::operations::{Probe, summaries, thing};
use crate::value::{dynamic, json};

fn raw(state: &Json) -> Option<wire::RawState> {
    Some(wire::RawState { json: state.to_string().into_bytes(), flatmap: Default::default() })
}

async fn upgrade(
    probe: &mut Probe,
    version: i64,
    raw_state: Option<wire::RawState>,
) -> wire::upgrade_resource_state::Response {
    let type_name = "probe_thing".to_owned();
    let request = wire::upgrade_resource_state::Request { type_name, version, raw_state };
    probe.connected.provider.upgrade_resource_state(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn state_of_this_version_loses_what_the_schema_lost_and_gains_what_it_gained() {
    let mut probe = Probe::start().await;
    let upgraded = upgrade(&mut probe, 2, raw(&json!({"id": "1", "gone": [1]}))).await;
    assert_eq!(upgraded.diagnostics, []);
    assert_eq!(json(upgraded.upgraded_state), thing(&json!({"id": "1"})));
}

#[tokio::test]
async fn state_of_an_older_version_is_upgraded_by_the_resource() {
    let mut probe = Probe::start().await;
    let upgraded = upgrade(&mut probe, 1, raw(&json!({"name": "1"}))).await;
    assert_eq!(json(upgraded.upgraded_state), thing(&json!({"id": "1"})));

    let refused = upgrade(&mut probe, 0, raw(&json!({}))).await;
    assert_eq!(summaries(&refused.diagnostics), ["Too old"]);
    let left = upgrade(&mut probe, 1, raw(&json!({"name": "1", "extra": 2}))).await;
    assert!(left.diagnostics[0].detail.starts_with("extra: "), "{:?}", left.diagnostics);
}

#[tokio::test]
async fn state_that_cannot_be_read_is_refused_with_the_reason() {
    let mut probe = Probe::start().await;
    let newer = upgrade(&mut probe, 3, raw(&json!({}))).await;
    assert!(newer.diagnostics[0].detail.contains("version 3"), "{:?}", newer.diagnostics);
    let wrong = upgrade(&mut probe, 2, raw(&json!({"part": [{"size": "many"}]}))).await;
    assert_eq!(wrong.diagnostics[0].detail, "part[0].size: expected a number, got a string");
    let flatmap = [("id".to_owned(), "1".to_owned())].into_iter().collect();
    let old = wire::RawState { json: Vec::new(), flatmap };
    let old = upgrade(&mut probe, 2, Some(old)).await;
    assert!(old.diagnostics[0].detail.contains("before version 0.12"), "{:?}", old.diagnostics);
}

#[tokio::test]
async fn objects_are_imported_by_id_and_by_identity() {
    let mut probe = Probe::start().await;
    let provider = &mut probe.connected.provider;
    let by_id = wire::import_resource_state::Request {
        type_name: "probe_thing".to_owned(),
        id: "1".to_owned(),
        ..Default::default()
    };
    let identity = wire::ResourceIdentityData { identity_data: dynamic(&json!({"id": "1"})) };
    let by_identity = wire::import_resource_state::Request {
        id: String::new(),
        identity: Some(identity),
        ..by_id.clone()
    };
    for request in [by_id.clone(), by_identity] {
        let found = provider.import_resource_state(request).await.unwrap().into_inner();
        let [found] = found.imported_resources.try_into().unwrap();
        assert_eq!(found.type_name, "probe_thing");
        assert_eq!(json(found.state)["id"], "1");
        assert_eq!(json(found.identity.unwrap().identity_data), json!({"id": "1"}));
    }
    let nothing = wire::import_resource_state::Request { id: "none".to_owned(), ..by_id };
    let nothing = provider.import_resource_state(nothing).await.unwrap().into_inner();
    assert_eq!(nothing.diagnostics[0].detail, r#"There is no probe_thing with the ID "none"."#);
}

#[tokio::test]
async fn a_configuration_is_generated_without_what_only_the_provider_gives() {
    let mut probe = Probe::start().await;
    let provider = &mut probe.connected.provider;
    let part = json!({"name": "a", "size": 2, "made": "by the provider"});
    let state = json!({
        "id": "1", "act": null, "text": "own", "greeting": "hello", "secret": null, "any": null,
        "tags": ["a"], "part": [part],
    });
    let mut request = wire::generate_resource_config::Request {
        type_name: "probe_thing".to_owned(),
        state: dynamic(&state),
    };
    let generated = provider.generate_resource_config(request.clone()).await.unwrap().into_inner();
    assert_eq!(summaries(&generated.diagnostics), [""; 0]);
    let config = json(generated.config);
    assert_eq!(config["text"], "own");
    assert_eq!(config["tags"], json!(["a"]));
    assert_eq!(config["id"], json!(null));
    assert_eq!(config["greeting"], json!(null));
    assert_eq!(config["part"], json!([{"name": "a", "size": 2, "made": null}]));
    request.type_name = "probe_unknown".to_owned();
    let unknown = provider.generate_resource_config(request).await.unwrap().into_inner();
    assert_eq!(unknown.config, None);
    assert_eq!(unknown.diagnostics.len(), 1);
}

#[tokio::test]
async fn identities_are_described_and_kept() {
    let mut probe = Probe::start().await;
    let provider = &mut probe.connected.provider;
    let request = wire::get_resource_identity_schemas::Request {};
    let schemas = provider.get_resource_identity_schemas(request).await.unwrap().into_inner();
    let schema = &schemas.identity_schemas["probe_thing"];
    assert_eq!(schema.version, 1);
    assert!(schema.identity_attributes[0].required_for_import);

    let mut request = wire::upgrade_resource_identity::Request {
        type_name: "probe_thing".to_owned(),
        version: 1,
        raw_identity: raw(&json!({"id": "1"})),
    };
    let kept = provider.upgrade_resource_identity(request.clone()).await.unwrap().into_inner();
    assert_eq!(json(kept.upgraded_identity.unwrap().identity_data), json!({"id": "1"}));
    request.version = 0;
    let old = provider.upgrade_resource_identity(request).await.unwrap().into_inner();
    assert_eq!(summaries(&old.diagnostics), ["Identity of an unknown version"]);
}

#[tokio::test]
async fn state_moves_from_where_the_resource_says() {
    let mut probe = Probe::start().await;
    let provider = &mut probe.connected.provider;
    let mut request = wire::move_resource_state::Request {
        source_provider_address: "registry.terraform.io/hashicorp/null".to_owned(),
        source_type_name: "null_resource".to_owned(),
        source_state: raw(&json!({"id": "9"})),
        target_type_name: "probe_thing".to_owned(),
        ..Default::default()
    };
    let moved = provider.move_resource_state(request.clone()).await.unwrap().into_inner();
    assert_eq!(json(moved.target_state)["id"], "9");
    request.source_type_name = "null_other".to_owned();
    let refused = provider.move_resource_state(request).await.unwrap().into_inner();
    assert_eq!(summaries(&refused.diagnostics), ["State cannot be moved"]);
}
