//! State that comes from elsewhere: an older version, an import, another resource.

use crate::diagnostic::Diagnostic;
use crate::json::{self, UnknownAttributes};
use crate::proto::tfplugin5 as wire;
use crate::provider::Provider;
use crate::resource::{ImportId, MoveSource, newer};
use crate::service::operation::Encoded;
use crate::service::{Held, Operated, Service, guard};
use crate::unknown::Unknown;
use crate::value::Value;
use crate::wire as to_wire;

impl<P: Provider> Service<P> {
    pub(super) async fn upgrade_resource_state(
        &self,
        request: wire::upgrade_resource_state::Request,
    ) -> wire::upgrade_resource_state::Response {
        let name = request.type_name;
        let upgraded = guard::call(|| {
            let entry = self.registry.resource(&name)?;
            let description = entry.description();
            let json = raw_json(request.raw_state, "state")?;
            let current = description.schema.version();
            let (json, unknown_attributes) = if request.version == current {
                (json, UnknownAttributes::Drop)
            } else if request.version > current {
                return Err(newer("state", &name, request.version, current));
            } else {
                let old = parse(&json, "state")?;
                let new = entry.behavior().upgrade(request.version, old)?;
                (new.to_string().into_bytes(), UnknownAttributes::Refuse)
            };
            let state = json::decode(&json, &description.kind, unknown_attributes)
                .map_err(|error| error.into_diagnostic("The state cannot be read"))?;
            description.encode(description.schema.block().complete(state))
        });
        let (upgraded_state, diagnostics) = match upgraded {
            Ok(state) => (Some(state), Vec::new()),
            Err(error) => (None, self.wire_diagnostics(&name, error.into())),
        };
        wire::upgrade_resource_state::Response { upgraded_state, diagnostics }
    }

    pub(super) async fn import_resource_state(
        &self,
        request: wire::import_resource_state::Request,
    ) -> wire::import_resource_state::Response {
        let name = request.type_name;
        let import = self.operate(request.client_capabilities, async |cx: Held<P>| {
            let entry = self.registry.resource(&name)?;
            let description = entry.description();
            let identity = match (&description.identity, request.identity) {
                (Some((_, kind)), Some(identity)) => {
                    to_wire::value(identity.identity_data, kind)
                        .map_err(|error| error.into_diagnostic("The identity cannot be read"))?
                }
                _ => Value::Null,
            };
            let id = match identity {
                Value::Null => ImportId::Id(request.id),
                identity => ImportId::Identity(identity),
            };
            let wanted = match &id {
                ImportId::Id(id) => format!("the ID {id:?}"),
                ImportId::Identity(_) => "this identity".to_owned(),
            };
            let found = entry.behavior().import(&cx, id).await;
            if found.is_empty() && cx.deferral().is_some() {
                let state = description.encode(Value::Unknown(Unknown::default()))?;
                return Ok(vec![wire::import_resource_state::ImportedResource {
                    type_name: name.clone(),
                    state: Some(state),
                    ..Default::default()
                }]);
            }
            if found.is_empty() && !cx.has_errors() {
                let detail = format!("There is no {name} with {wanted}.");
                return Err(Diagnostic::error("Nothing to import", detail));
            }
            found
                .into_iter()
                .map(|one| {
                    let Encoded { state, private, identity } = description.encode_outcome(one)?;
                    Ok(wire::import_resource_state::ImportedResource {
                        type_name: name.clone(),
                        state: Some(state),
                        private,
                        identity,
                    })
                })
                .collect::<Result<Vec<_>, _>>()
        });
        let Operated { value, diagnostics, deferred } = import.await;
        wire::import_resource_state::Response {
            imported_resources: value.unwrap_or_default(),
            diagnostics: self.wire_diagnostics(&name, diagnostics),
            deferred,
        }
    }

    pub(super) async fn generate_resource_config(
        &self,
        request: wire::generate_resource_config::Request,
    ) -> wire::generate_resource_config::Response {
        let name = request.type_name;
        let generated = guard::call(|| {
            let entry = self.registry.resource(&name)?;
            let description = entry.description();
            let state = description.decode("state", request.state)?;
            let config = entry.behavior().configuration(state)?;
            description.encode(description.schema.block().configurable(config))
        });
        let (config, diagnostics) = match generated {
            Ok(config) => (Some(config), Vec::new()),
            Err(error) => (None, self.wire_diagnostics(&name, error.into())),
        };
        wire::generate_resource_config::Response { config, diagnostics }
    }

    pub(super) async fn move_resource_state(
        &self,
        request: wire::move_resource_state::Request,
    ) -> wire::move_resource_state::Response {
        let name = request.target_type_name;
        let moved = guard::call(|| {
            let entry = self.registry.resource(&name)?;
            let description = entry.description();
            let source = MoveSource {
                state: parse(&raw_json(request.source_state, "state")?, "state")?,
                provider_address: request.source_provider_address,
                type_name: request.source_type_name,
                schema_version: request.source_schema_version,
                private: request.source_private,
            };
            let refused = unmovable(&source, &name);
            match entry.behavior().move_from(source)? {
                Some(moved) => description.encode_outcome(moved),
                None => Err(refused),
            }
        });
        match moved {
            Ok(Encoded { state, private, identity }) => wire::move_resource_state::Response {
                target_state: Some(state),
                target_private: private,
                target_identity: identity,
                diagnostics: Vec::new(),
            },
            Err(error) => wire::move_resource_state::Response {
                diagnostics: self.wire_diagnostics(&name, error.into()),
                ..Default::default()
            },
        }
    }
}

/// The JSON of what Terraform kept. Before version 0.12 it kept flat maps of strings.
pub(super) fn raw_json(raw: Option<wire::RawState>, what: &str) -> Result<Vec<u8>, Diagnostic> {
    let raw = raw.unwrap_or_default();
    if raw.json.is_empty() {
        let detail = if raw.flatmap.is_empty() {
            format!("Terraform sent no {what} to read.")
        } else {
            format!(
                "The {what} has the format of Terraform before version 0.12. Apply once with a \
                 Terraform between 0.12 and 1.0 and a provider of that time, or remove the object \
                 from the state and import it again."
            )
        };
        return Err(Diagnostic::error(format!("The {what} cannot be read"), detail));
    }
    Ok(raw.json)
}

pub(super) fn parse(json: &[u8], what: &str) -> Result<serde_json::Value, Diagnostic> {
    serde_json::from_slice(json).map_err(|error| {
        Diagnostic::error(format!("The {what} cannot be read"), format!("Malformed JSON: {error}."))
    })
}

fn unmovable(source: &MoveSource, name: &str) -> Diagnostic {
    let MoveSource { type_name, provider_address, .. } = source;
    let detail = format!(
        "State of {type_name} ({provider_address}) cannot become state of {name}. Remove the \
         `moved` block, and import the object instead."
    );
    Diagnostic::error("State cannot be moved", detail)
}
