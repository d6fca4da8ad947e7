//! The provider block, and what the provider has.

mod block;
mod config;
mod connection;
mod role;
mod validate;

use std::sync::Arc;

use tfplugin::{
    Attr, AttributePath, CancellationToken, Context, Convert, Diagnostic, Diagnostics,
    ErasedDataSource, ErasedResource, Provider, Schema,
};

use crate::aws::{Account, Accounts};
use crate::diagnostics;
use crate::log_groups::LogGroupsData;
use crate::policy::PolicyResource;

pub(crate) use config::{Config, RoleBlock};
pub(crate) use role::role_block;

/// The provider: its block of configuration, and the resources it has.
pub(crate) struct Logagg;

/// What the resources are given: a way to AWS, or none yet.
#[derive(Debug)]
pub(crate) enum Client {
    /// Something of the way to AWS is only known at apply: nothing may be called before.
    Unknown,
    Known(Box<Accounts>),
}

impl Client {
    /// The account in which a resource or data source works, given its `assume_role` blocks: that
    /// of the role, or that of the provider block. None while the provider block or the role is
    /// not known. Calls nothing.
    ///
    /// # Errors
    /// When the provider block keeps the account out.
    pub(crate) fn account_for(
        cx: &Context<Self>,
        assume_role: &Attr<Vec<RoleBlock>>,
    ) -> Result<Option<Arc<Account>>, Diagnostic> {
        let Self::Known(pool) = cx.client() else { return Ok(None) };
        if !assume_role.clone().into_value().is_wholly_known() {
            return Ok(None);
        }
        let block = assume_role.known().and_then(|blocks| blocks.first());
        let role = block.cloned().and_then(RoleBlock::role);
        pool.account_for(role).map(Some).map_err(|error| {
            let path = AttributePath::root("assume_role").index(0).attribute("role_arn");
            diagnostics::forbidden_role(&error).on(path)
        })
    }

    /// The same for what has to be done now.
    ///
    /// # Errors
    /// When the account is not known, or is kept out.
    pub(crate) fn account_to_work_in(
        cx: &Context<Self>,
        assume_role: &Attr<Vec<RoleBlock>>,
    ) -> Result<Arc<Account>, Diagnostic> {
        Self::account_for(cx, assume_role)?.ok_or_else(diagnostics::not_configured)
    }
}

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
}
