use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use logagg_policy::{
    Arn, Desired, Destination, Document, Grant, GroupState, Listing, LoopGuard, OnDestroy,
    Ownership, PolicyId, Retention, Selection, Subscription, SubscriptionFilter, WrittenProtection,
    WrittenRetention,
};
use tfplugin::{Attr, Context, Convert};

use super::findings::Guards;
use super::private_state::PrivateState;
use super::refresh::Refresh;
use super::refresh_mode::RefreshMode;
use crate::connection::{Client, RoleBlock};
use crate::selection::{RuleBlock, selection, texts};

tfplugin::object! {
    /// The resource, as configuration, plan and state hold it.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Policy {
        pub(crate) id: Attr<String>,
        pub(crate) account_id: Attr<String>,
        pub(crate) region: Attr<String>,
        pub(crate) assume_role: Attr<Vec<RoleBlock>>,
        pub(crate) name: Attr<String>,
        pub(crate) destination_arn: Attr<String>,
        pub(crate) filter_name: Attr<String>,
        pub(crate) filter_pattern: Attr<String>,
        pub(crate) role_arn: Attr<String>,
        pub(crate) distribution: Attr<String>,
        pub(crate) apply_on_transformed_logs: Attr<bool>,
        pub(crate) field_selection_criteria: Attr<String>,
        pub(crate) emit_system_fields: Attr<Vec<Attr<String>>>,
        pub(crate) replace_destination_arns: Attr<Vec<Attr<String>>>,
        pub(crate) on_conflict: Attr<String>,
        pub(crate) grant_invoke: Attr<bool>,
        pub(crate) retention_in_days: Attr<i64>,
        pub(crate) retention_mode: Attr<String>,
        pub(crate) retention_on_destroy: Attr<String>,
        pub(crate) deletion_protection: Attr<bool>,
        pub(crate) deletion_protection_on_destroy: Attr<String>,
        pub(crate) refresh: Attr<String>,
        pub(crate) full_refresh_after_hours: Attr<i64>,
        pub(crate) max_changes: Attr<i64>,
        pub(crate) min_matches: Attr<i64>,
        pub(crate) select: Attr<Vec<RuleBlock>>,
        pub(crate) exclude: Attr<Vec<RuleBlock>>,
        pub(crate) log_groups: Attr<BTreeMap<String, Attr<Entry>>>,
        pub(crate) skipped: Attr<BTreeMap<String, Attr<String>>>,
        pub(crate) pending: Attr<i64>,
        pub(crate) document: Attr<String>,
        pub(crate) invoke_permission: Attr<String>,
    }
}

tfplugin::object! {
    /// One log group in `log_groups`.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) struct Entry {
        pub(crate) subscription: Attr<String>,
        pub(crate) retention_in_days: Attr<i64>,
        pub(crate) deletion_protection: Attr<bool>,
    }
}

/// How old a full refresh may be unless the policy says otherwise.
const DEFAULT_FULL_REFRESH_AFTER_HOURS: u64 = 24;

/// A policy whose every argument is known, made of what the rules work with.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    pub(crate) name: String,
    /// What every subscribed group is to have; None where the policy ships nothing.
    pub(crate) wanted: Option<SubscriptionFilter>,
    /// Leave for CloudWatch Logs to invoke the destination, where the policy is to give it.
    pub(crate) grant: Option<Grant>,
    pub(crate) desired: Desired,
    pub(crate) selection: Selection,
    pub(crate) guards: Guards,
    pub(crate) retention_on_destroy: OnDestroy,
    pub(crate) protection_on_destroy: OnDestroy,
    pub(crate) refresh: Refresh,
}

impl Intent {
    /// What to ask for. Without a selection, as after an import, that is everything: it then
    /// covers whatever the configuration selects.
    pub(crate) fn listings(&self) -> Vec<Listing> {
        if self.selection.select.is_empty() {
            return vec![Listing::Prefix(String::new())];
        }
        self.selection.listings()
    }

    /// Takes the destination's loops from memory.
    pub(crate) fn restore_loops(&mut self, private_state: &PrivateState) {
        if let (Some(wanted), Some(guard)) = (&self.wanted, &mut self.desired.ships) {
            private_state.restore_loops(&wanted.destination_arn, guard);
        }
    }

    /// What a log group's retention goes back to when the policy lets it go: what was there before
    /// the policy's first write, if that is wanted and what is there now is still the policy's.
    pub(crate) fn restored(&self, written: Option<WrittenRetention>) -> Option<Retention> {
        let wanted = self.retention_on_destroy == OnDestroy::Restore;
        written.filter(|_| wanted).map(|written| written.before)
    }

    /// The same for its deletion protection.
    pub(crate) fn restored_protection(&self, written: Option<WrittenProtection>) -> Option<bool> {
        let wanted = self.protection_on_destroy == OnDestroy::Restore;
        written.filter(|_| wanted).map(|written| written.before)
    }

    /// The deletion protection of a log group, as far as the policy sets it.
    pub(crate) fn protection(
        &self,
        private_state: &PrivateState,
        log_group: &str,
        stated: Option<bool>,
    ) -> Option<bool> {
        let listed = || private_state.is_protected(log_group);
        self.desired.deletion_protection.map(|_| stated.unwrap_or_else(listed))
    }
}

/// A policy that the rules cannot work with: the state was written by hand or by another version.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(String);

impl Policy {
    /// The policy as the rules see it. Validation and planning have seen every argument before;
    /// what fails here was not written by this provider.
    pub(crate) fn intent(&self, private: &PrivateState) -> Result<Intent, Unusable> {
        let destination = self.destination_arn.known().map(|arn| destination(arn)).transpose()?;
        let retention = self
            .retention_in_days
            .known()
            .map(|days| Retention::parse(*days).map_err(unusable))
            .transpose()?;
        Ok(Intent {
            name: self.name.known().cloned().unwrap_or_default(),
            wanted: self.wanted()?,
            grant: private.id().map_or(Ok(None), |id| self.grant(id))?,
            desired: Desired {
                ships: destination.as_ref().map(|destination| {
                    let guard = LoopGuard::by_name(destination);
                    match self.account_id.known() {
                        Some(account_id) => guard.in_account(account_id),
                        None => guard,
                    }
                }),
                retention,
                mode: parsed(&self.retention_mode)?,
                deletion_protection: self.deletion_protection.known().copied(),
                on_conflict: parsed(&self.on_conflict)?,
            },
            selection: selection(&self.select, &self.exclude).map_err(unusable)?,
            guards: Guards {
                max_changes: count(&self.max_changes),
                min_matches: count(&self.min_matches),
            },
            retention_on_destroy: parsed(&self.retention_on_destroy)?,
            protection_on_destroy: parsed(&self.deletion_protection_on_destroy)?,
            refresh: self.refresh()?,
        })
    }

    /// The name of the filters: the policy's own, unless it names another.
    pub(crate) fn effective_filter_name(&self) -> Attr<&String> {
        match &self.filter_name {
            Attr::Null => self.name.as_ref(),
            given => given.as_ref(),
        }
    }

    /// Whether another policy asks the same of every subscription.
    pub(crate) fn subscribes_as(&self, other: &Self) -> bool {
        self.effective_filter_name() == other.effective_filter_name()
            && self.destination_arn == other.destination_arn
            && self.filter_pattern.known().map_or("", |pattern| pattern.trim())
                == other.filter_pattern.known().map_or("", |pattern| pattern.trim())
            && self.role_arn == other.role_arn
            && self.distribution == other.distribution
            && self.apply_on_transformed_logs.known().unwrap_or(&false)
                == other.apply_on_transformed_logs.known().unwrap_or(&false)
            && self.field_selection_criteria == other.field_selection_criteria
            && texts(&self.emit_system_fields) == texts(&other.emit_system_fields)
            && texts(&self.replace_destination_arns) == texts(&other.replace_destination_arns)
    }

    /// Whether another policy has the same selection.
    pub(crate) fn selects_as(&self, other: &Self) -> bool {
        normal(&self.select) == normal(&other.select)
            && normal(&self.exclude) == normal(&other.exclude)
    }

    /// The role that is assumed, if there is one.
    pub(crate) fn assumed_role(&self) -> Option<&Attr<String>> {
        Some(&self.assume_role.known()?.first()?.role_arn)
    }

    /// The account of the role that is assumed, as far as that is known.
    pub(crate) fn account_of_role(&self) -> Option<String> {
        let arn: Arn = self.assumed_role()?.known()?.parse().ok()?;
        Some(arn.account().to_owned())
    }

    /// Whether every word of the selection is known.
    pub(crate) fn selection_is_known(&self) -> bool {
        let known = |blocks: &Attr<Vec<RuleBlock>>| blocks.clone().into_value().is_wholly_known();
        known(&self.select) && known(&self.exclude)
    }

    /// How each log group stands according to this state.
    pub(crate) fn states(&self) -> Result<BTreeMap<String, GroupState>, Unusable> {
        let entries = self.log_groups.known().into_iter().flatten();
        entries
            .filter_map(|(name, entry)| Some((name, entry.known()?)))
            .map(|(name, entry)| Ok((name.clone(), entry.state()?)))
            .collect()
    }

    /// The policy as a string, unknown while any of its arguments is. A state without a selection,
    /// as after an import, is no policy yet.
    pub(crate) fn document(&self) -> Attr<String> {
        let place = [&self.name, &self.region, &self.account_id];
        if place.iter().any(|argument| argument.is_unknown()) || !self.rules_are_known() {
            return Attr::unknown();
        }
        let [Some(name), Some(region), Some(account_id)] = place.map(|argument| argument.known())
        else {
            return Attr::Null;
        };
        let Ok(intent) = self.intent(&PrivateState::default()) else { return Attr::Null };
        if intent.selection.select.is_empty() {
            return Attr::Null;
        }
        let document = Document {
            name: name.clone(),
            region: region.clone(),
            account_id: account_id.clone(),
            wanted: intent.wanted,
            replaced: texts(&self.replace_destination_arns).unwrap_or_default(),
            desired: intent.desired,
            selection: intent.selection,
        };
        Attr::Known(document.to_string())
    }

    /// Whether every argument is known that says what log groups are to be like.
    fn rules_are_known(&self) -> bool {
        let texts = [
            &self.destination_arn,
            &self.filter_name,
            &self.filter_pattern,
            &self.role_arn,
            &self.distribution,
            &self.field_selection_criteria,
            &self.on_conflict,
            &self.retention_mode,
        ];
        let known = |list: &Attr<Vec<Attr<String>>>| list.clone().into_value().is_wholly_known();
        !texts.iter().any(|text| text.is_unknown())
            && !self.apply_on_transformed_logs.is_unknown()
            && !self.retention_in_days.is_unknown()
            && !self.deletion_protection.is_unknown()
            && known(&self.emit_system_fields)
            && known(&self.replace_destination_arns)
            && self.selection_is_known()
    }

    /// The filters that are this policy's.
    pub(crate) fn ownership(&self) -> Ownership {
        Ownership {
            replaced: texts(&self.replace_destination_arns).unwrap_or_default(),
            ..Ownership::of(
                self.effective_filter_name().into_known().map(String::as_str),
                self.destination_arn.known().map(String::as_str),
            )
        }
    }

    /// A policy that ships nothing asks no log group for its filters.
    fn refresh(&self) -> Result<Refresh, Unusable> {
        let hours =
            self.full_refresh_after_hours.known().and_then(|hours| u64::try_from(*hours).ok());
        let full_after = Duration::from_hours(hours.unwrap_or(DEFAULT_FULL_REFRESH_AFTER_HOURS));
        Ok(match parsed(&self.refresh)? {
            RefreshMode::Incremental if self.destination_arn.known().is_some() => {
                Refresh::Incremental { full_after }
            }
            RefreshMode::Incremental | RefreshMode::Full => Refresh::Full,
        })
    }

    /// What `grant_invoke` asks for.
    pub(crate) fn grant(&self, policy: PolicyId) -> Result<Option<Grant>, Unusable> {
        let (Some(true), Some(name), Some(arn)) =
            (self.grant_invoke.known(), self.name.known(), self.destination_arn.known())
        else {
            return Ok(None);
        };
        Ok(Grant::of(&arn.parse().map_err(unusable)?, name, policy))
    }

    fn wanted(&self) -> Result<Option<SubscriptionFilter>, Unusable> {
        let (Some(name), Some(destination_arn)) =
            (self.effective_filter_name().into_known(), self.destination_arn.known())
        else {
            return Ok(None);
        };
        let filter = SubscriptionFilter {
            name: name.clone(),
            destination_arn: destination_arn.clone(),
            pattern: self.filter_pattern.known().cloned().unwrap_or_default(),
            role_arn: self.role_arn.known().cloned(),
            distribution: parsed(&self.distribution)?,
            apply_on_transformed_logs: self
                .apply_on_transformed_logs
                .known()
                .copied()
                .unwrap_or_default(),
            field_selection_criteria: self.field_selection_criteria.known().cloned(),
            emit_system_fields: texts(&self.emit_system_fields).unwrap_or_default(),
        };
        Ok(Some(filter.normalized()))
    }
}

impl Policy {
    /// Whether the planned retention of a log group is unknown.
    pub(crate) fn is_unknown_retention(&self, log_group: &str) -> bool {
        self.entry(log_group).is_some_and(|entry| entry.retention_in_days.is_unknown())
    }

    /// Whether the planned deletion protection of a log group is unknown.
    pub(crate) fn is_unknown_protection(&self, log_group: &str) -> bool {
        self.entry(log_group).is_some_and(|entry| entry.deletion_protection.is_unknown())
    }

    fn entry(&self, log_group: &str) -> Option<&Entry> {
        self.log_groups.known()?.get(log_group)?.known()
    }
}

impl Entry {
    /// Whether a plan left something of it unknown.
    pub(crate) fn has_unknown(&self) -> bool {
        self.subscription.is_unknown()
            || self.retention_in_days.is_unknown()
            || self.deletion_protection.is_unknown()
    }

    pub(crate) fn of(state: &GroupState) -> Self {
        Self {
            subscription: state.subscription.as_ref().map(ToString::to_string).into(),
            retention_in_days: Attr::Known(state.retention.in_days()),
            deletion_protection: state.deletion_protection.into(),
        }
    }

    /// A subscription that a plan leaves unknown is to be active, if nothing is in its way.
    fn state(&self) -> Result<GroupState, Unusable> {
        let subscription = match &self.subscription {
            Attr::Null => None,
            Attr::Known(text) => Some(text.parse().map_err(unusable)),
            Attr::Unknown(_) => Some(Ok(Subscription::Active)),
        };
        let days = self.retention_in_days.known().and_then(|days| i32::try_from(*days).ok());
        Ok(GroupState {
            subscription: subscription.transpose()?,
            retention: Retention::reported(days),
            deletion_protection: self.deletion_protection.known().copied(),
        })
    }
}

/// What `log_groups` holds for these.
pub(crate) fn entries(states: &BTreeMap<String, GroupState>) -> BTreeMap<String, Attr<Entry>> {
    states.iter().map(|(name, state)| (name.clone(), Attr::Known(Entry::of(state)))).collect()
}

/// The diagnostics are about this policy.
pub(super) fn about(cx: &Context<Client>, policy: &Policy) {
    if let Some(id) = policy.id.known().or(policy.name.known()) {
        cx.about(id);
    }
}

fn destination(arn: &str) -> Result<Destination, Unusable> {
    let arn: Arn = arn.parse().map_err(unusable)?;
    Destination::of(&arn).map_err(unusable)
}

/// What a string says, or the default where there is none.
fn parsed<T>(text: &Attr<String>) -> Result<T, Unusable>
where
    T: FromStr + Default,
    T::Err: std::fmt::Display,
{
    text.known().map_or_else(|| Ok(T::default()), |text| text.parse().map_err(unusable))
}

fn count(number: &Attr<i64>) -> Option<usize> {
    number.known().and_then(|number| usize::try_from(*number).ok())
}

/// No blocks at all and an empty list of them are the same.
fn normal(blocks: &Attr<Vec<RuleBlock>>) -> Attr<&[RuleBlock]> {
    match blocks {
        Attr::Null => Attr::Known(&[]),
        blocks => blocks.as_ref().map(Vec::as_slice),
    }
}

fn unusable(error: impl std::fmt::Display) -> Unusable {
    Unusable(error.to_string())
}
