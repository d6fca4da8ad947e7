//! One invocation, from the event to what Lambda is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use logagg_policy::{Addition, Document, LogGroup, LogGroupClass, Obstacle, Skip, Tags};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::behind::Behind;
use super::config::{ConfigError, EnforcerConfig};
use super::event::{self, Birth, Event, EventError, Task};
use super::logs::Logs;
use super::pace::Pace;
use super::summary::Summary;
use crate::aws::{Aws, AwsError};
use crate::config::{Source, SourceError};
use crate::invocation::Invocation;

/// What is kept free of an invocation's time for ending properly.
const RESERVE: Duration = Duration::from_secs(1);

/// How long a configuration from outside the package is believed, and how long what works behind
/// a destination. A plan that was applied should not be fought by what was true before it.
const FRESH: Duration = Duration::from_secs(60);

/// The enforcer as it is kept between invocations.
pub struct Enforcer {
    source: Source,
    pub(super) aws: Aws,
    pub(super) pace: Pace,
    loaded: Mutex<(Arc<EnforcerConfig>, Instant)>,
    behind: Mutex<BTreeMap<(String, String), (Behind, Instant)>>,
    /// Where the next sweep begins: behind the log group of this name.
    pub(super) resume_after: Mutex<Option<String>>,
}

/// Why an invocation failed. Lambda keeps the event then.
#[derive(Debug, thiserror::Error)]
pub enum EnforceError {
    /// The event is none that the enforcer takes.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The configuration cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A policy is another account's.
    #[error(
        "the policy {policy:?} is for account {of}, and this function works in {here}: give each \
         account an enforcer of its own"
    )]
    OtherAccount {
        /// The policy's name.
        policy: String,
        /// Its account.
        of: String,
        /// The function's.
        here: String,
    },
    /// Something failed for some log groups.
    #[error("{failed} log groups could not be given what they lack: {first}")]
    Failed {
        /// How many.
        failed: usize,
        /// The first failure.
        first: String,
    },
}

impl EnforceError {
    /// The type under which Lambda shows the error.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::Event(_) => "Logagg.UnknownEvent",
            Self::Source(_) | Self::Config(_) | Self::OtherAccount { .. } => {
                "Logagg.InvalidConfiguration"
            }
            Self::Failed { .. } => "Logagg.Failed",
        }
    }
}

impl Enforcer {
    /// Reads the configuration, until `until` at most.
    ///
    /// # Errors
    /// When it cannot be read, or with everything that is wrong with it.
    pub async fn start(source: Source, aws: Aws, until: Instant) -> Result<Self, EnforceError> {
        let config = EnforcerConfig::parse(&source.read(&aws, until).await?)?;
        Ok(Self {
            pace: Pace::of(config.requests_per_second),
            source,
            aws,
            loaded: Mutex::new((Arc::new(config), Instant::now())),
            behind: Mutex::default(),
            resume_after: Mutex::default(),
        })
    }

    /// Does what an event asks for, and tells what came of it in either case. `account_id` is that
    /// of the function. The answer is what Lambda is to be given.
    pub async fn enforce(
        &self,
        event: &str,
        account_id: &str,
        invocation: &Invocation<'_>,
    ) -> (Summary, Result<Value, EnforceError>) {
        let begun = Instant::now();
        let time = invocation.deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let until = begun + time.saturating_sub(RESERVE);
        let mut summary = Summary::begin(invocation.request_id);
        let result = self.try_enforce(event, account_id, until, &mut summary).await;
        summary.error = result.as_ref().err().map(ToString::to_string);
        summary.duration = begun.elapsed();
        (summary, result)
    }

    async fn try_enforce(
        &self,
        event: &str,
        account_id: &str,
        until: Instant,
        summary: &mut Summary,
    ) -> Result<Value, EnforceError> {
        let event = event::parse(event)?;
        let config = self.config(until).await?;
        let other = config.policies.iter().find(|policy| policy.account_id != account_id);
        if let Some(policy) = other {
            return Err(EnforceError::OtherAccount {
                policy: policy.name.clone(),
                of: policy.account_id.clone(),
                here: account_id.to_owned(),
            });
        }
        match event {
            Event::One(task) => {
                self.perform(task, &config, until, summary).await;
                failed(summary)?;
                Ok(
                    json!({ "looked_at": summary.looked_at, "changed": summary.changed, "left": summary.left }),
                )
            }
            Event::Queue(messages) => {
                let mut failures = Vec::new();
                for message in messages {
                    let failed_before = summary.failed;
                    match message.task {
                        Ok(task) => self.perform(task, &config, until, summary).await,
                        Err(error) => summary.fail(error.to_string()),
                    }
                    if summary.failed > failed_before {
                        failures.push(json!({"itemIdentifier": message.id}));
                    }
                }
                Ok(json!({"batchItemFailures": failures}))
            }
        }
    }

    /// The configuration, read again where it may have changed.
    async fn config(&self, until: Instant) -> Result<Arc<EnforcerConfig>, EnforceError> {
        let mut loaded = self.loaded.lock().await;
        let elsewhere = matches!(self.source, Source::Ssm(_) | Source::S3 { .. });
        if elsewhere && loaded.1.elapsed() > FRESH {
            let text = self.source.read(&self.aws, until).await?;
            *loaded = (Arc::new(EnforcerConfig::parse(&text)?), Instant::now());
        }
        Ok(Arc::clone(&loaded.0))
    }

    async fn perform(
        &self,
        task: Task,
        config: &EnforcerConfig,
        until: Instant,
        summary: &mut Summary,
    ) {
        match task {
            Task::Nothing => {}
            Task::Sweep => self.sweep(config, until, summary).await,
            Task::Born(birth) => {
                for policy in config.policies.iter().filter(|policy| concerns(policy, &birth)) {
                    self.look_at(policy, &birth.log_group, None, until, summary).await;
                }
            }
        }
    }

    /// Gives one log group what a policy says that it lacks. `listed` is the group, where a listing
    /// has just shown it.
    pub(super) async fn look_at(
        &self,
        policy: &Document,
        name: &str,
        listed: Option<LogGroup>,
        until: Instant,
        summary: &mut Summary,
    ) {
        summary.looked_at += 1;
        let failed_with = |error: &AwsError| format!("{name} ({}): {error}", policy.name);
        match self.give(policy, name, listed, until, summary).await {
            Ok(Given::Changed) => summary.changed += 1,
            Ok(Given::Nothing) => summary.unchanged += 1,
            Ok(Given::NotChosen) => summary.not_chosen += 1,
            Ok(Given::Gone) => summary.gone += 1,
            Err(error) if is_gone(&error) => summary.gone += 1,
            Err(error) => summary.fail(failed_with(&error)),
        }
    }

    async fn give(
        &self,
        policy: &Document,
        name: &str,
        listed: Option<LogGroup>,
        until: Instant,
        summary: &mut Summary,
    ) -> Result<Given, AwsError> {
        if listed.is_none() && !may_choose(policy, name) {
            return Ok(Given::NotChosen);
        }
        let logs = self.logs(policy, until);
        let group = match listed {
            Some(group) => group,
            None => match logs.log_group(name).await? {
                Some(group) => group,
                None => return Ok(Given::Gone),
            },
        };
        if !chooses(&logs, policy, &group).await? {
            return Ok(Given::NotChosen);
        }
        let (mut demand, mut filters) = (policy.demand.clone(), Vec::new());
        if let Some(wanted) = &policy.wanted {
            let behind = self.behind(&logs, &wanted.destination_arn, &policy.account_id).await?;
            behind.tell(&wanted.destination_arn, summary);
            demand.ships = Some(behind.guard);
            if group.class == LogGroupClass::Standard {
                filters = logs.filters(name).await?;
            }
        }
        let wanted = policy.wanted.as_ref();
        let addition = Addition::to(&group, &filters, &demand, wanted, &policy.ownership());
        if let Some(skip) = &addition.skip {
            summary.skip(skip);
        }
        let mut given = Given::Nothing;
        if let Some(wanted) = wanted.filter(|_| addition.subscribe) {
            match logs.put_filter(name, wanted).await {
                Ok(()) => {
                    summary.subscribed += 1;
                    given = Given::Changed;
                }
                Err(error) if error.code() == Some("LimitExceededException") => {
                    summary.skip(&Skip::Obstacle(Obstacle::Full));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(retention) = addition.retention {
            logs.set_retention(name, retention).await?;
            summary.retention_set += 1;
            given = Given::Changed;
        }
        Ok(given)
    }

    pub(super) fn logs<'a>(&'a self, policy: &'a Document, until: Instant) -> Logs<'a> {
        Logs { aws: &self.aws, pace: &self.pace, region: &policy.region, until }
    }

    /// What works behind a destination, as it was a moment ago or as it is now.
    async fn behind(
        &self,
        logs: &Logs<'_>,
        destination_arn: &str,
        account_id: &str,
    ) -> Result<Behind, AwsError> {
        let key = (logs.region.to_owned(), destination_arn.to_owned());
        let mut known = self.behind.lock().await;
        if let Some((behind, _)) = known.get(&key).filter(|(_, seen)| seen.elapsed() < FRESH) {
            return Ok(behind.clone());
        }
        let behind = Behind::of(logs, destination_arn, account_id).await?;
        known.insert(key, (behind.clone(), Instant::now()));
        Ok(behind)
    }
}

/// What became of a log group.
enum Given {
    Changed,
    Nothing,
    NotChosen,
    Gone,
}

fn concerns(policy: &Document, birth: &Birth) -> bool {
    policy.region == birth.region && policy.account_id == birth.account_id
}

/// Whether a policy may choose a log group of this name, whatever its class and tags.
fn may_choose(policy: &Document, name: &str) -> bool {
    [LogGroupClass::Standard, LogGroupClass::InfrequentAccess, LogGroupClass::Delivery]
        .iter()
        .any(|class| policy.selection.judge(name, class, |_| None) != Some(false))
}

async fn chooses(logs: &Logs<'_>, policy: &Document, group: &LogGroup) -> Result<bool, AwsError> {
    let LogGroup { name, class, .. } = group;
    match policy.selection.judge(name, class, |_| None) {
        Some(chosen) => Ok(chosen),
        None => {
            let tags: Tags = logs.tags(group).await?;
            Ok(policy.selection.chooses(name, class, &tags))
        }
    }
}

/// Whether the log group is not there any more. What is missing behind a destination is an answer.
fn is_gone(error: &AwsError) -> bool {
    error.code() == Some("ResourceNotFoundException")
}

/// The error for what failed.
fn failed(summary: &Summary) -> Result<(), EnforceError> {
    match summary.failures.first() {
        Some(first) => Err(EnforceError::Failed { failed: summary.failed, first: first.clone() }),
        None => Ok(()),
    }
}
