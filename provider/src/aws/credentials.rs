use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_sdk_sts::config::Credentials;
use aws_sdk_sts::types::{Credentials as StsCredentials, PolicyDescriptorType, Tag};

use super::environment::variable;
use super::error::{NotAssumed, RoleOf, chain};
use super::not_given::{NamedProvider, Place, ProfileWays};
use super::retrying_client::MAX_RETRIES_UNREACHABLE;
use super::role::account_of;
use super::settings::{Metadata, Settings};
use super::{AssumeRole, Service, WebIdentity, WebIdentityToken};

const DEFAULT_SESSION_NAME: &str = "terraform-provider-logagg";
/// The variable that AWS's tools read the place of a web identity token from.
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const SOURCE: &str = "the provider block";

/// Whose credentials are there before any role is assumed.
pub(super) fn first(
    settings: &Settings,
    config: &ProviderConfig,
    files: &EnvConfigFiles,
    imds: &aws_config::imds::Client,
    ways: ProfileWays,
) -> SharedCredentialsProvider {
    if let Some(keys) = &settings.keys {
        return SharedCredentialsProvider::new(Credentials::new(
            &keys.access_key,
            &keys.secret_key,
            keys.token.clone(),
            None,
            SOURCE,
        ));
    }
    let profile =
        ProfileFileCredentialsProvider::builder().configure(config).profile_files(files.clone());
    // A profile that is written down is meant, also where the environment has keys.
    let place = Place::Profile(ways);
    if let Some(name) = &settings.profile {
        let source = profile.profile_name(name).build();
        return SharedCredentialsProvider::new(NamedProvider { source, place });
    }
    let profile = NamedProvider { source: profile.build(), place };
    let ecs = EcsCredentialsProvider::builder().configure(config).build();
    let mut chain = CredentialsProviderChain::first_try(
        "Environment",
        EnvironmentVariableCredentialsProvider::new(),
    );
    // Before a profile, as in the SDK for Go, and so in the AWS provider:
    // <https://github.com/aws/aws-sdk-go-v2/blob/main/config/resolve_credentials.go>.
    if let Some(file) = variable(&[TOKEN_FILE]) {
        let source = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
        let place = Place::WebIdentity { file: file.into() };
        chain = chain.or_else("WebIdentityToken", NamedProvider { source, place });
    }
    let chain = chain.or_else("Profile", profile).or_else("EcsContainer", ecs);
    SharedCredentialsProvider::new(match settings.metadata {
        Metadata::Skipped => chain,
        Metadata::Asked => {
            let instance = ImdsCredentialsProvider::builder()
                .configure(config)
                .imds_client(imds.clone())
                .build();
            chain.or_else("Ec2InstanceMetadata", instance)
        }
    })
}

/// The same with the credentials of a role, which are asked for when they are first needed and
/// renewed before they expire.
pub(super) fn assumed(
    sdk: &SdkConfig,
    settings: &Settings,
    role: AssumeRole,
    of: RoleOf,
) -> SdkConfig {
    let sts = client(sdk, settings);
    with(sdk, SharedCredentialsProvider::new(Assumed { sts, role, of }))
}

/// The same with the credentials that a token gives.
pub(super) fn identified(sdk: &SdkConfig, settings: &Settings, by: WebIdentity) -> SdkConfig {
    let sts = client(sdk, settings);
    with(sdk, SharedCredentialsProvider::new(Identified { sts, by }))
}

/// STS as the provider block says; `retry` is for those who do not come through our own caller.
pub(super) fn sts(sdk: &SdkConfig, settings: &Settings) -> aws_sdk_sts::config::Builder {
    let mut config = aws_sdk_sts::config::Builder::from(sdk);
    if let Some(endpoint) = settings.endpoints.get(&Service::Sts) {
        config.set_endpoint_url(Some(endpoint.clone()));
    }
    if let Some(region) = &settings.sts_region {
        config = config.region(aws_config::Region::new(region.clone()));
    }
    config
}

fn client(sdk: &SdkConfig, settings: &Settings) -> aws_sdk_sts::Client {
    let retries = settings.max_retries.unwrap_or(MAX_RETRIES_UNREACHABLE);
    let attempts = retries.min(MAX_RETRIES_UNREACHABLE) + 1;
    let config = sts(sdk, settings)
        .retry_config(RetryConfig::standard().with_max_attempts(attempts))
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

fn with(sdk: &SdkConfig, credentials: SharedCredentialsProvider) -> SdkConfig {
    sdk.to_builder().credentials_provider(credentials).build()
}

#[derive(Debug)]
struct Assumed {
    sts: aws_sdk_sts::Client,
    role: AssumeRole,
    of: RoleOf,
}

impl Assumed {
    fn not_assumed(&self, message: String) -> CredentialsError {
        not_assumed(&self.role.role_arn, self.of, message)
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let role = &self.role;
        let tags = role.tags.iter().map(|(key, value)| {
            Tag::builder().key(key).value(value).build().map_err(CredentialsError::unhandled)
        });
        let answer = self
            .sts
            .assume_role()
            .role_arn(&role.role_arn)
            .role_session_name(session_name(role.session_name.as_ref()))
            .set_external_id(role.external_id.clone())
            .set_duration_seconds(seconds(role.duration))
            .set_policy(role.policy.clone())
            .set_policy_arns(descriptors(&role.policy_arns))
            .set_source_identity(role.source_identity.clone())
            .set_tags(filled(tags.collect::<Result<_, _>>()?))
            .set_transitive_tag_keys(filled(role.transitive_tag_keys.clone()))
            .send()
            .await
            .map_err(|error| self.not_assumed(chain(&error)))?;
        given(&role.role_arn, answer.credentials)
            .ok_or_else(|| self.not_assumed(NOTHING_GIVEN.to_owned()))
    }
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

#[derive(Debug)]
struct Identified {
    sts: aws_sdk_sts::Client,
    by: WebIdentity,
}

impl Identified {
    fn not_assumed(&self, message: String) -> CredentialsError {
        not_assumed(&self.by.role_arn, RoleOf::WebIdentity, message)
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let by = &self.by;
        let token = match &by.token {
            WebIdentityToken::Text(token) => token.clone(),
            WebIdentityToken::File(path) => {
                tokio::fs::read_to_string(path).await.map_err(|error| {
                    let path = path.display();
                    self.not_assumed(format!("its token, {path}, cannot be read: {error}"))
                })?
            }
        };
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(&by.role_arn)
            .role_session_name(session_name(by.session_name.as_ref()))
            .web_identity_token(token.trim())
            .set_duration_seconds(seconds(by.duration))
            .set_policy(by.policy.clone())
            .set_policy_arns(descriptors(&by.policy_arns))
            .send()
            .await
            .map_err(|error| self.not_assumed(chain(&error)))?;
        given(&by.role_arn, answer.credentials)
            .ok_or_else(|| self.not_assumed(NOTHING_GIVEN.to_owned()))
    }
}

impl ProvideCredentials for Identified {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

fn session_name(given: Option<&String>) -> &str {
    given.map_or(DEFAULT_SESSION_NAME, String::as_str)
}

/// Twelve hours are the longest that can be configured.
fn seconds(duration: Option<Duration>) -> Option<i32> {
    duration.and_then(|duration| i32::try_from(duration.as_secs()).ok())
}

fn descriptors(arns: &[String]) -> Option<Vec<PolicyDescriptorType>> {
    filled(arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build()).collect())
}

fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

const NOTHING_GIVEN: &str = "the response contains no credentials";

fn not_assumed(role_arn: &str, of: RoleOf, message: String) -> CredentialsError {
    CredentialsError::provider_error(NotAssumed { role_arn: role_arn.to_owned(), message, of })
}

fn given(role_arn: &str, answer: Option<StsCredentials>) -> Option<Credentials> {
    let answer = answer?;
    let mut credentials = Credentials::builder()
        .access_key_id(answer.access_key_id)
        .secret_access_key(answer.secret_access_key)
        .session_token(answer.session_token)
        .provider_name("assume_role");
    credentials.set_expiry(SystemTime::try_from(answer.expiration).ok());
    credentials.set_account_id(account_of(role_arn).map(Into::into));
    Some(credentials.build())
}
