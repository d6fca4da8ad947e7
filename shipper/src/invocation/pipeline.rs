//! Processes payloads: decode, parse, deliver, store undelivered events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;

use super::context::{Invocation, instant_before};
use super::destination_result::{DestinationResult, Storing};
use super::payload::{Data, Payload, Source};
use super::shipper::Shipper;
use crate::config::DestinationConfig;
use crate::counts::{Counts, OWN_LOG_GROUP};
use crate::decode::{self, DecodeError, Delivery, LogEvent, MessageType};
use crate::delivery::{self, Outage, Settings};
use crate::enclosed::infer_request_ids;
use crate::log_source;
use crate::log_sources::LogSources;
use crate::processing::{self, Applicable, ChangedMessage, Joined};
use crate::record::Record;
use crate::routing::{Names, Routed};
use crate::summary::Summary;
use crate::undelivered::ObjectName;

/// The decoded size of a turn, unless the configured limit of a payload is lower. The payloads of a
/// batch are processed in turns, so that memory stays bounded whatever they expand to.
const TURN_BYTES: usize = 16 * 1024 * 1024;

/// The result for a payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Disposition {
    /// Everything is delivered, rejected, stored or dropped, or the payload is a test message.
    Completed,
    /// It was a stored event, and its object contains only the undelivered rest now.
    Rewritten,
    /// Some records are undelivered and exist only at the payload's source.
    Undelivered,
    /// It cannot be decoded and not be stored.
    Undecodable(DecodeError),
    /// It was not processed.
    NotProcessed,
}

/// Which payloads are retried if one of them must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryScope {
    /// That one.
    Each,
    /// That one and all after it, so processing stops there.
    FromThere,
    /// All.
    All,
}

/// The processing of payloads within one invocation.
pub(super) struct Pipeline<'s> {
    pub(super) shipper: &'s Shipper,
    function_arn: Option<&'s str>,
    /// The deadline for deliveries.
    pub(super) deliver_until: SystemTime,
    /// The deadline for storing.
    pub(super) store_until: SystemTime,
    pub(super) retry_scope: RetryScope,
    pub(super) summary: &'s mut Summary,
    /// The records that destinations without deduplication hold of earlier turns.
    held: BTreeMap<String, u64>,
}

impl<'s> Pipeline<'s> {
    /// A pipeline within an invocation.
    pub(super) fn new(
        shipper: &'s Shipper,
        invocation: &Invocation<'s>,
        retry_scope: RetryScope,
        summary: &'s mut Summary,
    ) -> Self {
        let config = &shipper.config;
        let store_until = invocation.deadline.checked_sub(config.reserve);
        let store_until = store_until.unwrap_or(SystemTime::UNIX_EPOCH);
        let time_left = store_until.duration_since(SystemTime::now()).unwrap_or_default();
        // A function with little time uses it for delivery.
        let undelivered = config.undelivered.as_ref();
        let for_storing = undelivered.map(|it| it.reserve.min(time_left / 4)).unwrap_or_default();
        let deliver_until = store_until.checked_sub(for_storing).unwrap_or(SystemTime::UNIX_EPOCH);
        Self {
            shipper,
            function_arn: invocation.function_arn,
            deliver_until,
            store_until,
            retry_scope,
            summary,
            held: BTreeMap::new(),
        }
    }

    /// Processes payloads, and returns the result for each.
    pub(super) async fn ship(&mut self, payloads: &[Payload<'_>]) -> Vec<Disposition> {
        let mut dispositions = Vec::with_capacity(payloads.len());
        while dispositions.len() < payloads.len() {
            let turn = self.decode_turn(&payloads[dispositions.len()..]);
            let mut strings = turn.iter().map(|_| self.shipper.buffers.take()).collect::<Vec<_>>();
            let shipped = self.ship_turn(&turn, &mut strings).await;
            let decoded = turn.into_iter().filter_map(|decoded| decoded.json.ok());
            strings
                .into_iter()
                .chain(decoded)
                .for_each(|buffer| self.shipper.buffers.put_back(buffer));
            let goes_on = shipped.iter().all(Disposition::is_completed)
                || self.retry_scope == RetryScope::Each;
            dispositions.extend(shipped);
            if !goes_on {
                break;
            }
        }
        dispositions.resize(payloads.len(), Disposition::NotProcessed);
        dispositions
    }

    /// Decodes the next payloads of a turn: payloads of one kind, up to a size.
    fn decode_turn<'t, 'p>(&mut self, payloads: &'t [Payload<'p>]) -> Vec<Decoded<'t, 'p>> {
        let cap_bytes = self.shipper.config.max_decoded_bytes;
        let turn_bytes = TURN_BYTES.min(cap_bytes);
        let mut turn: Vec<Decoded<'t, 'p>> = Vec::new();
        let mut bytes = 0;
        for payload in payloads {
            let is_like = |first: &Payload<'_>| {
                (first.only, first.among, first.source)
                    == (payload.only, payload.among, payload.source)
            };
            if turn.first().is_some_and(|first| bytes >= turn_bytes || !is_like(first.payload)) {
                break;
            }
            let buffer = self.shipper.buffers.take();
            let json = match &payload.data {
                Data::Base64(data) => decode::inflate(data, cap_bytes, buffer),
                Data::Gzip(bytes) => decode::gunzip(bytes, cap_bytes, buffer),
                Data::Json(bytes) => Ok(bytes.to_vec()),
            };
            let size = json.as_ref().map_or(0, Vec::len);
            if !turn.is_empty() && bytes + size > turn_bytes {
                // Decoding it again in the next turn costs less than holding it until then.
                break;
            }
            bytes += size;
            turn.push(Decoded { payload, json });
        }
        self.summary.bytes_decoded += bytes;
        self.summary.events += turn.len();
        turn
    }

    /// Processes the decoded payloads of a turn. Unescaped strings are written to `strings`.
    async fn ship_turn(
        &mut self,
        turn: &[Decoded<'_, '_>],
        strings: &mut [Vec<u8>],
    ) -> Vec<Disposition> {
        let mut dispositions = vec![Disposition::Completed; turn.len()];
        let Some(first) = turn.first().map(|decoded| decoded.payload) else {
            return dispositions;
        };
        let Some(targets) = self.targets(first) else {
            // Nothing was processed or changed.
            return vec![Disposition::NotProcessed; turn.len()];
        };
        let mut deliveries: Vec<(usize, Delivery<'_>)> = Vec::with_capacity(turn.len());
        for ((index, decoded), strings) in turn.iter().enumerate().zip(strings) {
            let json = decoded.json.as_deref().map_err(Clone::clone);
            match json.and_then(|json| decode::parse(json, strings)) {
                Ok(mut delivery) => {
                    if !self.is_to_be_shipped(&mut delivery, &targets) {
                        continue;
                    }
                    if first.source != Source::Backfill {
                        self.summary.note_times(&delivery);
                    }
                    deliveries.push((index, delivery));
                }
                Err(error) => {
                    dispositions[index] =
                        self.store_undecodable_payload(decoded.payload, error).await;
                }
            }
        }
        if deliveries.is_empty() {
            return dispositions;
        }
        // A subscription delivers to a function in its own region.
        let region = self.function_arn.and_then(|arn| arn.split(':').nth(3));
        let mut log_sources: Vec<LogSources<'_>> = deliveries
            .iter()
            .map(|(index, delivery)| {
                LogSources::of(delivery, region, *index, turn[*index].payload.arrived)
            })
            .collect();
        self.tag(&mut log_sources).await;
        let count = deliveries.iter().map(|(_, delivery)| delivery.log_events.len()).sum();
        let mut records: Vec<Record<'_>> = Vec::with_capacity(count);
        for log_sources in &log_sources {
            let first = records.len();
            records.extend(log_sources.records());
            infer_request_ids(&mut records[first..]);
        }
        let joined = self.join(&records, first.source);
        self.summary.joined += processing::put_joined(&mut records, &joined);
        let mut records = self.admit(records, &targets, first.source);
        let (changed, applicable) = self.transform(&records, first.source);
        processing::put_changed(&mut records, &changed);
        let redacted = self.redact(&records);
        processing::put_messages(&mut records, &redacted);
        let objects = self.objects(&records, &applicable, first.source);
        processing::put_objects(&mut records, &objects);
        let stored_names = first.only.map(|only| stored_names(only, &deliveries));
        let stored_names = stored_names.unwrap_or_default();
        let routed = self.route(&records, first.only, &stored_names);
        if let Some(routed) = &routed {
            for (name, _) in &targets {
                let incomplete = routed.get(*name).map_or(0, |routed| routed.incomplete);
                self.summary.count(name, Counts::of_incomplete_names(incomplete));
            }
        }
        let by_target: Option<BTreeMap<&str, Vec<Record<'_>>>> = routed.as_ref().map(|routed| {
            routed.iter().map(|(name, routed)| (name.as_str(), routed.records(&records))).collect()
        });
        let stored = self.shipper.config.undelivered.is_some();
        let names = deliveries.iter().filter(|_| stored);
        let places = Places {
            source: first.source,
            names: names.map(|(index, delivery)| (*index, ObjectName::of(delivery))).collect(),
            keys: turn
                .iter()
                .enumerate()
                .filter_map(|(index, it)| Some((index, it.payload.key?)))
                .collect(),
            sizes: deliveries.iter().map(|(index, it)| (*index, it.log_events.len())).collect(),
        };
        let shippings = targets.iter().map(|(name, config)| {
            let records = match &by_target {
                Some(by_target) => by_target.get(name).map(Vec::as_slice).unwrap_or_default(),
                None => &records,
            };
            self.ship_to(name, config, records, &places)
        });
        let shipped = join_all(shippings).await;
        for event in shipped.iter().flat_map(|shipped| &shipped.rewritten) {
            dispositions[*event] = Disposition::Rewritten;
        }
        let undecodable =
            dispositions.iter().enumerate().filter(|(_, disposition)| !disposition.is_completed());
        let undecodable: BTreeSet<usize> = undecodable.map(|(event, _)| event).collect();
        for event in self.account(shipped, &undecodable, first) {
            dispositions[event] = Disposition::Undelivered;
        }
        dispositions
    }

    /// Sets the tags of log sources, from the tables of their accounts.
    async fn tag(&mut self, log_sources: &mut [LogSources<'_>]) {
        let Some(tables) = &self.shipper.tag_tables else {
            return;
        };
        let owners = log_sources.iter().flat_map(LogSources::owners).collect();
        let until = instant_before(self.deliver_until, Duration::ZERO);
        for warning in tables.refresh(self.shipper.aws(), &owners, until).await {
            self.summary.warn(warning);
        }
        for log_source in log_sources {
            log_source.set_tags(|it| tables.tags(it.owner, it.group, it.function));
        }
    }

    /// The stack traces whose log events become one record. Those of stored events are joined
    /// already.
    fn join(&self, records: &[Record<'_>], source: Source) -> Vec<Joined> {
        let processing = self.shipper.config.processing.as_ref();
        let join_lines = processing.and_then(|it| it.join_lines).filter(|_| !source.is_stored());
        join_lines.map(|join_lines| join_lines.join(records)).unwrap_or_default()
    }

    /// Applies the filter and sampling rules. Stored events have passed them before, and lack the
    /// other log events of their request.
    fn admit<'r>(
        &mut self,
        records: Vec<Record<'r>>,
        targets: &[(&str, &DestinationConfig)],
        source: Source,
    ) -> Vec<Record<'r>> {
        let Some(processing) =
            self.shipper.config.processing.as_ref().filter(|_| !source.is_stored())
        else {
            return records;
        };
        let mut matching = self.shipper.config.router.matching();
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        let mut unmatched = 0;
        let admitted = processing.filter(records, |record, rule| {
            let found = matching.destinations(record);
            unmatched += usize::from(!found.is_matched);
            for (name, _) in found.destinations {
                counts.entry(name).or_default().drop(1, &rule);
            }
        });
        self.summary.no_route += unmatched;
        for (name, _) in targets {
            self.summary.count(name, counts.remove(name).unwrap_or_default());
        }
        admitted
    }

    /// The records of each target with their names; `None` if all are sent to every target, under
    /// its own names.
    fn route(
        &mut self,
        records: &[Record<'_>],
        only: Option<&str>,
        stored_names: &[Option<Names>],
    ) -> Option<BTreeMap<String, Routed>> {
        let router = &self.shipper.config.router;
        if let Some(only) = only {
            let routed = router.route_stored(records, only, stored_names);
            return Some(BTreeMap::from([(only.to_owned(), routed)]));
        }
        if router.is_needless() {
            return None;
        }
        let (routed, unmatched) = router.route(records);
        self.summary.no_route += unmatched;
        Some(routed)
    }

    /// Changes the fields of JSON messages. Stored events are transformed already.
    fn transform(
        &mut self,
        records: &[Record<'_>],
        source: Source,
    ) -> (Vec<Option<ChangedMessage>>, Applicable) {
        let processing = self.shipper.config.processing.as_ref();
        let Some(processing) = processing.filter(|_| !source.is_stored()) else {
            return Default::default();
        };
        let (messages, applicable, counts) = processing.transform(records);
        self.summary.count_transformed(counts);
        (messages, applicable)
    }

    /// Makes fields of redacted text messages. Those of stored events are redacted.
    fn objects(
        &mut self,
        records: &[Record<'_>],
        applicable: &Applicable,
        source: Source,
    ) -> Vec<Option<String>> {
        let Some(processing) = &self.shipper.config.processing else {
            return Vec::new();
        };
        if source.is_stored() {
            return processing.stored_objects(records);
        }
        let (objects, counts) = processing.objects(records, applicable);
        self.summary.count_transformed(counts);
        objects
    }

    /// Redacts messages.
    fn redact(&mut self, records: &[Record<'_>]) -> Vec<Option<String>> {
        let Some(processing) = &self.shipper.config.processing else {
            return Vec::new();
        };
        let (messages, counts) = processing.redact(records);
        self.summary.count_redacted(counts);
        messages
    }

    /// Delivers to a destination, and stores what is undelivered.
    async fn ship_to<'r>(
        &self,
        name: &'r str,
        config: &'r DestinationConfig,
        records: &'r [Record<'r>],
        places: &Places<'_>,
    ) -> DestinationResult<'r> {
        let shipper = self.shipper;
        let settings = self.settings(config);
        let destination = config.destination.as_ref();
        let endpoint_state = shipper.endpoint_state(name);
        let delivered =
            delivery::deliver(&shipper.client, destination, records, settings, endpoint_state)
                .await;
        shipper.learned(name, delivered.endpoint_state);
        let is_well = delivered.counts.requests > 0
            && delivered.endpoint_state.breaker.is_closed()
            && !delivered
                .undelivered
                .iter()
                .any(|undelivered| undelivered.reason.blames_credentials());
        let mut shipped = DestinationResult::new(name, delivered);
        shipped.count_routes(records);
        if is_well {
            shipped.warnings.extend(shipper.inspect(name, destination, self.deliver_until).await);
        }
        let Some(undelivered) = &shipper.config.undelivered else {
            shipped.return_to_source();
            return shipped;
        };
        let storing = || Storing {
            storage: &undelivered.storage,
            aws: shipper.aws(),
            until: self.store_by(),
            is_stored: places.source.is_stored(),
        };
        // The AWS client is created only if there is something to store.
        if shipped.has_dead_letters() {
            shipped.store_oversized(storing()).await;
            shipped.store_rejected(storing()).await;
        }
        if !shipped.has_undelivered() {
            return shipped;
        }
        if places.source.is_stored() {
            shipped.stay_stored();
            shipped.rewrite(storing(), &places.keys, &places.sizes).await;
        } else {
            shipped.store_undelivered(storing(), &places.names).await;
        }
        shipped
    }

    /// Adds the results to the summary, and marks the events with undelivered records.
    fn account(
        &mut self,
        shipped: Vec<DestinationResult<'_>>,
        undecodable: &BTreeSet<usize>,
        first: &Payload<'_>,
    ) -> BTreeSet<usize> {
        let left: BTreeSet<usize> =
            shipped.iter().flat_map(|shipped| shipped.undelivered.iter().copied()).collect();
        let failed: BTreeSet<usize> = left.union(undecodable).copied().collect();
        let lowest = failed.first().copied();
        let retry_scope = self.retry_scope;
        let repeated = |event: usize| match retry_scope {
            RetryScope::Each => failed.contains(&event),
            RetryScope::FromThere => lowest.is_some_and(|lowest| event >= lowest),
            RetryScope::All => lowest.is_some(),
        };
        for mut shipped in shipped {
            let held = self.held.entry(shipped.destination.to_owned()).or_default();
            if retry_scope == RetryScope::All && lowest.is_some() {
                shipped.counts.possible_duplicates += std::mem::take(held);
            }
            let doubtful = first.source.is_ambiguous();
            shipped.counts.possible_duplicates +=
                shipped.held_of(|event| doubtful || repeated(event));
            *held += shipped.held_of(|event| !repeated(event));
            debug_assert!(shipped.counts.add_up(), "{:?}", shipped.counts);
            for warning in std::mem::take(&mut shipped.warnings) {
                self.summary.warn(warning);
            }
            self.summary.count(shipped.destination, shipped.counts);
        }
        left
    }

    /// The destinations of a payload; `None` if its only destination is not configured.
    fn targets(&self, payload: &Payload<'_>) -> Option<Vec<(&'s str, &'s DestinationConfig)>> {
        let destinations = &self.shipper.config.destinations;
        match payload.only {
            None => {
                let is_target =
                    |name: &String| payload.among.is_empty() || payload.among.contains(name);
                let targets = destinations.iter().filter(|(name, _)| is_target(name));
                Some(targets.map(|(name, to)| (name.as_str(), to)).collect())
            }
            Some(only) => {
                let (name, to) = destinations.get_key_value(only)?;
                Some(vec![(name, to)])
            }
        }
    }

    /// Whether a delivery contains log events to forward. Adds it to the summary, and removes what
    /// the shipper itself has written.
    fn is_to_be_shipped(
        &mut self,
        delivery: &mut Delivery<'_>,
        targets: &[(&str, &DestinationConfig)],
    ) -> bool {
        self.summary.note(delivery);
        if delivery.message_type == MessageType::Control {
            // A test message contains no log events.
            return false;
        }
        let count = delivery.log_events.len();
        self.summary.log_events += count;
        // Log events of centralized logs name their own source.
        let mut log_events = std::mem::take(&mut delivery.log_events);
        log_events.retain(|event| !self.is_own(delivery, event));
        delivery.log_events = log_events;
        let own = count - delivery.log_events.len();
        if own == 0 {
            return true;
        }
        // Forwarding the shipper's own log events would cause more of them (log recursion).
        self.summary.warn(
            "dropped log events of the shipper's own log group (log recursion); remove the \
             subscription filter from that log group"
                .to_owned(),
        );
        for (name, _) in targets {
            self.summary.count(name, Counts::all_dropped(own, &OWN_LOG_GROUP));
        }
        !delivery.log_events.is_empty()
    }

    /// Whether this function has written a log event.
    fn is_own(&self, delivery: &Delivery<'_>, event: &LogEvent<'_>) -> bool {
        let of_arn = |place| self.function_arn.and_then(|arn| arn.split(':').nth(place));
        let extracted = &event.extracted;
        let log_group = extracted.log_group().unwrap_or(&delivery.log_group);
        // Another account or region may have a function and a log group with the same names, and
        // centralize its logs into this one.
        let account_id = extracted.account().unwrap_or(&delivery.owner);
        self.shipper.own_log_group.as_deref() == Some(log_group)
            && of_arn(4).is_none_or(|account| account == account_id)
            && extracted.region().is_none_or(|of_event| of_arn(3).is_none_or(|it| it == of_event))
            // Functions that share a log group have their names in the log streams.
            && match (of_arn(6), log_source::function_of_stream(&delivery.log_stream)) {
                (Some(own), Some(function)) => own == function,
                _ => true,
            }
    }

    /// Stores a payload that cannot be decoded, if there is storage.
    async fn store_undecodable_payload(
        &mut self,
        payload: &Payload<'_>,
        error: DecodeError,
    ) -> Disposition {
        self.summary.undecodable += 1;
        // The object of a stored event is moved instead.
        let (Some(undelivered), Data::Base64(data)) =
            (&self.shipper.config.undelivered, &payload.data)
        else {
            return Disposition::Undecodable(error);
        };
        let (aws, reason) = (self.shipper.aws(), error.reason());
        let stored = undelivered
            .storage
            .store_undecodable(aws, data, payload.arrived, &reason, self.store_by())
            .await;
        match stored {
            Ok(()) => {
                self.summary
                    .warn(format!("{error}; the event is stored unchanged under undecodable/"));
                Disposition::Completed
            }
            Err(problem) => {
                self.summary
                    .warn(format!("could not store an event that cannot be decoded: {problem}"));
                Disposition::Undecodable(error)
            }
        }
    }

    fn settings(&self, config: &DestinationConfig) -> Settings {
        let shared = &self.shipper.config;
        // Shared by all destinations.
        let max_held_bytes = delivery::MAX_HELD_BYTES / shared.destinations.len().max(1);
        Settings {
            give_up_at: self.deliver_until,
            request_timeout: shared.request_timeout,
            gzip_level: shared.gzip_level,
            oversized: config.oversized,
            json_fields: config.json_fields,
            record_fields: config.record_fields,
            max_record_bytes: config.max_record_bytes,
            max_age: config.max_age,
            outage: if shared.undelivered.is_some() {
                Outage::StopSending
            } else {
                Outage::RetryUntilDeadline
            },
            max_in_flight: config.max_in_flight,
            max_held_bytes,
        }
    }

    /// The deadline for storing as an [`Instant`].
    fn store_by(&self) -> Instant {
        instant_before(self.store_until, Duration::ZERO)
    }
}

impl Disposition {
    /// Whether nothing undelivered remains at the source, or it has a pointer of its own.
    pub(super) fn is_completed(&self) -> bool {
        matches!(self, Self::Completed | Self::Rewritten)
    }
}

/// The names that stored events had at this destination. Those of another, from which their object
/// was copied, are none here.
fn stored_names(destination: &str, deliveries: &[(usize, Delivery<'_>)]) -> Vec<Option<Names>> {
    let events = deliveries.iter().flat_map(|(_, delivery)| {
        let is_here = delivery.destination.as_deref() == Some(destination);
        delivery.log_events.iter().map(move |event| (is_here, event))
    });
    let names = |(is_here, event): (bool, &LogEvent<'_>)| {
        let names = event.names.as_ref();
        let is_stored = is_here && (event.route.is_some() || names.is_some());
        is_stored.then(|| match names {
            Some(names) => Names::read(event.route.as_deref(), names),
            None => Names::of_route(event.route.as_deref()),
        })
    };
    events.map(names).collect()
}

/// The source of each event of a turn, and where its undelivered records are stored.
struct Places<'p> {
    source: Source,
    /// The object name of an event that is not stored yet.
    names: BTreeMap<usize, ObjectName>,
    /// The key of a stored event.
    keys: BTreeMap<usize, &'p str>,
    /// Its number of log events.
    sizes: BTreeMap<usize, usize>,
}

/// A payload, and its JSON.
struct Decoded<'t, 'p> {
    payload: &'t Payload<'p>,
    json: Result<Vec<u8>, DecodeError>,
}
