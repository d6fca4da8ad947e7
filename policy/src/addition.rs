use crate::{
    Desired, Known, LogGroup, Obstacle, Ownership, Retention, Skip, Subscription,
    SubscriptionFilter,
};

/// What can be added to a selected log group without changing or deleting anything: the filter if
/// none of ours exists, the retention if events never expire, deletion protection. The enforcer does no more than this,
/// so that it does not conflict with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Whether to create the filter.
    pub subscribe: bool,
    /// The retention to set.
    pub retention: Option<Retention>,
    /// Whether to protect the group from deletion.
    pub protect: bool,
    /// Why a forwarding policy does not create the filter.
    pub skip: Option<Skip>,
}

impl Addition {
    /// What a log group with these filters lacks.
    #[must_use]
    pub fn to(
        group: &LogGroup,
        filters: &[SubscriptionFilter],
        desired: &Desired,
        wanted: Option<&SubscriptionFilter>,
        ownership: &Ownership,
    ) -> Self {
        let subscription = wanted.map(|wanted| ownership.examine(filters, wanted));
        let current = desired.current(group, subscription);
        let obstacle = wanted.and_then(|wanted| ownership.in_the_way(filters, wanted));
        let obstacle = obstacle.map(|by| Obstacle::NameTaken(by.destination_arn.clone()));
        let desired = desired.on(
            &group.name,
            &group.class,
            &current,
            Known {
                obstacle: obstacle.clone(),
                is_governed: group.governed_by.is_some(),
                ..Known::default()
            },
        );
        let missing = current.subscription == Some(Subscription::Missing);
        let sets_retention =
            current.retention == Retention::Never && desired.state.retention != Retention::Never;
        Self {
            subscribe: missing && desired.state.subscription.is_some(),
            retention: sets_retention.then_some(desired.state.retention),
            protect: !group.is_protected && desired.state.deletion_protection == Some(true),
            skip: desired.skip.or(obstacle.map(Skip::Obstacle)),
        }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        !self.subscribe && self.retention.is_none() && !self.protect
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Destination, LogGroupClass, LoopGuard};

    const SHIPPER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";

    fn group(name: &str, retention: Retention) -> LogGroup {
        LogGroup {
            name: name.into(),
            class: LogGroupClass::Standard,
            retention,
            governed_by: None,
            is_protected: false,
            arn: String::new(),
            stored_bytes: 0,
            created_ms: 1,
        }
    }

    /// What a policy that ships to the shipper and keeps events for 30 days adds.
    fn added(group: &LogGroup, filters: &[SubscriptionFilter]) -> Addition {
        let wanted = SubscriptionFilter::new("ship", SHIPPER);
        let guard = LoopGuard::by_name(&Destination::Function { name: "shipper".into() });
        let desired = Desired {
            ships: Some(guard),
            retention: Some(Retention::Days(30)),
            deletion_protection: Some(true),
            ..Desired::default()
        };
        let ownership = Ownership::of(Some("ship"), Some(SHIPPER));
        Addition::to(group, filters, &desired, Some(&wanted), &ownership)
    }

    #[test]
    fn a_new_group_gets_filter_and_retention() {
        let addition = added(&group("/a", Retention::Never), &[]);
        let expected = Addition {
            subscribe: true,
            retention: Some(Retention::Days(30)),
            protect: true,
            skip: None,
        };
        assert_eq!(addition, expected);
    }

    #[test]
    fn existing_filters_and_retentions_are_kept() {
        let mut filter = SubscriptionFilter::new("ship", SHIPPER);
        filter.pattern = "ERROR".into();
        let group = LogGroup { is_protected: true, ..group("/a", Retention::Days(7)) };
        assert!(added(&group, &[filter]).is_nothing());
    }

    #[test]
    fn a_foreign_filter_of_our_name_is_reported_and_unchanged() {
        let foreign = SubscriptionFilter::new("ship", format!("{SHIPPER}-of-somebody"));
        let group = LogGroup { is_protected: true, ..group("/a", Retention::Days(30)) };
        let addition = added(&group, std::slice::from_ref(&foreign));
        assert!(addition.is_nothing());
        let taken = Obstacle::NameTaken(foreign.destination_arn);
        assert_eq!(addition.skip, Some(Skip::Obstacle(taken)));
    }

    #[test]
    fn the_shippers_own_group_gets_only_its_retention() {
        let addition = added(&group("/aws/lambda/shipper", Retention::Never), &[]);
        assert!(!addition.subscribe);
        assert_eq!(addition.retention, Some(Retention::Days(30)));
        assert!(matches!(addition.skip, Some(Skip::Loop(_))));
    }
}
