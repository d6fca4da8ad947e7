use std::fmt;

use crate::storage::Trouble;

/// The fault of the storage for undelivered events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StorageFault(pub(super) Trouble);

impl StorageFault {
    /// No fault.
    pub(super) const WELL: Self = Self(Trouble::Nothing);

    /// All faults of the storage.
    pub(super) fn all() -> Vec<Self> {
        Trouble::ALL.map(Self).to_vec()
    }
}

/// The name in the tables.
impl fmt::Display for StorageFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self.0 {
            Trouble::Nothing => "S3 stores it",
            Trouble::Rejects => "S3 rejects it",
            Trouble::Hangs => "S3 stores it and never responds",
            Trouble::LosesResponses => "S3 stores it, and every response is lost",
            Trouble::LosesOneResponse => "S3 stores it, and one response is lost",
        })
    }
}
