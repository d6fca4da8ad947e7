//! The engine for another program: connects to AWS, reads and plans policies, and formats numbers,
//! all as the provider does. It has no call that writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_config::SdkConfig;
use logagg_policy::{Document, Listing, LogGroup};
use tfplugin::{Attr, CancellationToken, Context, Diagnostics};

use crate::aws::{Account, Credentials, Operation, Service, Settings};
use crate::diagnostics;
use crate::provider::{Client, RoleBlock};

pub use crate::diagnostics::format::{counted, plural, size};
pub use crate::policy::{Survey, Surveyed};

/// How to reach AWS. Credentials and everything else come from the environment and the shared
/// configuration files, as in AWS's SDKs.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The region of the first call, which asks STS for the account of the credentials.
    pub region: Option<String>,
    /// One endpoint for all services, such as an emulator's.
    pub endpoint: Option<String>,
    /// The rate of operations whose quota AWS has raised, by name.
    pub requests_per_second: BTreeMap<String, f64>,
}

/// The names of the operations that have a rate.
pub fn operations() -> impl Iterator<Item = &'static str> {
    Operation::ALL.into_iter().map(Operation::name)
}

/// A connection to AWS with valid credentials.
#[derive(Clone, Debug)]
pub struct Engine {
    client: Arc<Client>,
    endpoint: Option<String>,
    stopped: CancellationToken,
}

impl Engine {
    /// Finds credentials and asks STS for their account.
    ///
    /// # Errors
    /// When there are no valid credentials, or AWS cannot be reached.
    pub async fn connect(connection: Connection) -> Result<Self, EngineError> {
        let endpoint = connection.endpoint;
        let endpoints =
            endpoint.iter().flat_map(|url| Service::ALL.map(|service| (service, url.clone())));
        let settings = Settings {
            region: connection.region,
            endpoints: endpoints.collect(),
            requests_per_second: connection.requests_per_second,
            ..Settings::default()
        };
        let stopped = CancellationToken::new();
        let accounts =
            settings.open().await.map_err(|error| EngineError::Connection(error.to_string()))?;
        accounts
            .check(&stopped, Credentials::Tried)
            .await
            .map_err(|error| EngineError::from(diagnostics::no_account(&error)))?
            .map_err(|error| EngineError::from(diagnostics::forbidden_account(&error)))?;
        Ok(Self { client: Arc::new(Client::Known(Box::new(accounts))), endpoint, stopped })
    }

    /// A region of the account of a role, or of the credentials where there is no role.
    ///
    /// # Errors
    /// When the role cannot be assumed.
    pub async fn region(&self, role: Option<&str>, region: &str) -> Result<Region, EngineError> {
        let role = role.map(|arn| RoleBlock {
            role_arn: Attr::Known(arn.to_owned()),
            external_id: Attr::Null,
            session_name: Attr::Null,
        });
        let cx = Context::new(Arc::clone(&self.client), self.stopped.clone());
        let blocks = Attr::Known(role.clone().into_iter().collect());
        let account = Client::account_to_work_in(&cx, &blocks)?;
        let id = account.id(&self.stopped).await;
        let account_id =
            id.map_err(|error| EngineError::from(diagnostics::no_account(&error)))?.to_owned();
        let name = region.to_owned();
        Ok(Region { engine: self.clone(), role, account, account_id, name })
    }
}

/// A region of an account, read with one set of credentials.
#[derive(Clone, Debug)]
pub struct Region {
    engine: Engine,
    role: Option<RoleBlock>,
    account: Arc<Account>,
    account_id: String,
    name: String,
}

impl Region {
    /// The account's 12 digits.
    #[must_use]
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// Reads and plans a policy of this region. The policies of a region are to be surveyed one
    /// after another: each plan sees the claims of those before it.
    ///
    /// # Errors
    /// What could not be read.
    pub async fn survey(&self, document: &Document) -> Result<Survey, EngineError> {
        let Engine { client, stopped, .. } = &self.engine;
        let survey = Survey::take(client, document, self.role.clone(), stopped).await;
        survey.map_err(EngineError::Diagnostics)
    }

    /// All log groups of the region, by name.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn log_groups(&self) -> Result<BTreeMap<String, LogGroup>, EngineError> {
        let reader = self.account.reader(&self.name, &self.engine.stopped);
        let listed = reader.log_groups(&[Listing::Prefix(String::new())]).await;
        Ok(listed.map_err(|error| diagnostics::groups_not_listed(&error, &self.name))?)
    }

    /// What a client of another service is made of: these credentials, region, endpoint and
    /// transport, without retries.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        self.account.sdk_config(&self.name, self.engine.endpoint.as_deref())
    }
}

/// Why something could not be read.
#[derive(Clone, Debug)]
pub enum EngineError {
    /// There is no way to AWS.
    Connection(String),
    /// What Terraform would print.
    Diagnostics(Diagnostics),
}

impl From<tfplugin::Diagnostic> for EngineError {
    fn from(diagnostic: tfplugin::Diagnostic) -> Self {
        Self::Diagnostics(Diagnostics::from(diagnostic))
    }
}
