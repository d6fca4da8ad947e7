//! The identities of resources.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::json::{self, UnknownAttributes};
use crate::proto::tfplugin5 as wire;
use crate::provider::Provider;
use crate::resource::newer;
use crate::service::state::{parse, raw_json};
use crate::service::{Service, diagnostics_to_wire, guard};
use crate::wire as to_wire;

impl<P: Provider> Service<P> {
    pub(super) async fn get_resource_identity_schemas(
        &self,
        _: wire::get_resource_identity_schemas::Request,
    ) -> wire::get_resource_identity_schemas::Response {
        let schemas = guard::call(|| {
            let schemas = self.registry.resources().filter_map(|(name, entry)| {
                let (schema, _) = entry.description().identity.as_ref()?;
                Some((name.to_owned(), schema.to_wire()))
            });
            Ok(schemas.collect())
        });
        let (identity_schemas, diagnostics) = match schemas {
            Ok(schemas) => (schemas, Diagnostics::new()),
            Err(error) => (Default::default(), error.into()),
        };
        wire::get_resource_identity_schemas::Response {
            identity_schemas,
            diagnostics: diagnostics_to_wire(diagnostics, None),
        }
    }

    pub(super) async fn upgrade_resource_identity(
        &self,
        request: wire::upgrade_resource_identity::Request,
    ) -> wire::upgrade_resource_identity::Response {
        let name = request.type_name;
        let upgraded = guard::call(|| {
            let entry = self.registry.resource(&name)?;
            let Some((schema, kind)) = &entry.description().identity else {
                let detail = format!("This version of the provider has no identity for {name}.");
                return Err(Diagnostic::error("Resource without identity", detail));
            };
            let json = raw_json(request.raw_identity, "identity")?;
            let current = schema.version();
            let (json, unknown_attributes) = if request.version == current {
                (json, UnknownAttributes::Drop)
            } else if request.version > current {
                return Err(newer("identity", &name, request.version, current));
            } else {
                let old = parse(&json, "identity")?;
                let new = entry.behavior().upgrade_identity(request.version, old)?;
                (new.to_string().into_bytes(), UnknownAttributes::Refuse)
            };
            json::decode(&json, kind, unknown_attributes)
                .and_then(|identity| to_wire::dynamic(&identity, kind))
                .map_err(|error| error.into_diagnostic("The identity cannot be read"))
        });
        let (data, diagnostics) = match upgraded {
            Ok(data) => (Some(data), Diagnostics::new()),
            Err(error) => (None, error.into()),
        };
        wire::upgrade_resource_identity::Response {
            upgraded_identity: data
                .map(|data| wire::ResourceIdentityData { identity_data: Some(data) }),
            diagnostics: diagnostics_to_wire(diagnostics, None),
        }
    }
}
