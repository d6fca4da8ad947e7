//! Where leftovers are kept: what a destination would not take in the time there was.
//!
//! What is parked has the shape of the event it came with, not that of a request: it is sent
//! again by whatever the configuration says then, and it may be given to the function, or to
//! anything else that reads CloudWatch Logs events, as it lies there. It has been through
//! everything that comes before delivery, and is not filtered twice.

mod bucket;
mod document;
mod name;
mod queue;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

pub use bucket::BucketPlace;
pub(crate) use bucket::{FOR_ALL, json_headers};
pub use document::{Leftovers, Parked};
pub use name::Name;
pub use queue::QueuePlace;

use crate::aws::{Aws, AwsError, patiently};
use crate::destination::{Certainty, Class, json};

/// The longest time for one try to park something.
const LONGEST_TRY: Duration = Duration::from_secs(5);

/// Where a user wants leftovers to be kept, and how much time that may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Park {
    /// Where.
    pub place: Place,
    /// How much of the invocation's time is kept for it.
    pub reserve: Duration,
}

/// A place for leftovers.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// A bucket of S3.
    Bucket(BucketPlace),
    /// A queue of SQS.
    Queue(QueuePlace),
}

/// Whether what is kept is to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// It is, by the next replay.
    Parked,
    /// It is not, until somebody has looked at it: sending it again would end the same.
    Dead(Death),
}

/// Why something is not to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Death {
    /// It is larger than the destination takes.
    TooLarge,
    /// The destination has refused it when it was sent again.
    Refused,
    /// It cannot be decoded.
    Undecodable,
}

impl Death {
    /// The name of the shelf.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Undecodable => "undecodable",
        }
    }
}

/// Why something could not be parked, and how many of the records were parked all the same.
#[derive(Debug, PartialEq)]
pub struct ParkError {
    /// Why.
    pub problem: ParkProblem,
    /// How many records lie there now, or may, though all of them count as not parked. One that may
    /// lie there several times counts as often.
    pub records_there: usize,
}

/// Why AWS has not said that it keeps something.
#[derive(Debug, PartialEq)]
pub struct Unkept {
    /// What it said last.
    pub error: AwsError,
    /// How many tries may have been taken all the same.
    pub unclear_tries: usize,
}

/// Tries to have something kept for as long as there is time. Beside the answer it tells how many
/// tries before it may have been taken as well.
async fn keep<T>(
    until: Instant,
    mut attempt: impl AsyncFnMut(Duration) -> Result<T, AwsError>,
) -> Result<(T, usize), Unkept> {
    let mut unclear_tries = 0;
    let kept = patiently(until, LONGEST_TRY, async |timeout| {
        let kept = attempt(timeout).await;
        if kept.as_ref().is_err_and(|error| error.certainty() == Certainty::Unclear) {
            unclear_tries += 1;
        }
        kept
    });
    match kept.await {
        Ok(answer) => Ok((answer, unclear_tries)),
        Err(error) => Err(Unkept { error, unclear_tries }),
    }
}

/// Why something could not be parked.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ParkProblem {
    /// AWS did not take it.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// It is larger than the place takes.
    #[error("a record is larger than a message of SQS may be; park in S3 to keep such records")]
    TooLarge,
    /// The place has no shelf for it.
    #[error("there is no \"dead_queue_url\" for what is not to be sent again")]
    NoShelf,
}

impl fmt::Display for ParkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.problem, formatter)
    }
}

impl Place {
    /// Parks records, all of it before `until`, and tells how many of them may lie there twice.
    pub async fn park(
        &self,
        aws: &Aws,
        shelf: Shelf,
        name: &Name,
        leftovers: &Leftovers<'_>,
        until: Instant,
    ) -> Result<usize, ParkError> {
        let now = SystemTime::now();
        match self {
            Self::Bucket(bucket) => {
                let key = bucket.key(shelf, Some(leftovers.destination), name);
                let put = bucket.put(aws, &key, leftovers.document(now).into(), until).await;
                // Another try writes over what an earlier one has written.
                put.map(|()| 0).map_err(|Unkept { error, unclear_tries }| {
                    let records_there = if unclear_tries > 0 { leftovers.records.len() } else { 0 };
                    ParkError { problem: error.into(), records_there }
                })
            }
            Self::Queue(queue) => queue.park(aws, shelf, name, leftovers, now, until).await,
        }
    }

    /// Keeps an event that cannot be decoded, as it came.
    pub async fn keep_undecodable(
        &self,
        aws: &Aws,
        name: &Name,
        data: &str,
        reason: &Class,
        until: Instant,
    ) -> Result<(), ParkError> {
        let shelf = Shelf::Dead(Death::Undecodable);
        let document = document::undecodable(data, reason, SystemTime::now());
        match self {
            Self::Bucket(bucket) => {
                let key = bucket.key(shelf, None, name);
                let put = bucket.put(aws, &key, document.into(), until).await;
                put.map_err(|unkept| ParkError { problem: unkept.error.into(), records_there: 0 })
            }
            Self::Queue(queue) => {
                let sent = queue.send(aws, shelf, name, None, (document, 0), until).await;
                sent.map(|_| ())
            }
        }
    }

    /// Whether there is a place for what is not to be sent again.
    pub fn keeps_dead(&self) -> bool {
        match self {
            Self::Bucket(_) => true,
            Self::Queue(queue) => queue.dead_url.is_some(),
        }
    }
}

/// A time as in `2023-11-06T10:00:00.123Z`.
fn rfc3339(time: SystemTime) -> String {
    let mut text = Vec::new();
    json::time(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Sorts what is left by event: for each the records, each once, and why.
pub(crate) fn by_event<'r>(
    destination: &'r str,
    left: impl Iterator<Item = (&'r crate::record::Record<'r>, &'r Class)>,
) -> BTreeMap<usize, Leftovers<'r>> {
    let mut events: BTreeMap<usize, Leftovers<'r>> = BTreeMap::new();
    for (record, class) in left {
        let leftovers = events.entry(record.origin.event).or_insert_with(|| Leftovers {
            destination,
            origin: record.origin,
            records: Vec::new(),
            reasons: BTreeMap::new(),
        });
        *leftovers.reasons.entry(class.as_str()).or_default() += 1;
        leftovers.records.push(record);
    }
    for leftovers in events.values_mut() {
        // The parts of a record stand for the whole of it, which will be divided again. All records
        // of an event lie in one list, in their order.
        leftovers.records.sort_by_key(|record| std::ptr::from_ref(*record).addr());
        leftovers.records.dedup_by_key(|record| std::ptr::from_ref(*record).addr());
    }
    events
}
