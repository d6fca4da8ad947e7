use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use logagg_policy::{
    GroupState, Listing, LogGroup, LogGroupClass, OnConflict, Ownership, PolicyId, Retention,
    SubscriptionFilter, Written, WrittenProtection, WrittenRetention,
};
use tfplugin::Context;

use super::findings::Failure;
use super::private_state::PrivateState;
use super::progress::Progress;
use super::reconciled::{LeftToOthers, Reconciled};
use crate::aws::{
    CallError, Cause, IN_FLIGHT, Kept, KeptFor, Operation, Reader, Retained, SharedClaims, Writer,
};
use crate::connection::Client;
use crate::diagnostics;

/// Brings log groups from how they are to how they should be.
#[derive(Debug)]
pub(super) struct Reconciler {
    pub(super) policy: PolicyId,
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    /// What other policies need of what this one would delete or restore.
    pub(super) claims: SharedClaims,
    /// What those in the state need that apply may pass over.
    pub(super) kept: KeptFor,
    pub(super) wanted: Option<SubscriptionFilter>,
    pub(super) ownership: Ownership,
}

/// The change of one log group from its current to its desired state.
#[derive(Clone, Debug)]
pub(super) struct GroupChange {
    pub(super) log_group: String,
    pub(super) current: GroupState,
    pub(super) desired: GroupState,
    /// Whether the filter is written even if the log group is compliant, because an argument of the
    /// subscription changed.
    pub(super) subscription: Touch,
    /// The group's filters, where they have just been read.
    pub(super) filters: Option<Vec<SubscriptionFilter>>,
    /// Why the filter must not be created after all: it would create a loop.
    pub(super) barred: Option<String>,
    pub(super) retention: PropertyWrite<Retention>,
    pub(super) protection: PropertyWrite<bool>,
    /// The ARN of the log group, where it was listed.
    arn: String,
    /// Its class, where that was.
    class: LogGroupClass,
}

/// What the write of a retention or a deletion protection is to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PropertyWrite<T> {
    /// It becomes the policy's own, on a group that was created at this time.
    Own { created_ms: i64 },
    /// It restores what this write replaced.
    Back(Written<T>),
}

impl<T: Copy> PropertyWrite<T> {
    /// What there is to remember of such a write.
    fn written(self, before: T, wrote: T) -> Option<Written<T>> {
        match self {
            Self::Own { created_ms } => Some(Written { before, wrote, created_ms }),
            Self::Back(_) => None,
        }
    }
}

/// Whether a compliant subscription is written nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    Always,
    IfDifferent,
}

/// What to do for a log group after something failed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// Nothing more, so that a failed first write leaves everything as it was, unless the policy
    /// skips log groups with such a failure.
    Stop(OnConflict),
    /// The rest of what is due.
    GoOn,
}

impl GroupChange {
    /// A group whose filters are still to be read, if they matter.
    pub(super) fn of(log_group: String, current: GroupState, desired: GroupState) -> Self {
        Self {
            log_group,
            current,
            desired,
            subscription: Touch::IfDifferent,
            filters: None,
            barred: None,
            retention: PropertyWrite::Own { created_ms: 0 },
            protection: PropertyWrite::Own { created_ms: 0 },
            arn: String::new(),
            class: LogGroupClass::Standard,
        }
    }

    /// The same for a group as it was just listed.
    pub(super) fn listed(mut self, group: &LogGroup) -> Self {
        let created_ms = group.created_ms;
        self.retention = PropertyWrite::Own { created_ms };
        self.protection = PropertyWrite::Own { created_ms };
        self.arn.clone_from(&group.arn);
        self.class.clone_from(&group.class);
        self
    }

    /// Restores the retention from before the policy's write.
    pub(super) fn restore(&mut self, written: WrittenRetention) {
        self.desired.retention = written.before;
        self.retention = PropertyWrite::Back(written);
    }

    /// Restores the deletion protection from before the policy's write.
    pub(super) fn restore_protection(&mut self, written: WrittenProtection) {
        self.desired.deletion_protection = Some(written.before);
        self.protection = PropertyWrite::Back(written);
    }

    /// Whether anything may have to be written.
    pub(super) fn is_needed(&self) -> bool {
        self.current != self.desired || (self.subscription == Touch::Always && self.subscribes())
    }

    pub(super) fn subscribes(&self) -> bool {
        self.desired.subscription.is_some()
    }

    /// Whether the policy's filter may have to be written.
    pub(super) fn writes_filter(&self) -> bool {
        self.subscribes() && self.touches_subscription()
    }

    fn touches_subscription(&self) -> bool {
        self.current.subscription != self.desired.subscription
            || (self.subscription == Touch::Always && self.subscribes())
    }
}

impl Reconciler {
    /// Reconciles several log groups at a time, each of them by one task only.
    pub(super) async fn reconcile_all(&self, group_changes: Vec<GroupChange>) -> Vec<Reconciled> {
        let progress = Progress::new("writing log groups", group_changes.len());
        stream::iter(group_changes)
            .map(|group_change| async {
                let reconciled = self.reconcile(group_change, AfterFailure::GoOn).await;
                progress.step();
                reconciled
            })
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await
    }

    /// Reconciles one log group: reads its filters again before writing, changes only what is ours,
    /// and says how far it came.
    pub(super) async fn reconcile(
        &self,
        group_change: GroupChange,
        after: AfterFailure,
    ) -> Reconciled {
        let mut reconciled =
            Reconciled::untouched(group_change.log_group.clone(), group_change.current.clone());
        let _turn = match self.writer.turn(&group_change.log_group).await {
            Ok(turn) => turn,
            Err(stopped) => {
                reconciled.failures.push(Failure::Call(stopped));
                return reconciled;
            }
        };
        if let Some(why) = group_change.barred.clone().filter(|_| group_change.writes_filter()) {
            reconciled.failures.push(Failure::Loop { why });
        } else if group_change.touches_subscription() {
            let outcome = self.reconcile_subscription(&group_change, &mut reconciled).await;
            reconciled.note(outcome.map_err(|failure| match failure {
                Failure::Call(mut error) if error.rejects(&group_change.class) => {
                    error.cause = Cause::Class;
                    Failure::Call(error)
                }
                failure => failure,
            }));
        }
        let halts = |reconciled: &Reconciled| match after {
            AfterFailure::Stop(on_conflict) => reconciled.barring(on_conflict).is_some(),
            AfterFailure::GoOn => false,
        };
        if group_change.current.retention != group_change.desired.retention
            && !halts(&reconciled)
            && !reconciled.gone
        {
            self.reconcile_retention(&group_change, &mut reconciled).await;
        }
        if let Some(protected) = group_change.desired.deletion_protection
            && group_change.current.deletion_protection != Some(protected)
            && !halts(&reconciled)
            && !reconciled.gone
        {
            self.reconcile_protection(&group_change, protected, &mut reconciled).await;
        }
        if reconciled.gone {
            self.verify_gone(&mut reconciled).await;
        }
        reconciled
    }

    async fn reconcile_retention(&self, group_change: &GroupChange, reconciled: &mut Reconciled) {
        if let PropertyWrite::Back(written) = group_change.retention {
            let mut claims = self.claims.lock().await;
            match claims.leave_or_restore(self.policy, &self.kept, &group_change.log_group, written)
            {
                Retained::No => {}
                Retained::WithWhatWas => return,
                Retained::ForgettingWhatWas => {
                    reconciled.left_to_others.forgotten = Some(written);
                    return;
                }
            }
        }
        let outcome = self
            .writer
            .set_retention(&group_change.log_group, group_change.desired.retention)
            .await;
        if outcome.is_ok() {
            reconciled.writes += 1;
            reconciled.reached.retention = group_change.desired.retention;
            let (before, wrote) = (group_change.current.retention, group_change.desired.retention);
            reconciled.written = group_change.retention.written(before, wrote);
        }
        reconciled.note(outcome.map_err(Failure::Call));
    }

    async fn reconcile_protection(
        &self,
        group_change: &GroupChange,
        protected: bool,
        reconciled: &mut Reconciled,
    ) {
        let GroupChange { log_group, arn, current, protection, .. } = group_change;
        if let PropertyWrite::Back(written) = *protection {
            let mut claims = self.claims.lock().await;
            match claims.leave_or_restore_protection(self.policy, &self.kept, log_group, written) {
                Retained::No => {}
                Retained::WithWhatWas => return,
                Retained::ForgettingWhatWas => {
                    reconciled.left_to_others.forgotten_protection = Some(written);
                    return;
                }
            }
        }
        let outcome = self.writer.set_deletion_protection(arn, protected).await;
        if outcome.is_ok() {
            reconciled.writes += 1;
            reconciled.reached.deletion_protection = Some(protected);
            let before = current.deletion_protection.unwrap_or(!protected);
            reconciled.written_protection = protection.written(before, protected);
        }
        reconciled.note(outcome.map_err(Failure::Call));
    }

    /// AWS answers alike where something else does not exist, such as a destination.
    async fn verify_gone(&self, reconciled: &mut Reconciled) {
        let listing = [Listing::Name(reconciled.log_group.clone())];
        match self.reader.log_groups(&listing).await {
            Ok(listed) if !listed.contains_key(&reconciled.log_group) => {}
            listed => {
                reconciled.gone = false;
                let Some(mut error) = reconciled.missing.take() else { return };
                if listed.is_ok() && error.operation == Operation::PutSubscriptionFilter {
                    error.cause = Cause::DestinationMissing;
                }
                reconciled.failures.push(Failure::Call(error));
            }
        }
    }

    async fn reconcile_subscription(
        &self,
        group_change: &GroupChange,
        reconciled: &mut Reconciled,
    ) -> Result<(), Failure> {
        let filters = match &group_change.filters {
            Some(filters) => filters.clone(),
            None => self
                .reader
                .subscription_filters(&group_change.log_group)
                .await
                .map_err(Failure::Call)?,
        };
        let present = self.wanted.as_ref().filter(|_| group_change.subscribes());
        reconciled.found = present.map(|wanted| self.ownership.examine(&filters, wanted));
        let mut group = Group {
            log_group: &group_change.log_group,
            filters,
            writes: 0,
            left: 0,
            reconciler: self,
        };
        let outcome = match &self.wanted {
            Some(wanted) if group_change.subscribes() => group.subscribe(wanted).await,
            _ => group.unsubscribe().await,
        };
        reconciled.writes += group.writes;
        reconciled.left_to_others.filters += group.left;
        reconciled.reached.subscription = match &self.wanted {
            Some(wanted) if group_change.subscribes() => {
                Some(self.ownership.examine(&group.filters, wanted))
            }
            _ if outcome.is_ok() => None,
            _ => group_change.current.subscription.clone(),
        };
        reconciled.filters = Some(group.filters);
        outcome
    }
}

/// One log group while its filters are changed; `filters` follows what was written.
struct Group<'a> {
    log_group: &'a str,
    filters: Vec<SubscriptionFilter>,
    writes: usize,
    /// How many filters another policy needs.
    left: usize,
    reconciler: &'a Reconciler,
}

impl Group<'_> {
    async fn subscribe(&mut self, wanted: &SubscriptionFilter) -> Result<(), Failure> {
        if let Some(foreign) = self.reconciler.ownership.in_the_way(&self.filters, wanted) {
            return Err(Failure::NameTaken { by: foreign.destination_arn.clone() });
        }
        if !self.filters.contains(wanted) {
            match self.write(wanted).await {
                Ok(()) => {}
                Err(full) if full.cause == Cause::Full => {
                    self.replace_own_filter(wanted, full).await?;
                }
                Err(error) => return Err(Failure::Call(error)),
            }
        }
        let ours = self.reconciler.ownership.ours(&self.filters);
        for filter in owned(ours.filter(|filter| filter.name != wanted.name)) {
            self.release(&filter).await.map_err(Failure::Call)?;
        }
        Ok(())
    }

    /// A rename on a log group at its filter quota: the old filter is deleted first, and restored
    /// if creating the new one fails. These calls are not interrupted by a stop, which would leave
    /// the log group without any filter.
    async fn replace_own_filter(
        &mut self,
        wanted: &SubscriptionFilter,
        full: CallError,
    ) -> Result<(), Failure> {
        let ours = self.reconciler.ownership.ours(&self.filters).cloned().collect::<Vec<_>>();
        let Some(old) = ours.into_iter().find(|filter| filter.name != wanted.name) else {
            return Err(Failure::Call(full));
        };
        if self.keep_or_release(&old).await == Kept::ForAnother {
            return Err(Failure::Call(full));
        }
        let whole = self.reconciler.writer.to_the_end();
        self.delete_by(&whole, &old.name).await.map_err(Failure::Call)?;
        let Err(error) = self.write_by(&whole, wanted).await else {
            return Ok(());
        };
        self.write_by(&whole, &old).await.map_err(Failure::Call)?;
        Err(Failure::Call(error))
    }

    async fn unsubscribe(&mut self) -> Result<(), Failure> {
        let made = self.filters.iter().filter(|filter| self.reconciler.ownership.made(filter));
        for filter in owned(made) {
            self.release(&filter).await.map_err(Failure::Call)?;
        }
        Ok(())
    }

    /// Deletes a filter of ours, unless another policy needs it.
    async fn release(&mut self, filter: &SubscriptionFilter) -> Result<(), CallError> {
        match self.keep_or_release(filter).await {
            Kept::ForAnother => {
                self.left += 1;
                Ok(())
            }
            Kept::No => self.delete(&filter.name).await,
        }
    }

    async fn keep_or_release(&self, filter: &SubscriptionFilter) -> Kept {
        let Reconciler { policy, kept, claims, .. } = self.reconciler;
        claims.lock().await.keep_or_release(*policy, kept, self.log_group, filter)
    }

    async fn write(&mut self, filter: &SubscriptionFilter) -> Result<(), CallError> {
        let reconciler = self.reconciler;
        self.write_by(&reconciler.writer, filter).await
    }

    async fn delete(&mut self, name: &str) -> Result<(), CallError> {
        let reconciler = self.reconciler;
        self.delete_by(&reconciler.writer, name).await
    }

    async fn write_by(
        &mut self,
        writer: &Writer,
        filter: &SubscriptionFilter,
    ) -> Result<(), CallError> {
        let present = self.filters.iter().find(|present| present.name == filter.name);
        writer.put_subscription_filter(self.log_group, filter, present).await?;
        self.writes += 1;
        self.filters.retain(|present| present.name != filter.name);
        self.filters.push(filter.clone());
        Ok(())
    }

    async fn delete_by(&mut self, writer: &Writer, name: &str) -> Result<(), CallError> {
        match writer.delete_subscription_filter(self.log_group, name).await {
            Ok(()) => self.writes += 1,
            // It was already deleted; the next read shows whether the log group is deleted too.
            Err(error) if error.cause == Cause::Missing => {}
            Err(error) => return Err(error),
        }
        self.filters.retain(|present| present.name != name);
        Ok(())
    }
}

fn owned<'a>(filters: impl Iterator<Item = &'a SubscriptionFilter>) -> Vec<SubscriptionFilter> {
    filters.cloned().collect()
}

/// The same failure of several log groups, to be reported once.
pub(super) fn by_reason(reconciled: &[Reconciled]) -> Vec<(&Failure, Vec<&str>)> {
    let mut reasons: BTreeMap<_, (&Failure, Vec<&str>)> = BTreeMap::new();
    for group in reconciled {
        for failure in &group.failures {
            let (_, groups) = reasons.entry(failure.likeness()).or_insert((failure, Vec::new()));
            groups.push(&group.log_group);
        }
    }
    for (_, groups) in reasons.values_mut() {
        groups.sort_unstable();
    }
    reasons.into_values().collect()
}

/// Reports what was not changed because another policy needs it.
pub(super) fn report_left_to_others(cx: &Context<Client>, reconciled: &[Reconciled]) {
    let of = |is_so: &dyn Fn(&LeftToOthers) -> bool| -> Vec<&str> {
        let groups = reconciled.iter().filter(|group| is_so(&group.left_to_others));
        groups.map(|group| group.log_group.as_str()).collect()
    };
    let filters = of(&|left| left.filters > 0);
    if !filters.is_empty() {
        cx.report(diagnostics::filters_left(&filters));
    }
    let forgotten: Vec<_> = reconciled
        .iter()
        .filter_map(|group| {
            let WrittenRetention { before, wrote, .. } = group.left_to_others.forgotten?;
            Some(format!("{} ({wrote}, before the policy {before})", group.log_group))
        })
        .collect();
    if !forgotten.is_empty() {
        cx.report(diagnostics::retentions_left(&forgotten));
    }
    let forgotten = of(&|left| left.forgotten_protection.is_some());
    if !forgotten.is_empty() {
        cx.report(diagnostics::protections_left(&forgotten));
    }
}

/// Keeps in mind what was written, and what AWS refused.
pub(super) fn record_reconciled(private: &mut PrivateState, reconciled: &[Reconciled]) {
    for group in reconciled {
        if let Some(written) = group.written {
            private.record_written(&group.log_group, written);
        }
        if let Some(written) = group.written_protection {
            private.record_written_protection(&group.log_group, written);
        }
        for failure in &group.failures {
            let Failure::Call(error) = failure else { continue };
            match (error.cause, &group.filters) {
                (Cause::Full, Some(filters)) => private.record_full(&group.log_group, filters),
                (Cause::Denied, _) => {
                    private.record_denied(&group.log_group, error.to_string());
                }
                (Cause::Class, _) => {
                    private.record_class_rejected(&group.log_group, error.to_string());
                }
                _ => {}
            }
        }
    }
}
