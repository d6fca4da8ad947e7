use std::fmt;
use std::str::FromStr;

use crate::{
    LogGroupClass, LoopGuard, Obstacle, Provenance, Retention, RetentionMode, Skip, Standing,
    Subscription,
};

/// What a policy demands of every log group that it chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// The groups that must not be subscribed; None where the policy ships nothing.
    pub ships: Option<LoopGuard>,
    /// How long events are to be kept; None leaves each group as it is.
    pub retention: Option<Retention>,
    /// What that means for a group that keeps them longer or shorter.
    pub mode: RetentionMode,
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
#[error("{text:?} is not what can be done in a conflict: it is \"error\" or \"skip\"")]
pub struct UnknownOnConflict {
    text: String,
}

/// What one log group should be like, and why it is not subscribed if it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// How the group should stand.
    pub standing: Standing,
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
}

impl Demand {
    /// What is due to one log group.
    #[must_use]
    pub fn on(&self, name: &str, class: &LogGroupClass, is: &Standing, known: Known) -> Due {
        let obstacle = known.obstacle.filter(|_| self.on_conflict == OnConflict::Skip);
        let denied = matches!(obstacle, Some(Obstacle::Denied(_)));
        let skip = self
            .ships
            .as_ref()
            .and_then(|guard| Skip::of(name, class, guard))
            .or(obstacle.filter(|_| self.ships.is_some() || denied).map(Skip::Obstacle));
        let subscribed = self.ships.is_some() && skip.is_none();
        let retention = self.retention.filter(|_| class.takes_retention() && !denied);
        let standing = Standing {
            subscription: subscribed.then_some(Subscription::Active),
            retention: retention.map_or(is.retention, |says| {
                self.retention_due(says, is.retention, known.retention)
            }),
        };
        Due { standing, skip }
    }

    /// The retention due to a group that has `is`, of a policy that says `says`. What the policy
    /// itself set was unset before, so `if_unset` may change it again.
    #[must_use]
    pub fn retention_due(&self, says: Retention, is: Retention, whose: Provenance) -> Retention {
        match (self.mode, whose) {
            (RetentionMode::IfUnset, Provenance::Ours) => says,
            _ => self.mode.due(says, is),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Destination;

    fn standing(subscription: Option<Subscription>, retention: Retention) -> Standing {
        Standing { subscription, retention }
    }

    fn shipping_to(name: &str, retention: Option<Retention>) -> Demand {
        let guard = LoopGuard::by_name(&Destination::Function { name: name.into() });
        Demand { ships: Some(guard), retention, ..Demand::default() }
    }

    #[test]
    fn a_new_group_is_to_be_subscribed_and_kept_as_long_as_the_policy_says() {
        let demand = shipping_to("shipper", Some(Retention::Days(30)));
        let is = standing(Some(Subscription::Missing), Retention::Never);
        let due = demand.on("/aws/lambda/new", &LogGroupClass::Standard, &is, Known::default());
        assert_eq!(due.standing, standing(Some(Subscription::Active), Retention::Days(30)));
        assert_eq!(due.skip, None);
    }

    #[test]
    fn the_shippers_own_group_loses_a_filter_and_still_gets_its_retention() {
        let demand = shipping_to("shipper", Some(Retention::Days(30)));
        let is = standing(Some(Subscription::Active), Retention::Never);
        let due = demand.on("/aws/lambda/shipper", &LogGroupClass::Standard, &is, Known::default());
        assert_eq!(due.standing, standing(None, Retention::Days(30)));
        let why = "the destination itself writes to this log group".to_owned();
        assert_eq!(due.skip, Some(Skip::Loop(why)));
    }

    #[test]
    fn without_a_retention_each_group_keeps_its_own() {
        let demand = shipping_to("shipper", None);
        let is = standing(Some(Subscription::Active), Retention::Days(7));
        let due = demand.on("/aws/lambda/a", &LogGroupClass::Standard, &is, Known::default());
        assert_eq!(due.standing, is);
    }

    #[test]
    fn if_unset_changes_what_the_policy_itself_set() {
        let demand = Demand {
            retention: Some(Retention::Days(60)),
            mode: RetentionMode::IfUnset,
            ..Demand::default()
        };
        let is = standing(None, Retention::Days(30));
        let due = |retention| {
            let known = Known { retention, ..Known::default() };
            demand.on("/app/a", &LogGroupClass::Standard, &is, known).standing.retention
        };
        assert_eq!(due(Provenance::Unknown), Retention::Days(30));
        assert_eq!(due(Provenance::Ours), Retention::Days(60));
    }

    #[test]
    fn a_policy_that_ships_nothing_skips_nothing() {
        let demand = Demand { retention: Some(Retention::Days(30)), ..Demand::default() };
        let is = standing(None, Retention::Never);
        let due =
            demand.on("/aws/lambda/a", &LogGroupClass::InfrequentAccess, &is, Known::default());
        assert_eq!(due.standing, standing(None, Retention::Days(30)));
        assert_eq!(due.skip, None);
    }

    #[test]
    fn the_delivery_class_is_left_alone() {
        let demand = shipping_to("shipper", Some(Retention::Days(30)));
        let is = standing(None, Retention::Days(1));
        let due = demand.on("/aws/vendedlogs/a", &LogGroupClass::Delivery, &is, Known::default());
        assert_eq!(due.standing, is);
        assert_eq!(due.skip, Some(Skip::Class(LogGroupClass::Delivery)));
    }

    #[test]
    fn a_group_that_may_not_be_written_to_is_left_as_it_is() {
        let is = standing(Some(Subscription::Missing), Retention::Days(7));
        let mut demand = shipping_to("shipper", Some(Retention::Days(30)));
        demand.on_conflict = OnConflict::Skip;
        let denied =
            Known { obstacle: Some(Obstacle::Denied("no".to_owned())), ..Known::default() };
        let due = demand.on("/app/a", &LogGroupClass::Standard, &is, denied.clone());
        assert_eq!(due.standing, standing(None, Retention::Days(7)));
        assert_eq!(due.skip.map(|skip| skip.to_string()).as_deref(), Some("denied: no"));
        demand.ships = None;
        let due = demand.on("/app/a", &LogGroupClass::Standard, &is, denied);
        assert_eq!(due.standing.retention, Retention::Days(7));
        assert!(due.skip.is_some());
    }

    #[test]
    fn a_conflict_is_skipped_only_where_that_is_wanted() {
        let is = standing(Some(Subscription::Missing), Retention::Days(30));
        let mut demand = shipping_to("shipper", None);
        let full = || Known { obstacle: Some(Obstacle::Full), ..Known::default() };
        let due = demand.on("/aws/lambda/a", &LogGroupClass::Standard, &is, full());
        assert_eq!(due.standing.subscription, Some(Subscription::Active));
        demand.on_conflict = OnConflict::Skip;
        let due = demand.on("/aws/lambda/a", &LogGroupClass::Standard, &is, full());
        assert_eq!(due.standing.subscription, None);
        assert_eq!(due.skip, Some(Skip::Obstacle(Obstacle::Full)));
    }
}
