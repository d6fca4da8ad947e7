//! The state of the enforcer that is kept across invocations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;

use super::config::EnforcerConfig;
use super::enforce_error::EnforceError;
use super::event::Cursor;
use super::io::{AwsIo, Io};
use super::logs::Logs;
use super::loop_detection::LoopDetection;
use super::rate_limiter::RateLimiter;
use super::summary::Summary;
use crate::aws::{Aws, Service};
use crate::config::Source;

/// How long a configuration from outside the package and the result of loop detection are cached. A
/// short time, so that the enforcer does not act on what a recent apply has changed.
const FRESH: Duration = Duration::from_secs(60);

/// The services that the enforcer calls.
const SERVICES: [Service; 7] = [
    Service::CloudWatchLogs,
    Service::Lambda,
    Service::Kinesis,
    Service::Firehose,
    Service::Pipes,
    Service::Tagging,
    Service::Sqs,
];

/// The enforcer, kept across invocations.
pub struct Enforcer {
    pub(super) io: Box<dyn Io>,
    pub(super) rate_limiter: RateLimiter,
    pub(super) loaded: Mutex<(Arc<EnforcerConfig>, SystemTime)>,
    pub(super) loop_detection: Mutex<BTreeMap<(String, String), (LoopDetection, SystemTime)>>,
    /// Whether the last filter with a gap could not be created.
    pub(super) failing: AtomicBool,
    /// Where the next sweep begins, if the last one stopped early.
    pub(super) unfinished: Mutex<Option<Cursor>>,
}

impl Enforcer {
    /// Reads the configuration, until `until` at the latest.
    ///
    /// # Errors The configuration cannot be read or is invalid, or AWS has no such endpoint.
    pub async fn start(source: Source, aws: Aws, until: Instant) -> Result<Self, EnforceError> {
        for service in SERVICES {
            aws.endpoint(service, None)?;
        }
        Self::start_with(Box::new(AwsIo { aws, source }), until).await
    }

    pub(super) async fn start_with(io: Box<dyn Io>, until: Instant) -> Result<Self, EnforceError> {
        let config = EnforcerConfig::parse(&io.read_config(until).await?)?;
        Ok(Self {
            rate_limiter: RateLimiter::new(config.requests_per_second),
            loaded: Mutex::new((Arc::new(config), io.date())),
            loop_detection: Mutex::default(),
            failing: AtomicBool::default(),
            unfinished: Mutex::default(),
            io,
        })
    }

    /// The configuration, read again if it may have changed. If that fails, the previous one stays
    /// in use.
    pub(super) async fn config(
        &self,
        account_id: &str,
        until: Instant,
        summary: &mut Summary,
    ) -> Result<Arc<EnforcerConfig>, EnforceError> {
        let mut loaded = self.loaded.lock().await;
        if self.io.may_config_change() && self.is_stale(loaded.1) {
            match self.read_config(account_id, until).await {
                Ok(config) => {
                    self.rate_limiter.set(config.requests_per_second);
                    loaded.0 = Arc::new(config);
                }
                Err(error) => summary.warnings.warn(format!(
                    "the previous configuration stays in use, because reading it again failed: \
                     {error}"
                )),
            }
            loaded.1 = self.io.date();
        }
        Ok(Arc::clone(&loaded.0))
    }

    async fn read_config(
        &self,
        account_id: &str,
        until: Instant,
    ) -> Result<EnforcerConfig, EnforceError> {
        let config = EnforcerConfig::parse(&self.io.read_config(until).await?)?;
        check_account(&config, account_id)?;
        Ok(config)
    }

    /// Whether a cached value may have changed, by a clock that advances while the sandbox is
    /// frozen.
    pub(super) fn is_stale(&self, read: SystemTime) -> bool {
        self.io.date().duration_since(read).map_or(true, |age| age > FRESH)
    }

    pub(super) fn logs<'a>(&'a self, region: &'a str, until: Instant) -> Logs<'a> {
        Logs { io: &*self.io, rate_limiter: &self.rate_limiter, region, until }
    }
}

pub(super) fn check_account(config: &EnforcerConfig, account_id: &str) -> Result<(), EnforceError> {
    match config.policies.iter().find(|policy| policy.account_id != account_id) {
        Some(policy) => Err(EnforceError::OtherAccount {
            policy: policy.name.clone(),
            of: policy.account_id.clone(),
            here: account_id.to_owned(),
        }),
        None => Ok(()),
    }
}
