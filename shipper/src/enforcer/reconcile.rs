//! One log group: what it lacks by the policies is read directly before each write, and written.

use std::time::Instant;

use logagg_policy::{
    Addition, Document, LogGroup, LogGroupClass, Obstacle, Retention, Skip, SubscriptionFilter,
    Tags,
};

use super::enforce::Enforcer;
use super::io::CallError;
use super::logs::{Logs, Write};
use super::loop_detection::LoopDetection;
use super::summary::{Counts, Warnings};

/// What became of a log group that was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reconciled {
    /// Whether it was given something.
    pub(super) changed: bool,
    /// Whether there was no time for it, or no end of throttling.
    pub(super) out_of_time: bool,
    /// Whether it is not there.
    pub(super) absent: bool,
    /// Whether something failed.
    pub(super) failed: bool,
}

/// What it means that a log group is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It was deleted.
    Gone,
    /// It was created a moment ago, and is not described yet.
    Pending,
}

/// Whether a write has changed the log group.
type Written = Result<bool, CallError>;

impl Enforcer {
    /// Gives one log group what these policies of its region say that it lacks. `listed` is the
    /// group, where a listing has shown it.
    pub(super) async fn reconcile(
        &self,
        policies: &[&Document],
        name: &str,
        listed: Option<LogGroup>,
        (absence, until): (Absence, Instant),
        (counts, warnings): (&mut Counts, &mut Warnings),
    ) -> Reconciled {
        let mut all = Reconciled::default();
        let mut listed = listed;
        let mut chosen_by: Vec<&Document> = Vec::new();
        for policy in policies {
            let logs = self.logs(&policy.region, until);
            let before = (counts.changed, counts.failed);
            match self.apply(policy, name, &mut listed, &logs, (&mut *counts, &mut *warnings)).await
            {
                Applied::Chosen { changed, errors } => {
                    warn_of_conflicts(&chosen_by, policy, name, warnings);
                    chosen_by.push(policy);
                    settle(policy, name, (changed, errors), absence, counts, &mut all);
                }
                Applied::NotChosen => {
                    counts.looked_at += 1;
                    counts.not_chosen += 1;
                }
                Applied::Absent => settle_absent(absence, counts, &mut all),
            }
            all.changed |= counts.changed > before.0;
            all.failed |= counts.failed > before.1;
            if all.out_of_time {
                break;
            }
        }
        all
    }

    async fn apply(
        &self,
        policy: &Document,
        name: &str,
        listed: &mut Option<LogGroup>,
        logs: &Logs<'_>,
        (counts, warnings): (&mut Counts, &mut Warnings),
    ) -> Applied {
        if !may_choose(policy, name) {
            return Applied::NotChosen;
        }
        let group = match listed {
            Some(group) => group.clone(),
            None => match logs.log_group(name).await {
                Ok(Some(group)) => listed.insert(group).clone(),
                Ok(None) => return Applied::Absent,
                Err(error) => return Applied::failed(error),
            },
        };
        match chooses(logs, policy, &group).await {
            Ok(true) => {}
            Ok(false) => return Applied::NotChosen,
            Err(error) => return Applied::failed(error),
        }
        let (mut changed, mut errors) = (false, Vec::new());
        // One that is refused does not keep the other from being tried.
        match self.subscribe(policy, &group, logs, (&mut *counts, warnings)).await {
            Ok(subscribed) => {
                counts.subscribed += usize::from(subscribed);
                changed |= subscribed;
            }
            Err(error) => errors.push(error),
        }
        match set_retention(policy, &group, logs).await {
            Ok(set) => {
                counts.retention_set += usize::from(set);
                changed |= set;
            }
            Err(error) => errors.push(error),
        }
        Applied::Chosen { changed, errors }
    }

    /// Puts the filter where there is none of its name. The filters are read directly before each
    /// try, so that one that was put meanwhile is left alone.
    async fn subscribe(
        &self,
        policy: &Document,
        group: &LogGroup,
        logs: &Logs<'_>,
        (counts, warnings): (&mut Counts, &mut Warnings),
    ) -> Written {
        let Some(wanted) = &policy.wanted else { return Ok(false) };
        let mut desired = policy.desired.clone();
        let detection =
            self.loop_detection(logs, &wanted.destination_arn, &policy.account_id).await?;
        detection.tell(&wanted.destination_arn, warnings);
        desired.ships = Some(detection.guard);
        let write = Write::Filter(wanted);
        let (mut tries, mut may_be_ours) = (0, false);
        loop {
            let mut filters: Vec<SubscriptionFilter> = Vec::new();
            if group.class == LogGroupClass::Standard {
                logs.ready_for(write).await?;
                filters = logs.filters(&group.name).await?;
            }
            if may_be_ours && filters.contains(wanted) {
                return Ok(true);
            }
            let ownership = policy.ownership();
            let addition = Addition::to(group, &filters, &desired, Some(wanted), &ownership);
            if let Some(skip) = &addition.skip {
                counts.skip(&group.name, skip);
            }
            if !addition.subscribe {
                return Ok(false);
            }
            let error = match logs.write(&group.name, write).await {
                Ok(()) => return Ok(true),
                Err(error) if error.code() == Some("LimitExceededException") => {
                    counts.skip(&group.name, &Skip::Obstacle(Obstacle::Full));
                    return Ok(false);
                }
                Err(error) => error,
            };
            may_be_ours |= error.is_unclear();
            tries += 1;
            if !logs.wait_to_retry(&error, tries).await {
                return Err(error);
            }
        }
    }

    /// What works behind a destination, as it was a moment ago or as it is now.
    async fn loop_detection(
        &self,
        logs: &Logs<'_>,
        destination_arn: &str,
        account_id: &str,
    ) -> Result<LoopDetection, CallError> {
        let key = (logs.region.to_owned(), destination_arn.to_owned());
        let mut known = self.loop_detection.lock().await;
        if let Some((detection, seen)) = known.get(&key)
            && !self.is_stale(*seen)
        {
            return Ok(detection.clone());
        }
        let detection = LoopDetection::of(logs, destination_arn, account_id).await?;
        known.insert(key, (detection.clone(), self.io.date()));
        Ok(detection)
    }
}

/// What a policy has done to a log group.
enum Applied {
    Chosen { changed: bool, errors: Vec<CallError> },
    NotChosen,
    Absent,
}

impl Applied {
    fn failed(error: CallError) -> Self {
        Self::Chosen { changed: false, errors: vec![error] }
    }
}

/// Sets the retention where events never expire. The log group is read directly before each try,
/// so that what was set meanwhile is left alone.
async fn set_retention(policy: &Document, group: &LogGroup, logs: &Logs<'_>) -> Written {
    let Some(mut retention) = due(policy, group) else { return Ok(false) };
    let (mut tries, mut may_be_ours) = (0, false);
    loop {
        logs.ready_for(Write::Retention(retention)).await?;
        // A group that is gone lacks nothing.
        let Some(now) = logs.log_group(&group.name).await? else { return Ok(false) };
        if may_be_ours && now.retention == retention {
            return Ok(true);
        }
        let Some(due) = due(policy, &now) else { return Ok(false) };
        retention = due;
        let error = match logs.write(&group.name, Write::Retention(retention)).await {
            Ok(()) => return Ok(true),
            Err(error) => error,
        };
        may_be_ours |= error.is_unclear();
        tries += 1;
        if !logs.wait_to_retry(&error, tries).await {
            return Err(error);
        }
    }
}

/// The retention that a log group lacks.
fn due(policy: &Document, group: &LogGroup) -> Option<Retention> {
    Addition::to(group, &[], &policy.desired, None, &policy.ownership()).retention
}

/// Counts what became of a log group that a policy chooses.
fn settle(
    policy: &Document,
    name: &str,
    (changed, errors): (bool, Vec<CallError>),
    absence: Absence,
    counts: &mut Counts,
    all: &mut Reconciled,
) {
    let told: Vec<String> =
        errors.iter().filter(|error| !error.is_no_time()).map(ToString::to_string).collect();
    let told = told.join("; ");
    let failure = (!told.is_empty()).then(|| format!("{name} ({}): {told}", policy.name));
    // What can be retried was, for as long as there was time.
    if errors.iter().any(|error| error.is_no_time() || error.is_retryable()) {
        all.out_of_time = true;
        all.changed |= changed;
        counts.leave(failure);
        return;
    }
    if errors.iter().any(is_absent) {
        return settle_absent(absence, counts, all);
    }
    counts.looked_at += 1;
    match failure {
        Some(failure) => counts.fail(failure),
        None if changed => counts.change(name),
        None => counts.unchanged += 1,
    }
}

fn settle_absent(absence: Absence, counts: &mut Counts, all: &mut Reconciled) {
    all.absent = true;
    counts.looked_at += 1;
    match absence {
        Absence::Gone => counts.gone += 1,
        Absence::Pending => counts.pending += 1,
    }
}

/// Warns where another policy chooses the same log group and says something else of it.
fn warn_of_conflicts(
    chosen_by: &[&Document],
    policy: &Document,
    name: &str,
    warnings: &mut Warnings,
) {
    for first in chosen_by {
        let (a, b) = (&first.name, &policy.name);
        let (retention, other) = (first.desired.retention, policy.desired.retention);
        if retention.is_some() && other.is_some() && retention != other {
            warnings.warn(format!(
                "the policies {a:?} and {b:?} set another retention of the same log groups, such as \
                 {name}: the first in the configuration wins, and a plan sets the other"
            ));
        }
        if let (Some(wanted), Some(other)) = (&first.wanted, &policy.wanted)
            && wanted.name == other.name
            && wanted != other
        {
            warnings.warn(format!(
                "the policies {a:?} and {b:?} put different filters of one name on the same log \
                 groups, such as {name}: the first in the configuration wins; give one another \
                 filter_name"
            ));
        }
    }
}

/// Whether a policy may choose a log group of this name, whatever its class and tags.
fn may_choose(policy: &Document, name: &str) -> bool {
    [LogGroupClass::Standard, LogGroupClass::InfrequentAccess, LogGroupClass::Delivery]
        .iter()
        .any(|class| policy.selection.judge(name, class, |_| None) != Some(false))
}

async fn chooses(logs: &Logs<'_>, policy: &Document, group: &LogGroup) -> Result<bool, CallError> {
    let LogGroup { name, class, .. } = group;
    match policy.selection.judge(name, class, |_| None) {
        Some(chosen) => Ok(chosen),
        None => {
            let tags: Tags = logs.tags(group).await?;
            Ok(policy.selection.chooses(name, class, &tags))
        }
    }
}

/// Whether the log group is not there. What is missing behind a destination is an answer.
fn is_absent(error: &CallError) -> bool {
    error.code() == Some("ResourceNotFoundException")
}
