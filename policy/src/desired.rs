use std::fmt;
use std::str::FromStr;

use crate::{
    GroupState, LogGroup, LogGroupClass, LoopGuard, Obstacle, Provenance, Retention, RetentionMode,
    Skip, Subscription,
};

/// The desired state of every log group that a policy selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// The groups that must not be subscribed; None where the policy ships nothing.
    pub ships: Option<LoopGuard>,
    /// How long events are to be kept; None leaves each group as it is.
    pub retention: Option<Retention>,
    /// What that means for a group that keeps them longer or shorter.
    pub mode: RetentionMode,
    /// Whether groups are to be protected from deletion; None leaves each group as it is.
    pub deletion_protection: Option<bool>,
    /// What becomes of a group that cannot take our filter.
    pub on_conflict: OnConflict,
}

/// What becomes of a group that cannot take our filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It is an error.
    #[default]
    Error,
    /// The group is left out, with the reason shown.
    Skip,
}

impl fmt::Display for OnConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Skip => "skip",
        })
    }
}

impl FromStr for OnConflict {
    type Err = UnknownOnConflict;

    fn from_str(text: &str) -> Result<Self, UnknownOnConflict> {
        match text {
            "error" => Ok(Self::Error),
            "skip" => Ok(Self::Skip),
            _ => Err(UnknownOnConflict { text: text.to_owned() }),
        }
    }
}

/// A text that does not say what to do in a conflict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a value of on_conflict: it must be \"error\" or \"skip\"")]
pub struct UnknownOnConflict {
    text: String,
}

/// What one log group should be like, and why it is not subscribed if it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredState {
    /// How the group should stand.
    pub state: GroupState,
    /// Why a policy that ships leaves this group out.
    pub skip: Option<Skip>,
}

/// What is known of a log group that its listing and its filters do not show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What keeps our filter off it.
    pub obstacle: Option<Obstacle>,
    /// Whether the retention it has is one that the policy wrote.
    pub retention: Provenance,
    /// Whether an account-level retention policy sets its retention, so that its own has no effect.
    pub is_governed: bool,
}

impl Desired {
    /// How a log group stands that has this subscription.
    #[must_use]
    pub fn current(&self, group: &LogGroup, subscription: Option<Subscription>) -> GroupState {
        GroupState {
            subscription,
            retention: group.retention,
            deletion_protection: self.deletion_protection.map(|_| group.is_protected),
        }
    }

    /// What is due to one log group.
    #[must_use]
    pub fn on(
        &self,
        name: &str,
        class: &LogGroupClass,
        current: &GroupState,
        known: Known,
    ) -> DesiredState {
        let obstacle = known.obstacle.filter(|obstacle| {
            // What the class does not have is no conflict.
            self.on_conflict == OnConflict::Skip || matches!(obstacle, Obstacle::Class(_))
        });
        let denied = matches!(obstacle, Some(Obstacle::Denied(_)));
        let skip = self
            .ships
            .as_ref()
            .and_then(|guard| Skip::of(name, class, guard))
            .or(obstacle.filter(|_| self.ships.is_some() || denied).map(Skip::Obstacle));
        let ships = self.ships.is_some();
        let subscription = match &skip {
            None => ships.then_some(Subscription::Active),
            // AWS may deny one write and allow another: a filter that is there stays.
            Some(Skip::Obstacle(Obstacle::Denied(_))) if ships => {
                current.subscription.clone().filter(|current| *current != Subscription::Missing)
            }
            Some(_) => None,
        };
        let is_changeable = class.is_changeable() && !denied;
        let retention = self.retention.filter(|_| is_changeable && !known.is_governed);
        let protection = self.deletion_protection.filter(|_| is_changeable);
        let state = GroupState {
            subscription,
            retention: retention.map_or(current.retention, |says| {
                self.desired_retention(says, current.retention, known.retention)
            }),
            deletion_protection: protection.or(current.deletion_protection),
        };
        DesiredState { state, skip }
    }

    /// The retention that a policy with `says` wants for a log group that has `current`. What the
    /// policy itself set was unset before, so `if_unset` may change it again.
    #[must_use]
    pub fn desired_retention(
        &self,
        says: Retention,
        current: Retention,
        whose: Provenance,
    ) -> Retention {
        match (self.mode, whose) {
            (RetentionMode::IfUnset, Provenance::Ours) => says,
            _ => self.mode.desired(says, current),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Destination;

    fn state(subscription: Option<Subscription>, retention: Retention) -> GroupState {
        GroupState { subscription, retention, deletion_protection: None }
    }

    fn shipping_to(name: &str, retention: Option<Retention>) -> Desired {
        let guard = LoopGuard::by_name(&Destination::Function { name: name.into() });
        Desired { ships: Some(guard), retention, ..Desired::default() }
    }

    #[test]
    fn a_new_group_is_to_be_subscribed_and_kept_as_long_as_the_policy_says() {
        let policy = shipping_to("shipper", Some(Retention::Days(30)));
        let current = state(Some(Subscription::Missing), Retention::Never);
        let desired =
            policy.on("/aws/lambda/new", &LogGroupClass::Standard, &current, Known::default());
        assert_eq!(desired.state, state(Some(Subscription::Active), Retention::Days(30)));
        assert_eq!(desired.skip, None);
    }

    #[test]
    fn a_governed_group_keeps_its_retention_and_gets_its_filter() {
        let policy = shipping_to("shipper", Some(Retention::Days(30)));
        for retention in [Retention::Days(90), Retention::Never] {
            let current = state(Some(Subscription::Missing), retention);
            let known = Known { is_governed: true, ..Known::default() };
            let desired = policy.on("/aws/lambda/x", &LogGroupClass::Standard, &current, known);
            assert_eq!(desired.state, state(Some(Subscription::Active), retention));
        }
    }

    #[test]
    fn a_group_is_protected_where_the_policy_says_so_and_the_group_takes_it() {
        let policy = Desired { deletion_protection: Some(true), ..Desired::default() };
        let desired = |class, protected, known| {
            let current = GroupState {
                deletion_protection: Some(protected),
                ..state(None, Retention::Days(7))
            };
            policy.on("/app/a", &class, &current, known).state.deletion_protection
        };
        let governed = || Known { is_governed: true, ..Known::default() };
        assert_eq!(desired(LogGroupClass::Standard, false, Known::default()), Some(true));
        assert_eq!(desired(LogGroupClass::InfrequentAccess, false, governed()), Some(true));
        assert_eq!(desired(LogGroupClass::Delivery, false, Known::default()), Some(false));
        let current = state(None, Retention::Days(7));
        let nothing = Desired::default();
        let desired = nothing.on("/app/a", &LogGroupClass::Standard, &current, Known::default());
        assert_eq!(desired.state.deletion_protection, None);
    }

    #[test]
    fn the_shippers_own_group_loses_a_filter_and_still_gets_its_retention() {
        let policy = shipping_to("shipper", Some(Retention::Days(30)));
        let current = state(Some(Subscription::Active), Retention::Never);
        let desired =
            policy.on("/aws/lambda/shipper", &LogGroupClass::Standard, &current, Known::default());
        assert_eq!(desired.state, state(None, Retention::Days(30)));
        let why = "the destination itself writes to this log group".to_owned();
        assert_eq!(desired.skip, Some(Skip::Loop(why)));
    }

    #[test]
    fn without_a_retention_each_group_keeps_its_own() {
        let policy = shipping_to("shipper", None);
        let current = state(Some(Subscription::Active), Retention::Days(7));
        let desired =
            policy.on("/aws/lambda/a", &LogGroupClass::Standard, &current, Known::default());
        assert_eq!(desired.state, current);
    }

    #[test]
    fn if_unset_changes_what_the_policy_itself_set() {
        let policy = Desired {
            retention: Some(Retention::Days(60)),
            mode: RetentionMode::IfUnset,
            ..Desired::default()
        };
        let current = state(None, Retention::Days(30));
        let desired = |retention| {
            let known = Known { retention, ..Known::default() };
            policy.on("/app/a", &LogGroupClass::Standard, &current, known).state.retention
        };
        assert_eq!(desired(Provenance::Unknown), Retention::Days(30));
        assert_eq!(desired(Provenance::Ours), Retention::Days(60));
    }

    #[test]
    fn a_class_that_may_have_filters_gets_them_until_aws_rejects_them() {
        let mut policy = shipping_to("shipper", Some(Retention::Days(30)));
        let current = state(Some(Subscription::Missing), Retention::Never);
        let on = |policy: &Desired, obstacle| {
            let known = Known { obstacle, ..Known::default() };
            policy.on("/app/a", &LogGroupClass::Essentials, &current, known)
        };
        let subscribed = state(Some(Subscription::Active), Retention::Days(30));
        assert_eq!(on(&policy, None).state, subscribed);
        for on_conflict in [OnConflict::Error, OnConflict::Skip] {
            policy.on_conflict = on_conflict;
            let desired = on(&policy, Some(Obstacle::Class("not supported".to_owned())));
            assert_eq!(desired.state, state(None, Retention::Days(30)));
            let skip = desired.skip.map(|skip| skip.to_string());
            assert_eq!(skip.as_deref(), Some("class: not supported"));
        }
    }

    #[test]
    fn a_policy_that_ships_nothing_skips_nothing() {
        let policy = Desired { retention: Some(Retention::Days(30)), ..Desired::default() };
        let current = state(None, Retention::Never);
        let desired = policy.on(
            "/aws/lambda/a",
            &LogGroupClass::InfrequentAccess,
            &current,
            Known::default(),
        );
        assert_eq!(desired.state, state(None, Retention::Days(30)));
        assert_eq!(desired.skip, None);
    }

    #[test]
    fn the_delivery_class_is_not_changed() {
        let policy = shipping_to("shipper", Some(Retention::Days(30)));
        let current = state(None, Retention::Days(1));
        let desired =
            policy.on("/aws/vendedlogs/a", &LogGroupClass::Delivery, &current, Known::default());
        assert_eq!(desired.state, current);
        assert_eq!(desired.skip, Some(Skip::Class(LogGroupClass::Delivery)));
    }

    #[test]
    fn a_group_that_may_not_be_written_to_is_left_as_it_is() {
        let current = state(Some(Subscription::Missing), Retention::Days(7));
        let mut policy = shipping_to("shipper", Some(Retention::Days(30)));
        policy.on_conflict = OnConflict::Skip;
        let denied =
            Known { obstacle: Some(Obstacle::Denied("no".to_owned())), ..Known::default() };
        let desired = policy.on("/app/a", &LogGroupClass::Standard, &current, denied.clone());
        assert_eq!(desired.state, state(None, Retention::Days(7)));
        assert_eq!(desired.skip.map(|skip| skip.to_string()).as_deref(), Some("denied: no"));
        let subscribed = state(Some(Subscription::Active), Retention::Days(7));
        let desired = policy.on("/app/a", &LogGroupClass::Standard, &subscribed, denied.clone());
        assert_eq!(desired.state, subscribed);
        assert!(desired.skip.is_some());
        policy.ships = None;
        let desired = policy.on("/app/a", &LogGroupClass::Standard, &current, denied);
        assert_eq!(desired.state.retention, Retention::Days(7));
        assert!(desired.skip.is_some());
    }

    #[test]
    fn a_conflict_is_skipped_only_if_configured() {
        let current = state(Some(Subscription::Missing), Retention::Days(30));
        let mut policy = shipping_to("shipper", None);
        let full = || Known { obstacle: Some(Obstacle::Full), ..Known::default() };
        let desired = policy.on("/aws/lambda/a", &LogGroupClass::Standard, &current, full());
        assert_eq!(desired.state.subscription, Some(Subscription::Active));
        policy.on_conflict = OnConflict::Skip;
        let desired = policy.on("/aws/lambda/a", &LogGroupClass::Standard, &current, full());
        assert_eq!(desired.state.subscription, None);
        assert_eq!(desired.skip, Some(Skip::Obstacle(Obstacle::Full)));
    }
}
