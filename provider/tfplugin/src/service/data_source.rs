//! Validating and reading data sources.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::proto::tfplugin5 as wire;
use crate::provider::Provider;
use crate::schema::WriteOnly;
use crate::service::{Held, Operated, Service, described_to_wire, guard};
use crate::unknown::Unknown;
use crate::value::Value;

impl<P: Provider> Service<P> {
    pub(super) async fn validate_data_source_config(
        &self,
        request: wire::validate_data_source_config::Request,
    ) -> wire::validate_data_source_config::Response {
        let name = request.type_name;
        let mut diagnostics = Diagnostics::new();
        let checked = guard::call(|| {
            let entry = self.registry.data_source(&name)?;
            let description = entry.description();
            let config = description.decode("configuration", request.config)?;
            let block = description.schema.block();
            block.check(&config, WriteOnly::Allowed, &mut diagnostics);
            entry.behavior().validate(config, &mut diagnostics);
            Ok(())
        });
        diagnostics.extend(checked.err());
        wire::validate_data_source_config::Response {
            diagnostics: self.wire_diagnostics_of_data(&name, diagnostics),
        }
    }

    pub(super) async fn read_data_source(
        &self,
        request: wire::read_data_source::Request,
    ) -> wire::read_data_source::Response {
        let name = request.type_name;
        let read = self.operate(request.client_capabilities, async |cx: Held<P>| {
            let entry = self.registry.data_source(&name)?;
            let description = entry.description();
            let config = description.decode("configuration", request.config)?;
            let config = description.schema.block().with_defaults(config);
            match entry.behavior().read(&cx, config).await? {
                Some(state) => description.encode(state).map(Some),
                None if cx.deferral().is_some() => {
                    description.encode(Value::Unknown(Unknown::default())).map(Some)
                }
                None if cx.has_errors() => Ok(None),
                None => Err(nothing_read(&name)),
            }
        });
        let Operated { value, diagnostics, deferred } = read.await;
        wire::read_data_source::Response {
            state: value.flatten(),
            diagnostics: self.wire_diagnostics_of_data(&name, diagnostics),
            deferred,
        }
    }

    fn wire_diagnostics_of_data(
        &self,
        name: &str,
        diagnostics: Diagnostics,
    ) -> Vec<wire::Diagnostic> {
        described_to_wire(diagnostics, || Ok(self.registry.data_source(name)?.description()))
    }
}

fn nothing_read(name: &str) -> Diagnostic {
    let detail = format!(
        "The provider read no {name} and returned no error. This is a bug in the provider."
    );
    Diagnostic::error("Nothing read", detail)
}
