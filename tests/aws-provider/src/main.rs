//! The AWS provider's schema without the provider: Terraform validates modules and examples against it and
//! plans them with `mock_provider`, where there is no registry to install the provider itself from.
//!
//! `schema.json` has the types that modules and examples use; `schema.py` writes it from the provider's
//! published bindings.

mod schema;

use std::process::ExitCode;

use tfplugin::{
    Change, Context, Creation, DataSource, Diagnostic, Diagnostics, ErasedDataSource,
    ErasedResource, Planned, Proposal, Provider, Resource, Schema, Stored, Value,
};

use crate::schema::Schemas;

const ADDRESS: &str = "registry.terraform.io/hashicorp/aws";

#[tokio::main]
async fn main() -> ExitCode {
    match serde_json::from_str(include_str!("../schema.json")) {
        Ok(schemas) => {
            tfplugin::serve(SchemaOnly(schemas), ADDRESS, &[env!("CARGO_CRATE_NAME")]).await
        }
        Err(error) => {
            eprintln!("schema.json: {error}");
            ExitCode::FAILURE
        }
    }
}

struct SchemaOnly(Schemas);

impl Provider for SchemaOnly {
    type Config = Value;
    type Client = ();

    fn schema(&self) -> Schema {
        Schema::new(0, self.0.provider.to_block())
    }

    async fn configure(&self, _: &str, _: Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn resources(&self) -> Vec<ErasedResource<()>> {
        self.0.resources().map(ErasedResource::new).collect()
    }

    fn data_sources(&self) -> Vec<ErasedDataSource<()>> {
        self.0.data_sources().map(ErasedDataSource::new).collect()
    }
}

/// A resource or a data source that can be validated and nothing else.
pub(crate) struct Described {
    pub(crate) name: &'static str,
    pub(crate) schema: Schema,
}

fn refused(cx: &Context<()>, name: &str) {
    let detail = format!("{name} has a schema here and nothing else: use `mock_provider`.");
    cx.report(Diagnostic::error("Schema-only provider", detail));
}

impl Resource for Described {
    type Client = ();
    type State = Value;
    type Private = ();

    fn type_name(&self) -> &'static str {
        self.name
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    async fn read(&self, cx: &Context<()>, prior: Stored<Value, ()>) -> Option<Stored<Value, ()>> {
        refused(cx, self.name);
        Some(prior)
    }

    async fn plan(&self, cx: &Context<()>, proposal: Proposal<Value, ()>) -> Planned<Value, ()> {
        refused(cx, self.name);
        Planned { state: proposal.proposed, private: (), requires_replace: Vec::new() }
    }

    async fn create(&self, cx: &Context<()>, _: Creation<Value, ()>) -> Option<Stored<Value, ()>> {
        refused(cx, self.name);
        None
    }

    async fn update(&self, cx: &Context<()>, change: Change<Value, ()>) -> Stored<Value, ()> {
        refused(cx, self.name);
        Stored { state: change.prior, private: () }
    }

    async fn delete(
        &self,
        cx: &Context<()>,
        prior: Stored<Value, ()>,
    ) -> Option<Stored<Value, ()>> {
        refused(cx, self.name);
        Some(prior)
    }
}

impl DataSource for Described {
    type Client = ();
    type State = Value;

    fn type_name(&self) -> &'static str {
        self.name
    }

    fn schema(&self) -> Schema {
        self.schema.clone()
    }

    async fn read(&self, cx: &Context<()>, _: Value) -> Option<Value> {
        refused(cx, self.name);
        None
    }
}
