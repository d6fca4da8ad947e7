//! What Terraform asks of the provider itself.

use std::sync::{Arc, PoisonError};

use crate::convert::{Convert, ValueError};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::erased::{report_once, unreadable};
use crate::proto::tfplugin5 as wire;
use crate::provider::Provider;
use crate::schema::{Holder, WriteOnly};
use crate::service::{Service, diagnostics_to_wire, guard};
use crate::value::Value;
use crate::wire as to_wire;
use wire::get_metadata::{
    DataSourceMetadata, FunctionMetadata, ListResourceMetadata, ResourceMetadata,
};

impl<P: Provider> Service<P> {
    pub(super) async fn get_metadata(
        &self,
        _: wire::get_metadata::Request,
    ) -> wire::get_metadata::Response {
        let resources = self.registry.resources().map(|(name, _)| name.to_owned());
        let data_sources = self.registry.data_sources().map(|(name, _)| name.to_owned());
        let lists = self.registry.list_resources().map(|(name, _)| name.to_owned());
        wire::get_metadata::Response {
            server_capabilities: Some(capabilities()),
            diagnostics: diagnostics_to_wire(self.registry.check(), None),
            resources: resources.map(|type_name| ResourceMetadata { type_name }).collect(),
            data_sources: data_sources.map(|type_name| DataSourceMetadata { type_name }).collect(),
            list_resources: lists.map(|type_name| ListResourceMetadata { type_name }).collect(),
            functions: self.functions().into_keys().map(|name| FunctionMetadata { name }).collect(),
            ..Default::default()
        }
    }

    pub(super) async fn get_schema(
        &self,
        _: wire::get_provider_schema::Request,
    ) -> wire::get_provider_schema::Response {
        let schemas = guard::call(|| {
            let managed = |schema: &crate::Schema| schema.to_wire(Holder::Managed);
            Ok(wire::get_provider_schema::Response {
                provider: Some(self.schema().to_wire(Holder::Provider)),
                resource_schemas: self
                    .registry
                    .resources()
                    .map(|(name, entry)| (name.to_owned(), managed(&entry.description().schema)))
                    .collect(),
                data_source_schemas: self
                    .registry
                    .data_sources()
                    .map(|(name, entry)| (name.to_owned(), managed(&entry.description().schema)))
                    .collect(),
                list_resource_schemas: self
                    .registry
                    .list_resources()
                    .map(|(name, entry)| (name.to_owned(), managed(&entry.description().schema)))
                    .collect(),
                functions: self.functions(),
                diagnostics: diagnostics_to_wire(self.registry.check(), None),
                server_capabilities: Some(capabilities()),
                ..Default::default()
            })
        });
        schemas.unwrap_or_else(|error| wire::get_provider_schema::Response {
            diagnostics: diagnostics_to_wire(error.into(), None),
            ..Default::default()
        })
    }

    pub(super) async fn prepare_provider_config(
        &self,
        request: wire::prepare_provider_config::Request,
    ) -> wire::prepare_provider_config::Response {
        let mut diagnostics = Diagnostics::new();
        let checked = guard::call(|| {
            let config = self.provider_config(request.config.clone())?;
            let block = self.schema().block();
            block.check(&config, WriteOnly::Allowed, &mut diagnostics);
            let config = P::Config::from_value(block.with_defaults(config))
                .map_err(|error| unreadable("provider configuration", error))?;
            self.provider.validate(&config, &mut diagnostics);
            Ok(())
        });
        if let Err(error) = checked {
            report_once(error, &mut diagnostics);
        }
        wire::prepare_provider_config::Response {
            // Terraform gives its own configuration to Configure, which fills in the defaults.
            prepared_config: request.config,
            diagnostics: diagnostics_to_wire(
                diagnostics,
                self.schema.get().map(crate::Schema::block),
            ),
        }
    }

    pub(super) async fn configure(
        &self,
        request: wire::configure::Request,
    ) -> wire::configure::Response {
        let stopped = self.renew_stopped();
        let configured = guard::future(async {
            let config = self.provider_config(request.config)?;
            let config = self.schema().block().with_defaults(config);
            let config = P::Config::from_value(config)
                .map_err(|error| unreadable("provider configuration", error))?;
            tokio::select! {
                client = self.provider.configure(&request.terraform_version, config) => Ok(client),
                () = stopped.cancelled() => Ok(Err(interrupted().into())),
            }
        });
        let diagnostics = match configured.await {
            Ok(Ok(client)) => {
                let mut place = self.client.write().unwrap_or_else(PoisonError::into_inner);
                *place = Some(Arc::new(client));
                Diagnostics::new()
            }
            Ok(Err(diagnostics)) if !diagnostics.has_errors() => {
                let mut diagnostics = diagnostics;
                diagnostics.push(no_reason());
                diagnostics
            }
            Ok(Err(diagnostics)) => diagnostics,
            Err(error) => error.into(),
        };
        wire::configure::Response {
            diagnostics: diagnostics_to_wire(
                diagnostics,
                self.schema.get().map(crate::Schema::block),
            ),
        }
    }

    pub(super) async fn stop(&self, _: wire::stop::Request) -> wire::stop::Response {
        tracing::debug!("Terraform asks to stop");
        self.cancel();
        wire::stop::Response { error: String::new() }
    }

    fn provider_config(&self, config: Option<wire::DynamicValue>) -> Result<Value, Diagnostic> {
        let schema = self.schema();
        match to_wire::value(config, &schema.kind()) {
            Ok(Value::Null) => Ok(schema.block().empty()),
            Ok(config) => Ok(config),
            Err(error) => Err(undecodable(error)),
        }
    }
}

fn undecodable(error: ValueError) -> Diagnostic {
    error.into_diagnostic("The provider configuration cannot be read")
}

fn interrupted() -> Diagnostic {
    Diagnostic::error("Interrupted", "The provider was stopped while it was being configured.")
}

fn no_reason() -> Diagnostic {
    let detail = "The provider could not be configured and returned no error. This is a bug in the \
                  provider.";
    Diagnostic::error("Provider not configured", detail)
}

fn capabilities() -> wire::ServerCapabilities {
    wire::ServerCapabilities {
        plan_destroy: true,
        get_provider_schema_optional: true,
        move_resource_state: true,
        generate_resource_config: true,
    }
}
