//! Brings payloads to the destinations: decode, read, deliver, store what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;

use super::destination_result::{DestinationResult, Storing};
use super::payload::{Data, Payload, Source};
use super::{Invocation, Shipper, instant_before};
use crate::config::DestinationConfig;
use crate::counts::{Counts, OWN_LOG_GROUP};
use crate::decode::{self, DecodeError, Delivery, MessageType};
use crate::delivery::{self, Outage, Settings};
use crate::enclosed::infer_request_ids;
use crate::log_source::{self, LogSource};
use crate::processing;
use crate::record::Record;
use crate::summary::Summary;
use crate::undelivered::ObjectName;

/// So much is decoded at once, or what the user allows for one payload if that is less. The payloads of
/// a batch are taken in turns, so that memory stays bounded whatever they expand to.
const TURN_BYTES: usize = 16 * 1024 * 1024;

/// What has become of a payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Disposition {
    /// Everything in it has a place: delivered, rejected, stored, or no log of anybody.
    Settled,
    /// It was a stored event, and what is left of it has taken its place.
    Rewritten,
    /// Something is left that has no other place than where the payload came from.
    Left,
    /// It cannot be decoded, and there is no other place for it.
    Undecodable(DecodeError),
    /// It was not looked at.
    NotBegun,
}

/// Which payloads come again if one has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryScope {
    /// That one.
    Each,
    /// That one and all that came after it; so there is no use in going on.
    FromThere,
    /// All.
    All,
}

/// Ships payloads within one invocation.
pub(super) struct Pipeline<'s> {
    pub(super) shipper: &'s Shipper,
    function_arn: Option<&'s str>,
    /// When everything must have been delivered.
    pub(super) deliver_until: SystemTime,
    /// When everything must have been stored.
    pub(super) store_until: SystemTime,
    pub(super) retry_scope: RetryScope,
    pub(super) summary: &'s mut Summary,
    /// What destinations hold of earlier turns that they would not know again.
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
        // A function with little time had better spend it on delivery.
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

    /// Ships payloads, and tells what became of each.
    pub(super) async fn ship(&mut self, payloads: &[Payload<'_>]) -> Vec<Disposition> {
        let mut dispositions = Vec::with_capacity(payloads.len());
        while dispositions.len() < payloads.len() {
            let turn = self.decode_turn(&payloads[dispositions.len()..]);
            let mut texts = turn.iter().map(|_| self.shipper.buffers.take()).collect::<Vec<_>>();
            let shipped = self.ship_turn(&turn, &mut texts).await;
            let decoded = turn.into_iter().filter_map(|decoded| decoded.json.ok());
            texts.into_iter().chain(decoded).for_each(|buffer| self.shipper.buffers.leave(buffer));
            let goes_on =
                shipped.iter().all(Disposition::is_settled) || self.retry_scope == RetryScope::Each;
            dispositions.extend(shipped);
            if !goes_on {
                break;
            }
        }
        dispositions.resize(payloads.len(), Disposition::NotBegun);
        dispositions
    }

    /// Decodes as many of the next payloads as make a turn: payloads of one kind, up to a size.
    fn decode_turn<'t, 'p>(&mut self, payloads: &'t [Payload<'p>]) -> Vec<Decoded<'t, 'p>> {
        let cap_bytes = self.shipper.config.max_decoded_bytes;
        let turn_bytes = TURN_BYTES.min(cap_bytes);
        let mut turn: Vec<Decoded<'t, 'p>> = Vec::new();
        let mut bytes = 0;
        for payload in payloads {
            let is_like =
                |first: &Payload<'_>| first.only == payload.only && first.source == payload.source;
            if turn.first().is_some_and(|first| bytes >= turn_bytes || !is_like(first.payload)) {
                break;
            }
            let buffer = self.shipper.buffers.take();
            let json = match &payload.data {
                Data::Base64(data) => decode::inflate(data, cap_bytes, buffer),
                Data::Gzip(bytes) => decode::gunzip(bytes, cap_bytes, buffer),
            };
            let size = json.as_ref().map_or(0, Vec::len);
            if !turn.is_empty() && bytes + size > turn_bytes {
                // To decode it once more in the next turn costs less than to hold it until then.
                break;
            }
            bytes += size;
            turn.push(Decoded { payload, json });
        }
        self.summary.bytes_decoded += bytes;
        self.summary.events += turn.len();
        turn
    }

    /// Ships what was decoded together. Texts of it go into `texts`.
    async fn ship_turn(
        &mut self,
        turn: &[Decoded<'_, '_>],
        texts: &mut [Vec<u8>],
    ) -> Vec<Disposition> {
        let mut dispositions = vec![Disposition::Settled; turn.len()];
        let Some(first) = turn.first().map(|decoded| decoded.payload) else {
            return dispositions;
        };
        let Some(targets) = self.targets(first.only) else {
            // Nobody has looked at it, and nothing is touched.
            return vec![Disposition::NotBegun; turn.len()];
        };
        let mut deliveries: Vec<(usize, Delivery<'_>)> = Vec::with_capacity(turn.len());
        for ((index, decoded), texts) in turn.iter().enumerate().zip(texts) {
            let json = decoded.json.as_deref().map_err(Clone::clone);
            match json.and_then(|json| decode::parse(json, texts)) {
                Ok(delivery) if self.is_to_be_shipped(&delivery, &targets) => {
                    self.summary.note_times(&delivery);
                    deliveries.push((index, delivery));
                }
                Ok(_) => {}
                Err(error) => {
                    dispositions[index] =
                        self.store_undecodable_parcel(decoded.payload, error).await;
                }
            }
        }
        if deliveries.is_empty() {
            return dispositions;
        }
        let log_sources: Vec<LogSource<'_>> = deliveries
            .iter()
            .map(|(index, delivery)| {
                LogSource::new(&delivery.owner, &delivery.log_group, &delivery.log_stream)
                    .of_event(*index)
            })
            .collect();
        let count = deliveries.iter().map(|(_, delivery)| delivery.log_events.len()).sum();
        let mut records: Vec<Record<'_>> = Vec::with_capacity(count);
        for ((_, delivery), log_source) in deliveries.iter().zip(&log_sources) {
            let first = records.len();
            records.extend(delivery.log_events.iter().map(|event| Record::new(log_source, event)));
            infer_request_ids(&mut records[first..]);
        }
        let mut records = self.admit(records, &targets, first.source);
        let redacted = self.redact(&records);
        processing::put_messages(&mut records, &redacted);
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
        let shippings =
            targets.iter().map(|(name, config)| self.ship_to(name, config, &records, &places));
        let shipped = join_all(shippings).await;
        for event in shipped.iter().flat_map(|shipped| &shipped.rewritten) {
            dispositions[*event] = Disposition::Rewritten;
        }
        let undecodable =
            dispositions.iter().enumerate().filter(|(_, disposition)| !disposition.is_settled());
        let undecodable: BTreeSet<usize> = undecodable.map(|(event, _)| event).collect();
        for event in self.account(shipped, &undecodable, first) {
            dispositions[event] = Disposition::Left;
        }
        dispositions
    }

    /// Leaves out what the rules do not admit. A stored event has been admitted before, and is
    /// without the lines beside it by which that was decided.
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
        let (admitted, dropped) = processing.filter(records);
        let mut counts = Counts::default();
        for (rule, records) in dropped {
            counts.drop(records, &rule);
        }
        for (name, _) in targets {
            self.summary.count(name, counts.clone());
        }
        admitted
    }

    /// Takes out of messages what must not be sent.
    fn redact(&mut self, records: &[Record<'_>]) -> Vec<Option<String>> {
        let Some(processing) = &self.shipper.config.processing else {
            return Vec::new();
        };
        let (messages, counts) = processing.redact(records);
        self.summary.count_redacted(counts);
        messages
    }

    /// Delivers to a destination, and stores what it leaves.
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
            && !delivered.left.iter().any(|left| left.class.blames_credentials());
        let mut shipped = DestinationResult::new(name, delivered);
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
        // The way to AWS is made only for those who have something to store.
        if shipped.has_dead_letters() {
            shipped.store_oversized(storing()).await;
            shipped.store_rejected(storing()).await;
        }
        if !shipped.has_left() {
            return shipped;
        }
        if places.source.is_stored() {
            shipped.stay_stored();
            shipped.rewrite(storing(), &places.keys, &places.sizes).await;
        } else {
            shipped.store_left(storing(), &places.names).await;
        }
        shipped
    }

    /// Takes the results into the summary, and tells the events that something is left of.
    fn account(
        &mut self,
        shipped: Vec<DestinationResult<'_>>,
        undecodable: &BTreeSet<usize>,
        first: &Payload<'_>,
    ) -> BTreeSet<usize> {
        let left: BTreeSet<usize> =
            shipped.iter().flat_map(|shipped| shipped.left.iter().copied()).collect();
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
            let doubtful = first.source.is_doubtful();
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

    /// The destinations that a payload is for; `None` if there is no longer such a one.
    fn targets(&self, only: Option<&str>) -> Option<Vec<(&'s str, &'s DestinationConfig)>> {
        let destinations = &self.shipper.config.destinations;
        match only {
            None => Some(destinations.iter().map(|(name, to)| (name.as_str(), to)).collect()),
            Some(only) => {
                let (name, to) = destinations.get_key_value(only)?;
                Some(vec![(name, to)])
            }
        }
    }

    /// Whether a delivery holds logs that are to be sent. Takes it into the summary.
    fn is_to_be_shipped(
        &mut self,
        delivery: &Delivery<'_>,
        targets: &[(&str, &DestinationConfig)],
    ) -> bool {
        self.summary.note(delivery);
        if delivery.message_type == MessageType::Control {
            // A test of the destination. What it holds is no log of anybody.
            return false;
        }
        self.summary.log_events += delivery.log_events.len();
        if !self.is_own(delivery) {
            return true;
        }
        // To send what the shipper wrote itself would make it write again, for ever.
        self.summary.warn(
            "dropped the log events: they come from the shipper's own log group, and sending them \
             would never end; remove the subscription filter from that group"
                .to_owned(),
        );
        for (name, _) in targets {
            let counts = Counts::all_dropped(delivery.log_events.len(), &OWN_LOG_GROUP);
            self.summary.count(name, counts);
        }
        false
    }

    /// Whether this function has written the log events itself.
    fn is_own(&self, delivery: &Delivery<'_>) -> bool {
        let of_arn = |place| self.function_arn.and_then(|arn| arn.split(':').nth(place));
        // A function of another account may have the same name, and its log group.
        self.shipper.own_log_group.as_deref() == Some(&delivery.log_group)
            && of_arn(4).is_none_or(|account| account == delivery.owner)
            // Where functions share a log group, they have their names in the streams.
            && match (of_arn(6), log_source::function_of_stream(&delivery.log_stream)) {
                (Some(own), Some(function)) => own == function,
                _ => true,
            }
    }

    /// Stores a payload that cannot be decoded, if there is storage.
    async fn store_undecodable_parcel(
        &mut self,
        payload: &Payload<'_>,
        error: DecodeError,
    ) -> Disposition {
        self.summary.undecodable += 1;
        // Of a stored event the object is moved.
        let (Some(undelivered), Data::Base64(data)) =
            (&self.shipper.config.undelivered, &payload.data)
        else {
            return Disposition::Undecodable(error);
        };
        let (aws, reason) = (self.shipper.aws(), error.class());
        let stored = undelivered
            .storage
            .store_undecodable(aws, data, payload.arrived, &reason, self.store_by())
            .await;
        match stored {
            Ok(()) => {
                self.summary.warn(format!("{error}; it is stored as it came under undecodable/"));
                Disposition::Settled
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
        // What is there for all destinations together.
        let max_held_bytes = delivery::MAX_HELD_BYTES / shared.destinations.len().max(1);
        Settings {
            give_up_at: self.deliver_until,
            request_timeout: shared.request_timeout,
            gzip_level: shared.gzip_level,
            oversized: config.oversized,
            json_fields: config.json_fields,
            max_record_bytes: config.max_record_bytes,
            max_age: config.max_age,
            outage: if shared.undelivered.is_some() { Outage::GiveUp } else { Outage::Outlast },
            max_in_flight: config.max_in_flight,
            max_held_bytes,
        }
    }

    /// The end of the time for storing on the clock that waits go by.
    fn store_by(&self) -> Instant {
        instant_before(self.store_until, Duration::ZERO)
    }
}

impl Disposition {
    /// Whether nothing is left where it came from, or what is left has a pointer of its own.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self, Self::Settled | Self::Rewritten)
    }
}

/// Where the events of a turn come from, and where what is left of them is stored.
struct Places<'p> {
    source: Source,
    /// What an event is called where it is stored for the first time.
    names: BTreeMap<usize, ObjectName>,
    /// Where a stored event is.
    keys: BTreeMap<usize, &'p str>,
    /// How many log events it has.
    sizes: BTreeMap<usize, usize>,
}

/// A payload, and its JSON.
struct Decoded<'t, 'p> {
    payload: &'t Payload<'p>,
    json: Result<Vec<u8>, DecodeError>,
}
