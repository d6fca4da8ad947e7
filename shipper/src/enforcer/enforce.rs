//! One invocation, from the event to the response to Lambda.

use std::time::{Duration, Instant};

use logagg_policy::Document;
use serde_json::{Value, json};

use super::config::EnforcerConfig;
use super::enforce_error::EnforceError;
use super::event::{self, CreateLogGroupEvent, Event, Message, SweepRequest, Task};
use super::rate_limiter::SHORTEST_TRY;
use super::reconcile::{Absence, Reconciled};
use super::state::{Enforcer, check_account};
use super::summary::{Summary, SweepCounts, SweepEnd};
use crate::invocation::Invocation;

/// The part of an invocation's time that is reserved for ending it.
const RESERVE: Duration = Duration::from_secs(1);

/// How long after its creation a log group may be missing in DescribeLogGroups.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// The result of an invocation.
pub struct Enforced {
    /// The summary line.
    pub summary: Summary,
    /// The response to Lambda.
    pub result: Result<Value, EnforceError>,
    /// The namespace of the metrics, if they are enabled.
    pub metrics_namespace: Option<String>,
}

impl Enforcer {
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
}

/// Failed log groups are counted and left to the next sweep. A retry would evaluate all others
/// again.
fn failed(sweep: &SweepCounts) -> Result<(), EnforceError> {
    let is_failed = sweep.failed_listings > 0 && sweep.end == SweepEnd::Finished;
    if is_failed { Err(EnforceError::NotListed) } else { Ok(()) }
}
