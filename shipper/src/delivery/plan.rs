//! What to send, when, and when to give up.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use flate2::Compression;

use super::backoff::{asked_for, backoff, inquiry_wait};
use super::batch::{Batch, Batcher};
use super::client::Fault;
use super::oversized::{Oversized, TOO_LARGE};
use crate::counts::Counts;
use crate::destination::{
    Answer, Certainty, Class, Destination, Inquired, Keys, Limits, Outcome, Request, Verdict,
};
use crate::record::{Piece, Record};

/// A request with less time than this is not begun: it would most likely end as a timeout, which
/// leaves open what was taken.
const SHORTEST_REQUEST: Duration = Duration::from_millis(100);

const NO_TIME_LEFT: Class = Class::new("no_time_left");

/// Why requests are left to Lambda that a service has taken without ever calling them stored.
const NOT_ACKNOWLEDGED: Class = Class::new("not_acknowledged");

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
        /// What is sent to the destination's endpoint.
        request: Request,
        /// How long the request may take in all.
        timeout: Duration,
    },
    /// Wait.
    Wait(Duration),
    /// Everything is settled.
    Done(Counts),
}

/// What is waited for an answer to.
#[derive(Clone, Copy, Debug)]
enum InFlight {
    Batch,
    Inquiry,
}

/// The delivery of one invocation's records to one destination.
pub struct Plan<'r> {
    destination: &'r dyn Destination,
    settings: Settings,
    limits: Limits,
    batcher: Batcher<'r>,
    queue: VecDeque<Batch<'r>>,
    /// Batches the service has taken but not called stored yet, each with its receipt.
    receipts: Vec<(u64, Batch<'r>)>,
    /// How often the service was asked about receipts since one was found stored.
    inquiries: u32,
    in_flight: InFlight,
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
            receipts: Vec::new(),
            inquiries: 0,
            in_flight: InFlight::Batch,
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
        let timeout = time_left.min(self.settings.request_timeout);
        if time_left < SHORTEST_REQUEST {
            self.leave_everything(&NO_TIME_LEFT);
            return Step::Done(self.settled());
        }
        match self.next_request(now).or_else(|| self.next_inquiry()) {
            Some(request) => Step::Send { request, timeout },
            None => Step::Done(self.settled()),
        }
    }

    /// The request for the batch that is next.
    fn next_request(&mut self, now: SystemTime) -> Option<Request> {
        loop {
            if self.queue.is_empty() {
                let batch = self.batcher.next(self.destination, self.limits, now, &mut self.counts);
                self.queue.extend(batch);
            }
            let batch = self.queue.front_mut()?;
            let can_be_divided = batch.len() > 1;
            let sealed = batch.seal(self.destination, self.settings.gzip_level)?;
            if can_be_divided && sealed.request.body.len() > self.limits.max_compressed_bytes {
                if let Some(batch) = self.queue.pop_front() {
                    self.make_smaller(&batch);
                }
                continue;
            }
            self.counts.bytes_encoded += sealed.bytes as u64;
            self.counts.bytes_sent += sealed.request.body.len() as u64;
            let request = sealed.request.clone();
            self.counts.requests += 1;
            if batch.tries > 0 {
                self.counts.retries += 1;
            }
            if self.destination.keys() == Keys::NotTaken {
                self.counts.possible_duplicates += std::mem::take(&mut batch.unclear) as u64;
            }
            self.in_flight = InFlight::Batch;
            return Some(request);
        }
    }

    /// The question what became of batches, once there is nothing else to do.
    fn next_inquiry(&mut self) -> Option<Request> {
        if self.receipts.is_empty() {
            return None;
        }
        let receipts: Vec<u64> = self.receipts.iter().map(|(receipt, _)| *receipt).collect();
        let request = self.destination.receipts()?.inquire(&receipts);
        self.counts.requests += 1;
        self.counts.bytes_encoded += request.body.len() as u64;
        self.counts.bytes_sent += request.body.len() as u64;
        self.in_flight = InFlight::Inquiry;
        Some(request)
    }

    /// Takes in what came of the last [`Step::Send`].
    pub fn answered(&mut self, now: SystemTime, answer: &Result<Answer, Fault>) {
        match self.in_flight {
            InFlight::Batch => self.batch_answered(now, answer),
            InFlight::Inquiry => self.inquiry_answered(now, answer),
        }
    }

    /// Takes in which batches are stored by now, and asks again about the others after a wait.
    fn inquiry_answered(&mut self, now: SystemTime, answer: &Result<Answer, Fault>) {
        let inquired = match (answer, self.destination.receipts()) {
            (Ok(answer), Some(receipts)) => receipts.classify(answer),
            (Err(fault), _) => Inquired::AskAgain(fault.class()),
            (Ok(_), None) => Inquired::Stop(NOT_ACKNOWLEDGED),
        };
        self.inquiries += 1;
        match inquired {
            Inquired::Stored(stored) => {
                let before = self.receipts.len();
                self.receipts.retain(|(receipt, batch)| {
                    let is_stored = stored.contains(receipt);
                    if is_stored {
                        self.counts.delivered += batch.len() as u64;
                    }
                    !is_stored
                });
                if self.receipts.len() < before {
                    self.inquiries = 1;
                }
            }
            Inquired::AskAgain(class) => self.counts.note_retry(0, &class),
            Inquired::Stop(class) => return self.leave_everything(&class),
        }
        if self.receipts.is_empty() {
            return;
        }
        let retry_after = answer.as_ref().ok().and_then(|answer| wait_asked_for(answer, now));
        let wait = retry_after.unwrap_or_else(|| inquiry_wait(self.inquiries));
        if wait.saturating_add(SHORTEST_REQUEST) > self.time_left(now) {
            self.leave_everything(&NOT_ACKNOWLEDGED);
        } else {
            self.wait_until = Some(now + wait);
        }
    }

    fn batch_answered(&mut self, now: SystemTime, answer: &Result<Answer, Fault>) {
        let Some(batch) = self.queue.pop_front() else {
            return;
        };
        let (verdict, retry_after) = match answer {
            Ok(answer) => {
                (self.destination.classify(batch.len(), answer), wait_asked_for(answer, now))
            }
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
            Verdict::Receipt(receipt) => self.receipts.push((receipt, batch)),
            Verdict::TryAgain(class, certainty) => {
                let mut batch = batch;
                batch.tries += 1;
                if certainty == Certainty::Unclear {
                    batch.unclear = batch.len();
                }
                self.counts.note_retry(batch.len(), &class);
                self.try_again(now, batch, retry_after, &class);
            }
            Verdict::TooLarge => self.make_smaller(&batch),
            Verdict::Divide(class) => {
                self.divide(&batch, &class);
            }
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
                    again.copy(batch, index, self.destination);
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

    /// Divides a request that was too large, and has those after it find out no more.
    fn make_smaller(&mut self, batch: &Batch<'r>) {
        if let Some(larger_half) = self.divide(batch, &TOO_LARGE) {
            self.limits.max_request_bytes = larger_half;
        }
    }

    /// Divides a batch, and tells the size of its larger half; a single piece ends here.
    fn divide(&mut self, batch: &Batch<'r>, class: &Class) -> Option<usize> {
        if batch.len() == 1 {
            let mut again = Batch::empty(batch.tries + 1);
            self.refuse(batch.piece(0), class, &mut again);
            if !again.is_empty() {
                self.queue.push_front(again);
            }
            return None;
        }
        let (first, second) = batch.halves(self.destination);
        let larger_half = first.bytes().max(second.bytes());
        self.queue.push_front(second);
        self.queue.push_front(first);
        Some(larger_half)
    }

    fn leave_everything(&mut self, class: &Class) {
        // Whatever is left, the service has most likely stored what it gave receipts for.
        let unacknowledged: usize = self.receipts.drain(..).map(|(_, batch)| batch.len()).sum();
        self.counts.leave(unacknowledged, &NOT_ACKNOWLEDGED);
        let queued: usize = self.queue.iter().map(Batch::len).sum();
        let unclear: usize =
            unacknowledged + self.queue.iter().map(|batch| batch.unclear).sum::<usize>();
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

/// The wait that an answer asks for.
fn wait_asked_for(answer: &Answer, now: SystemTime) -> Option<Duration> {
    answer.retry_after.as_deref().and_then(|header| asked_for(header, now))
}

#[cfg(test)]
mod tests;
