use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::{OnceCell, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use super::effort::Effort;
use super::identity::Identity;
use super::retrying_client::RetryingClient;
use super::shared::Shared;
use super::{CallError, Operation, Service};

/// One region of an account: clients with the account's credentials, and the token buckets that
/// all calls there share.
#[derive(Debug)]
pub(crate) struct RegionClients {
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) kinesis: aws_sdk_kinesis::Client,
    pub(super) firehose: aws_sdk_firehose::Client,
    pub(super) pipes: aws_sdk_pipes::Client,
    pub(super) cloudtrail: aws_sdk_cloudtrail::Client,
    pub(super) client: SharedClient,
}

impl RegionClients {
    /// `config` gives what a client of a service is made of.
    pub(super) fn new(
        name: &str,
        shared: &Arc<Shared>,
        identity: &Arc<Identity>,
        config: impl Fn(Service) -> SdkConfig,
    ) -> Self {
        Self {
            logs: aws_sdk_cloudwatchlogs::Client::new(&config(Service::Logs)),
            lambda: aws_sdk_lambda::Client::new(&config(Service::Lambda)),
            kinesis: aws_sdk_kinesis::Client::new(&config(Service::Kinesis)),
            firehose: aws_sdk_firehose::Client::new(&config(Service::Firehose)),
            pipes: aws_sdk_pipes::Client::new(&config(Service::Pipes)),
            cloudtrail: aws_sdk_cloudtrail::Client::new(&config(Service::CloudTrail)),
            client: SharedClient {
                region: name.to_owned(),
                shared: Arc::clone(shared),
                identity: Arc::clone(identity),
                client: OnceCell::new(),
            },
        }
    }
}

/// The caller of an account in a region. Which account that is, is found out with the first call.
#[derive(Debug)]
pub(super) struct SharedClient {
    region: String,
    shared: Arc<Shared>,
    identity: Arc<Identity>,
    client: OnceCell<Arc<RetryingClient>>,
}

impl SharedClient {
    /// As [`RetryingClient::call`].
    pub(super) async fn call<T, E, F>(
        &self,
        operation: Operation,
        effort: &Effort,
        stopped: &CancellationToken,
        attempt: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.get(stopped).await?.call(operation, effort, stopped, attempt).await
    }

    /// As [`RetryingClient::turn`].
    pub(super) async fn turn(
        &self,
        operation: Operation,
        name: &str,
        stopped: &CancellationToken,
    ) -> Result<OwnedMutexGuard<()>, CallError> {
        self.get(stopped).await?.turn(operation, name, stopped).await
    }

    pub(super) async fn get(
        &self,
        stopped: &CancellationToken,
    ) -> Result<Arc<RetryingClient>, CallError> {
        let client = self.client.get_or_try_init(async || {
            let account = self.identity.id(stopped).await?;
            Ok(self.shared.client(account, &self.region))
        });
        client.await.map(Arc::clone)
    }
}
