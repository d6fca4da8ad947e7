use std::fmt;

use logagg_policy::Document;

/// A region of an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) account_id: String,
    pub(crate) region: String,
}

impl Target {
    /// The target of a policy.
    pub(crate) fn of(document: &Document) -> Self {
        Self { account_id: document.account_id.clone(), region: document.region.clone() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {}, {}", self.account_id, self.region)
    }
}
