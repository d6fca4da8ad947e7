//! The summary of a plan, reported before anything is done. Every kind of plan, by log group, from
//! a listing or to destroy, counts the log groups here.

use std::collections::BTreeSet;

use logagg_policy::{
    AccountPolicy, Arn, DesiredState, Destination, GroupState, Retention, Subscription,
};
use tfplugin::{Context, Diagnostic, Goal};

use super::findings::{ByAccount, Guards, Preview, Shortened};
use super::model::Intent;
use super::private_state::PrivateState;
use crate::connection::Client;
use crate::diagnostics;

/// A selected log group in a plan.
#[derive(Debug)]
pub(super) struct GroupPreview<'a> {
    pub(super) log_group: &'a str,
    pub(super) current: &'a GroupState,
    pub(super) desired: &'a DesiredState,
    pub(super) stored_bytes: u64,
    /// What becomes of its filter if the log group is compliant.
    pub(super) filter: FilterWrite,
    /// The account-level retention policy that sets its retention.
    pub(super) governed_by: Option<&'a str>,
}

/// What becomes of a log group that a policy releases, beside its filter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Released {
    /// The retention that is restored.
    pub(super) retention: Option<Retention>,
    /// The deletion protection that is restored.
    pub(super) protection: Option<bool>,
    pub(super) stored_bytes: u64,
}

impl Released {
    /// According to the last listing.
    pub(super) fn of(
        intent: &Intent,
        private: &PrivateState,
        log_group: &str,
        current: &GroupState,
    ) -> Self {
        let written = private.written_as_listed(log_group, current.retention);
        let retention = intent.restored(written).filter(|before| *before != current.retention);
        let protected =
            current.deletion_protection.unwrap_or_else(|| private.is_protected(log_group));
        let written = private.written_protection_as_listed(log_group, protected);
        let protection = intent.restored_protection(written).filter(|before| *before != protected);
        Self { retention, protection, stored_bytes: private.stored_bytes(log_group) }
    }
}

/// Whether a filter is written although the log group is compliant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilterWrite {
    /// An argument of the subscription changes, or may change.
    Again,
    IfDifferent,
}

impl Guards {
    /// Errors if more log groups would be changed, or fewer are selected, than the limits allow.
    pub(super) fn check(self, matches: usize, changes: usize) -> Result<(), Diagnostic> {
        match (self.max_changes, self.min_matches) {
            (Some(most), _) if changes > most => Err(diagnostics::too_many_changes(changes, most)),
            (_, Some(least)) if matches < least => {
                Err(diagnostics::too_few_matches(matches, least))
            }
            _ => Ok(()),
        }
    }
}

impl ByAccount {
    /// Whether the account-level policy forwards the destination's own events back to it. AWS
    /// prevents that for the log group of a Lambda destination, not for those behind it.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions-recursion-prevention.html>
    fn loops(&self, log_group: &str) -> bool {
        let prevented = self.is_function && self.guard.is_written_by_destination(log_group);
        !prevented && self.guard.why(log_group).is_some()
    }
}

impl Preview {
    /// That of a policy in an account which may ship by policies of its own.
    pub(super) fn of(intent: &Intent, account_policies: &[AccountPolicy]) -> Self {
        let wanted = intent.wanted.as_ref();
        let same = |policy: &&AccountPolicy| {
            wanted.is_some_and(|wanted| wanted.destination_arn == policy.destination_arn)
        };
        let same = account_policies.iter().filter(same);
        let by_account = same.map(|policy| ByAccount {
            policy: policy.clone(),
            guard: intent.desired.ships.clone().unwrap_or_default(),
            is_function: policy.destination_arn.parse().is_ok_and(|arn: Arn| {
                Destination::of(&arn).is_ok_and(|destination| destination.is_function())
            }),
            twice: BTreeSet::new(),
            looped: BTreeSet::new(),
        });
        let sets_retention = intent.desired.retention.is_some();
        Self {
            guards: intent.guards,
            sets_retention,
            by_account: by_account.collect(),
            ..Self::default()
        }
    }

    /// Counts a log group that the policy selects.
    pub(super) fn selected(&mut self, group: &GroupPreview<'_>) {
        let GroupPreview { log_group, current, desired, stored_bytes, filter, governed_by } =
            *group;
        self.selected += 1;
        let ships = desired.state.subscription == Some(Subscription::Active);
        let again = filter == FilterWrite::Again && desired.skip.is_none();
        if again || (ships && current.subscription != desired.state.subscription) {
            self.subscribed.push(log_group.to_owned());
        } else if current.subscription.is_some() && desired.state.subscription.is_none() {
            self.unsubscribed.push(log_group.to_owned());
        }
        if current.retention != desired.state.retention {
            self.retained.push(log_group.to_owned());
        }
        match desired.state.deletion_protection {
            protection if protection == current.deletion_protection => {}
            Some(true) => self.protected.push(log_group.to_owned()),
            Some(false) | None => self.unprotected.push(log_group.to_owned()),
        }
        self.changes += usize::from(again || desired.state != *current);
        self.shortened.count(log_group, current.retention, desired.state.retention, stored_bytes);
        if let Some(policy) = governed_by.filter(|_| self.sets_retention) {
            let governed = self.governed.entry((policy.to_owned(), current.retention.in_days()));
            governed.or_default().push(log_group.to_owned());
        }
        if let Some(skip) = &desired.skip {
            self.skipped.insert(log_group.to_owned(), skip.to_string());
        }
        for by_account in self.by_account.iter_mut().filter(|it| it.policy.ships(log_group)) {
            if ships {
                by_account.twice.insert(log_group.to_owned());
            } else if by_account.loops(log_group) {
                by_account.looped.insert(log_group.to_owned());
            }
        }
    }

    /// Counts a log group that the policy releases.
    pub(super) fn left(&mut self, log_group: &str, current: &GroupState, released: &Released) {
        let Released { retention, protection, stored_bytes } = *released;
        if current.subscription.is_some() {
            self.unsubscribed.push(log_group.to_owned());
        }
        if let Some(restored) = retention {
            self.restored.push(log_group.to_owned());
            self.restored_shorter.count(log_group, current.retention, restored, stored_bytes);
        }
        match protection {
            Some(true) => self.protected.push(log_group.to_owned()),
            Some(false) => self.unprotected.push(log_group.to_owned()),
            None => {}
        }
        let restores = retention.is_some() || protection.is_some();
        self.changes += usize::from(current.subscription.is_some() || restores);
    }

    /// Warns of events that will be deleted or arrive twice, and fails the plan where it goes too
    /// far. Before it destroys Terraform plans as well, and what such a plan says is never applied.
    pub(super) fn report(&self, cx: &Context<Client>) {
        self.report_shortened(cx);
        for ((policy, days), log_groups) in &self.governed {
            cx.report(diagnostics::governed(policy, *days, log_groups));
        }
        for ByAccount { policy, twice, looped, .. } in &self.by_account {
            if !(twice.is_empty() && looped.is_empty()) {
                cx.report(diagnostics::forwarded_by_account(policy, twice, looped));
            }
        }
        let Some(problem) = self.problem() else { return };
        cx.report(match Goal::of_this_run() {
            Goal::Destroy => diagnostics::passed_over_to_destroy(problem),
            Goal::Other => problem,
        });
    }

    /// Warns of events that will be deleted.
    pub(super) fn report_shortened(&self, cx: &Context<Client>) {
        self.shortened.report(cx);
        if !self.restored_shorter.log_groups.is_empty() {
            cx.report(diagnostics::restored_shorter(&self.restored_shorter));
        }
    }

    /// The violated safety limit, if any.
    pub(super) fn problem(&self) -> Option<Diagnostic> {
        self.guards.check(self.selected, self.changes).err()
    }
}

impl Shortened {
    /// An empty log group, as a new one is, loses nothing.
    pub(super) fn count(
        &mut self,
        log_group: &str,
        from: Retention,
        to: Retention,
        stored_bytes: u64,
    ) {
        if to < from && stored_bytes > 0 {
            self.log_groups.push(format!("{log_group} ({from} to {to})"));
            self.bytes += stored_bytes;
        }
    }

    /// Warns of them, if there are any.
    pub(super) fn report(&self, cx: &Context<Client>) {
        if !self.log_groups.is_empty() {
            cx.report(diagnostics::shortened(self));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::Skip;

    #[test]
    fn guards_stop_unexpected_changes() {
        let guards = Guards { max_changes: Some(10), min_matches: Some(5) };
        assert!(guards.check(5, 10).is_ok());
        assert_eq!(
            guards.check(5, 11).unwrap_err().summary,
            "More changes than max_changes allows"
        );
        assert_eq!(
            guards.check(4, 0).unwrap_err().summary,
            "Fewer log groups than min_matches requires"
        );
        assert!(Guards::default().check(0, 10_000).is_ok());
    }

    fn state(subscription: Option<Subscription>, retention: Retention) -> GroupState {
        GroupState { subscription, retention, deletion_protection: None }
    }

    fn selected(
        preview: &mut Preview,
        current: &GroupState,
        desired: &DesiredState,
        filter: FilterWrite,
    ) {
        preview.selected(&GroupPreview {
            log_group: "/a",
            current,
            desired,
            stored_bytes: 10,
            filter,
            governed_by: None,
        });
    }

    #[test]
    fn each_log_group_counts_once_by_whatever_changes() {
        let active = || Some(Subscription::Active);
        let desired = |subscription, retention| DesiredState {
            state: state(subscription, retention),
            skip: None,
        };
        let check = |current: GroupState, desired: DesiredState, filter, expected: [usize; 4]| {
            let mut preview = Preview::default();
            selected(&mut preview, &current, &desired, filter);
            let counts = [
                preview.changes,
                preview.subscribed.len(),
                preview.retained.len(),
                preview.shortened.log_groups.len(),
            ];
            assert_eq!(counts, expected, "{current:?} {desired:?}");
        };
        let (week, month) = (Retention::Days(7), Retention::Days(30));
        let same = FilterWrite::IfDifferent;
        check(state(active(), month), desired(active(), month), same, [0; 4]);
        check(state(active(), month), desired(active(), month), FilterWrite::Again, [1, 1, 0, 0]);
        let missing = Some(Subscription::Missing);
        check(state(missing, week), desired(active(), month), same, [1, 1, 1, 0]);
        check(state(active(), month), desired(active(), week), same, [1, 0, 1, 1]);
        check(state(active(), month), desired(None, month), same, [1, 0, 0, 0]);
    }

    #[test]
    fn a_skipped_group_is_no_change_if_filters_are_unknown() {
        let current = state(None, Retention::Never);
        let skip = Some(Skip::Loop("it writes there".to_owned()));
        let desired = DesiredState { state: current.clone(), skip };
        let mut preview = Preview::default();
        selected(&mut preview, &current, &desired, FilterWrite::Again);
        assert_eq!((preview.changes, preview.skipped.len()), (0, 1));
    }

    #[test]
    fn a_group_that_leaves_counts_by_its_filter_and_its_restored_retention() {
        let mut preview = Preview::default();
        let (week, month) = (Retention::Days(7), Retention::Days(30));
        let mut left = |name: &str, subscription, retention, protection| {
            let released = Released { retention, protection, stored_bytes: 10 };
            preview.left(name, &state(subscription, month), &released);
        };
        left("/a", Some(Subscription::Active), None, None);
        left("/b", None, Some(week), None);
        left("/c", None, None, None);
        left("/d", None, Some(Retention::Never), None);
        left("/e", None, None, Some(false));
        assert_eq!(preview.changes, 4);
        assert_eq!(preview.unprotected, ["/e"]);
        assert_eq!(preview.restored_shorter.log_groups, ["/b (30 days to 7 days)"]);
        assert_eq!(preview.restored_shorter.bytes, 10);
    }
}
