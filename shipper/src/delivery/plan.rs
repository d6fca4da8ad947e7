//! What to send, when, and when to give up.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::Compression;

use super::backoff::{asked_for, backoff};
use super::batch::{Batch, Batcher};
use super::client::Fault;
use super::oversized::{Oversized, TOO_LARGE};
use crate::counts::Counts;
use crate::destination::{Answer, Certainty, Class, Destination, Keys, Limits, Outcome, Verdict};
use crate::record::{Piece, Record};

/// A request with less time than this is not begun: it would most likely end as a timeout, which
/// leaves open what was taken.
const SHORTEST_REQUEST: Duration = Duration::from_millis(100);

const NO_TIME_LEFT: Class = Class::new("no_time_left");

/// How a delivery is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When everything must have ended: the invocation's deadline less the reserve.
    pub give_up_at: SystemTime,
    /// The longest time for one request.
    pub request_timeout: Duration,
    /// How hard to compress.
    pub gzip_level: Compression,
    /// What to do with records larger than the destination takes.
    pub oversized: Oversized,
    /// Whether the fields of structured lines are sent.
    pub json_fields: JsonFields,
}

/// Whether the fields of structured lines go along as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFields {
    /// They do.
    Send,
    /// Only the message is sent.
    Omit,
}

/// The next thing to do.
#[derive(Debug)]
pub enum Step {
    /// Send this, then tell [`Plan::answered`].
    Send {
        /// The body, as gzip.
        body: Bytes,
        /// How long the request may take in all.
        timeout: Duration,
    },
    /// Wait.
    Wait(Duration),
    /// Everything is settled.
    Done(Counts),
}

/// The delivery of one invocation's records to one destination.
pub struct Plan<'r> {
    destination: &'r dyn Destination,
    settings: Settings,
    limits: Limits,
    batcher: Batcher<'r>,
    queue: VecDeque<Batch<'r>>,
    wait_until: Option<SystemTime>,
    counts: Counts,
    rng: fastrand::Rng,
}

impl<'r> Plan<'r> {
    /// Plans the delivery of `records`.
    pub fn new(
        destination: &'r dyn Destination,
        records: &'r [Record<'r>],
        settings: Settings,
        rng: fastrand::Rng,
    ) -> Self {
        Self {
            destination,
            settings,
            limits: destination.limits(),
            batcher: Batcher::new(records, settings),
            queue: VecDeque::new(),
            wait_until: None,
            counts: Counts::of(records.len()),
            rng,
        }
    }

    /// What to do at `now`.
    pub fn next(&mut self, now: SystemTime) -> Step {
        if let Some(until) = self.wait_until {
            match until.duration_since(now) {
                Ok(wait) if !wait.is_zero() => return Step::Wait(wait),
                _ => self.wait_until = None,
            }
        }
        let time_left = self.time_left(now);
        if time_left < SHORTEST_REQUEST {
            self.leave_everything(&NO_TIME_LEFT);
        } else if self.queue.is_empty() {
            let batch = self.batcher.next(self.destination, self.limits, &mut self.counts);
            self.queue.extend(batch);
        }
        let Some(batch) = self.queue.front_mut() else {
            return Step::Done(self.settled());
        };
        self.counts.requests += 1;
        if batch.tries > 0 {
            self.counts.retries += 1;
        }
        if self.destination.keys() == Keys::NotTaken {
            self.counts.possible_duplicates += std::mem::take(&mut batch.unclear) as u64;
        }
        let body = batch.gzip(self.settings.gzip_level);
        self.counts.bytes_encoded += batch.bytes() as u64;
        self.counts.bytes_sent += body.len() as u64;
        Step::Send { body, timeout: time_left.min(self.settings.request_timeout) }
    }

    /// Takes in what came of the last [`Step::Send`].
    pub fn answered(&mut self, now: SystemTime, answer: &Result<Answer, Fault>) {
        let Some(batch) = self.queue.pop_front() else {
            return;
        };
        let (verdict, retry_after) = match answer {
            Ok(answer) => (
                self.destination.classify(batch.len(), answer),
                answer.retry_after.as_deref().and_then(|header| asked_for(header, now)),
            ),
            Err(fault) => (Verdict::TryAgain(fault.class(), fault.certainty()), None),
        };
        match verdict {
            Verdict::Each(outcomes) => self.settle_each(now, &batch, outcomes, retry_after),
            Verdict::Counted { delivered, refused } => {
                self.counts.delivered += delivered as u64;
                for (class, records) in refused {
                    self.counts.refuse(records, &class);
                }
            }
            Verdict::TryAgain(class, certainty) => {
                let mut batch = batch;
                batch.tries += 1;
                if certainty == Certainty::Unclear {
                    batch.unclear = batch.len();
                }
                self.counts.note_retry(batch.len(), &class);
                self.try_again(now, batch, retry_after, &class);
            }
            Verdict::TooLarge => self.divide(&batch),
            Verdict::Stop(class) => {
                self.queue.push_front(batch);
                self.leave_everything(&class);
            }
        }
    }

    /// Settles the pieces of a batch one by one; what is to be sent again goes into a new batch.
    fn settle_each(
        &mut self,
        now: SystemTime,
        batch: &Batch<'r>,
        outcomes: Vec<Outcome>,
        retry_after: Option<Duration>,
    ) {
        let mut again = Batch::empty(batch.tries + 1);
        let mut reason = None;
        for (index, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Outcome::Delivered => self.counts.delivered += 1,
                Outcome::AlreadyThere => self.counts.already_there += 1,
                Outcome::Refused(class) => self.refuse(batch.piece(index), &class, &mut again),
                Outcome::Stop(class) => self.counts.leave(1, &class),
                Outcome::TryAgain(class) => {
                    again.copy(batch, index);
                    self.counts.note_retry(1, &class);
                    reason = Some(class);
                }
            }
        }
        if again.is_empty() {
            return;
        }
        match reason {
            Some(class) => self.try_again(now, again, retry_after, &class),
            // Nothing but documents that leave something out now: there is nothing to wait for.
            None => self.queue.push_front(again),
        }
    }

    /// Refuses a piece, unless its JSON fields may be to blame: their types may conflict with
    /// what the destination has seen before. Then it is sent once more without them, since the
    /// message has them all.
    fn refuse(&mut self, piece: &Piece<'r>, class: &Class, again: &mut Batch<'r>) {
        if piece.json.is_none() {
            self.counts.refuse(1, class);
            return;
        }
        let without_fields = Piece { json: None, ..piece.clone() };
        again.push(without_fields, self.destination);
        self.counts.note_json_fields_refused(class);
    }

    /// Sends a batch again after a wait, or leaves everything if the time does not allow it.
    fn try_again(
        &mut self,
        now: SystemTime,
        batch: Batch<'r>,
        retry_after: Option<Duration>,
        class: &Class,
    ) {
        let wait = retry_after.unwrap_or_else(|| backoff(batch.tries, &mut self.rng));
        self.queue.push_front(batch);
        if wait.saturating_add(SHORTEST_REQUEST) > self.time_left(now) {
            self.leave_everything(class);
        } else {
            self.wait_until = Some(now + wait);
        }
    }

    /// Divides a request that was too large; a single piece that is too large ends here.
    fn divide(&mut self, batch: &Batch<'r>) {
        if batch.len() == 1 {
            let mut again = Batch::empty(batch.tries + 1);
            self.refuse(batch.piece(0), &TOO_LARGE, &mut again);
            if !again.is_empty() {
                self.queue.push_front(again);
            }
            return;
        }
        let (first, second) = batch.halves();
        // What comes after need not find out the same again.
        self.limits.max_request_bytes = first.bytes().max(second.bytes());
        self.queue.push_front(second);
        self.queue.push_front(first);
    }

    fn leave_everything(&mut self, class: &Class) {
        let queued: usize = self.queue.iter().map(Batch::len).sum();
        let unclear: usize = self.queue.iter().map(|batch| batch.unclear).sum();
        self.counts.leave(queued + self.batcher.remaining(), class);
        if self.destination.keys() == Keys::NotTaken {
            // Lambda's repetition sends them once more.
            self.counts.possible_duplicates += unclear as u64;
        }
        self.queue.clear();
        self.batcher = Batcher::new(&[], self.settings);
    }

    fn settled(&mut self) -> Counts {
        let mut counts = std::mem::take(&mut self.counts);
        if counts.left_to_lambda > 0 && self.destination.keys() == Keys::NotTaken {
            // Lambda repeats the whole event, also what was delivered.
            counts.possible_duplicates += counts.delivered;
        }
        debug_assert!(counts.add_up(), "{counts:?}");
        counts
    }

    fn time_left(&self, now: SystemTime) -> Duration {
        self.settings.give_up_at.duration_since(now).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests;
