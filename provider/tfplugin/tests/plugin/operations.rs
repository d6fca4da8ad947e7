//! What Terraform asks of resources, answered.

use serde_json::{Value as Json, json};
use tfplugin::proto::tfplugin5::{self as wire, Diagnostic, diagnostic::Severity};

use crate::client::{Connected, Terraform};
use crate::program::Program;
use crate::value::{dynamic, json};

/// The probe, configured.
pub(crate) struct Probe {
    pub(crate) program: Program,
    pub(crate) connected: Connected,
}

impl Probe {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut probe = Self::unconfigured(variables).await;
        let diagnostics = probe.configure(&json!({"greeting": null, "refuse": null})).await;
        assert_eq!(diagnostics, []);
        probe
    }

    async fn unconfigured(variables: &[(&str, &str)]) -> Self {
        let terraform = Terraform::new();
        let program = Program::start_with(&terraform, variables).await;
        let connected = terraform.connect(&program).await.unwrap();
        Self { program, connected }
    }

    async fn configure(&mut self, config: &Json) -> Vec<Diagnostic> {
        let request = wire::configure::Request {
            terraform_version: "1.11.4".to_owned(),
            config: dynamic(config),
            client_capabilities: None,
        };
        self.connected.provider.configure(request).await.unwrap().into_inner().diagnostics
    }

    async fn validate(&mut self, config: &Json) -> Vec<Diagnostic> {
        let request = wire::validate_resource_type_config::Request {
            type_name: "probe_thing".to_owned(),
            config: dynamic(config),
            client_capabilities: None,
        };
        let answer = self.connected.provider.validate_resource_type_config(request).await;
        answer.unwrap().into_inner().diagnostics
    }

    async fn plan(
        &mut self,
        prior: &Json,
        proposed: &Json,
        config: &Json,
    ) -> wire::plan_resource_change::Response {
        let private: &[u8] = if prior.is_null() { b"" } else { b"7" };
        self.plan_with(private, prior, proposed, config).await
    }

    async fn plan_with(
        &mut self,
        private: &[u8],
        prior: &Json,
        proposed: &Json,
        config: &Json,
    ) -> wire::plan_resource_change::Response {
        let request = wire::plan_resource_change::Request {
            type_name: "probe_thing".to_owned(),
            prior_state: dynamic(prior),
            proposed_new_state: dynamic(proposed),
            config: dynamic(config),
            prior_private: private.to_vec(),
            ..Default::default()
        };
        self.connected.provider.plan_resource_change(request).await.unwrap().into_inner()
    }

    async fn apply(
        &mut self,
        prior: &Json,
        planned: &Json,
        config: &Json,
    ) -> wire::apply_resource_change::Response {
        let request = wire::apply_resource_change::Request {
            type_name: "probe_thing".to_owned(),
            prior_state: dynamic(prior),
            planned_state: dynamic(planned),
            config: dynamic(config),
            planned_private: b"7".to_vec(),
            planned_identity: identity("1"),
            ..Default::default()
        };
        self.connected.provider.apply_resource_change(request).await.unwrap().into_inner()
    }

    async fn read(&mut self, state: &Json) -> wire::read_resource::Response {
        let request = wire::read_resource::Request {
            type_name: "probe_thing".to_owned(),
            current_state: dynamic(state),
            private: b"7".to_vec(),
            ..Default::default()
        };
        self.connected.provider.read_resource(request).await.unwrap().into_inner()
    }
}

/// A thing with these attributes; the others are null.
pub(crate) fn thing(attributes: &Json) -> Json {
    let mut thing = json!({
        "id": null, "act": null, "text": null, "greeting": null, "secret": null, "any": null,
        "tags": null, "part": [],
    });
    for (name, value) in attributes.as_object().unwrap() {
        thing[name] = value.clone();
    }
    thing
}

fn identity(id: &str) -> Option<wire::ResourceIdentityData> {
    Some(wire::ResourceIdentityData { identity_data: dynamic(&json!({"id": id})) })
}

pub(crate) fn summaries(diagnostics: &[Diagnostic]) -> Vec<&str> {
    diagnostics.iter().map(|diagnostic| diagnostic.summary.as_str()).collect()
}

fn path(diagnostic: &Diagnostic) -> Vec<wire::attribute_path::step::Selector> {
    let steps = diagnostic.attribute.clone().map(|path| path.steps).unwrap_or_default();
    steps.into_iter().map(|step| step.selector.unwrap()).collect()
}

#[tokio::test]
async fn schemas_and_capabilities_are_returned() {
    let mut probe = Probe::unconfigured(&[]).await;
    let request = wire::get_provider_schema::Request {};
    let schema = probe.connected.provider.get_schema(request).await.unwrap().into_inner();
    assert_eq!(schema.diagnostics, []);
    let capabilities = schema.server_capabilities.unwrap();
    assert!(capabilities.plan_destroy && capabilities.move_resource_state);
    assert!(capabilities.get_provider_schema_optional);

    let provider = schema.provider.unwrap().block.unwrap();
    let greeting = provider.attributes.iter().find(|one| one.name == "greeting").unwrap();
    assert!(greeting.optional && !greeting.computed, "a provider has nothing computed");

    let thing = &schema.resource_schemas["probe_thing"];
    assert_eq!(thing.version, 2);
    let block = thing.block.as_ref().unwrap();
    let kinds: Vec<(&str, &[u8])> =
        block.attributes.iter().map(|one| (one.name.as_str(), one.r#type.as_slice())).collect();
    assert!(kinds.contains(&("tags", br#"["set","string"]"#)), "{kinds:?}");
    let part = &block.block_types[0];
    assert_eq!((part.type_name.as_str(), part.min_items, part.max_items), ("part", 0, 3));
    let size =
        part.block.as_ref().unwrap().attributes.iter().find(|one| one.name == "size").unwrap();
    assert!(size.optional && size.computed, "a default is what the configuration does not show");
}

#[tokio::test]
async fn functions_are_called_before_the_provider_is_configured() {
    let mut probe = Probe::unconfigured(&[]).await;
    let provider = &mut probe.connected.provider;
    let functions = provider.get_functions(wire::get_functions::Request {}).await.unwrap();
    let functions = functions.into_inner().functions;
    let schema = provider.get_schema(wire::get_provider_schema::Request {}).await.unwrap();
    assert_eq!(schema.into_inner().functions, functions);
    let metadata = provider.get_metadata(wire::get_metadata::Request {}).await.unwrap();
    assert_eq!(metadata.into_inner().functions[0].name, "shout");
    let shout = &functions["shout"];
    assert_eq!(shout.parameters[0].r#type, br#"["list","string"]"#);
    assert_eq!(shout.r#return.as_ref().unwrap().r#type, br#""string""#);

    let mut call = async |arguments: &[Json]| {
        let arguments = arguments.iter().map(|argument| dynamic(argument).unwrap()).collect();
        let name = "shout".to_owned();
        let call = wire::call_function::Request { name, arguments };
        provider.call_function(call).await.unwrap().into_inner()
    };
    let called = call(&[json!(["watch", "out"])]).await;
    assert_eq!((json(called.result), called.error), (json!("WATCH OUT"), None));
    for (arguments, argument, expected) in [
        (vec![], None, "too few"),
        (vec![json!(["a"]), json!(["b"])], Some(1), "One too many."),
        (vec![json!("a")], Some(0), "expected a list"),
        (vec![json!([])], None, "nothing to shout"),
    ] {
        let error = call(&arguments).await.error.unwrap();
        assert!(error.text.contains(expected), "{arguments:?}: {error:?}");
        assert_eq!(error.function_argument, argument, "{arguments:?}");
    }
}

#[tokio::test]
async fn unknown_resources_and_functions_get_a_diagnostic() {
    let mut probe = Probe::unconfigured(&[]).await;
    let provider = &mut probe.connected.provider;
    let call = wire::call_function::Request { name: "whisper".to_owned(), arguments: Vec::new() };
    let called = provider.call_function(call).await.unwrap().into_inner();
    assert!(called.error.unwrap().text.contains("whisper"));
    let data =
        wire::read_data_source::Request { type_name: "probe_no".into(), ..Default::default() };
    let data = provider.read_data_source(data).await.unwrap().into_inner();
    assert_eq!(summaries(&data.diagnostics), ["Provider not configured"]);
    let data = wire::validate_data_source_config::Request {
        type_name: "probe_no".into(),
        ..Default::default()
    };
    let data = provider.validate_data_source_config(data).await.unwrap().into_inner();
    assert_eq!(summaries(&data.diagnostics), ["Unknown data source"]);

    let open = wire::open_ephemeral_resource::Request::default();
    let newer = provider.open_ephemeral_resource(open).await.unwrap_err();
    assert_eq!(newer.code(), tonic::Code::Unimplemented);
    let action = wire::plan_action::Request::default();
    let newer = provider.plan_action(action).await.unwrap_err();
    assert_eq!(newer.code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn the_provider_is_configured_with_its_defaults_or_says_why_not() {
    let mut probe = Probe::unconfigured(&[]).await;
    let early = probe.read(&thing(&json!({}))).await;
    assert_eq!(summaries(&early.diagnostics), ["Provider not configured"]);
    assert_eq!(json(early.new_state), thing(&json!({})), "what is in state stays");

    let refused = probe.configure(&json!({"greeting": null, "refuse": true})).await;
    assert_eq!(summaries(&refused), ["Refused"]);
    let config = dynamic(&json!({"greeting": 1, "refuse": null}));
    let request = wire::prepare_provider_config::Request { config };
    let wrong = probe.connected.provider.prepare_provider_config(request).await.unwrap();
    let wrong = wrong.into_inner().diagnostics;
    assert_eq!(wrong[0].detail, "greeting: expected a string, got a number");

    let unknown = probe.configure(&json!({"greeting": null, "refuse": "<unknown>"})).await;
    assert_eq!(unknown, []);
    let plan = probe.plan(&Json::Null, &thing(&json!({})), &thing(&json!({}))).await;
    assert_eq!(json(plan.planned_state)["greeting"], "hello", "the default");
}

#[tokio::test]
async fn a_configuration_is_checked_with_paths() {
    use wire::attribute_path::step::Selector::AttributeName;
    let mut probe = Probe::unconfigured(&[]).await;
    let config = thing(&json!({
        "act": "invalid", "text": "x", "secret": "s", "tags": ["ok", "<unknown>", "long one"],
    }));
    let found = probe.validate(&config).await;
    let expected = [
        "Write-only argument not supported by Terraform",
        "Tag too long",
        "Deprecated argument",
        "Invalid",
    ];
    assert_eq!(summaries(&found), expected);
    let names = ["secret", "tags", "text", "act"];
    for (diagnostic, name) in found.iter().zip(names) {
        assert_eq!(path(diagnostic), [AttributeName(name.to_owned())], "a set has no places");
    }
    assert_eq!(found[2].severity(), Severity::Warning);

    let mut wrong = thing(&json!({"part": [{"name": 1, "size": null, "made": null}]}));
    let found = probe.validate(&wrong).await;
    assert_eq!(found[0].detail, "part[0].name: expected a string, got a number");
    assert_eq!(path(&found[0]).len(), 3);
    wrong["part"] = json!("<unknown>");
    assert_eq!(probe.validate(&wrong).await, [], "unknown is no error");

    let found = probe.validate(&thing(&json!({"act": "panic early"}))).await;
    assert_eq!(summaries(&found), ["Provider panicked"]);
}

#[tokio::test]
async fn a_new_object_is_planned_with_defaults_and_unknowns() {
    let mut probe = Probe::start().await;
    let parts = json!([{"name": "a", "size": null, "made": null}]);
    let config = thing(&json!({"secret": "s", "part": parts}));
    let plan = probe.plan(&Json::Null, &config, &config).await;
    assert_eq!(plan.diagnostics, []);
    let planned = json(plan.planned_state);
    let parts = json!([{"name": "a", "size": 1, "made": "<unknown>"}]);
    let expected = json!({"id": "<unknown>", "greeting": "hello", "part": parts});
    assert_eq!(planned, thing(&expected), "and nothing write-only");

    let applied = probe.apply(&Json::Null, &planned, &config).await;
    assert_eq!(applied.diagnostics, []);
    assert_eq!(applied.private, b"8");
    let parts = json!([{"name": "a", "size": 1, "made": "made"}]);
    let expected = thing(&json!({"id": "made", "greeting": "hello", "part": parts}));
    assert_eq!(json(applied.new_state), expected);
    let identity = applied.new_identity.unwrap().identity_data;
    assert_eq!(json(identity), json!({"id": "made"}));
}

#[tokio::test]
async fn an_object_is_updated_replaced_and_destroyed() {
    let mut probe = Probe::start().await;
    let prior = thing(&json!({
        "id": "1", "greeting": "hello", "part": [{"name": "a", "size": 5, "made": "before"}],
    }));
    let parts = json!([
        {"name": "a", "size": 5, "made": "before"}, {"name": "b", "size": null, "made": null},
    ]);
    let config_parts = json!([
        {"name": "a", "size": null, "made": null}, {"name": "b", "size": null, "made": null},
    ]);
    let proposed = thing(&json!({"id": "1", "greeting": "hello", "tags": ["x"], "part": parts}));
    let config = thing(&json!({"tags": ["x"], "part": config_parts}));
    let plan = probe.plan(&prior, &proposed, &config).await;
    assert_eq!(plan.requires_replace[0].steps.len(), 1, "as far as the set");
    assert_eq!(plan.planned_private, b"7");
    let planned = json(plan.planned_state);
    let expected = json!([
        {"name": "a", "size": 1, "made": "before"}, {"name": "b", "size": 1, "made": "<unknown>"},
    ]);
    assert_eq!(planned["part"], expected, "what is there keeps what it has");
    let applied = probe.apply(&prior, &planned, &config).await;
    assert_eq!(json(applied.new_state)["id"], "1");

    let plan = probe.plan(&prior, &Json::Null, &Json::Null).await;
    assert_eq!(summaries(&plan.diagnostics), ["Destroys"]);
    assert_eq!(json(plan.planned_state), Json::Null);
    let gone = probe.apply(&prior, &Json::Null, &Json::Null).await;
    assert_eq!((json(gone.new_state), gone.diagnostics), (Json::Null, Vec::new()));
}

#[tokio::test]
async fn the_plan_of_a_replacement_has_the_private_state() {
    let mut probe = Probe::start().await;
    let config = thing(&json!({"tags": ["x"]}));
    let plan = probe.plan_with(b"7", &Json::Null, &config, &config).await;
    assert_eq!((summaries(&plan.diagnostics), plan.planned_private), (vec![], b"1007".to_vec()));
    assert_eq!(json(plan.planned_state)["id"], "<unknown>", "it is a creation");
    let unreadable = probe.plan_with(b"many", &Json::Null, &config, &config).await;
    assert_eq!(summaries(&unreadable.diagnostics), ["Private state cannot be read"]);
}

#[tokio::test]
async fn reading_returns_the_object_or_null_if_it_is_deleted() {
    let mut probe = Probe::start().await;
    let state = thing(&json!({"id": "1"}));
    let read = probe.read(&state).await;
    assert_eq!((json(read.new_state), read.private), (state, b"107".to_vec()));
    let gone = probe.read(&thing(&json!({"id": "1", "act": "vanish"}))).await;
    assert_eq!((json(gone.new_state), gone.diagnostics), (Json::Null, Vec::new()));
}

/// Terraform that takes deferred changes.
const DEFERRING: Option<wire::ClientCapabilities> =
    Some(wire::ClientCapabilities { deferral_allowed: true, write_only_attributes_allowed: false });

#[tokio::test]
async fn an_object_is_put_off_only_where_terraform_allows_it() {
    use wire::deferred::Reason;
    let mut probe = Probe::start().await;
    let mut provider = probe.connected.provider.clone();
    let later = thing(&json!({"id": "1", "act": "defer"}));
    for (client_capabilities, expected) in [(None, None), (DEFERRING, Some(Reason::AbsentPrereq))] {
        let request = wire::read_resource::Request {
            type_name: "probe_thing".to_owned(),
            current_state: dynamic(&later),
            private: b"7".to_vec(),
            client_capabilities,
            ..Default::default()
        };
        let read = provider.read_resource(request).await.unwrap().into_inner();
        assert_eq!(read.deferred.map(|deferred| deferred.reason()), expected);
        assert_eq!(json(read.new_state), later);
        let request = wire::plan_resource_change::Request {
            type_name: "probe_thing".to_owned(),
            prior_state: dynamic(&Json::Null),
            proposed_new_state: dynamic(&later),
            config: dynamic(&later),
            client_capabilities,
            ..Default::default()
        };
        let plan = provider.plan_resource_change(request).await.unwrap().into_inner();
        assert_eq!(plan.deferred.map(|deferred| deferred.reason()), expected);
        assert_eq!(json(plan.planned_state)["greeting"], "hello");
    }
    // What is not to be deferred is not.
    let state = thing(&json!({"id": "1"}));
    assert_eq!(probe.read(&state).await.deferred, None);
}

#[tokio::test]
async fn what_is_deferred_without_a_value_is_unknown() {
    use wire::deferred::Reason;
    let probe = Probe::start().await;
    let mut provider = probe.connected.provider.clone();
    let config = dynamic(&json!({"text": null}));
    let mut read = async |client_capabilities| {
        let (type_name, config) = ("probe_later".to_owned(), config.clone());
        let request = wire::read_data_source::Request {
            type_name,
            config,
            client_capabilities,
            ..Default::default()
        };
        provider.read_data_source(request).await.unwrap().into_inner()
    };
    let refused = read(None).await;
    assert_eq!(summaries(&refused.diagnostics), ["Too early"]);
    assert_eq!((refused.state, refused.deferred), (None, None));
    let deferred = read(DEFERRING).await;
    assert_eq!(deferred.diagnostics, []);
    assert_eq!(deferred.deferred.unwrap().reason(), Reason::ProviderConfigUnknown);
    assert_eq!(json(deferred.state), "<unknown>");

    let mut provider = probe.connected.provider.clone();
    let mut import = async |client_capabilities| {
        let request = wire::import_resource_state::Request {
            type_name: "probe_thing".to_owned(),
            id: "later".to_owned(),
            client_capabilities,
            ..Default::default()
        };
        provider.import_resource_state(request).await.unwrap().into_inner()
    };
    let imported = import(None).await;
    assert_eq!((imported.imported_resources.len(), imported.deferred), (1, None));
    let deferred = import(DEFERRING).await;
    assert_eq!(deferred.deferred.unwrap().reason(), Reason::ProviderConfigUnknown);
    let [resource] = &deferred.imported_resources[..] else { panic!("{deferred:?}") };
    assert_eq!(resource.type_name, "probe_thing");
    assert_eq!(json(resource.state.clone()), "<unknown>");
}

#[tokio::test]
async fn unknowns_go_back_exactly_as_they_came() {
    let mut probe = Probe::start().await;
    // Not null and starting with "arn:", not null alone, of any type, nothing known, and refined by
    // something newer than this crate.
    let config = thing(&json!({
        "text": "<unknown>8201c202a461726e3a", "act": "<unknown>8101c2", "any": "<unknown>",
        "tags": ["<unknown>8101c2", "<unknown>816392c201", "x"],
    }));
    let plan = probe.plan(&Json::Null, &config, &config).await;
    assert_eq!(plan.diagnostics, []);
    let planned = json(plan.planned_state);
    for name in ["text", "act", "any", "tags"] {
        assert_eq!(planned[name], config[name], "{name}");
    }
}

#[tokio::test]
async fn a_value_of_any_type_goes_back_with_its_type() {
    let mut probe = Probe::start().await;
    for any in [json!([r#"["list","string"]"#, ["a"]]), json!([r#"["map","number"]"#, null])] {
        let config = thing(&json!({"any": any}));
        let plan = probe.plan(&Json::Null, &config, &config).await;
        assert_eq!(json(plan.planned_state)["any"], any);
    }
}

#[tokio::test]
async fn a_state_of_many_megabytes_passes() {
    let mut probe = Probe::start().await;
    let long = "x".repeat(20 << 20);
    let state = thing(&json!({"id": "1", "text": long}));
    let read = probe.read(&state).await;
    assert!(json(read.new_state) == state, "it came back as it was");
}

#[tokio::test]
async fn stop_cancels_a_running_apply() {
    use tokio::io::AsyncBufReadExt;
    let mut probe = Probe::start_with(&[("TF_LOG", "INFO")]).await;
    let log = probe.program.take_errors();
    let mut provider = probe.connected.provider.clone();
    let stop = async {
        // Once it is known to wait.
        let mut lines = tokio::io::BufReader::new(log).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("waiting for Stop") {
                break;
            }
        }
        provider.stop(wire::stop::Request {}).await.unwrap().into_inner()
    };
    let prior = thing(&json!({"id": "1", "greeting": "hello"}));
    let planned = thing(&json!({"id": "1", "greeting": "hello", "act": "wait"}));
    let (applied, stopped) = tokio::join!(probe.apply(&prior, &planned, &planned), stop);
    assert_eq!(stopped.error, "");
    assert_eq!(summaries(&applied.diagnostics), ["Interrupted"]);
    assert_eq!(json(applied.new_state), prior, "the state that was reached");
}

#[tokio::test]
async fn a_failed_read_in_an_apply_keeps_the_prior_state() {
    let mut probe = Probe::start().await;
    let prior = thing(&json!({"id": "1", "greeting": "hello"}));
    let unreadable = thing(&json!({"id": "1", "greeting": 1}));
    let applied = probe.apply(&prior, &unreadable, &unreadable).await;
    assert_eq!(applied.diagnostics[0].detail, "greeting: expected a string, got a number");
    assert_eq!((json(applied.new_state), applied.private), (prior, b"7".to_vec()));
    assert_eq!(applied.new_identity, identity("1"));
}

#[tokio::test]
async fn a_panic_is_a_diagnostic() {
    let mut probe = Probe::start().await;
    let prior = thing(&json!({"id": "1", "greeting": "hello"}));
    let planned = thing(&json!({"id": "1", "greeting": "hello", "act": "panic"}));
    let applied = probe.apply(&prior, &planned, &planned).await;
    assert_eq!(summaries(&applied.diagnostics), ["Provider panicked"]);
    assert!(applied.diagnostics[0].detail.contains("as configured"));
    assert_eq!(json(applied.new_state), prior, "what was there is not forgotten");
    assert_eq!(applied.private, b"7");
    assert_eq!(applied.new_identity, identity("1"));
    assert_eq!(probe.read(&prior).await.diagnostics, [], "and it goes on");

    let empty = tfplugin::proto::plugin::Empty {};
    probe.connected.controller.shutdown(empty).await.unwrap();
    let errors = String::from_utf8(probe.program.end().await.stderr).unwrap();
    assert!(errors.starts_with("panic: as configured\n"), "{errors}");
    assert!(errors.contains("probe/main.rs:"), "where it was: {errors}");
}
