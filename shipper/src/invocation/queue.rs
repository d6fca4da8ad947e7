//! Processes messages of a queue: pointers to stored events, and on-failure records of Lambda. Each
//! message succeeds or fails on its own. An object is deleted once everything in it is delivered or
//! stored elsewhere; objects of other owners are never changed.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::context::{Invocation, instant_before};
use super::payload::{Data, Payload, Source, Unpacking};
use super::pipeline::{Disposition, Pipeline, RetryScope};
use super::reply::Reply;
use super::ship_error::ShipError;
use super::shipper::Shipper;
use super::slice::SliceEnd;
use crate::config::BatchFailures;
use crate::delivery::Admission;
use crate::destination::Deduplication;
use crate::event::{self, Event, EventError, Message, ObjectPointer, Slice};
use crate::summary::Summary;
use crate::undelivered::{Location, Storage, Undelivered, queue, stored_event};

/// The maximum number of objects in a joint delivery.
const MOST_OBJECTS: usize = 10;

/// The maximum compressed size of a joint delivery.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// The number of objects that are read concurrently.
const AT_ONCE: usize = 4;

/// The receive count from which an object may be the reason for crashes of the function: it is
/// delivered alone, after all others of its batch.
const SUSPICIOUS: u32 = 4;

/// Nothing begins with less time than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// An object that messages point to.
struct Pointed {
    /// Its key.
    key: String,
    /// Its destination; `None` for an on-failure record.
    destination: Option<String>,
    bytes: u64,
    /// The highest receive count of its pointers.
    receive_count: u32,
    /// The indices of the messages.
    messages: Vec<usize>,
}

/// The result for an object and its pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// It was delivered or moved, and is deleted.
    Completed,
    /// It contains only the undelivered rest now, with a pointer of its own.
    Rewritten,
    /// It no longer exists.
    Gone,
    /// It cannot be decoded, and was moved.
    Undecodable,
    /// It does not belong to this function.
    Foreign,
    /// It remains for a retry.
    Remaining,
}

/// A batch of messages in progress.
struct Consuming<'s, 'm> {
    shipper: &'s Shipper,
    invocation: &'s Invocation<'s>,
    unpacking: Unpacking<'s>,
    messages: &'m [Message<'m>],
    /// Whether each message stays in the queue.
    failed: Vec<bool>,
    /// The objects, by key.
    objects: BTreeMap<String, Pointed>,
    /// The payloads in messages, each with the index of its message.
    payloads: Vec<(usize, Payload<'m>)>,
    /// The slices of a backfill, each with the index of its message.
    slices: Vec<(usize, Slice)>,
}

impl Shipper {
    /// Processes a batch of messages, each of which is deleted or stays in the queue.
    pub(super) async fn consume(
        &self,
        messages: &[Message<'_>],
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<Reply, ShipError> {
        summary.source = "sqs";
        let mut consuming = Consuming {
            shipper: self,
            invocation,
            unpacking: self.unpacking(invocation),
            messages,
            failed: vec![false; messages.len()],
            objects: BTreeMap::new(),
            payloads: Vec::new(),
            slices: Vec::new(),
        };
        for index in 0..messages.len() {
            consuming.read(index, summary);
        }
        let recorded = consuming.payloads.first().map(|(index, _)| &messages[*index]);
        let dispositions = consuming.ship_events(summary).await;
        consuming.ship_objects(summary).await;
        consuming.ship_slices(summary).await;
        consuming.delay_failed(summary).await;
        if let Some(recorded) = recorded {
            consuming.warn_of_small_queue(recorded, summary).await;
        }
        let failed: Vec<String> = messages
            .iter()
            .zip(&consuming.failed)
            .filter(|(_, failed)| **failed)
            .map(|(message, _)| message.id.to_string())
            .collect();
        let again = failed.len();
        self.reply(failed, again, messages.len(), &dispositions, summary)
    }
}

impl<'s, 'm> Consuming<'s, 'm> {
    /// Parses a message.
    fn read(&mut self, index: usize, summary: &mut Summary) {
        let message: &'m Message<'m> = &self.messages[index];
        let found = match event::parse(&message.body) {
            Ok(Event::NotificationTest) => return,
            Ok(Event::Notification(objects)) => {
                for object in &objects {
                    self.point(index, object, summary);
                }
                return;
            }
            Ok(Event::Slice(slice)) if self.shipper.config.backfill.is_some() => {
                self.slices.push((index, slice));
                return;
            }
            // Requests do not come from a queue.
            Ok(Event::Replay(_)) => {
                Err(EventError::UnknownKind("a replay request in a queue".to_owned()))
            }
            Ok(Event::Backfill(_)) => {
                Err(EventError::UnknownKind("a backfill request in a queue".to_owned()))
            }
            Ok(event) => self.unpacking.all(event),
            Err(error) => Err(error),
        };
        match found {
            Ok(payloads) => self.payloads.extend(payloads.into_iter().map(|mut payload| {
                // A Lambda dead-letter queue contains the plain event, after three failures.
                payload.source = Source::OnFailure;
                (index, payload)
            })),
            Err(error) => {
                self.failed[index] = true;
                summary.pointers().foreign += 1;
                summary.warn(format!("kept a message in the queue: {error}"));
            }
        }
    }

    /// Adds an object that a message points to.
    fn point(&mut self, index: usize, object: &ObjectPointer<'_>, summary: &mut Summary) {
        let message = &self.messages[index];
        let storage = self.shipper.config.undelivered.as_ref().map(|it| &it.storage);
        let (Some(storage), Some(key)) =
            (storage.filter(|storage| storage.bucket == object.bucket), object.key.as_deref())
        else {
            self.keep_foreign(index, summary);
            return;
        };
        let destination = match Location::of(&storage.prefix, key) {
            Location::Undelivered { destination } => {
                if !self.shipper.config.destinations.contains_key(destination) {
                    // Its object remains, and every summary names its destination. Receiving the
                    // pointer again would not help.
                    *self.shipper.orphans().entry(destination.to_owned()).or_default() += 1;
                    return;
                }
                Some(destination.to_owned())
            }
            Location::OnFailureRecord => None,
            Location::Kept => {
                summary.pointers().ignored += 1;
                summary.warn(format!(
                    "ignored notifications about other objects; restrict the notifications of S3 \
                     to the prefix \"{}undelivered/\"",
                    storage.prefix
                ));
                return;
            }
            Location::Foreign => {
                self.keep_foreign(index, summary);
                return;
            }
        };
        let pointed = self.objects.entry(key.to_owned()).or_insert_with(|| Pointed {
            key: key.to_owned(),
            destination,
            bytes: object.bytes,
            receive_count: 0,
            messages: Vec::new(),
        });
        pointed.receive_count = pointed.receive_count.max(message.receive_count);
        pointed.messages.push(index);
    }

    fn keep_foreign(&mut self, index: usize, summary: &mut Summary) {
        self.failed[index] = true;
        summary.pointers().foreign += 1;
        summary.warn(
            "kept a message in the queue: this function did not store the object that it points \
             to"
            .to_owned(),
        );
    }

    /// Processes the payloads in messages.
    async fn ship_events(&mut self, summary: &mut Summary) -> Vec<Disposition> {
        if self.payloads.is_empty() {
            return Vec::new();
        }
        let retry_scope = match self.shipper.config.batch_failures {
            BatchFailures::Report => RetryScope::Each,
            BatchFailures::Fail => RetryScope::All,
        };
        let (owners, payloads): (Vec<usize>, Vec<Payload<'_>>) =
            std::mem::take(&mut self.payloads).into_iter().unzip();
        let mut pipeline = Pipeline::new(self.shipper, self.invocation, retry_scope, summary);
        let dispositions = pipeline.ship(&payloads).await;
        for (disposition, owner) in dispositions.iter().zip(owners) {
            self.failed[owner] |= !disposition.is_completed();
        }
        dispositions
    }

    /// Processes the objects that messages point to, some at a time.
    async fn ship_objects(&mut self, summary: &mut Summary) {
        let Some(undelivered) = &self.shipper.config.undelivered else {
            return;
        };
        let mut waiting: Vec<Pointed> = std::mem::take(&mut self.objects).into_values().collect();
        // An object that crashes the function must not always be processed before the same others.
        fastrand::shuffle(&mut waiting);
        waiting.sort_by_key(|object| object.receive_count >= SUSPICIOUS);
        waiting.reverse();
        while !waiting.is_empty() {
            let some = next(&mut waiting);
            for (object, done) in self.ship_some(undelivered, some, summary).await {
                let pointers = summary.pointers();
                match done {
                    Done::Completed => pointers.settled += 1,
                    Done::Rewritten => pointers.rewritten += 1,
                    Done::Gone => pointers.gone += 1,
                    Done::Undecodable => pointers.undecodable += 1,
                    Done::Foreign => pointers.foreign += 1,
                    Done::Remaining => pointers.left += 1,
                }
                if matches!(done, Done::Remaining | Done::Foreign) {
                    object.messages.iter().for_each(|index| self.failed[*index] = true);
                }
            }
        }
    }

    /// Reads slices, one after the other. Those that are left for lack of time are first next time.
    async fn ship_slices(&mut self, summary: &mut Summary) {
        let Some(backfill) = &self.shipper.config.backfill else {
            return;
        };
        for (index, slice) in std::mem::take(&mut self.slices) {
            let end = self.shipper.read_slice(backfill, &slice, self.invocation, summary).await;
            self.failed[index] = end == SliceEnd::Remaining;
        }
    }

    /// Processes some objects together.
    async fn ship_some(
        &self,
        undelivered: &Undelivered,
        objects: Vec<Pointed>,
        summary: &mut Summary,
    ) -> Vec<(Pointed, Done)> {
        let storage = &undelivered.storage;
        let reading = objects.into_iter().map(|object| async {
            let read = self.fetch(storage, &object).await;
            (object, read)
        });
        let read: Vec<(Pointed, Read)> = stream::iter(reading).buffered(AT_ONCE).collect().await;
        let mut done = Vec::with_capacity(read.len());
        let mut events: Vec<(Pointed, Option<Stored>)> = Vec::new();
        let mut records = Vec::new();
        for (object, read) in read {
            match read {
                Read::Done(end, warning) => {
                    warning.into_iter().for_each(|warning| summary.warn(warning));
                    done.push((object, end));
                }
                Read::Stored(stored) => events.push((object, Some(stored))),
                Read::Record(found) => {
                    records.push((events.len(), found));
                    events.push((object, None));
                }
            }
        }
        let now = SystemTime::now();
        let mut payloads = Vec::new();
        let mut owners = Vec::new();
        for (index, (object, stored)) in events.iter().enumerate() {
            if let Some(Stored { body, is_in_progress }) = stored {
                owners.push(index);
                payloads.push(Payload {
                    data: Data::Gzip(body.clone()),
                    only: object.destination.as_deref(),
                    arrived: now,
                    source: if *is_in_progress { Source::StoredInProgress } else { Source::Stored },
                    among: &[],
                    key: Some(&object.key),
                });
            }
        }
        for (index, found) in records {
            owners.extend(std::iter::repeat_n(index, found.len()));
            payloads.extend(found);
        }
        let mut dispositions: Vec<Vec<Disposition>> = vec![Vec::new(); events.len()];
        if !payloads.is_empty() {
            let mut pipeline =
                Pipeline::new(self.shipper, self.invocation, RetryScope::Each, summary);
            for (disposition, owner) in pipeline.ship(&payloads).await.into_iter().zip(owners) {
                dispositions[owner].push(disposition);
            }
        }
        drop(payloads);
        let settling = events.into_iter().zip(dispositions).map(
            |((object, stored), dispositions)| async move {
                let settled =
                    self.finish_object(storage, &object, stored.as_ref(), &dispositions).await;
                (object, settled)
            },
        );
        let settled: Vec<_> = stream::iter(settling).buffered(AT_ONCE).collect().await;
        for (object, (end, warnings)) in settled {
            summary.undecodable += usize::from(end == Done::Undecodable);
            warnings.into_iter().for_each(|warning| summary.warn(warning));
            done.push((object, end));
        }
        done
    }

    /// Reads an object, unless its delivery would be useless.
    async fn fetch(&self, storage: &Storage, object: &Pointed) -> Read {
        let left = |warning: Option<String>| Read::Done(Done::Remaining, warning);
        let (shipper, aws) = (self.shipper, self.shipper.aws());
        if shipper.time_for_deliveries(self.invocation) < SHORTEST {
            return left(None);
        }
        if let Some(destination) = &object.destination {
            let mut endpoint_state = shipper.endpoint_state(destination);
            // A copy: the probe is not granted to a request.
            let now = SystemTime::now();
            if endpoint_state.breaker.admits(now) == Admission::Nothing
                || endpoint_state.pause(now).is_some()
            {
                return left(None);
            }
        }
        let body = match storage.get(aws, &object.key, self.until()).await {
            Ok(Some(body)) => body,
            Ok(None) => return Read::Done(Done::Gone, None),
            Err(error) => {
                return left(Some(format!("could not read a stored event: {error}")));
            }
        };
        if stored_event::is_delivered(&body) {
            return match storage.delete(aws, &object.key, self.until()).await {
                Ok(()) => Read::Done(Done::Gone, None),
                Err(error) => left(Some(cannot_delete(&error))),
            };
        }
        let Some(destination) = &object.destination else {
            let text = std::str::from_utf8(&body).ok();
            let payloads = text.map(|text| match event::parse(text)? {
                record @ Event::OnFailure { .. } => self.unpacking.all(record),
                _ => Err(EventError::ForeignRecord),
            });
            return match payloads {
                Some(Ok(payloads)) => {
                    let payloads = payloads.into_iter().map(Payload::into_owned);
                    Read::Record(payloads.collect())
                }
                Some(Err(error)) => {
                    Read::Done(Done::Foreign, Some(format!("kept an on-failure record: {error}")))
                }
                None => Read::Done(
                    Done::Foreign,
                    Some("kept an object that is not an on-failure record".to_owned()),
                ),
            };
        };
        let is_in_progress = if self.stores_duplicates(destination) {
            match storage.note_delivery(aws, &object.key, self.until()).await {
                Ok(is_first) => !is_first,
                Err(error) => return left(Some(format!("could not record a delivery: {error}"))),
            }
        } else {
            false
        };
        Read::Stored(Stored { body, is_in_progress })
    }

    /// Deletes or moves an object, by the results of its payloads, and adds warnings.
    async fn finish_object(
        &self,
        storage: &Storage,
        object: &Pointed,
        stored: Option<&Stored>,
        dispositions: &[Disposition],
    ) -> (Done, Vec<String>) {
        let aws = self.shipper.aws();
        let mut warnings = Vec::new();
        let end = match (stored, dispositions) {
            (Some(Stored { body, .. }), [Disposition::Undecodable(error)]) => {
                let reason = error.reason();
                let moved = storage
                    .store_undecodable_object(aws, &object.key, body, &reason, self.until())
                    .await;
                match moved {
                    Ok(()) => {
                        warnings.push(
                            "a stored event cannot be decoded; it is moved to undecodable/"
                                .to_owned(),
                        );
                        self.delete(storage, object, Done::Undecodable, &mut warnings).await
                    }
                    Err(error) => {
                        warnings.push(format!("could not move a stored event: {error}"));
                        Done::Remaining
                    }
                }
            }
            (_, [Disposition::Rewritten]) => Done::Rewritten,
            (_, dispositions) if dispositions.iter().all(Disposition::is_completed) => {
                self.delete(storage, object, Done::Completed, &mut warnings).await
            }
            _ => Done::Remaining,
        };
        let is_ambiguous = match end {
            // It was delivered, which could not be recorded otherwise.
            Done::Remaining if dispositions.iter().all(Disposition::is_completed) => true,
            // The attempt that delivers it counts what another invocation may have delivered.
            Done::Remaining | Done::Rewritten => stored.is_some_and(|stored| stored.is_in_progress),
            _ => false,
        };
        if !is_ambiguous
            && object.destination.as_deref().is_some_and(|name| self.stores_duplicates(name))
        {
            // A note that remains only makes the next delivery count too many possible duplicates.
            let _ = storage.delete_note(aws, &object.key, self.until()).await;
        }
        (end, warnings)
    }

    /// Deletes a processed object. If that fails, it is overwritten so that it is not delivered
    /// again; S3 sends a pointer to that version.
    async fn delete(
        &self,
        storage: &Storage,
        object: &Pointed,
        end: Done,
        warnings: &mut Vec<String>,
    ) -> Done {
        let aws = self.shipper.aws();
        let Err(error) = storage.delete(aws, &object.key, self.until()).await else {
            return end;
        };
        warnings.push(cannot_delete(&error));
        match storage.mark_delivered(aws, &object.key, self.until()).await {
            Ok(()) => Done::Rewritten,
            Err(error) => {
                warnings.push(format!(
                    "could not overwrite a stored event that was delivered; it will be delivered \
                     again: {error}"
                ));
                Done::Remaining
            }
        }
    }

    /// Sets the visibility timeout of messages that stay in the queue.
    async fn delay_failed(&self, summary: &mut Summary) {
        let failed = self.messages.iter().zip(&self.failed).filter(|(_, failed)| **failed);
        let failed: Vec<&Message<'_>> = failed.map(|(message, _)| message).collect();
        if failed.is_empty() {
            return;
        }
        if let Err(error) = queue::delay(self.shipper.aws(), &failed, self.until()).await {
            summary.warn(format!(
                "could not delay messages that stay in the queue; they become visible after its \
                 visibility timeout: {error}"
            ));
        }
    }

    /// Warns if the queue for on-failure records accepts smaller messages than SQS allows, because
    /// Lambda discards larger records. Each instance checks once, and ignores a missing permission.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
    async fn warn_of_small_queue(&self, message: &Message<'_>, summary: &mut Summary) {
        const LONGEST: Duration = Duration::from_secs(1);

        let (Some(arn), Some((.., name))) = (message.queue_arn.as_deref(), message.queue()) else {
            return;
        };
        let queues = &self.shipper.queues;
        let known = queues.lock().unwrap_or_else(PoisonError::into_inner).get(arn).copied();
        let max_bytes = match known {
            Some(max_bytes) => max_bytes,
            None => {
                let time_left = self.until().saturating_duration_since(Instant::now());
                let timeout = time_left.min(LONGEST);
                let asked = queue::max_message_bytes(self.shipper.aws(), message, timeout).await;
                let mut queues = queues.lock().unwrap_or_else(PoisonError::into_inner);
                *queues.entry(arn.to_owned()).or_insert(asked.ok())
            }
        };
        if let Some(max_bytes) = max_bytes.filter(|bytes| *bytes < queue::MAX_MESSAGE_BYTES) {
            summary.warn(format!(
                "the queue {name:?} accepts messages of at most {max_bytes} bytes: Lambda \
                 discards larger records of failed invocations; set its MaximumMessageSize to \
                 {}, or have Lambda write them to the bucket",
                queue::MAX_MESSAGE_BYTES
            ));
        }
    }

    /// Whether a destination stores duplicates.
    fn stores_duplicates(&self, destination: &str) -> bool {
        let config = self.shipper.config.destinations.get(destination);
        config.is_some_and(|config| config.destination.deduplication() == Deduplication::None)
            || self.shipper.endpoint_state(destination).ignores_ids
    }

    /// The deadline for AWS calls. It uses the reserve, because delivered objects should be
    /// deleted.
    fn until(&self) -> Instant {
        /// The time for ending the invocation after the last call.
        const RESERVE: Duration = Duration::from_millis(50);
        instant_before(self.invocation.deadline, RESERVE)
    }
}

/// The result of reading an object.
enum Read {
    /// There is nothing to deliver.
    Done(Done, Option<String>),
    /// A stored event to deliver.
    Stored(Stored),
    /// An on-failure record to deliver.
    Record(Vec<Payload<'static>>),
}

/// A stored event.
struct Stored {
    body: Bytes,
    /// Whether another invocation has begun to deliver it.
    is_in_progress: bool,
}

/// Takes the next objects of a joint delivery, from the end.
fn next(waiting: &mut Vec<Pointed>) -> Vec<Pointed> {
    let mut some: Vec<Pointed> = Vec::new();
    let mut bytes = 0;
    while let Some(object) = waiting.last() {
        let is_alone = object.receive_count >= SUSPICIOUS;
        let is_full = some.len() >= MOST_OBJECTS || bytes + object.bytes > MOST_BYTES;
        if !some.is_empty() && (is_alone || is_full) {
            break;
        }
        bytes += object.bytes;
        some.extend(waiting.pop());
        if is_alone {
            break;
        }
    }
    some
}

fn cannot_delete(error: &crate::aws::AwsError) -> String {
    format!("could not delete a stored event that was delivered or moved: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, receive_count: u32, bytes: u64) -> Pointed {
        Pointed {
            key: key.to_owned(),
            destination: None,
            bytes,
            receive_count,
            messages: Vec::new(),
        }
    }

    #[test]
    fn objects_share_deliveries_unless_they_are_large_or_suspicious() {
        let mut waiting = vec![
            object("b", SUSPICIOUS, 1),
            object("a", SUSPICIOUS, 1),
            object("large", 1, MOST_BYTES),
            object("2", 1, 1),
            object("1", 1, 1),
        ];
        let mut turns = Vec::new();
        while !waiting.is_empty() {
            let keys: Vec<String> = next(&mut waiting).into_iter().map(|it| it.key).collect();
            turns.push(keys.join(" "));
        }
        assert_eq!(turns, ["1 2", "large", "a", "b"]);
    }
}
