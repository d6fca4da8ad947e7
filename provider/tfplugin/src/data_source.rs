//! What a provider writes for each kind of thing that is only read.

use std::future::Future;

use crate::context::Context;
use crate::convert::Convert;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;

/// One kind of thing that a configuration can read.
pub trait DataSource: Send + Sync + 'static {
    /// What [`Provider::configure`](crate::Provider::configure) makes.
    type Client: Send + Sync + 'static;
    /// The attributes and blocks of the schema, as a struct made by [`object!`](crate::object).
    type State: Convert + Clone + Send + Sync + 'static;

    /// The name in a configuration: `cloud_bucket`.
    fn type_name(&self) -> &'static str;

    /// What can be configured, and what it gives.
    fn schema(&self) -> Schema;

    /// Looks at the configuration as a whole. Values can be unknown, and nothing is configured.
    fn validate(&self, config: &Self::State, diagnostics: &mut Diagnostics) {
        let _ = (config, diagnostics);
    }

    /// Reads it. The configuration is known, with the schema's defaults in it. None only beside
    /// an error, or where it is [put off](Context::defer).
    fn read(
        &self,
        cx: &Context<Self::Client>,
        config: Self::State,
    ) -> impl Future<Output = Option<Self::State>> + Send;
}
