use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use super::accounts::Accounts;
use super::environment::variable;
use super::error::RoleOf;
use super::profiles::Profiles;
use super::settings::{AccountIdFrom, AllowedAccounts, CannotConnect, Metadata, Settings};
use super::{credentials, endpoints, role, transport};

const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The metadata service is near or nowhere.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
const METADATA_ATTEMPTS: u32 = 2;
/// Getting credentials takes several calls, each with retries; Ctrl-C ends them.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(180);
/// Credentials are renewed so long before they expire.
const RENEWED_BEFORE: Duration = Duration::from_secs(60);
/// One for each role in use.
const MOST_ROLES: usize = 10_000;

impl Settings {
    /// Reads the environment and the shared files. Its only request is to the metadata service, for
    /// a region that is set nowhere else.
    ///
    /// # Errors
    /// When AWS cannot be reached so, before anything is tried.
    pub(crate) async fn open(mut self) -> Result<Accounts, CannotConnect> {
        let profiles = Profiles::read(&self).await?;
        if self.max_retries.is_none() {
            self.max_retries = profiles.max_attempts()?.map(|attempts| attempts - 1);
        }
        let http = transport::http_client(&self.transport, profiles.get("ca_bundle"))?;
        let ways = profiles.ways();
        let files = profiles.files;
        let config = ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_http_client(http.clone());
        let imds = aws_config::imds::Client::builder()
            .configure(&config)
            .operation_attempt_timeout(METADATA_TIMEOUT)
            .max_attempts(METADATA_ATTEMPTS)
            .build();
        let region = self.region(&config, &files, &imds).await?;
        let config = config.with_region(Some(region.clone()));
        let credentials = credentials::first(&self, &config, &files, &imds, ways);
        let mut sdk = self.sdk_config(&region, files, http, credentials).await;
        if let Some(by) = self.web_identity.clone() {
            sdk = credentials::identified(&sdk, &self, by);
        }
        for (index, role) in self.roles.clone().into_iter().enumerate() {
            sdk = credentials::assumed(&sdk, &self, role, RoleOf::Provider(index));
        }
        let id = self.account_id()?;
        Ok(Accounts::new(Arc::new(self), sdk, id, region.to_string()))
    }

    /// The account, where it is not to be asked for.
    fn account_id(&self) -> Result<Option<String>, CannotConnect> {
        if self.account_id == AccountIdFrom::Sts {
            return Ok(None);
        }
        let role = self.roles.last().map(|role| role.role_arn.as_str());
        let role = role.or(self.web_identity.as_ref().map(|by| by.role_arn.as_str()));
        let only = match &self.accounts {
            AllowedAccounts::Only(ids) if ids.len() == 1 => ids.first().cloned(),
            AllowedAccounts::Only(_) | AllowedAccounts::All | AllowedAccounts::AllBut(_) => None,
        };
        role.and_then(role::account_of).or(only).map(Some).ok_or(CannotConnect::UnknownAccount)
    }

    async fn region(
        &self,
        config: &ProviderConfig,
        files: &EnvConfigFiles,
        imds: &aws_config::imds::Client,
    ) -> Result<Region, CannotConnect> {
        let named = self.region.clone().or_else(|| variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]));
        if let Some(region) = named {
            return Ok(Region::new(region));
        }
        let mut profile =
            ProfileFileRegionProvider::builder().configure(config).profile_files(files.clone());
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let mut region = profile.build().region().await;
        if region.is_none() && self.metadata == Metadata::Asked {
            let instance =
                ImdsRegionProvider::builder().configure(config).imds_client(imds.clone());
            region = instance.build().region().await;
        }
        region.filter(|region| !region.as_ref().is_empty()).ok_or(CannotConnect::NoRegion)
    }

    async fn sdk_config(
        &self,
        region: &Region,
        files: EnvConfigFiles,
        http: SharedHttpClient,
        credentials: aws_credential_types::provider::SharedCredentialsProvider,
    ) -> SdkConfig {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
        let identities = IdentityCache::lazy()
            .load_timeout(CREDENTIALS_TIMEOUT)
            .buffer_time(RENEWED_BEFORE)
            .max_partitions(MOST_ROLES)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .profile_files(files)
            .http_client(http)
            .identity_cache(identities)
            .credentials_provider(credentials)
            .timeout_config(timeouts)
            // Every attempt has its time, and `transport` reads each answer whole.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(use_fips) = self.use_fips {
            loader = loader.use_fips(use_fips);
        }
        if let Some(use_dual_stack) = self.use_dual_stack {
            loader = loader.use_dual_stack(use_dual_stack);
        }
        endpoints::as_documented(&loader.load().await)
    }
}
