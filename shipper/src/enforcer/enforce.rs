//! One invocation, from the event to the response to Lambda.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use logagg_policy::Document;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::config::{ConfigError, EnforcerConfig};
use super::event::{
    self, CreateLogGroupEvent, Cursor, Event, EventError, Message, SweepRequest, Task,
};
use super::io::{AwsIo, Io};
use super::logs::Logs;
use super::loop_detection::LoopDetection;
use super::rate_limiter::{RateLimiter, SHORTEST_TRY};
use super::reconcile::{Absence, Reconciled};
use super::summary::{Summary, SweepCounts, SweepEnd};
use crate::aws::{Aws, Problem, Service};
use crate::config::{Source, SourceError};
use crate::invocation::Invocation;

/// The part of an invocation's time that is reserved for ending it.
const RESERVE: Duration = Duration::from_secs(1);

/// How long a configuration from outside the package and the result of loop detection are cached. A
/// short time, so that the enforcer does not act on what a recent apply has changed.
const FRESH: Duration = Duration::from_secs(60);

/// How long after its creation a log group may be missing in DescribeLogGroups.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// The services that the enforcer calls.
const SERVICES: [Service; 5] =
    [Service::CloudWatchLogs, Service::Lambda, Service::Kinesis, Service::Firehose, Service::Pipes];

/// The enforcer, kept across invocations.
pub struct Enforcer {
    pub(super) io: Box<dyn Io>,
    pub(super) rate_limiter: RateLimiter,
    loaded: Mutex<(Arc<EnforcerConfig>, SystemTime)>,
    pub(super) loop_detection: Mutex<BTreeMap<(String, String), (LoopDetection, SystemTime)>>,
    /// Where the next sweep begins, if the last one stopped early.
    pub(super) unfinished: Mutex<Option<Cursor>>,
}

/// The result of an invocation.
pub struct Enforced {
    /// The summary line.
    pub summary: Summary,
    /// The response to Lambda.
    pub result: Result<Value, EnforceError>,
    /// The namespace of the metrics, if they are enabled.
    pub metrics_namespace: Option<String>,
}

/// Why an invocation failed. Lambda retries the event.
#[derive(Debug, thiserror::Error)]
pub enum EnforceError {
    /// The event is not supported.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The configuration cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// AWS has no such endpoint.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration is invalid.
    #[error(transparent)]
    Endpoint(#[from] Problem),
    /// A policy belongs to another account.
    #[error(
        "the policy {policy:?} is for account {of}, but this function runs in {here}: deploy one \
         enforcer per account"
    )]
    OtherAccount {
        /// The policy's name.
        policy: String,
        /// Its account.
        of: String,
        /// The function's.
        here: String,
    },
    /// A log group could not be reconciled.
    #[error("cannot reconcile a log group: {0}")]
    Failed(String),
    /// There was no time for a log group.
    #[error("no time left for {log_group}{reason}")]
    NoTime {
        /// The log group.
        log_group: String,
        /// The reason.
        reason: String,
    },
    /// A log group was just created.
    #[error("{0} was created just now, and DescribeLogGroups does not return it yet")]
    Pending(String),
    /// A sweep could not list any log groups.
    #[error("cannot list log groups; see the warnings in the summary line")]
    NotListed,
}

impl EnforceError {
    /// The error type that Lambda reports.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Event(_) => "Logagg.UnknownEvent",
            Self::Source(_) | Self::Config(_) | Self::Endpoint(_) | Self::OtherAccount { .. } => {
                "Logagg.InvalidConfiguration"
            }
            Self::Failed(_) | Self::NotListed => "Logagg.Failed",
            Self::NoTime { .. } => "Logagg.NoTime",
            Self::Pending(_) => "Logagg.Pending",
        }
    }
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
            unfinished: Mutex::default(),
            io,
        })
    }

    /// Processes an event and returns the summary, also after an error.
    pub async fn enforce(&self, event: &str, invocation: &Invocation<'_>) -> Enforced {
        let begun = self.io.now();
        let time = invocation.deadline.duration_since(self.io.date()).unwrap_or_default();
        let until = begun + time.saturating_sub(RESERVE);
        let mut summary = Summary::begin(invocation.request_id);
        let result = self.try_enforce(event, invocation.function_arn, until, &mut summary).await;
        summary.error = result.as_ref().err().map(ToString::to_string);
        summary.duration = self.io.now().saturating_duration_since(begun);
        let metrics_namespace = self.loaded.lock().await.0.metrics_namespace.clone();
        Enforced { summary, result, metrics_namespace }
    }

    async fn try_enforce(
        &self,
        event: &str,
        function_arn: Option<&str>,
        until: Instant,
        summary: &mut Summary,
    ) -> Result<Value, EnforceError> {
        let event = event::parse(event)?;
        let account_id = function_arn.and_then(|arn| arn.split(':').nth(4)).unwrap_or_default();
        let config = self.config(account_id, until, summary).await?;
        check_account(&config, account_id)?;
        match event {
            Event::One(Task::Nothing) => {
                summary.failed_calls += 1;
                Ok(json!({}))
            }
            Event::One(Task::Sweep(request)) => {
                let warnings = &mut summary.warnings;
                let sweep = self.sweep(&request, &config, function_arn, until, warnings).await;
                let sweep = summary.sweep.insert(sweep);
                failed(sweep)?;
                let counts = &sweep.counts;
                Ok(json!({
                    "evaluated": counts.evaluated, "changed": counts.changed,
                    "failed": counts.failed, "remaining": counts.remaining, "end": sweep.end,
                }))
            }
            Event::One(Task::Created(event)) => {
                let done = self.create(&event, &config, until, summary).await;
                let counts = summary.creations.get_or_insert_default();
                let first = counts.failures.first().cloned();
                if done.failed {
                    return Err(EnforceError::Failed(first.unwrap_or_default()));
                }
                if done.out_of_time {
                    let reason = first.map(|first| format!(": {first}")).unwrap_or_default();
                    return Err(EnforceError::NoTime { log_group: event.log_group, reason });
                }
                if counts.pending > 0 {
                    return Err(EnforceError::Pending(event.log_group));
                }
                Ok(json!({
                    "evaluated": counts.evaluated, "changed": counts.changed, "remaining": counts.remaining,
                }))
            }
            Event::Queue(messages) => {
                let failures = self.queue(messages, &config, function_arn, until, summary).await;
                let failures: Vec<Value> =
                    failures.into_iter().map(|id| json!({"itemIdentifier": id})).collect();
                Ok(json!({"batchItemFailures": failures}))
            }
        }
    }

    /// Processes the messages of a batch, and returns the ids of those to be redelivered. A sweep
    /// runs after all new log groups, and several sweeps are merged into one.
    async fn queue(
        &self,
        messages: Vec<Message>,
        config: &EnforcerConfig,
        function_arn: Option<&str>,
        until: Instant,
        summary: &mut Summary,
    ) -> Vec<String> {
        let mut failures = Vec::new();
        let mut sweep: Option<(String, SweepRequest)> = None;
        for Message { id, task } in messages {
            match task {
                Ok(Task::Nothing) => summary.failed_calls += 1,
                Ok(Task::Created(event)) => {
                    let pending = |summary: &Summary| {
                        summary.creations.as_ref().map_or(0, |counts| counts.pending)
                    };
                    let before = pending(summary);
                    let done = self.create(&event, config, until, summary).await;
                    if done.failed || done.out_of_time || pending(summary) > before {
                        failures.push(id);
                    }
                }
                Ok(Task::Sweep(request)) => {
                    // The one with the earliest start covers the others.
                    let begins = |request: &SweepRequest| {
                        request.cursor.as_ref().map(|it| (it.region.clone(), it.prefix.clone()))
                    };
                    if sweep.as_ref().is_none_or(|(_, other)| begins(&request) < begins(other)) {
                        sweep = Some((id, request));
                    }
                }
                Err(error) => {
                    summary.undecodable += 1;
                    summary.warnings.warn(format!("message {id}: {error}"));
                    failures.push(id);
                }
            }
        }
        if let Some((id, request)) = sweep {
            let warnings = &mut summary.warnings;
            let sweep = self.sweep(&request, config, function_arn, until, warnings).await;
            if failed(summary.sweep.insert(sweep)).is_err() {
                failures.push(id);
            }
        }
        failures
    }

    /// Reconciles a new log group.
    async fn create(
        &self,
        event: &CreateLogGroupEvent,
        config: &EnforcerConfig,
        until: Instant,
        summary: &mut Summary,
    ) -> Reconciled {
        let CreateLogGroupEvent { log_group, region, account_id, time } = event;
        let concerned: Vec<&Document> = config
            .policies
            .iter()
            .filter(|policy| policy.region == *region && policy.account_id == *account_id)
            .collect();
        if concerned.is_empty() {
            summary.elsewhere += 1;
            let place = format!("account {account_id:?}, region {region:?}");
            summary.warnings.warn(format!("no policy for {place}, where log groups were created"));
            return Reconciled::default();
        }
        let counts = summary.creations.get_or_insert_default();
        if self.io.now() + SHORTEST_TRY > until {
            counts.mark_remaining(None);
            return Reconciled { out_of_time: true, ..Reconciled::default() };
        }
        let age = time.and_then(|time| self.io.date().duration_since(time).ok());
        let is_new = time.is_some() && age.is_none_or(|age| age < DESCRIBED_WITHIN);
        let absence = if is_new { Absence::Pending } else { Absence::Deleted };
        let counts = (counts, &mut summary.warnings);
        self.reconcile(&concerned, log_group, None, (absence, until), counts).await
    }

    /// The configuration, read again if it may have changed. If that fails, the previous one stays
    /// in use.
    async fn config(
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

fn check_account(config: &EnforcerConfig, account_id: &str) -> Result<(), EnforceError> {
    match config.policies.iter().find(|policy| policy.account_id != account_id) {
        Some(policy) => Err(EnforceError::OtherAccount {
            policy: policy.name.clone(),
            of: policy.account_id.clone(),
            here: account_id.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Failed log groups are counted and left to the next sweep. A retry would evaluate all others
/// again.
fn failed(sweep: &SweepCounts) -> Result<(), EnforceError> {
    let is_failed = sweep.failed_listings > 0 && sweep.end == SweepEnd::Finished;
    if is_failed { Err(EnforceError::NotListed) } else { Ok(()) }
}
