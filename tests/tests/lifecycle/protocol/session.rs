//! The provider's processes of a walk, and what is asked of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use futures_util::future::join_all;
use logagg_e2e::binaries::Binaries;
use nix::sys::signal::{Signal, kill};
use serde_json::{Value as Json, json};
use tfplugin::proto::tfplugin5 as wire;
use tfplugin::proto::tfplugin5::provider_client::ProviderClient;
use tokio::process::Command;
use tonic::transport::Channel;

use super::rules::{self, complete};
use super::state::Object;
use super::{Failed, POLICY};
use crate::client::{Connected, Terraform};
use crate::lifecycle::configuration::Provider;
use crate::lifecycle::driver::Outcome;
use crate::program::Program;
use crate::value::{dynamic, json as read};

/// What is said in a run.
#[derive(Debug, Default)]
pub(super) struct Log(RefCell<String>);

impl Log {
    pub(super) fn line(&self, line: impl AsRef<str>) {
        let mut text = self.0.borrow_mut();
        text.push_str(line.as_ref());
        text.push('\n');
    }

    /// That the provider broke Terraform's rules.
    pub(super) fn blame(&self, address: &str, what: &str, why: &str) -> Failed {
        self.line(format!("Error: Provider produced {what}\n  with {address}: {why}"));
        Failed
    }

    fn record_diagnostics(
        &self,
        address: &str,
        diagnostics: &[wire::Diagnostic],
    ) -> Result<(), Failed> {
        let mut outcome = Ok(());
        for diagnostic in diagnostics {
            let is_error = diagnostic.severity() == wire::diagnostic::Severity::Error;
            let severity = if is_error { "Error" } else { "Warning" };
            let wire::Diagnostic { summary, detail, .. } = diagnostic;
            self.line(format!("{severity}: {summary}\n  with {address}\n{detail}"));
            if is_error {
                outcome = Err(Failed);
            }
        }
        outcome
    }

    fn lost(&self, address: &str, status: &tonic::Status) {
        self.line(format!("Error: Plugin did not respond\n  with {address}: {}", status.message()));
    }

    pub(super) fn outcome(self, code: i32) -> Outcome {
        let story = self.0.into_inner();
        let text = story.split_whitespace().collect::<Vec<_>>().join(" ");
        Outcome { code, text, story }
    }
}

/// A process for each provider block.
pub(super) struct Sessions {
    sessions: BTreeMap<Provider, Session>,
    policy: &'static wire::schema::Block,
}

struct Session {
    client: ProviderClient<Channel>,
    program: Program,
}

/// A planned state, and what goes with it.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) value: Json,
    pub(super) private: Vec<u8>,
    pub(super) identity: Option<wire::ResourceIdentityData>,
    /// The arguments whose change takes a new object.
    pub(super) requires_replace: Vec<String>,
}

/// What is asked to be planned.
pub(super) struct ToPlan<'a> {
    pub(super) address: &'a str,
    pub(super) provider: Provider,
    /// None is for a creation.
    pub(super) prior: Option<&'a Object>,
    pub(super) private: &'a [u8],
    /// Null is for a destruction.
    pub(super) config: &'a Json,
}

/// What is asked to be applied.
pub(super) struct ToApply<'a> {
    pub(super) address: &'a str,
    pub(super) provider: Provider,
    pub(super) prior: Option<&'a Object>,
    pub(super) planned: &'a Planned,
    pub(super) config: &'a Json,
}

/// What came of it.
pub(super) enum Reached {
    /// Null is for nothing.
    State { object: Option<Object>, outcome: Result<(), Failed> },
    /// The provider is gone.
    Lost,
}

impl Sessions {
    pub(super) async fn start(
        terraform: &Terraform,
        environment: &[(&'static str, String)],
        providers: &BTreeSet<Provider>,
        log: &Log,
    ) -> Result<Self, Failed> {
        let started = providers.iter().map(async |provider| {
            let session = Session::start(terraform, environment, log).await?;
            Ok((*provider, session))
        });
        let sessions =
            join_all(started).await.into_iter().collect::<Result<BTreeMap<_, _>, _>>()?;
        let first = sessions.values().next().unwrap();
        let policy = match SCHEMA.get() {
            Some(policy) => policy,
            None => {
                let request = wire::get_provider_schema::Request {};
                let schema = first.client.clone().get_schema(request).await.unwrap().into_inner();
                let policy = schema.resource_schemas[POLICY].block.clone().unwrap();
                SCHEMA.get_or_init(|| policy)
            }
        };
        Ok(Self { sessions, policy })
    }

    pub(super) fn policy(&self) -> &'static wire::schema::Block {
        self.policy
    }

    fn client(&self, provider: Provider) -> ProviderClient<Channel> {
        self.sessions[&provider].client.clone()
    }

    /// As at an interrupt.
    pub(super) async fn stop(&self) {
        for session in self.sessions.values() {
            session.client.clone().stop(wire::stop::Request {}).await.unwrap();
        }
    }

    pub(super) fn kill(&self) {
        for session in self.sessions.values() {
            kill(session.program.pid(), Signal::SIGKILL).unwrap();
        }
    }

    /// What there is now of an object in state; None where it is gone.
    pub(super) async fn refresh(
        &self,
        address: &str,
        object: &Object,
        log: &Log,
    ) -> Result<Option<Object>, Failed> {
        let mut client = self.client(object.provider);
        let request = wire::upgrade_resource_state::Request {
            type_name: POLICY.to_owned(),
            version: 0,
            raw_state: Some(wire::RawState {
                json: object.value.to_string().into_bytes(),
                ..Default::default()
            }),
        };
        let upgraded = answered(client.upgrade_resource_state(request).await, address, log)?;
        log.record_diagnostics(address, &upgraded.diagnostics)?;
        let request = wire::read_resource::Request {
            type_name: POLICY.to_owned(),
            current_state: upgraded.upgraded_state,
            private: object.private.clone(),
            current_identity: object.identity.clone(),
            ..Default::default()
        };
        let now = answered(client.read_resource(request).await, address, log)?;
        log.record_diagnostics(address, &now.diagnostics)?;
        let value = rules::sorted(read(now.new_state));
        Ok((!value.is_null()).then(|| Object {
            value,
            private: now.private,
            identity: now.new_identity,
            ..object.clone()
        }))
    }

    pub(super) async fn validate(
        &self,
        address: &str,
        provider: Provider,
        config: &Json,
        log: &Log,
    ) -> Result<(), Failed> {
        let request = wire::validate_resource_type_config::Request {
            type_name: POLICY.to_owned(),
            config: dynamic(config),
            ..Default::default()
        };
        let mut client = self.client(provider);
        let valid = answered(client.validate_resource_type_config(request).await, address, log)?;
        log.record_diagnostics(address, &valid.diagnostics)
    }

    pub(super) async fn import(
        &self,
        address: &str,
        provider: Provider,
        id: &str,
        log: &Log,
    ) -> Result<Object, Failed> {
        let request = wire::import_resource_state::Request {
            type_name: POLICY.to_owned(),
            id: id.to_owned(),
            ..Default::default()
        };
        let mut client = self.client(provider);
        let found = answered(client.import_resource_state(request).await, address, log)?;
        log.record_diagnostics(address, &found.diagnostics)?;
        let [found] = <[_; 1]>::try_from(found.imported_resources).unwrap();
        Ok(Object {
            value: read(found.state),
            private: found.private,
            identity: found.identity,
            tainted: false,
            provider,
        })
    }

    pub(super) async fn plan(&self, what: &ToPlan<'_>, log: &Log) -> Result<Planned, Failed> {
        let prior = what.prior.map_or(&Json::Null, |object| &object.value);
        let proposed = match what.config {
            Json::Null => Json::Null,
            config => rules::proposed(config, prior, self.policy),
        };
        let request = wire::plan_resource_change::Request {
            type_name: POLICY.to_owned(),
            prior_state: dynamic(prior),
            proposed_new_state: dynamic(&proposed),
            config: dynamic(what.config),
            prior_private: what.private.to_vec(),
            prior_identity: what.prior.and_then(|object| object.identity.clone()),
            ..Default::default()
        };
        let mut client = self.client(what.provider);
        let planned = answered(client.plan_resource_change(request).await, what.address, log)?;
        log.record_diagnostics(what.address, &planned.diagnostics)?;
        let value = rules::sorted(read(planned.planned_state));
        if let Some(why) = rules::invalid_plan(what.config, &value, self.policy) {
            return Err(log.blame(what.address, "invalid plan", &why));
        }
        let changed = |name: &String| prior[name] != value[name];
        let requires_replace = planned.requires_replace.iter().filter_map(root).filter(changed);
        Ok(Planned {
            requires_replace: requires_replace.collect(),
            private: planned.planned_private,
            identity: planned.planned_identity,
            value,
        })
    }

    pub(super) async fn apply(&self, what: &ToApply<'_>, log: &Log) -> Reached {
        let prior = what.prior.map_or(&Json::Null, |object| &object.value);
        let request = wire::apply_resource_change::Request {
            type_name: POLICY.to_owned(),
            prior_state: dynamic(prior),
            planned_state: dynamic(&what.planned.value),
            config: dynamic(what.config),
            planned_private: what.planned.private.clone(),
            planned_identity: what.planned.identity.clone(),
            ..Default::default()
        };
        let mut client = self.client(what.provider);
        let applied = client.apply_resource_change(request).await;
        let Ok(applied) = answered(applied, what.address, log) else { return Reached::Lost };
        let outcome = log.record_diagnostics(what.address, &applied.diagnostics);
        let value = rules::sorted(read(applied.new_state));
        let object = (!value.is_null()).then_some(Object {
            value,
            private: applied.private,
            identity: applied.new_identity,
            tainted: false,
            provider: what.provider,
        });
        Reached::State { object, outcome }
    }
}

impl Session {
    async fn start(
        terraform: &Terraform,
        environment: &[(&'static str, String)],
        log: &Log,
    ) -> Result<Self, Failed> {
        let mut command = Command::new(&Binaries::shared().provider);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let program = Program::shake_hands(command, terraform).await;
        let Connected { mut provider, .. } = terraform.connect(&program).await.unwrap();
        let request = wire::configure::Request {
            terraform_version: "1.11.4".to_owned(),
            config: Some(wire::DynamicValue {
                json: configuration().to_string().into_bytes(),
                msgpack: Vec::new(),
            }),
            client_capabilities: None,
        };
        let configured = provider.configure(request).await.unwrap().into_inner();
        log.record_diagnostics("provider", &configured.diagnostics)?;
        Ok(Self { client: provider, program })
    }
}

static SCHEMA: OnceLock<wire::schema::Block> = OnceLock::new();

/// What [`crate::scene::PROVIDER`] says.
fn configuration() -> Json {
    json!({
        "max_retries": 2,
        "requests_per_second": {
            "DescribeLogGroups": 10000,
            "ListLogGroups": 10000,
            "ListTagsForResource": 10000,
            "DescribeAccountPolicies": 10000,
            "DescribeSubscriptionFilters": 10000,
            "PutSubscriptionFilter": 10000,
            "DeleteSubscriptionFilter": 10000,
            "PutRetentionPolicy": 10000,
            "DeleteRetentionPolicy": 10000,
            "PutLogGroupDeletionProtection": 10000,
        },
    })
}

fn answered<T>(
    answer: Result<tonic::Response<T>, tonic::Status>,
    address: &str,
    log: &Log,
) -> Result<T, Failed> {
    match answer {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => {
            log.lost(address, &status);
            Err(Failed)
        }
    }
}

/// The argument that a path begins with.
fn root(path: &wire::AttributePath) -> Option<String> {
    use wire::attribute_path::step::Selector;
    match path.steps.first()?.selector.as_ref()? {
        Selector::AttributeName(name) => Some(name.clone()),
        _ => None,
    }
}

/// An instance's configuration as the protocol has it.
pub(super) fn config(arguments: &Json, block: &wire::schema::Block) -> Json {
    rules::sorted(complete(arguments, block))
}
