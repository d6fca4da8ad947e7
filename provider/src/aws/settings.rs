use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_cloudwatchlogs::config::{Credentials, SharedCredentialsProvider};

use super::{Account, Api};

/// How the provider block says that AWS is to be reached. What it leaves out comes from the
/// environment and the shared files, as in every AWS SDK.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) keys: Option<StaticKeys>,
    pub(crate) assume_role: Option<AssumeRole>,
    pub(crate) endpoints: Endpoints,
    pub(crate) max_retries: u32,
    pub(crate) requests_per_second: BTreeMap<String, f64>,
}

/// Keys written into the provider block.
#[derive(Clone)]
pub(crate) struct StaticKeys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaticKeys(***)")
    }
}

/// The role whose credentials all calls are made with.
#[derive(Clone, Debug)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: String,
    pub(crate) session_name: Option<String>,
    pub(crate) external_id: Option<String>,
}

/// Addresses other than AWS's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) logs: Option<String>,
    pub(crate) sts: Option<String>,
}

/// No place says which region to work in.
#[derive(Debug, thiserror::Error)]
#[error("no region is given by the provider block, AWS_REGION or the profile")]
pub(crate) struct NoRegion;

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_SESSION_NAME: &str = "terraform-provider-logagg";

impl Settings {
    /// Looks up what the environment and the shared files add. Calls nothing.
    pub(crate) async fn account(self) -> Result<Account, NoRegion> {
        let sdk = self.sdk_config().await;
        // A variable that is set and empty says nothing.
        let region = sdk.region().map(ToString::to_string).filter(|region| !region.is_empty());
        let region = region.ok_or(NoRegion)?;
        let sts = with_endpoint(&sdk, self.endpoints.sts.clone());
        let Some(role) = &self.assume_role else {
            return Ok(Account::new(self, sdk, sts, region));
        };
        let credentials = SharedCredentialsProvider::new(assumed(role, &sts).await);
        let sdk = sdk.to_builder().credentials_provider(credentials.clone()).build();
        let sts = sts.to_builder().credentials_provider(credentials).build();
        Ok(Account::new(self, sdk, sts, region))
    }

    /// The requests a second to make of a call.
    pub(super) fn quota(&self, api: Api) -> f64 {
        self.requests_per_second.get(api.name()).copied().unwrap_or_else(|| api.default_quota())
    }

    async fn sdk_config(&self) -> SdkConfig {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
        if let Some(region) = &self.region {
            loader = loader.region(aws_config::Region::new(region.clone()));
        }
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(keys) = &self.keys {
            loader = loader.credentials_provider(Credentials::new(
                &keys.access_key,
                &keys.secret_key,
                keys.token.clone(),
                None,
                "the provider block",
            ));
        }
        loader.load().await
    }
}

async fn assumed(role: &AssumeRole, sts: &SdkConfig) -> AssumeRoleProvider {
    let session_name = role.session_name.as_deref().unwrap_or(DEFAULT_SESSION_NAME);
    let mut builder =
        AssumeRoleProvider::builder(&role.role_arn).session_name(session_name).configure(sts);
    if let Some(external_id) = &role.external_id {
        builder = builder.external_id(external_id);
    }
    match sts.credentials_provider() {
        Some(base) => builder.build_from_provider(base).await,
        None => builder.build().await,
    }
}

fn with_endpoint(sdk: &SdkConfig, endpoint: Option<String>) -> SdkConfig {
    match endpoint {
        Some(endpoint) => sdk.to_builder().endpoint_url(endpoint).build(),
        None => sdk.clone(),
    }
}
