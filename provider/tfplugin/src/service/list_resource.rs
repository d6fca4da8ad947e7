//! Validating list resources, and listing.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::list_resource::{Listed, Query};
use crate::proto::tfplugin5 as wire;
use crate::provider::Provider;
use crate::schema::WriteOnly;
use crate::service::registry::Description;
use crate::service::{Held, Operated, Service, described_to_wire, guard};
use crate::value::Value;
use wire::list_resource::Event;

impl<P: Provider> Service<P> {
    pub(super) async fn validate_list_resource_config(
        &self,
        request: wire::validate_list_resource_config::Request,
    ) -> wire::validate_list_resource_config::Response {
        let name = request.type_name;
        let mut diagnostics = Diagnostics::new();
        let checked = guard::call(|| {
            let entry = self.registry.list_resource(&name)?;
            let description = entry.description();
            let config = decode(description, request.config)?;
            description.schema.block().check(&config, WriteOnly::Allowed, &mut diagnostics);
            entry.behavior().validate(config, &mut diagnostics);
            Ok(())
        });
        diagnostics.extend(checked.err());
        wire::validate_list_resource_config::Response {
            diagnostics: self.wire_diagnostics_of_list(&name, diagnostics),
        }
    }

    /// The objects, and before them the diagnostics in an event of their own: Terraform stops
    /// reading at the limit.
    pub(super) async fn list_resource(&self, request: wire::list_resource::Request) -> Vec<Event> {
        let name = request.type_name;
        let limit = usize::try_from(request.limit).unwrap_or_default();
        let listed = self.operate(None, async |cx: Held<P>| {
            let entry = self.registry.list_resource(&name)?;
            let description = entry.description();
            let config = decode(description, request.config)?;
            let config = description.schema.block().with_defaults(config);
            let query = Query { limit, with_state: request.include_resource_object };
            let found = entry.behavior().list(&cx, config, query).await?;
            let resource = self.registry.resource(&name)?.description();
            found.into_iter().take(limit).map(|object| event(resource, object)).collect()
        });
        let Operated { value, diagnostics, .. } = listed.await;
        let objects: Vec<Event> = value.unwrap_or_default();
        if diagnostics.is_empty() {
            return objects;
        }
        let objects = if diagnostics.has_errors() { Vec::new() } else { objects };
        let diagnostic = self.wire_diagnostics_of_list(&name, diagnostics);
        let mut events = vec![Event { diagnostic, ..Event::default() }];
        events.extend(objects);
        events
    }

    fn wire_diagnostics_of_list(
        &self,
        name: &str,
        diagnostics: Diagnostics,
    ) -> Vec<wire::Diagnostic> {
        described_to_wire(diagnostics, || Ok(self.registry.list_resource(name)?.description()))
    }
}

/// A `list` block without a `config` block has an empty one.
fn decode(
    description: &Description,
    config: Option<wire::DynamicValue>,
) -> Result<Value, Diagnostic> {
    let config = description.decode("configuration", config)?;
    Ok(if config.is_null() { description.schema.block().empty() } else { config })
}

fn event(resource: &Description, object: Listed<Value>) -> Result<Event, Diagnostic> {
    let Listed { identity, display_name, state } = object;
    Ok(Event {
        identity: resource.encode_identity(Some(identity))?,
        display_name,
        resource_object: state.map(|state| resource.encode(state)).transpose()?,
        diagnostic: Vec::new(),
    })
}
