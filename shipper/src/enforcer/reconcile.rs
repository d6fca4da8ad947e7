//! Reconciles one log group: reads the current state directly before each write, and adds what is
//! missing.

use std::time::Instant;

use logagg_policy::{
    Addition, Document, LogGroup, LogGroupClass, Obstacle, Skip, SubscriptionFilter, Tags,
};

use super::gap_fill::Filling;
use super::io::CallError;
use super::logs::{Logs, Write};
use super::loop_detection::LoopDetection;
use super::state::Enforcer;
use super::summary::{Counts, Warnings};

/// The result for an evaluated log group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reconciled {
    /// Whether it was changed.
    pub(super) changed: bool,
    /// Whether the time ran out, also by throttling.
    pub(super) out_of_time: bool,
    /// Whether it does not exist.
    pub(super) absent: bool,
    /// Whether a call failed.
    pub(super) failed: bool,
}

/// The meaning of a log group that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It was deleted.
    Deleted,
    /// It was just created, and DescribeLogGroups does not return it yet.
    Pending,
}

/// Whether a write has changed the log group.
type Written = Result<bool, CallError>;

impl Enforcer {
    /// Adds to one log group what these policies of its region require. `listed` is the log group,
    /// if a listing contained it.
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
                    count_result(policy, name, (changed, errors), absence, counts, &mut all);
                }
                Applied::NotSelected => {
                    counts.evaluated += 1;
                    counts.not_selected += 1;
                }
                Applied::NotFound => count_absent(absence, counts, &mut all),
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
        if !may_select(policy, name) {
            return Applied::NotSelected;
        }
        let group = match listed {
            Some(group) => group.clone(),
            None => match logs.log_group(name).await {
                Ok(Some(group)) => listed.insert(group).clone(),
                Ok(None) => return Applied::NotFound,
                Err(error) => return Applied::failed(error),
            },
        };
        match chooses(logs, policy, &group).await {
            Ok(true) => {}
            Ok(false) => return Applied::NotSelected,
            Err(error) => return Applied::failed(error),
        }
        let (mut changed, mut errors) = (false, Vec::new());
        // A rejected write does not prevent the others.
        match self.subscribe(policy, &group, logs, (&mut *counts, warnings)).await {
            Ok(subscribed) => {
                counts.subscribed += usize::from(subscribed);
                changed |= subscribed;
            }
            Err(error) => errors.push(error),
        }
        for (due, set) in [
            (retention_due as Due, &mut counts.retention_set),
            (protection_due, &mut counts.protected),
        ] {
            match write_property(policy, &group, logs, due).await {
                Ok(written) => {
                    *set += usize::from(written);
                    changed |= written;
                }
                Err(error) => errors.push(error),
            }
        }
        Applied::Chosen { changed, errors }
    }

    /// Creates the filter if there is none with its name. The filters are read directly before each
    /// attempt, so that a filter created meanwhile stays unchanged.
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
        detection.add_warnings(&wanted.destination_arn, warnings);
        desired.ships = Some(detection.guard);
        let gap_fill = self.loaded.lock().await.0.gap_fill.clone();
        let gap_fill = gap_fill.filter(|gap_fill| gap_fill.covers(policy));
        let mut gap_fill = gap_fill.map(|gap_fill| Filling::new(gap_fill, &self.failing));
        let write = Write::Filter(wanted);
        let (mut tries, mut may_be_ours) = (0, false);
        loop {
            let mut filters: Vec<SubscriptionFilter> = Vec::new();
            if group.class.may_have_filters() {
                logs.ready_for(write).await?;
                filters = match logs.filters(&group.name).await {
                    Err(error) if error.rejects(&group.class) => {
                        return Ok(skip_class(group, &error, counts));
                    }
                    filters => filters?,
                };
            }
            if may_be_ours && filters.contains(wanted) {
                if let Some(gap_fill) = &mut gap_fill {
                    gap_fill.after(group, logs, (counts, warnings)).await;
                }
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
            if let Some(gap_fill) = &mut gap_fill
                && gap_fill.before(group, &filters, logs, (&mut *counts, &mut *warnings)).await
            {
                continue;
            }
            let error = match logs.write(group, write).await {
                Ok(()) => {
                    if let Some(gap_fill) = &mut gap_fill {
                        gap_fill.after(group, logs, (counts, warnings)).await;
                    }
                    return Ok(true);
                }
                Err(error) if error.code() == Some("LimitExceededException") => {
                    counts.skip(&group.name, &Skip::Obstacle(Obstacle::Full));
                    return Ok(false);
                }
                Err(error) if error.rejects(&group.class) => {
                    return Ok(skip_class(group, &error, counts));
                }
                Err(error) => error,
            };
            may_be_ours |= error.is_unclear();
            tries += 1;
            if !logs.wait_to_retry(&error, tries).await {
                if let Some(gap_fill) = &gap_fill {
                    gap_fill.failed();
                }
                return Err(error);
            }
        }
    }

    /// The loop detection of a destination, cached or new.
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

/// Counts a log group whose class has no filters, which only the call showed. It is not changed.
fn skip_class(group: &LogGroup, error: &CallError, counts: &mut Counts) -> bool {
    counts.skip(&group.name, &Skip::Obstacle(Obstacle::Class(error.to_string())));
    false
}

/// What a policy did to a log group.
enum Applied {
    Chosen { changed: bool, errors: Vec<CallError> },
    NotSelected,
    NotFound,
}

impl Applied {
    fn failed(error: CallError) -> Self {
        Self::Chosen { changed: false, errors: vec![error] }
    }
}

/// The write that a log group needs.
type Due = fn(&Document, &LogGroup) -> Option<Write<'static>>;

/// Sets the retention if the log group never expires, or enables deletion protection. The log group
/// is read directly before each attempt, so that what is set meanwhile stays unchanged.
async fn write_property(policy: &Document, group: &LogGroup, logs: &Logs<'_>, due: Due) -> Written {
    let Some(mut write) = due(policy, group) else { return Ok(false) };
    let (mut tries, mut may_be_ours) = (0, false);
    loop {
        logs.ready_for(write).await?;
        // A deleted log group needs nothing.
        let Some(now) = logs.log_group(&group.name).await? else { return Ok(false) };
        if may_be_ours && write.is_on(&now) {
            return Ok(true);
        }
        let Some(due) = due(policy, &now) else { return Ok(false) };
        write = due;
        let error = match logs.write(&now, write).await {
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

/// The retention to be set.
fn retention_due(policy: &Document, group: &LogGroup) -> Option<Write<'static>> {
    addition(policy, group).retention.map(Write::Retention)
}

/// The deletion protection to be enabled.
fn protection_due(policy: &Document, group: &LogGroup) -> Option<Write<'static>> {
    addition(policy, group).protect.then_some(Write::DeletionProtection)
}

/// What a log group lacks, its filter apart.
fn addition(policy: &Document, group: &LogGroup) -> Addition {
    Addition::to(group, &[], &policy.desired, None, &policy.ownership())
}

/// Counts the result for a log group that a policy selects.
fn count_result(
    policy: &Document,
    name: &str,
    (changed, errors): (bool, Vec<CallError>),
    absence: Absence,
    counts: &mut Counts,
    all: &mut Reconciled,
) {
    let reported: Vec<String> =
        errors.iter().filter(|error| !error.is_no_time()).map(ToString::to_string).collect();
    let reported = reported.join("; ");
    let failure = (!reported.is_empty()).then(|| format!("{name} ({}): {reported}", policy.name));
    // Retryable errors were retried until the deadline.
    if errors.iter().any(|error| error.is_no_time() || error.is_retryable()) {
        all.out_of_time = true;
        all.changed |= changed;
        counts.mark_remaining(failure);
        return;
    }
    if errors.iter().any(is_absent) {
        return count_absent(absence, counts, all);
    }
    counts.evaluated += 1;
    match failure {
        Some(failure) => counts.fail(failure),
        None if changed => counts.change(name),
        None => counts.unchanged += 1,
    }
}

fn count_absent(absence: Absence, counts: &mut Counts, all: &mut Reconciled) {
    all.absent = true;
    counts.evaluated += 1;
    match absence {
        Absence::Deleted => counts.deleted += 1,
        Absence::Pending => counts.pending += 1,
    }
}

/// Warns if another policy selects the same log group with different settings.
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
                "the policies {a:?} and {b:?} set different retention on the same log groups, \
                 such as {name}: the enforcer applies the first in its configuration, Terraform \
                 both in turn"
            ));
        }
        let (protection, other) =
            (first.desired.deletion_protection, policy.desired.deletion_protection);
        if protection.is_some() && other.is_some() && protection != other {
            warnings.warn(format!(
                "the policies {a:?} and {b:?} set different deletion protection on the same log \
                 groups, such as {name}: the enforcer enables it, Terraform changes it in turn"
            ));
        }
        if let (Some(wanted), Some(other)) = (&first.wanted, &policy.wanted)
            && wanted.name == other.name
            && wanted != other
        {
            warnings.warn(format!(
                "the policies {a:?} and {b:?} create different filters with the same name on the \
                 same log groups, such as {name}: the enforcer applies the first in its \
                 configuration; give one of them another filter_name"
            ));
        }
    }
}

/// Whether a policy may select a log group with this name, whatever its class and tags.
fn may_select(policy: &Document, name: &str) -> bool {
    use LogGroupClass::{Delivery, Essentials, InfrequentAccess, Standard};
    [Standard, InfrequentAccess, Essentials, Delivery]
        .iter()
        .any(|class| policy.selection.judge(name, class, |_| None) != Some(false))
}

async fn chooses(logs: &Logs<'_>, policy: &Document, group: &LogGroup) -> Result<bool, CallError> {
    let LogGroup { name, class, .. } = group;
    match policy.selection.judge(name, class, |_| None) {
        Some(selected) => Ok(selected),
        None => {
            let tags: Tags = logs.tags(group).await?;
            Ok(policy.selection.chooses(name, class, &tags))
        }
    }
}

/// Whether the log group does not exist. Missing resources behind a destination are not errors.
fn is_absent(error: &CallError) -> bool {
    error.code() == Some("ResourceNotFoundException")
}
