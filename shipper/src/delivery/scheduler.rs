//! Decides what to send, when, and when to stop.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use flate2::Compression;

use super::backoff::{asked_for, backoff, inquiry_wait};
use super::batch::{Batch, Batcher};
use super::breaker::Admission;
use super::client::Fault;
use super::delivery_result::DeliveryResult;
use super::endpoint_state::EndpointState;
use super::oversized::{Oversized, TOO_LARGE};
use super::splits::Splits;
use crate::destination::{
    Ambiguity, BatchOutcome, Deduplication, Destination, Inquired, Limits, ReasonCode,
    RecordOutcome, Request, Response,
};
use crate::record::{Piece, Record};

/// No request begins with less time: it would probably time out, which leaves its result unknown.
const SHORTEST_REQUEST: Duration = Duration::from_millis(100);

/// The deadline less the reserve was reached.
pub(crate) const NO_TIME_LEFT: ReasonCode = ReasonCode::new("no_time_left");

/// The circuit is open.
pub(crate) const CIRCUIT_OPEN: ReasonCode = ReasonCode::new("circuit_open");

/// The destination asked to wait longer than the remaining time.
const ASKED_TO_WAIT: ReasonCode = ReasonCode::new("asked_to_wait");

/// Too many requests.
const THROTTLED: u16 = 429;

/// The reason for batches that the destination accepted but never acknowledged as indexed.
const NOT_ACKNOWLEDGED: ReasonCode = ReasonCode::new("not_acknowledged");

/// The settings of a delivery.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When the delivery must end: the invocation's deadline less the reserve.
    pub give_up_at: SystemTime,
    /// The timeout of a request.
    pub request_timeout: Duration,
    /// The compression level.
    pub gzip_level: Compression,
    /// How oversized records are handled.
    pub oversized: Oversized,
    /// Whether the fields of JSON messages are sent.
    pub json_fields: JsonFields,
    /// The size limit of an encoded record, if it is below the destination's.
    pub max_record_bytes: Option<usize>,
    /// The age limit of a record, if it differs from the destination's.
    pub max_age: Option<Duration>,
    /// What to do if the destination is down.
    pub outage: Outage,
    /// The maximum number of concurrent requests.
    pub max_in_flight: usize,
    /// The maximum size of requests, before compression, that are held at once, unless a single one
    /// is larger.
    pub max_held_bytes: usize,
}

impl Settings {
    /// The destination's limits with the configured ones applied.
    fn limit(&self, limits: Limits) -> Limits {
        let max_record_bytes = self.max_record_bytes.unwrap_or(usize::MAX);
        Limits {
            max_record_bytes: limits.max_record_bytes.min(max_record_bytes),
            max_age: self.max_age.or(limits.max_age),
            ..limits
        }
    }
}

/// Whether the fields of JSON messages are sent as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFields {
    /// Yes.
    Send,
    /// No, only the message.
    Omit,
}

/// What to do if the destination is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Retry until the deadline: there is no storage for undelivered events.
    Outlast,
    /// Stop sending, except for a probe per interval: undelivered events are stored.
    GiveUp,
}

/// Identifies a request until its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SendId(u64);

/// The next action.
#[derive(Debug)]
pub enum Step<'r> {
    /// Send this request, and pass its response to [`Scheduler::on_response`].
    Send {
        /// The request's id.
        send_id: SendId,
        /// The request for the destination's endpoint.
        request: Request,
        /// The request's timeout.
        timeout: Duration,
    },
    /// Wait this long, or until a response.
    Wait(Duration),
    /// Wait for a response.
    Await,
    /// The delivery has ended.
    Done(DeliveryResult<'r>),
}

/// A request in flight.
struct InFlight<'r> {
    sent: SystemTime,
    /// The batch in flight; `None` for an acknowledgement request.
    batch: Option<Batch<'r>>,
}

/// The delivery of one invocation's records to one destination.
pub struct Scheduler<'r> {
    destination: &'r dyn Destination,
    settings: Settings,
    limits: Limits,
    batcher: Batcher<'r>,
    /// Batches to be sent or retried.
    queue: VecDeque<Batch<'r>>,
    in_flight: BTreeMap<SendId, InFlight<'r>>,
    send_ids: u64,
    /// The time at the start.
    time: Option<Duration>,
    /// Batches that are accepted but not acknowledged as indexed, each with its acknowledgement id.
    receipts: Vec<(u64, Vec<Piece<'r>>)>,
    /// Consecutive acknowledgement requests without a new acknowledgement.
    inquiries: u32,
    wait_until: Option<SystemTime>,
    /// Why sending has stopped.
    stopped: Option<ReasonCode>,
    /// Why the last request failed, unless another has succeeded since.
    failing: Option<ReasonCode>,
    splits: Splits<'r>,
    endpoint_state: EndpointState,
    delivered: DeliveryResult<'r>,
    rng: fastrand::Rng,
}

impl<'r> Scheduler<'r> {
    /// Plans the delivery of `records` with what is known of the endpoint.
    pub fn new(
        destination: &'r dyn Destination,
        records: &'r [Record<'r>],
        settings: Settings,
        endpoint_state: EndpointState,
        rng: fastrand::Rng,
    ) -> Self {
        let keys = deduplication(destination, &endpoint_state);
        Self {
            destination,
            settings,
            limits: settings.limit(destination.limits()),
            batcher: Batcher::new(records, settings),
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            send_ids: 0,
            time: None,
            receipts: Vec::new(),
            inquiries: 0,
            wait_until: None,
            stopped: None,
            failing: None,
            splits: Splits::default(),
            endpoint_state,
            delivered: DeliveryResult::of(records, keys),
            rng,
        }
    }

    /// The next action at `now`.
    pub fn next(&mut self, now: SystemTime) -> Step<'r> {
        let time = self.time_left(now);
        self.time.get_or_insert(time);
        if self.time_left(now) < SHORTEST_REQUEST {
            self.stop(self.failing.clone().unwrap_or(NO_TIME_LEFT));
        }
        if self.stopped.is_none()
            && let Some(step) = self.go_on(now)
        {
            return step;
        }
        if !self.in_flight.is_empty() {
            return Step::Await;
        }
        self.leave_everything();
        self.endpoint_state.breaker.probe_unused(now);
        if self.send_ids == 0 {
            // The cause of the long build time may be over.
            self.endpoint_state.making /= 2;
        }
        Step::Done(self.delivered.finish(self.endpoint_state))
    }

    /// Sends a request or waits to do so; `None` if only responses are pending.
    fn go_on(&mut self, now: SystemTime) -> Option<Step<'r>> {
        if self.send_ids == 0
            && self.wait_until.is_none()
            && let Some(pause) = self.endpoint_state.pause(now)
        {
            match self.settings.outage {
                Outage::GiveUp => self.stop(ASKED_TO_WAIT),
                Outage::Outlast => self.wait(now, pause, &ASKED_TO_WAIT),
            }
            if self.stopped.is_some() {
                return None;
            }
        }
        if let Some(until) = self.wait_until {
            match until.duration_since(now) {
                Ok(wait) if !wait.is_zero() => return Some(Step::Wait(wait)),
                _ => self.wait_until = None,
            }
        }
        let most = match self.splits.are_in_doubt() && self.taken() == 0 {
            // It may reject everything, which a few requests show.
            true => 1,
            false => self.endpoint_state.concurrency.size(self.settings.max_in_flight),
        };
        if self.in_flight.len() >= most {
            return None;
        }
        if self.has_room() && self.fill_queue(now) {
            if !self.is_admitted(now) {
                return None;
            }
            if !self.endpoint_state.gives_receipts && self.destination.receipts().is_some() {
                return self.ask_for_receipts(now);
            }
            return self.send_batch(now);
        }
        if self.in_flight.is_empty() {
            return self.send_inquiry(now);
        }
        None
    }

    /// A request was built in this time; the next one may take as long.
    pub fn made(&mut self, took: Duration) {
        self.endpoint_state.making = took.max(self.endpoint_state.making / 2);
    }

    /// Whether another request can be built in time. That takes long with little CPU, and Lambda
    /// ends a function at its timeout; but a single slow build does not prevent the first attempt.
    fn has_time_to_make_another(&self, now: SystemTime) -> bool {
        let making = self.endpoint_state.making.min(self.time.unwrap_or_default() / 4);
        self.time_left(now) >= SHORTEST_REQUEST + making
    }

    /// Whether one more batch may be held.
    fn has_room(&self) -> bool {
        let in_flight = self.in_flight.values().filter_map(|flight| flight.batch.as_ref());
        let in_flight = in_flight.map(Batch::bytes);
        let held: usize = in_flight.chain(self.queue.iter().map(Batch::bytes)).sum();
        let next = if self.queue.is_empty() { self.limits.max_request_bytes } else { 0 };
        self.in_flight.is_empty() || held.saturating_add(next) <= self.settings.max_held_bytes
    }

    /// Makes sure that the queue begins with a batch that can be sent; `false` if there is none.
    fn fill_queue(&mut self, now: SystemTime) -> bool {
        loop {
            if self.queue.is_empty() {
                if !self.batcher.is_empty() && !self.has_time_to_make_another(now) {
                    self.stop(NO_TIME_LEFT);
                    return false;
                }
                let batch =
                    self.batcher.next(self.destination, self.limits, now, &mut self.delivered);
                self.queue.extend(batch);
            }
            let Some(batch) = self.queue.front_mut() else {
                return false;
            };
            let can_be_divided = batch.len() > 1;
            // It was built before the size limit was lowered.
            let is_too_large = batch.bytes() > self.limits.max_request_bytes
                && self.destination.deduplication() != Deduplication::PerRequest;
            if can_be_divided && is_too_large {
                if let Some(batch) = self.queue.pop_front() {
                    self.queue_halves(batch.halves(self.destination));
                }
                continue;
            }
            let Some(sealed) = batch.seal(self.destination) else {
                return false;
            };
            if !can_be_divided || sealed.request.body.len() <= self.limits.max_compressed_bytes {
                return true;
            }
            if let Some(batch) = self.queue.pop_front() {
                self.make_smaller(&batch);
            }
        }
    }

    /// Whether the circuit breaker admits a request.
    fn is_admitted(&mut self, now: SystemTime) -> bool {
        if self.settings.outage == Outage::Outlast {
            return true;
        }
        match self.endpoint_state.breaker.admits(now) {
            Admission::Send | Admission::Probe => true,
            Admission::Nothing => {
                // A probe in flight may still succeed.
                if self.in_flight.is_empty() || self.endpoint_state.breaker.is_shut() {
                    self.stop(CIRCUIT_OPEN);
                }
                false
            }
        }
    }

    fn send_batch(&mut self, now: SystemTime) -> Option<Step<'r>> {
        let mut batch = self.queue.pop_front()?;
        let sealed = batch.seal(self.destination)?;
        let request = sealed.request.clone();
        let keys = self.deduplication();
        let counts = &mut self.delivered.counts;
        counts.bytes_encoded += sealed.bytes as u64;
        counts.bytes_sent += request.body.len() as u64;
        counts.requests += 1;
        if batch.tries > 0 {
            counts.retries += 1;
        }
        if keys == Deduplication::None {
            counts.possible_duplicates += std::mem::take(&mut batch.unclear) as u64;
        }
        Some(self.send(now, request, Some(batch)))
    }

    /// Asks about an unknown acknowledgement id before anything is sent: a destination without
    /// acknowledgement reports that, and accepts nothing that it would never acknowledge.
    fn ask_for_receipts(&mut self, now: SystemTime) -> Option<Step<'r>> {
        if !self.in_flight.is_empty() {
            return None;
        }
        let request = self.destination.receipts()?.inquire(&[0]);
        Some(self.inquire(now, request))
    }

    /// Sends an acknowledgement request, once there is nothing else to do.
    fn send_inquiry(&mut self, now: SystemTime) -> Option<Step<'r>> {
        if self.receipts.is_empty() {
            return None;
        }
        let receipts: Vec<u64> = self.receipts.iter().map(|(receipt, _)| *receipt).collect();
        let request = self.destination.receipts()?.inquire(&receipts);
        Some(self.inquire(now, request))
    }

    fn inquire(&mut self, now: SystemTime, request: Request) -> Step<'r> {
        let counts = &mut self.delivered.counts;
        counts.requests += 1;
        counts.bytes_encoded += request.body.len() as u64;
        counts.bytes_sent += request.body.len() as u64;
        self.send(now, request, None)
    }

    fn send(&mut self, now: SystemTime, request: Request, batch: Option<Batch<'r>>) -> Step<'r> {
        let send_id = SendId(self.send_ids);
        self.send_ids += 1;
        self.in_flight.insert(send_id, InFlight { sent: now, batch });
        let timeout = self.time_left(now).min(self.settings.request_timeout);
        Step::Send { send_id, request, timeout }
    }

    /// Processes the result of a request.
    pub fn answered(&mut self, now: SystemTime, send_id: SendId, answer: &Result<Response, Fault>) {
        let Some(InFlight { sent, batch }) = self.in_flight.remove(&send_id) else {
            return;
        };
        match batch {
            Some(batch) => self.batch_answered(now, sent, batch, answer),
            None => self.inquiry_answered(now, sent, answer),
        }
    }

    /// Processes which batches are indexed, and asks again about the others after a wait.
    fn inquiry_answered(
        &mut self,
        now: SystemTime,
        sent: SystemTime,
        answer: &Result<Response, Fault>,
    ) {
        let inquired = match (answer, self.destination.receipts()) {
            (Ok(answer), Some(receipts)) => receipts.classify(answer),
            (Err(fault), _) => Inquired::AskAgain(fault.class()),
            (Ok(_), None) => Inquired::Stop(NOT_ACKNOWLEDGED),
        };
        self.inquiries += 1;
        let retry_after = answer.as_ref().ok().and_then(|answer| wait_asked_for(answer, now));
        if let Some(wait) = retry_after {
            self.endpoint_state.asked_to_wait(now, wait);
        }
        if !self.endpoint_state.gives_receipts {
            match inquired {
                Inquired::Stored(_) => {
                    self.endpoint_state.gives_receipts = true;
                    self.endpoint_state.breaker.succeeded();
                    self.inquiries = 0;
                }
                Inquired::AskAgain(class) => {
                    let failed = BatchOutcome::TryAgain(class.clone(), Ambiguity::NothingTaken);
                    self.endpoint_state.learn(&failed, sent, now, self.settings.max_in_flight);
                    self.delivered.counts.note_retry(0, &class);
                    self.back_off(now, self.inquiries, retry_after, &class);
                }
                Inquired::Stop(class) => self.stop(class),
            }
            return;
        }
        match inquired {
            Inquired::Stored(stored) => {
                let before = self.receipts.len();
                self.receipts.retain(|(receipt, pieces)| {
                    let is_stored = stored.contains(receipt);
                    if is_stored {
                        self.delivered.deliver(pieces.iter());
                    }
                    !is_stored
                });
                if self.receipts.len() < before {
                    self.inquiries = 1;
                }
            }
            Inquired::AskAgain(class) => self.delivered.counts.note_retry(0, &class),
            Inquired::Stop(class) => return self.stop(class),
        }
        if self.receipts.is_empty() {
            return;
        }
        let wait = retry_after.unwrap_or_else(|| inquiry_wait(self.inquiries));
        self.wait(now, wait, &NOT_ACKNOWLEDGED);
    }

    fn batch_answered(
        &mut self,
        now: SystemTime,
        sent: SystemTime,
        mut batch: Batch<'r>,
        answer: &Result<Response, Fault>,
    ) {
        let (batch_outcome, retry_after) = match answer {
            Ok(answer) => {
                if self.deduplication() == Deduplication::PerRecord
                    && !self.destination.honors_ids(answer)
                {
                    self.ignores_ids(&mut batch);
                }
                (self.destination.classify(batch.len(), answer), wait_asked_for(answer, now))
            }
            Err(fault @ Fault::NotHttp) => (BatchOutcome::StopUnclear(fault.class()), None),
            Err(fault) => (BatchOutcome::TryAgain(fault.class(), fault.ambiguity()), None),
        };
        self.endpoint_state.learn(&batch_outcome, sent, now, self.settings.max_in_flight);
        if let Some(wait) = retry_after {
            self.endpoint_state.asked_to_wait(now, wait);
        }
        if batch_outcome.takes_everything() {
            self.failing = None;
            self.endpoint_state.took(sent);
            // Both halves of a rejected batch were accepted: limit later requests to that size.
            if let Some(bytes) = batch.split.and_then(|it| self.splits.taken(it)) {
                self.limit_requests(bytes);
            }
        }
        match batch_outcome {
            BatchOutcome::Each(outcomes) => self.settle_each(now, &batch, outcomes, retry_after),
            BatchOutcome::Counted { delivered, rejected } => {
                self.delivered.count(batch.pieces(), delivered, rejected);
            }
            BatchOutcome::Receipt(receipt) => self.receipts.push((receipt, batch.into_pieces())),
            BatchOutcome::TryAgain(class, ambiguity) => {
                batch.tries += 1;
                if ambiguity == Ambiguity::Unclear {
                    batch.unclear = batch.len();
                }
                self.delivered.counts.note_retry(batch.len(), &class);
                let is_throttled = answer.as_ref().is_ok_and(|answer| answer.status == THROTTLED);
                if is_throttled && retry_after.is_none() && self.is_too_much(&mut batch) {
                    let larger_half = self.queue_halves(batch.halves(self.destination));
                    self.limit_requests(larger_half);
                    self.back_off(now, batch.tries, None, &class);
                } else {
                    self.try_again(now, batch, retry_after, &class);
                }
            }
            BatchOutcome::TooLarge => self.make_smaller(&batch),
            BatchOutcome::Split(class, ambiguity) => {
                if ambiguity == Ambiguity::Unclear {
                    batch.unclear = batch.len();
                }
                self.find_what_is_refused(batch, class);
            }
            BatchOutcome::Stop(class) => {
                self.queue.push_front(batch);
                self.stop(class);
            }
            BatchOutcome::StopUnclear(class) => {
                batch.unclear = batch.len();
                self.queue.push_front(batch);
                self.stop(class);
            }
        }
    }

    /// The destination ignores document ids: what was resent of a batch may be duplicated.
    fn ignores_ids(&mut self, batch: &mut Batch<'r>) {
        self.endpoint_state.ignores_ids = true;
        self.delivered.ignores_ids();
        if batch.tries > 0 {
            self.delivered.counts.possible_duplicates += std::mem::take(&mut batch.unclear) as u64;
        }
    }

    /// Applies the outcome of each record; those to be retried form a new batch.
    fn settle_each(
        &mut self,
        now: SystemTime,
        batch: &Batch<'r>,
        outcomes: Vec<RecordOutcome>,
        retry_after: Option<Duration>,
    ) {
        let mut again = self.next_try_of(batch);
        let mut reason = None;
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let piece = batch.piece(index);
            match outcome {
                RecordOutcome::Delivered => self.delivered.deliver([piece]),
                RecordOutcome::Deduplicated => self.delivered.counts.deduplicated += 1,
                RecordOutcome::Rejected(class) => self.reject(piece, &class, &mut again),
                RecordOutcome::Misfit(class)
                    if piece.json.is_none() && !self.destination.is_at_fault(piece, &class) =>
                {
                    self.delivered.leave([piece.record], &class);
                }
                RecordOutcome::Misfit(class) => self.reject(piece, &class, &mut again),
                RecordOutcome::Stop(class) => self.delivered.leave([piece.record], &class),
                RecordOutcome::NotReached => {
                    again.push(piece.clone(), self.destination);
                }
                RecordOutcome::TryAgain(class, ambiguity) => {
                    again.push(piece.clone(), self.destination);
                    if ambiguity == Ambiguity::Unclear {
                        again.unclear += 1;
                    }
                    self.delivered.counts.note_retry(1, &class);
                    reason = Some(class);
                }
            }
        }
        if again.is_empty() {
            return;
        }
        match reason {
            Some(class) => self.try_again(now, again, retry_after, &class),
            // Only documents that were rejected with JSON fields, or were not processed: there is
            // nothing to wait for.
            None => {
                again.tries = batch.tries;
                self.queue.push_front(again);
            }
        }
    }

    /// Rejects a record, unless its JSON fields may be the reason: their types may conflict with
    /// the mapping. Then it is resent without them, because the message contains them all.
    fn reject(&mut self, piece: &Piece<'r>, class: &ReasonCode, again: &mut Batch<'r>) {
        if piece.json.is_none() {
            self.delivered.reject(piece.record, class);
            return;
        }
        let without_fields = Piece { json: None, ..piece.clone() };
        again.push(without_fields, self.destination);
        self.delivered.counts.note_json_fields_rejected(class);
    }

    /// Retries a batch after a backoff, or stops if there is no time.
    fn try_again(
        &mut self,
        now: SystemTime,
        batch: Batch<'r>,
        retry_after: Option<Duration>,
        class: &ReasonCode,
    ) {
        let tries = batch.tries;
        self.queue.push_front(batch);
        self.back_off(now, tries, retry_after, class);
    }

    /// Waits after this many failed attempts, or stops if there is no time.
    fn back_off(
        &mut self,
        now: SystemTime,
        tries: u32,
        retry_after: Option<Duration>,
        class: &ReasonCode,
    ) {
        // A random wait does not use up the remaining time.
        let longest = self.time_left(now) / 2;
        let wait = retry_after.unwrap_or_else(|| backoff(tries, &mut self.rng).min(longest));
        self.failing = Some(class.clone());
        self.wait(now, wait, class);
    }

    /// Whether a batch was throttled twice, with nothing accepted in between. If a server limits
    /// the bytes of requests or of a burst, a large request can never pass. A server that limits
    /// the number of requests accepts others meanwhile, and splitting would make it worse.
    fn is_too_much(&self, batch: &mut Batch<'r>) -> bool {
        let taken = self.taken();
        let is_alone = batch.taken_when_throttled.replace(taken) == Some(taken);
        is_alone && batch.len() > 1 && self.destination.deduplication() != Deduplication::PerRequest
    }

    /// Splits a batch that was rejected as a whole, until a single record remains, which is retried
    /// once without its JSON fields. Whether the record or the destination's setup is at fault
    /// shows in what the destination accepts of the rest.
    fn find_what_is_refused(&mut self, batch: Batch<'r>, class: ReasonCode) {
        if batch.len() > 1 {
            match self.splits.begin(&batch, self.destination) {
                Some(halves) => drop(self.queue_halves(halves)),
                None => {
                    self.queue.push_front(batch);
                    self.stop(class);
                }
            }
            return;
        }
        if batch.bytes() > self.limits.max_request_bytes {
            // The destination has rejected this size before, without saying so.
            return self.make_smaller(&batch);
        }
        let piece = batch.piece(0);
        if piece.json.is_some() || self.taken() > 0 {
            self.reject_alone(&batch, &class);
        } else if self.splits.suspect(piece.record, &class) {
            self.stop(class);
        }
    }

    fn deduplication(&self) -> Deduplication {
        deduplication(self.destination, &self.endpoint_state)
    }

    /// How many records the destination has accepted, including those that are not acknowledged.
    fn taken(&self) -> u64 {
        let counts = &self.delivered.counts;
        let waiting: usize = self.receipts.iter().map(|(_, pieces)| pieces.len()).sum();
        counts.delivered + counts.deduplicated + waiting as u64
    }

    /// Queues two halves to be sent next, and returns the size of the larger one.
    fn queue_halves(&mut self, (first, second): (Batch<'r>, Batch<'r>)) -> usize {
        let larger_half = first.bytes().max(second.bytes());
        self.queue.push_front(second);
        self.queue.push_front(first);
        larger_half
    }

    /// Limits the size of later requests, unless deduplication depends on it.
    fn limit_requests(&mut self, bytes: usize) {
        if self.destination.deduplication() != Deduplication::PerRequest {
            self.limits.max_request_bytes = self.limits.max_request_bytes.min(bytes);
        }
    }

    /// Sends nothing for this time, or stops if the deadline is earlier.
    fn wait(&mut self, now: SystemTime, wait: Duration, class: &ReasonCode) {
        if wait.saturating_add(SHORTEST_REQUEST) > self.time_left(now) {
            self.stop(class.clone());
        } else {
            let until = now + wait;
            self.wait_until = Some(self.wait_until.map_or(until, |other| other.max(until)));
        }
    }

    /// An empty batch for the retries of another.
    fn next_try_of(&self, batch: &Batch<'r>) -> Batch<'r> {
        Batch::empty(batch.tries + 1, self.settings.gzip_level)
    }

    /// Splits a batch that was too large, and limits later ones; a single record is rejected.
    fn make_smaller(&mut self, batch: &Batch<'r>) {
        if batch.len() > 1 {
            let larger_half = self.queue_halves(batch.halves(self.destination));
            return self.limit_requests(larger_half);
        }
        let piece = batch.piece(0);
        if piece.json.is_none() && self.settings.oversized == Oversized::DeadLetter {
            self.delivered.dead_letter(piece.record, &TOO_LARGE);
        } else {
            self.reject_alone(batch, &TOO_LARGE);
        }
    }

    /// Rejects the only record of a batch, or resends it without its JSON fields if it has any.
    fn reject_alone(&mut self, batch: &Batch<'r>, class: &ReasonCode) {
        let mut again = self.next_try_of(batch);
        self.reject(batch.piece(0), class, &mut again);
        if !again.is_empty() {
            self.queue.push_front(again);
        }
    }

    /// Stops sending; keeps the first reason.
    fn stop(&mut self, class: ReasonCode) {
        self.stopped.get_or_insert(class);
    }

    /// Marks everything without a final result as undelivered.
    fn leave_everything(&mut self) {
        let class = self.stopped.take().unwrap_or(NO_TIME_LEFT);
        let is_their_own_fault = self.taken() > 0;
        for (record, class) in self.splits.suspects() {
            if is_their_own_fault {
                self.delivered.reject(record, &class);
            } else {
                self.delivered.leave([record], &class);
            }
        }
        let mut unclear = 0;
        for (_, pieces) in self.receipts.drain(..) {
            // The destination has probably indexed what it accepted.
            unclear += pieces.len();
            self.delivered.leave(pieces.iter().map(|piece| piece.record), &NOT_ACKNOWLEDGED);
        }
        for batch in self.queue.drain(..) {
            unclear += batch.unclear;
            self.delivered.leave(batch.pieces().map(|piece| piece.record), &class);
        }
        self.delivered.leave(self.batcher.drain(), &class);
        // A retry of these records may duplicate them.
        let may_double = match self.deduplication() {
            Deduplication::PerRecord => false,
            Deduplication::None => true,
            // What is stored is a part of the event, and may be batched differently.
            Deduplication::PerRequest => self.settings.outage == Outage::GiveUp,
        };
        if may_double {
            self.delivered.counts.possible_duplicates += unclear as u64;
        }
    }

    fn time_left(&self, now: SystemTime) -> Duration {
        self.settings.give_up_at.duration_since(now).unwrap_or(Duration::ZERO)
    }
}

/// Whether a destination deduplicates, as far as it is known.
fn deduplication(destination: &dyn Destination, endpoint_state: &EndpointState) -> Deduplication {
    if endpoint_state.ignores_ids { Deduplication::None } else { destination.deduplication() }
}

/// The wait that a response asks for.
fn wait_asked_for(answer: &Response, now: SystemTime) -> Option<Duration> {
    answer.retry_after.as_deref().and_then(|header| asked_for(header, now))
}

#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod rejections;
#[cfg(test)]
mod tests;
