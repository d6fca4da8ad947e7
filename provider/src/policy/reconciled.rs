use logagg_policy::{
    GroupState, OnConflict, Subscription, SubscriptionFilter, WrittenProtection, WrittenRetention,
};

use super::findings::Failure;
use crate::aws::{CallError, Cause};

/// What became of a log group.
#[derive(Debug)]
pub(super) struct Reconciled {
    pub(super) log_group: String,
    /// How it stands now.
    pub(super) reached: GroupState,
    /// Its filters now, where they were looked at.
    pub(super) filters: Option<Vec<SubscriptionFilter>>,
    pub(super) failures: Vec<Failure>,
    /// Whether it no longer exists, and the answer that says so.
    pub(super) gone: bool,
    pub(super) missing: Option<CallError>,
    pub(super) writes: usize,
    /// The retention that it was given.
    pub(super) written: Option<WrittenRetention>,
    /// The deletion protection that it was given.
    pub(super) written_protection: Option<WrittenProtection>,
    /// How the subscription stood before the first write, where that was looked at.
    pub(super) found: Option<Subscription>,
    /// What was left as it is because another policy needs it.
    pub(super) left_to_others: LeftToOthers,
}

/// What one policy leaves to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftToOthers {
    pub(super) filters: usize,
    /// A retention that was to be restored, and of which no record remains.
    pub(super) forgotten: Option<WrittenRetention>,
    /// The same of a deletion protection.
    pub(super) forgotten_protection: Option<WrittenProtection>,
}

impl Reconciled {
    /// A log group as it was before anything was done.
    pub(super) fn untouched(log_group: String, current: GroupState) -> Self {
        Self {
            log_group,
            reached: current,
            filters: None,
            failures: Vec::new(),
            gone: false,
            missing: None,
            writes: 0,
            written: None,
            written_protection: None,
            found: None,
            left_to_others: LeftToOthers::default(),
        }
    }

    /// A failure that says something about all log groups rather than about this one.
    pub(super) fn barring(&self, on_conflict: OnConflict) -> Option<(&str, &Failure)> {
        let barring = self.failures.iter().find(|failure| match failure {
            Failure::Call(error) if error.cause == Cause::Denied => {
                on_conflict == OnConflict::Error
            }
            Failure::Call(error) => !matches!(error.cause, Cause::Full | Cause::Class),
            Failure::NameTaken { .. } | Failure::Loop { .. } => false,
        });
        barring.map(|failure| (self.log_group.as_str(), failure))
    }

    /// A write that AWS denied.
    pub(super) fn denied(&self) -> Option<(&str, &Failure)> {
        let denied = self.failures.iter().find(|failure| match failure {
            Failure::Call(error) => error.cause == Cause::Denied,
            Failure::NameTaken { .. } | Failure::Loop { .. } => false,
        });
        denied.map(|failure| (self.log_group.as_str(), failure))
    }

    /// Adds the outcome of a write.
    pub(super) fn note(&mut self, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => {}
            Err(Failure::Call(error)) if error.cause == Cause::Missing => {
                self.gone = true;
                self.missing = Some(error);
            }
            Err(failure) => self.failures.push(failure),
        }
    }
}
