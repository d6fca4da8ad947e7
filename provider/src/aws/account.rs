use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use tokio_util::sync::CancellationToken;

use super::claims::SharedClaims;
use super::credentials::sts;
use super::identity::Identity;
use super::region_clients::RegionClients;
use super::shared::Shared;
use super::{CallError, Reader, Service, Writer};

/// The account of some credentials, with a client for each region in use.
#[derive(Debug)]
pub(crate) struct Account {
    shared: Arc<Shared>,
    sdk: SdkConfig,
    default_region: String,
    identity: Arc<Identity>,
    regions: Mutex<BTreeMap<String, Arc<RegionClients>>>,
}

impl Account {
    pub(super) fn new(
        shared: Arc<Shared>,
        sdk: SdkConfig,
        id: Option<String>,
        default_region: String,
    ) -> Self {
        let config = sts(&sdk, &shared.settings).retry_config(RetryConfig::disabled()).build();
        let sts = aws_sdk_sts::Client::from_conf(config);
        let identity = Identity::new(Arc::clone(&shared), sts, id);
        let regions = Mutex::default();
        Self { shared, sdk, default_region, identity: Arc::new(identity), regions }
    }

    /// The region of a resource that names none.
    pub(crate) fn default_region(&self) -> &str {
        &self.default_region
    }

    /// The twelve digits of the account: those of the role that is assumed, or else asked for
    /// once.
    pub(crate) async fn id(&self, stopped: &CancellationToken) -> Result<&str, CallError> {
        self.identity.id(stopped).await
    }

    pub(crate) fn reader(&self, region: &str, stopped: &CancellationToken) -> Reader {
        Reader::new(self.region(region), stopped.clone())
    }

    pub(crate) fn writer(&self, region: &str, stopped: &CancellationToken) -> Writer {
        Writer::new(self.region(region), stopped.clone())
    }

    /// What is about to be shipped in a region, by whichever role.
    pub(crate) async fn claims(
        &self,
        region: &str,
        stopped: &CancellationToken,
    ) -> Result<SharedClaims, CallError> {
        Ok(self.shared.claims(self.id(stopped).await?, region))
    }

    /// What a client of a service that the provider does not call is made of.
    pub(crate) fn sdk_config(&self, region: &str, endpoint: Option<&str>) -> SdkConfig {
        self.sdk_with(region, endpoint)
    }

    pub(super) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    pub(super) fn region(&self, name: &str) -> Arc<RegionClients> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let region = regions.entry(name.to_owned()).or_insert_with(|| {
            let config = |service| self.sdk_for(service, name);
            Arc::new(RegionClients::new(name, &self.shared, &self.identity, config))
        });
        Arc::clone(region)
    }

    /// What a client of a service in a region is made of: its endpoint, and no retries of the
    /// SDK's, which take LimitExceededException for throttling; ours are in `RetryingClient`.
    fn sdk_for(&self, service: Service, region: &str) -> SdkConfig {
        let endpoint = self.shared.settings.endpoints.get(&service);
        self.sdk_with(region, endpoint.map(String::as_str))
    }

    fn sdk_with(&self, region: &str, endpoint: Option<&str>) -> SdkConfig {
        let mut config = self
            .sdk
            .to_builder()
            .region(aws_config::Region::new(region.to_owned()))
            .retry_config(RetryConfig::disabled());
        if let Some(endpoint) = endpoint {
            config.set_endpoint_url(Some(endpoint.to_owned()));
            // What is configured goes before the variables for single services.
            config.insert_origin("endpoint_url", aws_types::origin::Origin::shared_config());
        }
        config.build()
    }
}
