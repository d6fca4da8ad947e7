use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::{OnceCell, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use super::account::Identity;
use super::caller::Caller;
use super::effort::Effort;
use super::pool::Shared;
use super::{Api, CallError, Service};

/// One region of an account: clients with the account's credentials, and the token buckets that
/// all calls there share.
#[derive(Debug)]
pub(crate) struct Region {
    pub(super) logs: aws_sdk_cloudwatchlogs::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) kinesis: aws_sdk_kinesis::Client,
    pub(super) firehose: aws_sdk_firehose::Client,
    pub(super) pipes: aws_sdk_pipes::Client,
    pub(super) cloudtrail: aws_sdk_cloudtrail::Client,
    pub(super) caller: SharedCaller,
}

impl Region {
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
            caller: SharedCaller {
                region: name.to_owned(),
                shared: Arc::clone(shared),
                identity: Arc::clone(identity),
                caller: OnceCell::new(),
            },
        }
    }
}

/// The caller of an account in a region. Which account that is, is found out with the first call.
#[derive(Debug)]
pub(super) struct SharedCaller {
    region: String,
    shared: Arc<Shared>,
    identity: Arc<Identity>,
    caller: OnceCell<Arc<Caller>>,
}

impl SharedCaller {
    /// As [`Caller::call`].
    pub(super) async fn call<T, E, F>(
        &self,
        api: Api,
        effort: &Effort,
        stopped: &CancellationToken,
        attempt: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.get(stopped).await?.call(api, effort, stopped, attempt).await
    }

    /// As [`Caller::turn`].
    pub(super) async fn turn(
        &self,
        api: Api,
        name: &str,
        stopped: &CancellationToken,
    ) -> Result<OwnedMutexGuard<()>, CallError> {
        self.get(stopped).await?.turn(api, name, stopped).await
    }

    pub(super) async fn get(&self, stopped: &CancellationToken) -> Result<Arc<Caller>, CallError> {
        let caller = self.caller.get_or_try_init(async || {
            let account = self.identity.id(stopped).await?;
            Ok(self.shared.caller(account, &self.region))
        });
        caller.await.map(Arc::clone)
    }
}
