use logagg_policy::{GroupState, LogGroup, Retention, Subscription};
use terraform_provider_logagg::engine::Surveyed;

/// The state of a log group under a policy, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It has a filter that it must not have.
    Unwanted,
    /// Another owner's filter has the policy's filter name.
    Conflict,
    /// It has no filter.
    Missing,
    /// Its filter differs from the policy.
    FilterDiffers,
    /// Only its retention, and perhaps its deletion protection, differ from the policy.
    RetentionDiffers,
    /// Only its deletion protection differs from the policy.
    ProtectionDiffers,
    /// It is selected and not forwarded, for a reason.
    Skipped,
    Compliant,
}

impl State {
    pub(crate) const ALL: [Self; 8] = [
        Self::Unwanted,
        Self::Conflict,
        Self::Missing,
        Self::FilterDiffers,
        Self::RetentionDiffers,
        Self::ProtectionDiffers,
        Self::Skipped,
        Self::Compliant,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unwanted => "must not be subscribed",
            Self::Conflict => "conflict",
            Self::Missing => "not subscribed",
            Self::FilterDiffers => "filter differs",
            Self::RetentionDiffers => "retention differs",
            Self::ProtectionDiffers => "deletion protection differs",
            Self::Skipped => "skipped",
            Self::Compliant => "compliant",
        }
    }

    /// Its name in JSON and CSV.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Unwanted => "must_not_be_subscribed",
            Self::Conflict => "conflict",
            Self::Missing => "not_subscribed",
            Self::FilterDiffers => "filter_differs",
            Self::RetentionDiffers => "retention_differs",
            Self::ProtectionDiffers => "deletion_protection_differs",
            Self::Skipped => "skipped",
            Self::Compliant => "compliant",
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Unwanted => {
                "The log group has the policy's filter, and its events would be forwarded back to \
                 it (a loop)"
            }
            Self::Conflict => {
                "Another owner's filter has the policy's filter name. Apply reports it and does not \
                 change it"
            }
            Self::Missing => "The log group has no filter of the policy. Apply creates it",
            Self::FilterDiffers => "Its filter differs from the policy. Apply updates it in place",
            Self::RetentionDiffers => {
                "Its filter is compliant, its retention is not. Apply sets it"
            }
            Self::ProtectionDiffers => {
                "Only its deletion protection differs from the policy. Apply sets it"
            }
            Self::Skipped => "The log group is selected and not forwarded; the reason is stated",
            Self::Compliant => "No drift",
        }
    }

    /// Whether it is drift: apply has something to do, or cannot do it.
    pub(crate) fn is_drift(self) -> bool {
        self < Self::Skipped
    }

    fn of(surveyed: &Surveyed) -> Self {
        let Surveyed { current, desired, skip, foreign } = surveyed;
        match (&current.subscription, &desired.subscription) {
            (Some(_), None) => Self::Unwanted,
            (current, desired) if current != desired => match current {
                _ if foreign.is_some() => Self::Conflict,
                Some(Subscription::Differs(_)) => Self::FilterDiffers,
                _ => Self::Missing,
            },
            _ if current.retention != desired.retention => Self::RetentionDiffers,
            _ if current.deletion_protection != desired.deletion_protection => {
                Self::ProtectionDiffers
            }
            _ if skip.is_some() => Self::Skipped,
            _ => Self::Compliant,
        }
    }
}

/// A log group that a policy selects.
#[derive(Clone, Debug)]
pub(crate) struct GroupReview {
    pub(crate) usage: Usage,
    pub(crate) state: State,
    pub(crate) current: GroupState,
    pub(crate) desired: GroupState,
    /// Why it is not forwarded, or cannot be.
    pub(crate) reason: Option<String>,
    /// The stored bytes that the policy's retention would delete, estimated.
    pub(crate) deleted_bytes: u64,
}

/// A log group with what it stores and ingests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Usage {
    pub(crate) group: LogGroup,
    /// In the last 30 days, where that is known.
    pub(crate) ingested_bytes: Option<u64>,
    /// Its page in the CloudWatch console.
    pub(crate) link: Option<String>,
}

impl GroupReview {
    pub(crate) fn of(usage: Usage, surveyed: &Surveyed, deleted_bytes: u64) -> Self {
        let foreign = surveyed.foreign.as_ref();
        let foreign = foreign.map(|arn| format!("a filter of this name forwards to {arn}"));
        Self {
            usage,
            state: State::of(surveyed),
            current: surveyed.current.clone(),
            desired: surveyed.desired.clone(),
            reason: surveyed.skip.clone().or(foreign),
            deleted_bytes,
        }
    }
}

/// Whether a log group is protected from deletion, in words.
pub(crate) fn protection(protected: bool) -> &'static str {
    if protected { "enabled" } else { "disabled" }
}

/// A change of deletion protection, in words.
pub(crate) fn protection_change(it: &GroupReview) -> Option<String> {
    let (current, desired) = (it.current.deletion_protection?, it.desired.deletion_protection?);
    (current != desired)
        .then(|| format!("deletion protection {} → {}", protection(current), protection(desired)))
}

/// A retention in words.
pub(crate) fn retention(retention: Retention) -> String {
    match retention {
        Retention::Never => "never expires".to_owned(),
        days @ Retention::Days(_) => days.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::Argument;

    fn state(
        current: (Option<Subscription>, Retention),
        desired: (Option<Subscription>, Retention),
        skip: Option<&str>,
        foreign: Option<&str>,
    ) -> State {
        let state = |(subscription, retention)| GroupState {
            subscription,
            retention,
            deletion_protection: None,
        };
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
        assert_eq!(state((Some(Active), month), desired(), None, None), State::Compliant);
        let never = state((Some(Active), Retention::Never), desired(), None, None);
        assert_eq!(never, State::RetentionDiffers);
        assert_eq!(state((Some(Missing), Retention::Never), desired(), None, None), State::Missing);
        assert_eq!(state((Some(differs), month), desired(), None, None), State::FilterDiffers);
        assert_eq!(state((Some(Missing), month), desired(), None, Some("arn")), State::Conflict);
        let unwanted = state((Some(Active), month), (None, month), Some("loop"), None);
        assert_eq!(unwanted, State::Unwanted);
        assert_eq!(state((None, month), (None, month), Some("class"), None), State::Skipped);
        let skipped = state((None, Retention::Never), (None, month), Some("class"), None);
        assert_eq!(skipped, State::RetentionDiffers);
    }

    #[test]
    fn a_group_whose_protection_differs_has_a_state_of_its_own() {
        let state = |protection| GroupState {
            subscription: None,
            retention: Retention::Never,
            deletion_protection: Some(protection),
        };
        let (current, desired) = (state(false), state(true));
        let surveyed = Surveyed { current, desired, skip: None, foreign: None };
        assert_eq!(State::of(&surveyed), State::ProtectionDiffers);
    }

    #[test]
    fn states_without_drift_come_last() {
        let drift = State::ALL.iter().filter(|state| state.is_drift()).count();
        assert_eq!(State::ALL[drift..], [State::Skipped, State::Compliant]);
        assert!(State::ALL.is_sorted());
    }

    #[test]
    fn the_key_of_a_state_is_its_name() {
        for state in State::ALL {
            assert_eq!(state.key(), state.name().replace(' ', "_"));
        }
    }
}
