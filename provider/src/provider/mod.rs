//! The provider block, and what the provider has.

mod block;
mod config;
mod settings;
mod validate;

use tfplugin::{
    CancellationToken, Convert, Diagnostics, ErasedDataSource, ErasedListResource, ErasedResource,
    Function, Provider, Schema,
};

use crate::log_groups::LogGroupsData;
use crate::policy::{PolicyList, PolicyResource};
use crate::{diagnostics, functions};

pub(crate) use crate::connection::{Client, RoleBlock};
pub(crate) use config::Config;

/// The provider: its block of configuration, and the resources it has.
pub(crate) struct Logagg;

impl Provider for Logagg {
    type Config = Config;
    type Client = Client;

    fn schema(&self) -> Schema {
        Schema::new(0, block::block())
    }

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        validate::validate(config, diagnostics);
    }

    async fn configure(&self, _version: &str, config: Config) -> Result<Client, Diagnostics> {
        let config = config.without_the_unimportant();
        if !config.clone().into_value().is_wholly_known() {
            return Ok(Client::Unknown);
        }
        let credentials = config.credentials();
        let settings = config.settings().map_err(|error| diagnostics::cannot_connect(&error))?;
        let pool = settings.open().await.map_err(|error| diagnostics::cannot_connect(&error))?;
        // Dropped when Terraform asks to stop, and all calls with it.
        let stopped = CancellationToken::new();
        pool.check(&stopped, credentials)
            .await
            .map_err(|error| diagnostics::no_account_of_provider(&error))?
            .map_err(|error| diagnostics::forbidden_account(&error))?;
        Ok(Client::Known(Box::new(pool)))
    }

    fn resources(&self) -> Vec<ErasedResource<Client>> {
        vec![ErasedResource::new(PolicyResource::default())]
    }

    fn data_sources(&self) -> Vec<ErasedDataSource<Client>> {
        vec![ErasedDataSource::new(LogGroupsData)]
    }

    fn list_resources(&self) -> Vec<ErasedListResource<Client>> {
        vec![ErasedListResource::new(PolicyList)]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        functions::functions()
    }
}
