//! What a provider writes to list the objects that there are of a resource.

use std::future::Future;

use crate::context::Context;
use crate::convert::Convert;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// Lists the objects of one kind of resource, for `terraform query` of Terraform 1.14 or newer.
pub trait ListResource: Send + Sync + 'static {
    /// What [`Provider::configure`](crate::Provider::configure) makes.
    type Client: Send + Sync + 'static;
    /// The attributes and blocks of the `config` block, as a struct made by
    /// [`object!`](crate::object).
    type Config: Convert + Clone + Send + Sync + 'static;
    /// The state of the resource.
    type State: Convert + Clone + Send + Sync + 'static;

    /// The name of the resource, which needs an identity.
    fn type_name(&self) -> &'static str;

    /// What can be configured in the `config` block of a `list` block.
    fn schema(&self) -> Schema;

    /// Looks at the configuration as a whole. Values can be unknown, and nothing is configured.
    fn validate(&self, config: &Self::Config, diagnostics: &mut Diagnostics) {
        let _ = (config, diagnostics);
    }

    /// Finds objects, at most `query.limit`. With an error nothing is listed.
    fn list(
        &self,
        cx: &Context<Self::Client>,
        config: Self::Config,
        query: Query,
    ) -> impl Future<Output = Vec<Listed<Self::State>>> + Send;
}

/// What is asked for beside the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// The most objects to list.
    pub limit: usize,
    /// Whether to give the state of each object, from which Terraform generates a configuration.
    pub with_state: bool,
}

/// An object that was found.
#[derive(Clone, Debug)]
pub struct Listed<S> {
    /// What an `import` block takes.
    pub identity: Value,
    /// A name for people.
    pub display_name: String,
    /// Its state, where it was asked for.
    pub state: Option<S>,
}
