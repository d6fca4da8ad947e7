use crate::{LogGroup, Retention};

/// A retention that a policy wrote to a log group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenRetention {
    /// What the group had at the policy's first write.
    pub before: Retention,
    /// What the policy wrote last.
    pub wrote: Retention,
    /// When the log group was created, in milliseconds: distinguishes it from a recreated one.
    pub created_ms: i64,
}

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
