//! Validate, read, plan and apply.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::erased::{RawPrior, RawStored};
use crate::proto::tfplugin5 as wire;
use crate::provider::Provider;
use crate::schema::WriteOnly;
use crate::service::operation::Encoded;
use crate::service::{Held, Operated, Service, described_to_wire, guard};
use crate::value::Value;
use crate::wire as to_wire;

impl<P: Provider> Service<P> {
    pub(super) async fn validate_resource_type_config(
        &self,
        request: wire::validate_resource_type_config::Request,
    ) -> wire::validate_resource_type_config::Response {
        let mut diagnostics = Diagnostics::new();
        let knows_write_only = request
            .client_capabilities
            .is_some_and(|capabilities| capabilities.write_only_attributes_allowed);
        let write_only = if knows_write_only { WriteOnly::Allowed } else { WriteOnly::Unknown };
        let checked = guard::call(|| {
            let entry = self.registry.resource(&request.type_name)?;
            let description = entry.description();
            let config = description.decode("configuration", request.config)?;
            description.schema.block().check(&config, write_only, &mut diagnostics);
            entry.behavior().validate(config, &mut diagnostics);
            Ok(())
        });
        diagnostics.extend(checked.err());
        wire::validate_resource_type_config::Response {
            diagnostics: self.wire_diagnostics(&request.type_name, diagnostics),
        }
    }

    pub(super) async fn read_resource(
        &self,
        request: wire::read_resource::Request,
    ) -> wire::read_resource::Response {
        let name = request.type_name;
        // What stays in state where it cannot be read.
        let unread = wire::read_resource::Response {
            new_state: request.current_state.clone(),
            private: request.private.clone(),
            new_identity: request.current_identity,
            ..Default::default()
        };
        let client = request.client_capabilities;
        let read = self.operate(client, async |cx: Held<P>| {
            let entry = self.registry.resource(&name)?;
            let description = entry.description();
            let prior =
                description.decode_stored("state", request.current_state, request.private)?;
            let now = match prior {
                Some(prior) => entry.behavior().read(&cx, prior).await?,
                None => None,
            };
            let response = match now {
                None => wire::read_resource::Response {
                    new_state: Some(description.nothing()?),
                    ..Default::default()
                },
                Some(now) => {
                    let Encoded { state, private, identity } = description.encode_outcome(now)?;
                    wire::read_resource::Response {
                        new_state: Some(state),
                        private,
                        new_identity: identity,
                        ..Default::default()
                    }
                }
            };
            Ok(response)
        });
        let Operated { value, diagnostics, deferred } = read.await;
        wire::read_resource::Response {
            diagnostics: self.wire_diagnostics(&name, diagnostics),
            deferred,
            ..value.unwrap_or(unread)
        }
    }

    pub(super) async fn plan_resource_change(
        &self,
        request: wire::plan_resource_change::Request,
    ) -> wire::plan_resource_change::Response {
        let name = request.type_name;
        // Nothing changes where no plan can be made.
        let unplanned = wire::plan_resource_change::Response {
            planned_state: request.prior_state.clone(),
            planned_private: request.prior_private.clone(),
            planned_identity: request.prior_identity.clone(),
            ..Default::default()
        };
        let client = request.client_capabilities;
        let plan = self.operate(client, async |cx: Held<P>| {
            let entry = self.registry.resource(&name)?;
            let description = entry.description();
            let private = request.prior_private.clone();
            let prior = description.decode_stored("state", request.prior_state, private)?;
            let proposed = description.decode("proposed state", request.proposed_new_state)?;
            if proposed.is_null() {
                let private = match prior {
                    Some(prior) => entry.behavior().plan_destroy(&cx, prior).await?,
                    None => request.prior_private,
                };
                return Ok(wire::plan_resource_change::Response {
                    planned_state: Some(description.nothing()?),
                    planned_private: private,
                    planned_identity: request.prior_identity,
                    ..Default::default()
                });
            }
            let config = description.decode("configuration", request.config)?;
            let block = description.schema.block();
            let before = prior.as_ref().map(|prior| &prior.state);
            let proposed = block.proposed(&config, before, proposed);
            let prior = match prior {
                Some(prior) => RawPrior::Object(prior),
                None if request.prior_private.is_empty() => RawPrior::Nothing,
                None => RawPrior::Replaced(request.prior_private),
            };
            let plan = entry.behavior().plan(&cx, config, prior, proposed).await?;
            let requires_replace = plan.requires_replace.into_iter();
            let Encoded { state, private, identity } = description.encode_outcome(plan.outcome)?;
            Ok(wire::plan_resource_change::Response {
                planned_state: Some(state),
                requires_replace: requires_replace
                    .map(|path| to_wire::path(path, Some(block)))
                    .collect(),
                planned_private: private,
                planned_identity: identity,
                ..Default::default()
            })
        });
        let Operated { value, diagnostics, deferred } = plan.await;
        wire::plan_resource_change::Response {
            diagnostics: self.wire_diagnostics(&name, diagnostics),
            deferred,
            ..value.unwrap_or(unplanned)
        }
    }

    pub(super) async fn apply_resource_change(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> wire::apply_resource_change::Response {
        let name = request.type_name;
        // What stays in state where nothing better is known.
        let unchanged = wire::apply_resource_change::Response {
            new_state: request.prior_state.clone(),
            private: request.planned_private.clone(),
            new_identity: request.planned_identity,
            ..Default::default()
        };
        let apply = self.operate(None, async |cx: Held<P>| {
            let entry = self.registry.resource(&name)?;
            let description = entry.description();
            let prior = description.decode("state", request.prior_state)?;
            let private = request.planned_private;
            let planned = description.decode_stored(
                "planned state",
                request.planned_state,
                private.clone(),
            )?;
            let reached = match (prior, planned) {
                (Value::Null, None) => None,
                (prior, None) => {
                    entry.behavior().delete(&cx, RawStored { state: prior, private }).await?
                }
                (Value::Null, Some(planned)) => {
                    let config = description.decode("configuration", request.config)?;
                    let created = entry.behavior().create(&cx, config, planned).await?;
                    if created.is_none() && !cx.has_errors() {
                        cx.report(nothing_created(&name));
                    }
                    created
                }
                (prior, Some(planned)) => {
                    let config = description.decode("configuration", request.config)?;
                    Some(entry.behavior().update(&cx, config, prior, planned).await?)
                }
            };
            Ok(match reached {
                None => wire::apply_resource_change::Response {
                    new_state: Some(description.nothing()?),
                    ..Default::default()
                },
                Some(reached) => {
                    let Encoded { state, private, identity } =
                        description.encode_outcome(reached)?;
                    wire::apply_resource_change::Response {
                        new_state: Some(state),
                        private,
                        new_identity: identity,
                        ..Default::default()
                    }
                }
            })
        });
        let Operated { value, diagnostics, .. } = apply.await;
        wire::apply_resource_change::Response {
            diagnostics: self.wire_diagnostics(&name, diagnostics),
            ..value.unwrap_or(unchanged)
        }
    }

    /// The diagnostics of a resource.
    pub(super) fn wire_diagnostics(
        &self,
        name: &str,
        diagnostics: Diagnostics,
    ) -> Vec<wire::Diagnostic> {
        described_to_wire(diagnostics, || Ok(self.registry.resource(name)?.description()))
    }
}

fn nothing_created(name: &str) -> Diagnostic {
    let detail = format!(
        "The provider created no {name} and returned no error. This is a bug in the provider."
    );
    Diagnostic::error("Nothing created", detail)
}
