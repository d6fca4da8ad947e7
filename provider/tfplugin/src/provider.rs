//! What a provider writes for itself.

use std::future::Future;

use crate::convert::Convert;
use crate::diagnostic::Diagnostics;
use crate::erased::{ErasedDataSource, ErasedListResource, ErasedResource};
use crate::function::Function;
use crate::schema::Schema;

/// A provider: its configuration, the client made from it, and what it manages with that.
pub trait Provider: Send + Sync + 'static {
    /// The attributes and blocks of the schema, as a struct made by [`object!`](crate::object).
    type Config: Convert + Clone + Send + Sync + 'static;
    /// What resources and data sources work with.
    type Client: Send + Sync + 'static;

    /// What can be configured in the `provider` block.
    fn schema(&self) -> Schema;

    /// Looks at the configuration as a whole. Values can be unknown.
    fn validate(&self, config: &Self::Config, diagnostics: &mut Diagnostics) {
        let _ = (config, diagnostics);
    }

    /// Makes the client. Values can be unknown while planning, where they come from a resource
    /// that is not there yet: that is no error, since nothing may be needed before they are known.
    fn configure(
        &self,
        terraform_version: &str,
        config: Self::Config,
    ) -> impl Future<Output = Result<Self::Client, Diagnostics>> + Send;

    /// What it manages.
    fn resources(&self) -> Vec<ErasedResource<Self::Client>>;

    /// What it reads.
    fn data_sources(&self) -> Vec<ErasedDataSource<Self::Client>>;

    /// What it lists.
    fn list_resources(&self) -> Vec<ErasedListResource<Self::Client>> {
        Vec::new()
    }

    /// What a configuration can call.
    fn functions(&self) -> Vec<Box<dyn Function>> {
        Vec::new()
    }
}
