//! What to send, when, and when to give up.

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

/// A request with less time than this is not begun: it would most likely end as a timeout, which
/// leaves open what was taken.
const SHORTEST_REQUEST: Duration = Duration::from_millis(100);

/// The deadline less what is kept of it was reached.
pub(crate) const NO_TIME_LEFT: ReasonCode = ReasonCode::new("no_time_left");

/// The destination is known to be down.
pub(crate) const CIRCUIT_OPEN: ReasonCode = ReasonCode::new("circuit_open");

/// The destination has asked not to be sent anything for longer than there is time.
const ASKED_TO_WAIT: ReasonCode = ReasonCode::new("asked_to_wait");

/// The status of a request that is too much for the moment.
const THROTTLED: u16 = 429;

/// Why requests are left that a service has taken without ever calling them stored.
const NOT_ACKNOWLEDGED: ReasonCode = ReasonCode::new("not_acknowledged");

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
    /// The largest encoded piece, if the destination takes larger ones.
    pub max_record_bytes: Option<usize>,
    /// How old a record may be, if the destination has no such limit or another.
    pub max_age: Option<Duration>,
    /// What to do about a destination that is down.
    pub outage: Outage,
    /// The most requests that are under way at once.
    pub max_in_flight: usize,
    /// The most bytes of requests, before compression, that are held at once, unless a single one
    /// is larger.
    pub max_held_bytes: usize,
}

impl Settings {
    /// The limits of a destination as its user has set them.
    fn limit(&self, limits: Limits) -> Limits {
        let max_record_bytes = self.max_record_bytes.unwrap_or(usize::MAX);
        Limits {
            max_record_bytes: limits.max_record_bytes.min(max_record_bytes),
            max_age: self.max_age.or(limits.max_age),
            ..limits
        }
    }
}

/// Whether the fields of structured lines go along as an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFields {
    /// They do.
    Send,
    /// Only the message is sent.
    Omit,
}

/// What to do about a destination that is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Try until the time is over: there is no other place for what is left.
    Outlast,
    /// Leave everything at once, but for a probe now and then: it is kept elsewhere.
    GiveUp,
}

/// What a request is known by until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SendId(u64);

/// The next thing to do.
#[derive(Debug)]
pub enum Step<'r> {
    /// Send this, and go on; once it is answered, tell [`Scheduler::answered`].
    Send {
        /// What the request is known by.
        send_id: SendId,
        /// What is sent to the destination's endpoint.
        request: Request,
        /// How long the request may take in all.
        timeout: Duration,
    },
    /// Wait so long, or until a request is answered.
    Wait(Duration),
    /// Wait until a request is answered.
    Await,
    /// Everything is settled.
    Done(DeliveryResult<'r>),
}

/// A request that is not answered yet.
struct InFlight<'r> {
    sent: SystemTime,
    /// What is under way; none is the question what became of batches.
    batch: Option<Batch<'r>>,
}

/// The delivery of one invocation's records to one destination.
pub struct Scheduler<'r> {
    destination: &'r dyn Destination,
    settings: Settings,
    limits: Limits,
    batcher: Batcher<'r>,
    /// Batches to be sent again, or for the first time.
    queue: VecDeque<Batch<'r>>,
    in_flight: BTreeMap<SendId, InFlight<'r>>,
    send_ids: u64,
    /// How much time there was at first.
    time: Option<Duration>,
    /// What the service has taken but not called stored yet, each with its receipt.
    receipts: Vec<(u64, Vec<Piece<'r>>)>,
    /// How often the service was asked about receipts since one was found stored.
    inquiries: u32,
    wait_until: Option<SystemTime>,
    /// Why nothing more is sent.
    stopped: Option<ReasonCode>,
    /// Why the last request failed, unless another was taken since.
    failing: Option<ReasonCode>,
    splits: Splits<'r>,
    endpoint_state: EndpointState,
    delivered: DeliveryResult<'r>,
    rng: fastrand::Rng,
}

impl<'r> Scheduler<'r> {
    /// Plans the delivery of `records` to a destination of which so much is known.
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

    /// What to do at `now`.
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
            // What kept the last requests from being made may be over.
            self.endpoint_state.making /= 2;
        }
        Step::Done(self.delivered.finish(self.endpoint_state))
    }

    /// Sends something or waits for the time to do so; `None` where there is nothing but answers to
    /// wait for.
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
            // It may take nothing at all, which a few requests tell.
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

    /// A request was made in so much time, which the next one may take too.
    pub fn made(&mut self, took: Duration) {
        self.endpoint_state.making = took.max(self.endpoint_state.making / 2);
    }

    /// Whether another request can be made in time. With little of a processor that takes long, and whoever is
    /// late is killed; but one that took long is no reason to try nothing.
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

    /// Makes sure that the first batch of the queue can be sent; `false` if there is none.
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
            // It was made before a smaller size turned out to be the largest.
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

    /// Whether the destination is worth a request.
    fn is_admitted(&mut self, now: SystemTime) -> bool {
        if self.settings.outage == Outage::Outlast {
            return true;
        }
        match self.endpoint_state.breaker.admits(now) {
            Admission::Send | Admission::Probe => true,
            Admission::Nothing => {
                // Unless it is a probe that is under way, whose answer may be a good one.
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

    /// Asks about a receipt that nobody has, before anything is sent: a service that gives none says so, and
    /// takes nothing that it would never acknowledge.
    fn ask_for_receipts(&mut self, now: SystemTime) -> Option<Step<'r>> {
        if !self.in_flight.is_empty() {
            return None;
        }
        let request = self.destination.receipts()?.inquire(&[0]);
        Some(self.inquire(now, request))
    }

    /// Asks what became of batches, once there is nothing else to do.
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

    /// Takes in what came of a request.
    pub fn answered(&mut self, now: SystemTime, send_id: SendId, answer: &Result<Response, Fault>) {
        let Some(InFlight { sent, batch }) = self.in_flight.remove(&send_id) else {
            return;
        };
        match batch {
            Some(batch) => self.batch_answered(now, sent, batch, answer),
            None => self.inquiry_answered(now, sent, answer),
        }
    }

    /// Takes in which batches are stored by now, and asks again about the others after a wait.
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
            // Once both halves went through of what was rejected as a whole, later requests are no larger.
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

    /// The service pays no attention to keys: what was sent again of a batch may be there twice.
    fn ignores_ids(&mut self, batch: &mut Batch<'r>) {
        self.endpoint_state.ignores_ids = true;
        self.delivered.ignores_ids();
        if batch.tries > 0 {
            self.delivered.counts.possible_duplicates += std::mem::take(&mut batch.unclear) as u64;
        }
    }

    /// Settles the pieces of a batch one by one; what is to be sent again goes into a new batch.
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
            // Nothing but documents that leave something out now, or that were not looked at: there is
            // nothing to wait for.
            None => {
                again.tries = batch.tries;
                self.queue.push_front(again);
            }
        }
    }

    /// Rejects a piece, unless its JSON fields may be to blame: their types may conflict with
    /// what the destination has seen before. Then it is sent once more without them, since the
    /// message has them all.
    fn reject(&mut self, piece: &Piece<'r>, class: &ReasonCode, again: &mut Batch<'r>) {
        if piece.json.is_none() {
            self.delivered.reject(piece.record, class);
            return;
        }
        let without_fields = Piece { json: None, ..piece.clone() };
        again.push(without_fields, self.destination);
        self.delivered.counts.note_json_fields_rejected(class);
    }

    /// Sends a batch again after a wait, or leaves everything if the time does not allow it.
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

    /// Waits after so many tries without success, or leaves everything if the time does not allow it.
    fn back_off(
        &mut self,
        now: SystemTime,
        tries: u32,
        retry_after: Option<Duration>,
        class: &ReasonCode,
    ) {
        // A random wait does not end what there is time for.
        let longest = self.time_left(now) / 2;
        let wait = retry_after.unwrap_or_else(|| backoff(tries, &mut self.rng).min(longest));
        self.failing = Some(class.clone());
        self.wait(now, wait, class);
    }

    /// Whether a request was throttled twice as it is, with nothing taken in between: where a server
    /// counts the memory that requests take, or the bytes of a burst, a large one can never pass. One
    /// that counts requests takes others meanwhile, and more of them would be worse.
    fn is_too_much(&self, batch: &mut Batch<'r>) -> bool {
        let taken = self.taken();
        let is_alone = batch.taken_when_throttled.replace(taken) == Some(taken);
        is_alone && batch.len() > 1 && self.destination.deduplication() != Deduplication::PerRequest
    }

    /// Divides a request that is rejected as a whole, until what is rejected stands alone: that is tried
    /// once without its JSON fields. Whether it is to blame, or how the service is set up, shows in what
    /// the service takes beside it.
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
            // The service has shown before that it takes no such size, though it has no word for that.
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

    /// How many pieces the service has taken, those included that it has not called stored yet.
    fn taken(&self) -> u64 {
        let counts = &self.delivered.counts;
        let waiting: usize = self.receipts.iter().map(|(_, pieces)| pieces.len()).sum();
        counts.delivered + counts.deduplicated + waiting as u64
    }

    /// Has two halves sent next, and tells the size of the larger one.
    fn queue_halves(&mut self, (first, second): (Batch<'r>, Batch<'r>)) -> usize {
        let larger_half = first.bytes().max(second.bytes());
        self.queue.push_front(second);
        self.queue.push_front(first);
        larger_half
    }

    /// Makes later requests no larger than this, unless the service would not know them again then.
    fn limit_requests(&mut self, bytes: usize) {
        if self.destination.deduplication() != Deduplication::PerRequest {
            self.limits.max_request_bytes = self.limits.max_request_bytes.min(bytes);
        }
    }

    /// Sends nothing for a time, or nothing more at all if that is longer than there is.
    fn wait(&mut self, now: SystemTime, wait: Duration, class: &ReasonCode) {
        if wait.saturating_add(SHORTEST_REQUEST) > self.time_left(now) {
            self.stop(class.clone());
        } else {
            let until = now + wait;
            self.wait_until = Some(self.wait_until.map_or(until, |other| other.max(until)));
        }
    }

    /// An empty batch for what is sent again of another.
    fn next_try_of(&self, batch: &Batch<'r>) -> Batch<'r> {
        Batch::empty(batch.tries + 1, self.settings.gzip_level)
    }

    /// Divides a request that was too large, and has those after it find out no more; a single piece
    /// ends here.
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

    /// Rejects the only piece of a batch, which is sent once more if it has JSON fields.
    fn reject_alone(&mut self, batch: &Batch<'r>, class: &ReasonCode) {
        let mut again = self.next_try_of(batch);
        self.reject(batch.piece(0), class, &mut again);
        if !again.is_empty() {
            self.queue.push_front(again);
        }
    }

    /// Sends nothing more, for the first reason that there was.
    fn stop(&mut self, class: ReasonCode) {
        self.stopped.get_or_insert(class);
    }

    /// Leaves whatever was not settled.
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
            // Whatever is left, the service has most likely stored what it gave receipts for.
            unclear += pieces.len();
            self.delivered.leave(pieces.iter().map(|piece| piece.record), &NOT_ACKNOWLEDGED);
        }
        for batch in self.queue.drain(..) {
            unclear += batch.unclear;
            self.delivered.leave(batch.pieces().map(|piece| piece.record), &class);
        }
        self.delivered.leave(self.batcher.drain(), &class);
        // Whoever sends them again may send them a second time.
        let may_double = match self.deduplication() {
            Deduplication::PerRecord => false,
            Deduplication::None => true,
            // What is kept elsewhere is less than the event, and may be divided otherwise.
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

/// Whether a destination knows a record again, as far as it has shown.
fn deduplication(destination: &dyn Destination, endpoint_state: &EndpointState) -> Deduplication {
    if endpoint_state.ignores_ids { Deduplication::None } else { destination.deduplication() }
}

/// The wait that an answer asks for.
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
