use std::fmt;

use serde_json::Value;

use crate::shelves::{Shelves, Trouble};

/// Where leftovers are kept, and how it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keeping {
    pub(super) place: Place,
    pub(super) trouble: Trouble,
}

/// A kind of place for leftovers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Bucket,
    Queue,
    /// A queue that keeps an order, and takes nothing twice.
    OrderedQueue,
}

impl Keeping {
    /// A bucket without any trouble.
    pub(super) const WELL: Self = Self { place: Place::Bucket, trouble: Trouble::Nothing };

    /// Every place with everything that may be wrong there.
    pub(super) fn all() -> Vec<Self> {
        let places = [Place::Bucket, Place::Queue, Place::OrderedQueue];
        let of_place =
            |place| Trouble::ALL.iter().map(move |trouble| Self { place, trouble: *trouble });
        places.into_iter().flat_map(of_place).collect()
    }

    /// The part of a configuration that leads there.
    pub(super) fn config(self, shelves: &Shelves) -> Value {
        match self.place {
            Place::Bucket => Shelves::in_bucket(),
            Place::Queue => shelves.in_queue("parked"),
            Place::OrderedQueue => shelves.in_queue("parked.fifo"),
        }
    }
}

/// As the tables call it.
impl fmt::Display for Keeping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Bucket => "S3",
            Place::Queue => "SQS",
            Place::OrderedQueue => "SQS (.fifo)",
        };
        let trouble = match self.trouble {
            Trouble::Nothing => "takes it",
            Trouble::Refuses => "refuses",
            Trouble::Hangs => "takes it and never answers",
            Trouble::LosesAnswers => "takes it, and every answer is lost",
            Trouble::LosesOneAnswer => "takes it, and one answer is lost",
        };
        formatter.pad(&format!("{place} {trouble}"))
    }
}
