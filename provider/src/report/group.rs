use logagg_policy::{GroupState, LogGroup, Subscription};

use crate::policy::Surveyed;

/// The state of a log group under a policy, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It has a filter that would create a loop.
    Unwanted,
    /// Another owner's filter has the policy's filter name.
    Conflict,
    /// It has no filter.
    Missing,
    /// Its filter differs from the policy.
    Differs,
    /// Only its retention differs from the policy.
    Retention,
    /// It is selected and not forwarded, for a reason.
    Skipped,
    InPlace,
}

impl State {
    pub(super) const ALL: [Self; 7] = [
        Self::Unwanted,
        Self::Conflict,
        Self::Missing,
        Self::Differs,
        Self::Retention,
        Self::Skipped,
        Self::InPlace,
    ];

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unwanted => "would create a loop",
            Self::Conflict => "conflict",
            Self::Missing => "not subscribed",
            Self::Differs => "filter differs",
            Self::Retention => "retention differs",
            Self::Skipped => "skipped",
            Self::InPlace => "compliant",
        }
    }

    /// What it means.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Unwanted => {
                "it has the policy's filter, and its events would be forwarded back \
                 to it"
            }
            Self::Conflict => {
                "another owner's filter has the policy's filter name; apply does not change it and \
                 reports an error"
            }
            Self::Missing => "apply creates the policy's filter",
            Self::Differs => "its filter differs from the policy; apply updates it in place",
            Self::Retention => "only its retention differs from the policy; apply sets it",
            Self::Skipped => "it is selected and not forwarded; the reason is given",
            Self::InPlace => "no drift",
        }
    }

    /// Whether apply has something to do, or fails to do it.
    pub(super) fn differs(self) -> bool {
        self < Self::Skipped
    }

    fn of(surveyed: &Surveyed) -> Self {
        let Surveyed { current, desired, skip, foreign } = surveyed;
        match (&current.subscription, &desired.subscription) {
            (Some(_), None) => Self::Unwanted,
            (current, desired) if current != desired => match current {
                _ if foreign.is_some() => Self::Conflict,
                Some(Subscription::Differs(_)) => Self::Differs,
                _ => Self::Missing,
            },
            _ if current.retention != desired.retention => Self::Retention,
            _ if skip.is_some() => Self::Skipped,
            _ => Self::InPlace,
        }
    }
}

/// One log group that a policy selects.
#[derive(Clone, Debug)]
pub(super) struct GroupReview {
    pub(super) group: LogGroup,
    pub(super) state: State,
    pub(super) current: GroupState,
    pub(super) desired: GroupState,
    /// Why it is not shipped, or cannot be.
    pub(super) why: Option<String>,
    /// What the policy's retention would delete of it, estimated.
    pub(super) deleted_bytes: u64,
}

impl GroupReview {
    pub(super) fn of(group: LogGroup, surveyed: &Surveyed, deleted_bytes: u64) -> Self {
        let foreign = surveyed.foreign.as_ref();
        let foreign = foreign.map(|by| format!("a filter with this name forwards to {by}"));
        Self {
            group,
            state: State::of(surveyed),
            current: surveyed.current.clone(),
            desired: surveyed.desired.clone(),
            why: surveyed.skip.clone().or(foreign),
            deleted_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::{Argument, Retention};

    fn state(
        current: (Option<Subscription>, Retention),
        desired: (Option<Subscription>, Retention),
        skip: Option<&str>,
        foreign: Option<&str>,
    ) -> State {
        let state = |(subscription, retention)| GroupState { subscription, retention };
        State::of(&Surveyed {
            current: state(current),
            desired: state(desired),
            skip: skip.map(str::to_owned),
            foreign: foreign.map(str::to_owned),
        })
    }

    #[test]
    fn the_state_of_a_group_is_that_of_the_plan() {
        use Subscription::{Active, Differs, Missing};
        let month = Retention::Days(30);
        let desired = || (Some(Active), month);
        let differs = Differs(vec![Argument::FilterPattern]);
        assert_eq!(state((Some(Active), month), desired(), None, None), State::InPlace);
        assert_eq!(
            state((Some(Active), Retention::Never), desired(), None, None),
            State::Retention
        );
        assert_eq!(state((Some(Missing), Retention::Never), desired(), None, None), State::Missing);
        assert_eq!(state((Some(differs), month), desired(), None, None), State::Differs);
        assert_eq!(state((Some(Missing), month), desired(), None, Some("arn")), State::Conflict);
        assert_eq!(
            state((Some(Active), month), (None, month), Some("loop"), None),
            State::Unwanted
        );
        assert_eq!(state((None, month), (None, month), Some("class"), None), State::Skipped);
        let skipped = state((None, Retention::Never), (None, month), Some("class"), None);
        assert_eq!(skipped, State::Retention);
    }

    #[test]
    fn compliant_groups_come_last() {
        let differing = State::ALL.iter().filter(|state| state.differs()).count();
        assert_eq!(State::ALL[differing..], [State::Skipped, State::InPlace]);
        assert!(State::ALL.is_sorted());
    }
}
