//! Decides what to send, when, and when to stop.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use super::backoff::{acknowledgement_wait, asked_for, backoff};
use super::batch::{Batch, Batcher};
use super::breaker::Admission;
use super::delivery_result::DeliveryResult;
use super::endpoint_state::EndpointState;
use super::fault::Fault;
use super::oversized::{Oversized, TOO_LARGE};
use super::settings::{Outage, Settings};
use super::splits::Splits;
use crate::destination::{
    AcknowledgementStatus, Ambiguity, BatchOutcome, Deduplication, Destination, Limits, ReasonCode,
    RecordOutcome, Request, Response,
};
use crate::record::{Piece, Record};
use crate::routing::Names;

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

/// Identifies a request until its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SendId(u64);

/// The next action.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a step is taken apart at once")]
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
    acknowledgements: Vec<(u64, Vec<Piece<'r>>)>,
    /// Consecutive acknowledgement requests without a new acknowledgement.
    acknowledgement_requests: u32,
    wait_until: Option<SystemTime>,
    /// Why sending has stopped.
    stopped: Option<ReasonCode>,
    /// The names for which sending has stopped, and why.
    stopped_names: Vec<(&'r Names, ReasonCode)>,
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
            acknowledgements: Vec::new(),
            acknowledgement_requests: 0,
            wait_until: None,
            stopped: None,
            stopped_names: Vec::new(),
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
            && let Some(step) = self.send_or_wait(now)
        {
            return step;
        }
        if !self.in_flight.is_empty() {
            return Step::Await;
        }
        self.mark_rest_undelivered();
        self.endpoint_state.breaker.probe_unused(now);
        if self.send_ids == 0 {
            // The cause of the long build time may be over.
            self.endpoint_state.build_time /= 2;
        }
        Step::Done(self.delivered.finish(self.endpoint_state))
    }

    /// Sends a request or waits to do so; `None` if only responses are pending.
    fn send_or_wait(&mut self, now: SystemTime) -> Option<Step<'r>> {
        if self.send_ids == 0
            && self.wait_until.is_none()
            && let Some(pause) = self.endpoint_state.pause(now)
        {
            match self.settings.outage {
                Outage::StopSending => self.stop(ASKED_TO_WAIT),
                Outage::RetryUntilDeadline => self.wait(now, pause, &ASKED_TO_WAIT),
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
        let most = match self.splits.have_begun() && self.accepted() == 0 {
            // It may reject everything, which a few requests show.
            true => 1,
            false => self.endpoint_state.concurrency.size(self.settings.max_in_flight),
        };
        if self.in_flight.len() >= most {
            return None;
        }
        if self.has_buffer_space() && self.fill_queue(now) {
            if !self.is_admitted(now) {
                return None;
            }
            if !self.endpoint_state.supports_acknowledgement
                && self.destination.acknowledgements().is_some()
            {
                return self.check_acknowledgement_support(now);
            }
            return self.send_batch(now);
        }
        if self.in_flight.is_empty() {
            return self.request_acknowledgements(now);
        }
        None
    }

    /// A request was built in this time; the next one may take as long.
    pub fn on_request_built(&mut self, took: Duration) {
        self.endpoint_state.build_time = took.max(self.endpoint_state.build_time / 2);
    }

    /// Whether another request can be built in time. That takes long with little CPU, and Lambda
    /// ends a function at its timeout; but a single slow build does not prevent the first attempt.
    fn has_time_for_another(&self, now: SystemTime) -> bool {
        let build_time = self.endpoint_state.build_time.min(self.time.unwrap_or_default() / 4);
        self.time_left(now) >= SHORTEST_REQUEST + build_time
    }

    /// Whether one more batch may be held.
    fn has_buffer_space(&self) -> bool {
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
                if !self.batcher.is_empty() && !self.has_time_for_another(now) {
                    self.stop(NO_TIME_LEFT);
                    return false;
                }
                let batch =
                    self.batcher.next(self.destination, self.limits, now, &mut self.delivered);
                self.queue.extend(batch);
            }
            if let Some(reason) = self.queue.front().and_then(|batch| self.why_stopped(batch)) {
                if let Some(batch) = self.queue.pop_front() {
                    self.give_up(&batch, &reason);
                }
                continue;
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
                self.split_oversized(&batch);
            }
        }
    }

    /// Whether the circuit breaker admits a request.
    fn is_admitted(&mut self, now: SystemTime) -> bool {
        if self.settings.outage == Outage::RetryUntilDeadline {
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
        if batch.attempts > 0 {
            counts.retries += 1;
        }
        if keys == Deduplication::None {
            counts.possible_duplicates += std::mem::take(&mut batch.unclear) as u64;
        }
        Some(self.send(now, request, Some(batch)))
    }

    /// Asks about an unknown acknowledgement id before anything is sent: a destination without
    /// acknowledgement reports that, and accepts nothing that it would never acknowledge.
    fn check_acknowledgement_support(&mut self, now: SystemTime) -> Option<Step<'r>> {
        if !self.in_flight.is_empty() {
            return None;
        }
        let request = self.destination.acknowledgements()?.request_status(&[0]);
        Some(self.request_status(now, request))
    }

    /// Sends an acknowledgement request, once there is nothing else to do.
    fn request_acknowledgements(&mut self, now: SystemTime) -> Option<Step<'r>> {
        if self.acknowledgements.is_empty() {
            return None;
        }
        let acknowledgements: Vec<u64> = self
            .acknowledgements
            .iter()
            .map(|(acknowledgement_id, _)| *acknowledgement_id)
            .collect();
        let request = self.destination.acknowledgements()?.request_status(&acknowledgements);
        Some(self.request_status(now, request))
    }

    fn request_status(&mut self, now: SystemTime, request: Request) -> Step<'r> {
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
    pub fn on_response(
        &mut self,
        now: SystemTime,
        send_id: SendId,
        response: &Result<Response, Fault>,
    ) {
        let Some(InFlight { sent, batch }) = self.in_flight.remove(&send_id) else {
            return;
        };
        match batch {
            Some(batch) => self.on_batch_response(now, sent, batch, response),
            None => self.on_acknowledgement(now, sent, response),
        }
    }

    /// Processes which batches are indexed, and asks again about the others after a wait.
    fn on_acknowledgement(
        &mut self,
        now: SystemTime,
        sent: SystemTime,
        response: &Result<Response, Fault>,
    ) {
        let status = match (response, self.destination.acknowledgements()) {
            (Ok(response), Some(acknowledgements)) => acknowledgements.classify(response),
            (Err(fault), _) => AcknowledgementStatus::Retry(fault.reason()),
            (Ok(_), None) => AcknowledgementStatus::Stop(NOT_ACKNOWLEDGED),
        };
        self.acknowledgement_requests += 1;
        let retry_after = response.as_ref().ok().and_then(|response| wait_asked_for(response, now));
        if let Some(wait) = retry_after {
            self.endpoint_state.asked_to_wait(now, wait);
        }
        if !self.endpoint_state.supports_acknowledgement {
            match status {
                AcknowledgementStatus::Indexed(_) => {
                    self.endpoint_state.supports_acknowledgement = true;
                    self.endpoint_state.breaker.succeeded();
                    self.acknowledgement_requests = 0;
                }
                AcknowledgementStatus::Retry(reason) => {
                    let failed = BatchOutcome::Retry(reason.clone(), Ambiguity::NothingAccepted);
                    self.endpoint_state.learn(&failed, sent, now, self.settings.max_in_flight);
                    self.delivered.counts.note_retry(0, &reason);
                    self.back_off(now, self.acknowledgement_requests, retry_after, &reason);
                }
                AcknowledgementStatus::Stop(reason) => self.stop(reason),
            }
            return;
        }
        match status {
            AcknowledgementStatus::Indexed(stored) => {
                let before = self.acknowledgements.len();
                self.acknowledgements.retain(|(acknowledgement_id, pieces)| {
                    let is_stored = stored.contains(acknowledgement_id);
                    if is_stored {
                        self.delivered.mark_delivered(pieces.iter());
                    }
                    !is_stored
                });
                if self.acknowledgements.len() < before {
                    self.acknowledgement_requests = 1;
                }
            }
            AcknowledgementStatus::Retry(reason) => self.delivered.counts.note_retry(0, &reason),
            AcknowledgementStatus::Stop(reason) => return self.stop(reason),
        }
        if self.acknowledgements.is_empty() {
            return;
        }
        let wait =
            retry_after.unwrap_or_else(|| acknowledgement_wait(self.acknowledgement_requests));
        self.wait(now, wait, &NOT_ACKNOWLEDGED);
    }

    fn on_batch_response(
        &mut self,
        now: SystemTime,
        sent: SystemTime,
        mut batch: Batch<'r>,
        response: &Result<Response, Fault>,
    ) {
        let (batch_outcome, retry_after) = match response {
            Ok(response) => {
                if self.deduplication() == Deduplication::PerRecord
                    && !self.destination.honors_ids(response)
                {
                    self.ignores_ids(&mut batch);
                }
                (self.destination.classify(batch.len(), response), wait_asked_for(response, now))
            }
            Err(
                fault @ (Fault::ClientCertificateRequired
                | Fault::ClientCertificateRejected
                | Fault::ProxyAuthenticationRequired),
            ) => (BatchOutcome::Stop(fault.reason()), None),
            Err(fault @ Fault::NotHttp) => (BatchOutcome::StopUnclear(fault.reason()), None),
            Err(fault) => (BatchOutcome::Retry(fault.reason(), fault.ambiguity()), None),
        };
        self.endpoint_state.learn(&batch_outcome, sent, now, self.settings.max_in_flight);
        if let Some(wait) = retry_after {
            self.endpoint_state.asked_to_wait(now, wait);
        }
        if batch_outcome.is_all_delivered() {
            self.failing = None;
            self.endpoint_state.took(sent);
            // Both halves of a rejected batch were accepted: limit later requests to that size.
            if let Some(bytes) = batch.split.and_then(|it| self.splits.accepted(it)) {
                self.limit_requests(bytes);
            }
        }
        match batch_outcome {
            BatchOutcome::Each(outcomes) => self.apply_outcomes(now, &batch, outcomes, retry_after),
            BatchOutcome::Counted { delivered, rejected } => {
                self.delivered.count(batch.pieces(), delivered, rejected);
            }
            BatchOutcome::Accepted(acknowledgement_id) => {
                self.acknowledgements.push((acknowledgement_id, batch.into_pieces()));
            }
            BatchOutcome::Retry(reason, ambiguity) => {
                batch.attempts += 1;
                if ambiguity == Ambiguity::Unclear {
                    batch.unclear = batch.len();
                }
                self.delivered.counts.note_retry(batch.len(), &reason);
                let is_throttled =
                    response.as_ref().is_ok_and(|response| response.status == THROTTLED);
                if is_throttled && retry_after.is_none() && self.is_size_throttled(&mut batch) {
                    let larger_half = self.queue_halves(batch.halves(self.destination));
                    self.limit_requests(larger_half);
                    self.back_off(now, batch.attempts, None, &reason);
                } else {
                    self.retry_batch(now, batch, retry_after, &reason);
                }
            }
            BatchOutcome::TooLarge => self.split_oversized(&batch),
            BatchOutcome::Split(reason) => self.bisect_rejected(batch, reason),
            BatchOutcome::SplitAt { index, unclear } => {
                let (mut first, mut rest) = batch.split_at(index, self.destination);
                first.unclear = unclear.min(first.len());
                rest.unclear = unclear - first.unclear;
                self.queue_halves((first, rest));
            }
            BatchOutcome::Stop(reason) => self.stop_names(batch, reason),
            BatchOutcome::StopUnclear(reason) => {
                batch.unclear = batch.len();
                self.queue.push_front(batch);
                self.stop(reason);
            }
        }
    }

    /// The destination ignores document ids: what was resent of a batch may be duplicated.
    fn ignores_ids(&mut self, batch: &mut Batch<'r>) {
        self.endpoint_state.ignores_ids = true;
        self.delivered.ignores_ids();
        if batch.attempts > 0 {
            self.delivered.counts.possible_duplicates += std::mem::take(&mut batch.unclear) as u64;
        }
    }

    /// Applies the outcome of each record; those to be retried form a new batch.
    fn apply_outcomes(
        &mut self,
        now: SystemTime,
        batch: &Batch<'r>,
        outcomes: Vec<RecordOutcome>,
        retry_after: Option<Duration>,
    ) {
        let mut retry = self.retry_of(batch);
        let mut retry_reason = None;
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let piece = batch.piece(index);
            match outcome {
                RecordOutcome::Delivered => self.delivered.mark_delivered([piece]),
                RecordOutcome::Deduplicated => self.delivered.counts.deduplicated += 1,
                RecordOutcome::Rejected(reason) => self.reject(piece, &reason, &mut retry),
                RecordOutcome::Incompatible(reason)
                    if piece.json.is_none() && !self.destination.is_at_fault(piece, &reason) =>
                {
                    self.delivered.mark_undelivered([piece.record], &reason);
                }
                RecordOutcome::Incompatible(reason) => self.reject(piece, &reason, &mut retry),
                RecordOutcome::Stop(reason) => {
                    self.delivered.mark_undelivered([piece.record], &reason);
                }
                RecordOutcome::NotReached => {
                    retry.push(piece.clone(), self.destination);
                }
                RecordOutcome::Retry(reason, ambiguity) => {
                    retry.push(piece.clone(), self.destination);
                    if ambiguity == Ambiguity::Unclear {
                        retry.unclear += 1;
                    }
                    self.delivered.counts.note_retry(1, &reason);
                    retry_reason = Some(reason);
                }
            }
        }
        if retry.is_empty() {
            return;
        }
        match retry_reason {
            Some(reason) => self.retry_batch(now, retry, retry_after, &reason),
            // Only documents that were rejected with JSON fields, or were not processed: there is
            // nothing to wait for.
            None => {
                retry.attempts = batch.attempts;
                self.queue.push_front(retry);
            }
        }
    }

    /// Rejects a record, unless its JSON fields may be the reason: their types may conflict with
    /// the mapping. Then it is resent without them, because the message contains them all.
    fn reject(&mut self, piece: &Piece<'r>, reason: &ReasonCode, retry: &mut Batch<'r>) {
        if piece.json.is_none() {
            self.delivered.reject(piece.record, reason);
            return;
        }
        let without_fields = Piece { json: None, ..piece.clone() };
        retry.push(without_fields, self.destination);
        self.delivered.counts.note_json_fields_rejected(reason);
    }

    /// Retries a batch after a backoff, or stops if there is no time.
    fn retry_batch(
        &mut self,
        now: SystemTime,
        batch: Batch<'r>,
        retry_after: Option<Duration>,
        reason: &ReasonCode,
    ) {
        let attempts = batch.attempts;
        self.queue.push_front(batch);
        self.back_off(now, attempts, retry_after, reason);
    }

    /// Waits after this many failed attempts, or stops if there is no time.
    fn back_off(
        &mut self,
        now: SystemTime,
        attempts: u32,
        retry_after: Option<Duration>,
        reason: &ReasonCode,
    ) {
        // A random wait does not use up the remaining time.
        let longest = self.time_left(now) / 2;
        let wait = retry_after.unwrap_or_else(|| backoff(attempts, &mut self.rng).min(longest));
        self.failing = Some(reason.clone());
        self.wait(now, wait, reason);
    }

    /// Whether a batch was throttled twice, with nothing accepted in between. If a server limits
    /// the bytes of requests or of a burst, a large request can never pass. A server that limits
    /// the number of requests accepts others meanwhile, and splitting would make it worse.
    fn is_size_throttled(&self, batch: &mut Batch<'r>) -> bool {
        let accepted = self.accepted();
        let is_alone = batch.accepted_when_throttled.replace(accepted) == Some(accepted);
        is_alone && batch.len() > 1 && self.destination.deduplication() != Deduplication::PerRequest
    }

    /// Splits a batch that was rejected as a whole, until a single record remains, which is retried
    /// once without its JSON fields. Whether the record or the destination's setup is at fault
    /// shows in what the destination accepts of the rest.
    fn bisect_rejected(&mut self, batch: Batch<'r>, reason: ReasonCode) {
        if batch.len() > 1 {
            match self.splits.begin(&batch, self.destination) {
                Some(halves) => drop(self.queue_halves(halves)),
                None => {
                    self.queue.push_front(batch);
                    self.stop(reason);
                }
            }
            return;
        }
        if batch.bytes() > self.limits.max_request_bytes {
            // The destination has rejected this size before, without saying so.
            return self.split_oversized(&batch);
        }
        let piece = batch.piece(0);
        if piece.json.is_some() || self.accepted() > 0 {
            self.reject_single(&batch, &reason);
        } else if self.splits.suspect(piece.record, &reason) {
            self.stop(reason);
        }
    }

    fn deduplication(&self) -> Deduplication {
        deduplication(self.destination, &self.endpoint_state)
    }

    /// How many records the destination has accepted, including those that are not acknowledged.
    fn accepted(&self) -> u64 {
        let counts = &self.delivered.counts;
        let waiting: usize = self.acknowledgements.iter().map(|(_, pieces)| pieces.len()).sum();
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
    fn wait(&mut self, now: SystemTime, wait: Duration, reason: &ReasonCode) {
        if wait.saturating_add(SHORTEST_REQUEST) > self.time_left(now) {
            self.stop(reason.clone());
        } else {
            let until = now + wait;
            self.wait_until = Some(self.wait_until.map_or(until, |other| other.max(until)));
        }
    }

    /// An empty batch for the retries of another.
    fn retry_of(&self, batch: &Batch<'r>) -> Batch<'r> {
        Batch::empty(batch.attempts + 1, self.settings.gzip_level)
    }

    /// Splits a batch that was too large, and limits later ones; a single record is rejected.
    fn split_oversized(&mut self, batch: &Batch<'r>) {
        if batch.len() > 1 {
            let larger_half = self.queue_halves(batch.halves(self.destination));
            return self.limit_requests(larger_half);
        }
        let piece = batch.piece(0);
        if piece.json.is_none() && self.settings.oversized == Oversized::DeadLetter {
            self.delivered.dead_letter(piece.record, &TOO_LARGE);
        } else {
            self.reject_single(batch, &TOO_LARGE);
        }
    }

    /// Rejects the only record of a batch, or resends it without its JSON fields if it has any.
    fn reject_single(&mut self, batch: &Batch<'r>, reason: &ReasonCode) {
        let mut retry = self.retry_of(batch);
        self.reject(batch.piece(0), reason, &mut retry);
        if !retry.is_empty() {
            self.queue.push_front(retry);
        }
    }

    /// Stops sending records with the names of this batch: the tenant or index of one team may be at
    /// fault. Without names, or if a second name fails before anything is accepted, sending ends.
    fn stop_names(&mut self, batch: Batch<'r>, reason: ReasonCode) {
        let names = batch.piece(0).record.names;
        let is_of_names = self.destination.separates(Names::none(), names)
            && batch.pieces().all(|it| !self.destination.separates(names, it.record.names))
            && (self.accepted() > 0 || self.stopped_names.is_empty());
        if !is_of_names {
            self.queue.push_front(batch);
            return self.stop(reason);
        }
        self.give_up(&batch, &reason);
        self.stopped_names.push((names, reason));
    }

    /// Marks a batch undelivered.
    fn give_up(&mut self, batch: &Batch<'r>, reason: &ReasonCode) {
        if self.may_duplicate() {
            self.delivered.counts.possible_duplicates += batch.unclear as u64;
        }
        self.delivered.mark_undelivered(batch.pieces().map(|piece| piece.record), reason);
    }

    /// Whether a later delivery of what may have arrived would duplicate it.
    fn may_duplicate(&self) -> bool {
        match self.deduplication() {
            Deduplication::PerRecord => false,
            Deduplication::None => true,
            // What is stored is a part of the event, and may be batched differently.
            Deduplication::PerRequest => self.settings.outage == Outage::StopSending,
        }
    }

    /// Why sending has stopped for the names of this batch, if it has.
    fn why_stopped(&self, batch: &Batch<'r>) -> Option<ReasonCode> {
        let names = batch.piece(0).record.names;
        let mut stopped = self.stopped_names.iter();
        stopped
            .find(|(it, _)| !self.destination.separates(it, names))
            .map(|(_, reason)| reason.clone())
    }

    /// Stops sending; keeps the first reason.
    fn stop(&mut self, reason: ReasonCode) {
        self.stopped.get_or_insert(reason);
    }

    /// Marks everything without a final result as undelivered.
    fn mark_rest_undelivered(&mut self) {
        let reason = self.stopped.take().unwrap_or(NO_TIME_LEFT);
        let is_their_own_fault = self.accepted() > 0;
        for (record, reason) in self.splits.suspects() {
            if is_their_own_fault {
                self.delivered.reject(record, &reason);
            } else {
                self.delivered.mark_undelivered([record], &reason);
            }
        }
        let mut unclear = 0;
        for (_, pieces) in self.acknowledgements.drain(..) {
            // The destination has probably indexed what it accepted.
            unclear += pieces.len();
            self.delivered
                .mark_undelivered(pieces.iter().map(|piece| piece.record), &NOT_ACKNOWLEDGED);
        }
        for batch in std::mem::take(&mut self.queue) {
            self.give_up(&batch, &reason);
        }
        self.delivered.mark_undelivered(self.batcher.drain(), &reason);
        if self.may_duplicate() {
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
fn wait_asked_for(response: &Response, now: SystemTime) -> Option<Duration> {
    response.retry_after.as_deref().and_then(|header| asked_for(header, now))
}

#[cfg(test)]
mod tests;
