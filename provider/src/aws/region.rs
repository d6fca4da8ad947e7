use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::caller::{CallError, Caller};
use super::settings::Settings;
use super::{Api, Reader, Writer};

/// The account whose credentials are in hand, with a client for each region in use.
#[derive(Debug)]
pub(crate) struct Account {
    settings: Settings,
    sdk: SdkConfig,
    sts: SdkConfig,
    default_region: String,
    id: OnceCell<String>,
    regions: Mutex<BTreeMap<String, Arc<Region>>>,
}

/// One region of the account: a client and the token buckets its calls share.
#[derive(Debug)]
pub(crate) struct Region {
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) caller: Caller,
}

impl Account {
    pub(super) fn new(
        settings: Settings,
        sdk: SdkConfig,
        sts: SdkConfig,
        default_region: String,
    ) -> Self {
        let regions = Mutex::default();
        Self { settings, sdk, sts, default_region, id: OnceCell::new(), regions }
    }

    /// The region of a resource that names none.
    pub(crate) fn default_region(&self) -> &str {
        &self.default_region
    }

    /// The twelve digits of the account, asked for once.
    pub(crate) async fn id(&self, stopped: &CancellationToken) -> Result<&str, CallError> {
        let api = Api::GetCallerIdentity;
        let id = self.id.get_or_try_init(async || {
            let config = aws_sdk_sts::config::Builder::from(&self.sts)
                .retry_config(RetryConfig::disabled())
                .build();
            let client = aws_sdk_sts::Client::from_conf(config);
            let region = self.region(&self.default_region);
            let identity =
                region.caller.call(api, stopped, || client.get_caller_identity().send()).await?;
            identity.account.ok_or_else(|| CallError::nonsense(api, "the answer names no account"))
        });
        id.await.map(String::as_str)
    }

    pub(crate) fn reader(&self, region: &str, stopped: &CancellationToken) -> Reader {
        Reader::new(self.region(region), stopped.clone())
    }

    pub(crate) fn writer(&self, region: &str, stopped: &CancellationToken) -> Writer {
        Writer::new(self.region(region), stopped.clone())
    }

    fn region(&self, name: &str) -> Arc<Region> {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let region = regions.entry(name.to_owned()).or_insert_with(|| Arc::new(self.connect(name)));
        Arc::clone(region)
    }

    fn connect(&self, name: &str) -> Region {
        let mut config = aws_sdk_cloudwatchlogs::config::Builder::from(&self.sdk)
            .region(aws_config::Region::new(name.to_owned()))
            // The SDK's retries take LimitExceededException for throttling; ours are in Caller.
            .retry_config(RetryConfig::disabled());
        config.set_endpoint_url(
            self.settings
                .endpoints
                .logs
                .clone()
                .or_else(|| self.sdk.endpoint_url().map(str::to_owned)),
        );
        Region {
            logs: aws_sdk_cloudwatchlogs::Client::from_conf(config.build()),
            caller: Caller::new(self.settings.max_retries, |api| self.settings.quota(api)),
        }
    }
}
