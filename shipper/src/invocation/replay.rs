//! Sends again what is parked in S3: under a lease, oldest first, at a bounded rate. An object is
//! deleted last, once everything in it has found another place.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use reqwest::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};

use super::parcel::{Parcel, Source};
use super::shipment::{Fate, Repetition, Shipment};
use super::{Invocation, ShipError, Shipper};
use crate::aws::{AwsError, Problem, Service, patiently};
use crate::destination::Keys;
use crate::park::{BucketPlace, Death, FOR_ALL, Place};
use crate::replay::{Lease, Pace};
use crate::summary::{Replayed, Summary};

/// The longest time for one try of a call of S3.
const LONGEST_TRY: Duration = Duration::from_secs(10);

/// A destination that has not taken so many objects in a row is passed over until the next replay.
const FAILURES: usize = 3;

/// So many keys are asked for at once.
const PAGE: u16 = 100;

/// What the lease knows the shelf by that Lambda's on-failure destination writes to.
const ON_FAILURE: &str = "_on_failure";

/// Nothing is begun with less time than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// A replay under way.
struct Replaying<'a> {
    shipper: &'a Shipper,
    place: &'a BucketPlace,
    /// When the invocation will have ended.
    deadline: SystemTime,
    /// When nothing more is begun.
    until: SystemTime,
    pace: Pace,
    lease: Lease,
    /// What an earlier holder has begun to send and not come to the end of.
    begun: Option<String>,
    /// The version of the lease that is ours.
    etag: Option<String>,
    replayed: Replayed,
}

/// Objects that are replayed one after another.
struct Shelf<'a> {
    /// What the lease knows it by.
    name: String,
    place: &'a BucketPlace,
    prefix: String,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Settled,
    Left,
    Dead,
    /// Somebody else has taken it away.
    Gone,
}

impl Shipper {
    /// Replays what is parked.
    pub(super) async fn replay(
        &self,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<(), ShipError> {
        let park = self.config.park.as_ref().ok_or(ShipError::NothingToReplay)?;
        let Place::Bucket(place) = &park.place else {
            return Err(ShipError::NothingToReplay);
        };
        let now = SystemTime::now();
        let until = invocation.deadline.checked_sub(self.config.reserve).unwrap_or(now);
        let mut replaying = Replaying {
            shipper: self,
            place,
            deadline: invocation.deadline,
            until,
            pace: Pace::new(self.config.replay.bytes_per_second, now),
            lease: Lease::default(),
            begun: None,
            etag: None,
            replayed: Replayed::default(),
        };
        if !replaying.take_lease(invocation.request_id).await? {
            replaying.replayed.is_leased = true;
            summary.replay = Some(replaying.replayed);
            return Ok(());
        }
        let result = replaying.run(summary).await;
        let returned = replaying.return_lease().await;
        summary.replay = Some(replaying.replayed);
        result?;
        Ok(returned?)
    }
}

impl<'a> Replaying<'a> {
    /// Takes the lease, or finds that somebody else has it.
    async fn take_lease(&mut self, holder: &str) -> Result<bool, AwsError> {
        let key = self.place.lease();
        let bucket = self.place.bucket(self.shipper.aws());
        let found =
            patiently(self.until(), LONGEST_TRY, async |timeout| bucket.get(&key, timeout).await)
                .await;
        let (before, etag) = match found {
            // One that cannot be read was written by nobody who holds it.
            Ok(object) => (serde_json::from_slice(&object.body).unwrap_or_default(), object.etag),
            Err(error) if is_missing(&error) => (Lease::default(), None),
            Err(error) => return Err(error),
        };
        let Some(lease) = Lease::taken(&before, holder, SystemTime::now(), self.deadline) else {
            return Ok(false);
        };
        self.begun = lease.sending.clone();
        self.lease = lease;
        self.etag = etag;
        self.write_lease().await
    }

    /// Writes the lease where it is still as it was read; `false` if it is not.
    async fn write_lease(&mut self) -> Result<bool, AwsError> {
        let key = self.place.lease();
        let body = Bytes::from(serde_json::to_vec(&self.lease).unwrap_or_default());
        let mut headers = crate::park::json_headers();
        match self.etag.as_deref().map(HeaderValue::try_from) {
            Some(Ok(etag)) => headers.insert(IF_MATCH, etag),
            _ => headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*")),
        };
        let bucket = self.place.bucket(self.shipper.aws());
        // Tried once: after an answer that was lost, another try would find the lease taken by us.
        let timeout = self.until().duration_since(Instant::now()).min(LONGEST_TRY);
        match bucket.put(&key, body, headers, timeout).await {
            Ok(etag) => {
                self.etag = etag;
                Ok(true)
            }
            Err(error) if is_precondition(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn return_lease(&mut self) -> Result<(), AwsError> {
        self.lease = std::mem::take(&mut self.lease).returned();
        // Whoever has taken it meanwhile may keep it.
        self.write_lease().await.map(drop)
    }

    /// Replays one shelf after another.
    async fn run(&mut self, summary: &mut Summary) -> Result<(), AwsError> {
        let shelves = self.shelves(summary).await?;
        let count = shelves.len();
        for (index, shelf) in shelves.into_iter().enumerate() {
            // What one shelf leaves of its share is the others'.
            let share = self.time_left() / u32::try_from(count - index).unwrap_or(u32::MAX);
            self.replay_shelf(&shelf, SystemTime::now() + share, summary).await?;
        }
        Ok(())
    }

    /// What there is to be replayed, a shelf for each destination. Shelves of destinations that are
    /// no longer configured are counted and left alone.
    async fn shelves(&mut self, summary: &mut Summary) -> Result<Vec<Shelf<'a>>, AwsError> {
        /// What is left alone is counted up to here.
        const MOST_COUNTED: u16 = 1_000;

        let place = self.place;
        let parked = place.parked();
        let mut shelves = Vec::new();
        let mut after = None;
        while let Some(key) = self.list(place, &parked, after.as_deref(), 1).await?.pop() {
            let rest = key.strip_prefix(&parked).unwrap_or_default();
            let Some((name, _)) = rest.split_once('/') else {
                // Nothing of ours.
                after = Some(key);
                continue;
            };
            let prefix = format!("{parked}{name}/");
            let is_configured =
                name == FOR_ALL || self.shipper.config.destinations.contains_key(name);
            if is_configured {
                shelves.push(Shelf { name: name.to_owned(), place, prefix });
            } else {
                let objects = self.list(place, &prefix, None, MOST_COUNTED).await?.len();
                self.replayed.without_destination += objects;
                summary.warn(format!(
                    "left {objects} parked objects alone: they are for the destination \"{name}\", \
                     which is not in the configuration; give it back that name, or delete them"
                ));
            }
            // The character after the slash: past everything on this shelf.
            after = Some(format!("{parked}{name}0"));
        }
        if let Some(on_failure) = &self.shipper.config.replay.on_failure {
            let prefix = on_failure.prefix.clone();
            shelves.push(Shelf { name: ON_FAILURE.to_owned(), place: on_failure, prefix });
        }
        Ok(shelves)
    }

    /// Replays one object after another, oldest first, until the shelf is empty, the time is over,
    /// or nothing is taken any more. What was not taken is not tried again before everything else
    /// on the shelf has been.
    async fn replay_shelf(
        &mut self,
        shelf: &Shelf<'a>,
        until: SystemTime,
        summary: &mut Summary,
    ) -> Result<(), AwsError> {
        let begun_after = self.lease.after.remove(&shelf.name);
        let mut is_second_round = begun_after.is_none();
        let mut after = begun_after.clone();
        let mut left = 0;
        let mut left_in_a_row = 0;
        loop {
            let keys = self.list(shelf.place, &shelf.prefix, after.as_deref(), PAGE).await?;
            if keys.is_empty() {
                if is_second_round {
                    return Ok(());
                }
                (is_second_round, after) = (true, None);
                continue;
            }
            for key in keys {
                if is_second_round && begun_after.as_ref().is_some_and(|begun| key > *begun) {
                    return Ok(());
                }
                let has_time = tokio::time::timeout(
                    until.duration_since(SystemTime::now()).unwrap_or_default(),
                    tokio::time::sleep(self.pace.wait(SystemTime::now())),
                );
                let is_over = has_time.await.is_err()
                    || until.duration_since(SystemTime::now()).unwrap_or_default() < SHORTEST;
                if is_over || left_in_a_row >= FAILURES {
                    if left > 0 {
                        self.lease.after.extend(after.map(|after| (shelf.name.clone(), after)));
                    }
                    return Ok(());
                }
                match self.replay_object(shelf, &key, until, summary).await? {
                    Done::Settled => self.replayed.settled += 1,
                    Done::Dead => self.replayed.dead += 1,
                    Done::Gone => {}
                    Done::Left => {
                        self.replayed.left += 1;
                        (left, left_in_a_row) = (left + 1, left_in_a_row + 1);
                        after = Some(key);
                        continue;
                    }
                }
                left_in_a_row = 0;
                after = Some(key);
            }
        }
    }

    async fn replay_object(
        &mut self,
        shelf: &Shelf<'a>,
        key: &str,
        until: SystemTime,
        summary: &mut Summary,
    ) -> Result<Done, AwsError> {
        let bucket = shelf.place.bucket(self.shipper.aws());
        let got =
            patiently(self.until(), LONGEST_TRY, async |timeout| bucket.get(key, timeout).await)
                .await;
        let body = match got {
            Ok(object) => object.body,
            Err(error) if is_missing(&error) => return Ok(Done::Gone),
            Err(error) => return Err(error),
        };
        let now = SystemTime::now();
        let parcels = std::str::from_utf8(&body).ok().map(|text| Parcel::of_text(text.into(), now));
        let Some(Ok(mut parcels)) = parcels else {
            return self.bury(shelf, key, body, summary).await;
        };
        let was_begun = self.begun.as_deref() == Some(key);
        for parcel in &mut parcels {
            parcel.source = match parcel.source {
                Source::Fresh | Source::Parked if was_begun => Source::ParkedAndBegun,
                Source::Fresh => Source::Parked,
                source => source,
            };
        }
        if !self.note_sending(&parcels, key).await? {
            return Err(self.lost_lease());
        }
        let bytes_before = summary.bytes_decoded;
        let deadline = self.deadline.min(until + self.shipper.config.reserve);
        let mut shipment = Shipment::new(self.shipper, deadline, Repetition::All, summary);
        if let [Parcel { only: Some(_), source, .. }] = parcels.as_slice()
            && source.is_parked()
        {
            shipment.rest_goes_to(shelf.place, key);
        }
        let fates = shipment.ship(&parcels).await;
        self.pace.sent(summary.bytes_decoded - bytes_before, SystemTime::now());
        if fates.iter().any(|fate| matches!(fate, Fate::Undecodable(_))) {
            return self.bury(shelf, key, body, summary).await;
        }
        if fates.iter().any(|fate| *fate != Fate::Settled) {
            return Ok(Done::Left);
        }
        self.delete(shelf, key).await?;
        Ok(Done::Settled)
    }

    /// Notes in the lease what is being sent, where a second time would make duplicates: whoever
    /// finds it there counts them. `false` if the lease is no longer ours.
    async fn note_sending(&mut self, parcels: &[Parcel<'_>], key: &str) -> Result<bool, AwsError> {
        let destinations = &self.shipper.config.destinations;
        let doubles = |name: Option<&str>| {
            destinations
                .iter()
                .filter(|(other, _)| name.is_none_or(|name| name == *other))
                .any(|(_, config)| config.destination.keys() == Keys::NotTaken)
        };
        let is_doubled = parcels.iter().any(|parcel| doubles(parcel.only.as_deref()));
        if !is_doubled {
            return Ok(true);
        }
        self.lease.sending = Some(key.to_owned());
        self.write_lease().await
    }

    /// Puts an object that cannot be read on the dead shelf, as it is.
    async fn bury(
        &mut self,
        shelf: &Shelf<'a>,
        key: &str,
        body: Bytes,
        summary: &mut Summary,
    ) -> Result<Done, AwsError> {
        let name = key.rsplit('/').next().unwrap_or(key);
        let dead = self.place.dead(Death::Undecodable, &shelf.name, name);
        let put = self.place.put(self.shipper.aws(), &dead, body, self.until()).await;
        put.map_err(|unkept| unkept.error)?;
        self.delete(shelf, key).await?;
        summary.warn(
            "a parked object cannot be read; it lies on the dead shelf now, and nothing of it was \
             sent"
                .to_owned(),
        );
        Ok(Done::Dead)
    }

    async fn delete(&self, shelf: &Shelf<'a>, key: &str) -> Result<(), AwsError> {
        let bucket = shelf.place.bucket(self.shipper.aws());
        patiently(self.until(), LONGEST_TRY, async |timeout| bucket.delete(key, timeout).await)
            .await
    }

    /// The next keys, in their order.
    async fn list(
        &self,
        place: &BucketPlace,
        prefix: &str,
        after: Option<&str>,
        most: u16,
    ) -> Result<Vec<String>, AwsError> {
        let bucket = place.bucket(self.shipper.aws());
        let listing = patiently(self.until(), LONGEST_TRY, async |timeout| {
            bucket.list_after(prefix, after, most, timeout).await
        })
        .await?;
        Ok(listing.objects.into_iter().map(|object| object.key).collect())
    }

    /// The error for a lease that somebody else has taken, as S3 words it.
    fn lost_lease(&self) -> AwsError {
        let problem = Problem::Refused { status: 412, code: "PreconditionFailed".to_owned() };
        AwsError { service: Service::S3, operation: "PutObject", problem }
    }

    fn time_left(&self) -> Duration {
        self.until.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// The end of the time for calls of S3. It goes into the reserve: what was sent had better be
    /// deleted.
    fn until(&self) -> Instant {
        /// For ending properly after the last call.
        const RESERVE: Duration = Duration::from_millis(50);
        let left = self.deadline.duration_since(SystemTime::now()).unwrap_or_default();
        Instant::now() + left.saturating_sub(RESERVE)
    }
}

fn is_missing(error: &AwsError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 404, .. })
}

fn is_precondition(error: &AwsError) -> bool {
    // 409: somebody else is writing it in this moment.
    matches!(&error.problem, Problem::Refused { status: 412 | 409, .. })
}
