use serde::{Deserialize, Serialize};

use crate::{LogGroup, Retention};

/// A property of a log group that a policy wrote. It is serialized with short names, since a policy
/// keeps one for each log group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written<T> {
    /// What the group had at the policy's first write.
    #[serde(rename = "r")]
    pub before: T,
    /// What the policy wrote last.
    #[serde(rename = "w")]
    pub wrote: T,
    /// When the log group was created, in milliseconds: distinguishes it from a recreated one.
    #[serde(rename = "t")]
    pub created_ms: i64,
}

/// A retention that a policy wrote to a log group.
pub type WrittenRetention = Written<Retention>;

/// A deletion protection that a policy wrote to a log group.
pub type WrittenProtection = Written<bool>;

impl WrittenRetention {
    /// The first write to a log group as it is now.
    #[must_use]
    pub fn over(group: &LogGroup, wrote: Retention) -> Self {
        Self { before: group.retention, wrote, created_ms: group.created_ms }
    }

    /// Whether what a log group has is still what the policy wrote.
    #[must_use]
    pub fn is_on(&self, group: &LogGroup) -> bool {
        self.created_ms == group.created_ms
            && self.wrote == group.retention
            && group.governed_by.is_none()
    }
}

impl WrittenProtection {
    /// Whether what a log group has is still what the policy wrote.
    #[must_use]
    pub fn is_on(&self, group: &LogGroup) -> bool {
        self.created_ms == group.created_ms && self.wrote == group.is_protected
    }
}
