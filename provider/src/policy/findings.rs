//! What reading, planning and applying find that a user is to be told: data only, so that the
//! diagnostics, which everything else reports with, can name it.

use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{AccountPolicy, LoopGuard};

use crate::aws::{CallError, Cause, Operation};

/// Why every log group has to be asked.
#[derive(Debug)]
pub(crate) enum Unverified {
    /// CloudTrail could not be asked, or its response was not one.
    Failed(CallError),
    /// CloudTrail has not delivered the event of this policy's own write in time.
    Behind { log_group: String },
}

/// What kept us from following a destination to its end.
#[derive(Debug, Default)]
pub(crate) struct Unseen {
    /// The calls that failed, each reported once.
    pub(crate) calls: Vec<CallError>,
    /// Why the account-level policy could not be read.
    pub(crate) account_policy: Option<CallError>,
    /// There is more behind the destination than is looked at.
    pub(crate) more: bool,
}

/// Why a log group is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// A call failed.
    Call(CallError),
    /// A foreign filter that ships to this destination holds our name.
    NameTaken { by: String },
    /// What the group ships would come back to it.
    Loop { why: String },
}

impl Failure {
    /// Whether the group cannot take our filter for what else is on it, or may not be given it.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Call(error) => matches!(error.cause, Cause::Full | Cause::Denied),
            Self::NameTaken { .. } => true,
            Self::Loop { .. } => false,
        }
    }

    /// Whether the group does not get our filter for its class, which is no error.
    pub(super) fn is_of_class(&self) -> bool {
        matches!(self, Self::Call(error) if error.cause == Cause::Class)
    }

    /// The key by which failures are grouped.
    pub(super) fn likeness(&self) -> Likeness<'_> {
        match self {
            Self::Call(error) => Likeness::Call(error.likeness()),
            Self::NameTaken { by } => Likeness::NameTaken(by),
            Self::Loop { why } => Likeness::Loop(why),
        }
    }
}

/// What two failures share that are reported as one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness<'a> {
    Call((Operation, Cause, &'a str)),
    NameTaken(&'a str),
    Loop(&'a str),
}

/// How much a policy may do at once. A plan that exceeds them fails, and so does an apply before
/// its first write; reading and destroying never do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guards {
    pub(crate) max_changes: Option<usize>,
    pub(crate) min_matches: Option<usize>,
}

/// The log groups that a plan changes, by what it does to them.
#[derive(Debug, Default)]
pub(crate) struct Preview {
    pub(super) guards: Guards,
    pub(crate) selected: usize,
    pub(super) changes: usize,
    pub(crate) subscribed: Vec<String>,
    pub(crate) retained: Vec<String>,
    /// Those whose deletion protection is enabled.
    pub(crate) protected: Vec<String>,
    /// Those whose deletion protection is disabled.
    pub(crate) unprotected: Vec<String>,
    pub(crate) unsubscribed: Vec<String>,
    /// Those whose original retention is restored.
    pub(crate) restored: Vec<String>,
    pub(crate) skipped: BTreeMap<String, String>,
    /// Those whose retention the configuration shortens.
    pub(crate) shortened: Shortened,
    /// Those on which a shorter retention is restored.
    pub(crate) restored_shorter: Shortened,
    /// Whether it lets CloudWatch Logs invoke the destination.
    pub(crate) grants: bool,
    pub(super) by_account: Vec<ByAccount>,
    /// Whether the policy sets a retention.
    pub(super) sets_retention: bool,
    /// The log groups whose retention an account-level policy sets, by its name and the days.
    pub(super) governed: BTreeMap<(String, i64), Vec<String>>,
}

/// What the account ships to the policy's destination by a policy of its own.
#[derive(Debug)]
pub(super) struct ByAccount {
    pub(super) policy: AccountPolicy,
    pub(super) guard: LoopGuard,
    /// Whether the destination is a Lambda function.
    pub(super) is_function: bool,
    pub(super) twice: BTreeSet<String>,
    pub(super) looped: BTreeSet<String>,
}

/// Log groups whose events CloudWatch Logs is made to delete.
#[derive(Debug, Default)]
pub(crate) struct Shortened {
    pub(crate) log_groups: Vec<String>,
    pub(crate) bytes: u64,
}
