//! Replays stored events on request: lists objects and sends pointers to them, or counts them. It
//! also finds objects without a pointer.

use std::time::{Duration, Instant, SystemTime};

use super::context::{Invocation, instant_before};
use super::ship_error::ShipError;
use super::shipper::Shipper;
use crate::event::{ReplayRequest, parse_time};
use crate::summary::{Replayed, Summary};
use crate::undelivered::{Folder, Location, Undelivered, queue};

/// The page size, S3's maximum.
const PAGE: u16 = 1_000;

/// An older object is counted as waiting: with a working queue it would have been delivered, unless
/// its destination is down.
const WAITING: Duration = Duration::from_secs(60 * 60);

/// Nothing begins with less time than this.
const SHORTEST: Duration = Duration::from_secs(2);

impl Shipper {
    /// Sends pointers to stored events, or counts them.
    pub(super) async fn replay(
        &self,
        request: &ReplayRequest,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<(), ShipError> {
        let undelivered = self.config.undelivered.as_ref().ok_or(ShipError::NothingToReplay)?;
        if let Some(destination) = &request.destination
            && !self.config.destinations.contains_key(destination)
        {
            return Err(ShipError::NoDestination(destination.clone()));
        }
        let queue_url = match &undelivered.queue_url {
            None if !request.dry_run => return Err(ShipError::NoQueue),
            url => url.as_deref(),
        };
        let until = instant_before(invocation.deadline, self.config.reserve);
        let mut replayed = Replayed { dry_run: request.dry_run, ..Replayed::default() };
        let result =
            self.list_and_point(undelivered, request, queue_url, until, &mut replayed).await;
        if result.is_ok() && request.is_of_all() && replayed.continue_after.is_none() {
            *self.orphans() = replayed.without_destination.clone();
            if request.dry_run
                && let Some(url) = queue_url
            {
                let in_queue = queue::length(self.aws(), url, until).await?;
                let waiting = replayed.waiting as u64;
                replayed.without_pointer = Some(waiting.saturating_sub(in_queue));
                replayed.in_queue = Some(in_queue);
            }
        }
        summary.replay = Some(replayed);
        result
    }

    async fn list_and_point(
        &self,
        undelivered: &Undelivered,
        request: &ReplayRequest,
        queue_url: Option<&str>,
        until: Instant,
        replayed: &mut Replayed,
    ) -> Result<(), ShipError> {
        let storage = &undelivered.storage;
        let aws = self.aws();
        let mut prefix = storage.folder(Folder::Undelivered);
        if let Some(destination) = &request.destination {
            prefix = format!("{prefix}{destination}/");
        }
        let now = SystemTime::now();
        let mut after = request.after.clone();
        loop {
            if until.saturating_duration_since(Instant::now()) < SHORTEST {
                replayed.continue_after = after;
                return Ok(());
            }
            let listing = storage.list(aws, &prefix, after.as_deref(), PAGE, until).await?;
            let is_last = listing.next.is_none() && listing.objects.len() < usize::from(PAGE);
            let mut selected: Vec<(String, u64)> = Vec::new();
            for object in listing.objects {
                after = Some(object.key.clone());
                let Location::Undelivered { destination } =
                    Location::of(&storage.prefix, &object.key)
                else {
                    continue;
                };
                let stored = parse_time(&object.last_modified).unwrap_or(now);
                if !request.includes(stored) {
                    continue;
                }
                let age = now.duration_since(stored).unwrap_or_default();
                if !self.config.destinations.contains_key(destination) {
                    *replayed.without_destination.entry(destination.to_owned()).or_default() += 1;
                    continue;
                }
                replayed.objects += 1;
                replayed.bytes += object.bytes;
                replayed.waiting += usize::from(age >= WAITING);
                replayed.oldest = replayed.oldest.max(Some(age));
                if !request.dry_run {
                    selected.push((object.key, object.bytes));
                }
            }
            // Pointers are sent page by page, so that a replay can continue after the last one.
            for some in selected.chunks(queue::MAX_ENTRIES) {
                let pointer =
                    |(key, bytes): &(String, u64)| queue::pointer(&storage.bucket, key, *bytes);
                let bodies: Vec<String> = some.iter().map(pointer).collect();
                let is_late = until.saturating_duration_since(Instant::now()) < SHORTEST / 2;
                let url = queue_url.filter(|_| !is_late);
                let Some(url) = url else {
                    replayed.continue_after = some.first().map(|(key, _)| before(key));
                    return Ok(());
                };
                let sent = queue::send(aws, url, &bodies, Duration::ZERO, until).await;
                if !matches!(sent, Ok(0)) {
                    replayed.continue_after = some.first().map(|(key, _)| before(key));
                }
                let not_taken = sent?;
                replayed.enqueued += bodies.len() - not_taken;
                if not_taken > 0 {
                    return Err(ShipError::NotEnqueued(not_taken));
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

/// A key directly before this one: all but its last character.
fn before(key: &str) -> String {
    let mut before = key.to_owned();
    before.pop();
    before
}
