//! Concurrent requests, and a destination that is down.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::routing::{NameField, NameTarget, Names};

fn records<'a>(log_sources: &'a [LogSource<'a>], names: &'a [String]) -> Vec<Record<'a>> {
    let record = |(index, name): (usize, &'a String)| Record {
        id: name,
        time: START,
        ..Record::of(&log_sources[index * log_sources.len() / names.len()], name)
    };
    names.iter().enumerate().map(record).collect()
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("r{number}")).collect()
}

/// A destination that accepts one record per request.
fn one_at_a_time(keys: Deduplication) -> Fake {
    let mut fake = Fake::new(keys);
    fake.limits.max_request_records = 1;
    fake
}

/// Sends as many requests as allowed.
fn send_all(scheduler: &mut Scheduler<'_>, now: SystemTime) -> Vec<SendId> {
    let mut send_ids = Vec::new();
    loop {
        match scheduler.next(now) {
            Step::Send { send_id, .. } => send_ids.push(send_id),
            Step::Await => return send_ids,
            other => panic!("{other:?}"),
        }
    }
}

fn undelivered(delivered: &DeliveryResult<'_>) -> Vec<(&'static str, usize)> {
    let reason = |reason: &ReasonCode| match reason.as_str() {
        "circuit_open" => "circuit_open",
        "no_time_left" => "no_time_left",
        "fake" => "fake",
        other => panic!("{other}"),
    };
    delivered
        .undelivered
        .iter()
        .map(|undelivered| (reason(&undelivered.reason), undelivered.records.len()))
        .collect()
}

#[test]
fn concurrency_grows_with_success() {
    let fake = one_at_a_time(Deduplication::PerRecord);
    let (log_sources, names) = ([LogSource::new("1", "g", "s")], names(40));
    let records = records(&log_sources, &names);
    let mut scheduler = scheduler(&fake, &records, settings());
    let mut under_way = Vec::new();
    let mut send_ids = send_all(&mut scheduler, START);
    for _ in 0..5 {
        under_way.push(send_ids.len());
        for send_id in std::mem::take(&mut send_ids) {
            scheduler.on_response(START, send_id, &response("+"));
        }
        send_ids = send_all(&mut scheduler, START);
    }
    assert_eq!(under_way[0], 2);
    assert!(under_way.is_sorted() && under_way[4] > 3, "{under_way:?}");
}

#[test]
fn throttling_halves_the_concurrency() {
    let fake = one_at_a_time(Deduplication::PerRecord);
    let (log_sources, names) = ([LogSource::new("1", "g", "s")], names(40));
    let records = records(&log_sources, &names);
    let mut endpoint_state = known();
    for _ in 0..100 {
        endpoint_state.concurrency.succeeded(START, START, 8);
    }
    let mut scheduler =
        Scheduler::new(&fake, &records, settings(), endpoint_state, fastrand::Rng::with_seed(7));
    let send_ids = send_all(&mut scheduler, START);
    assert_eq!(send_ids.len(), 8);
    for send_id in send_ids {
        scheduler.on_response(START, send_id, &response("503"));
    }
    let Step::Wait(wait) = scheduler.next(START) else {
        panic!("nothing is waited for");
    };
    assert_eq!(send_all(&mut scheduler, START + wait).len(), 4);
}

#[test]
fn responses_may_arrive_in_any_order_and_after_the_deadline() {
    let fake = one_at_a_time(Deduplication::None);
    let (log_sources, names) = ([LogSource::new("1", "g", "s")], names(5));
    let records = records(&log_sources, &names);
    let mut scheduler = scheduler(&fake, &records, settings());
    let send_ids = send_all(&mut scheduler, START);
    let [first, second] = send_ids[..] else {
        panic!("{send_ids:?}");
    };
    scheduler.on_response(START, second, &response("+"));
    let end = settings().give_up_at;
    assert!(matches!(scheduler.next(end), Step::Await));
    scheduler.on_response(end, first, &response("504"));
    let Step::Done(delivered) = scheduler.next(end) else {
        panic!("there is more to do");
    };
    assert_eq!((delivered.counts.delivered, delivered.counts.requests), (1, 2));
    assert_eq!(undelivered(&delivered), [("no_time_left", 4)]);
    assert_eq!(delivered.counts.possible_duplicates, 1);
}

#[test]
fn held_bytes_are_limited_unless_one_request_is_larger() {
    let mut fake = one_at_a_time(Deduplication::PerRecord);
    fake.limits.max_request_bytes = 10;
    let (log_sources, names) = ([LogSource::new("1", "g", "s")], names(9));
    let records = records(&log_sources, &names);
    for (max_held_bytes, under_way) in [(1, 1), (12, 1), (13, 2), (16, 3)] {
        let settings = Settings { max_held_bytes, ..settings() };
        let mut endpoint_state = known();
        for _ in 0..100 {
            endpoint_state.concurrency.succeeded(START, START, 8);
        }
        let mut scheduler =
            Scheduler::new(&fake, &records, settings, endpoint_state, fastrand::Rng::with_seed(7));
        assert_eq!(send_all(&mut scheduler, START).len(), under_way, "{max_held_bytes}");
    }
}

/// Fails every request until nothing more is sent.
fn fail_until_open(
    fake: &Fake,
    records: &[Record<'_>],
    settings: Settings,
) -> (SystemTime, EndpointState) {
    let mut scheduler = scheduler(fake, records, settings);
    let mut now = START;
    loop {
        match scheduler.next(now) {
            Step::Send { send_id, .. } => scheduler.on_response(now, send_id, &response("503")),
            Step::Wait(wait) => now += wait,
            Step::Await => panic!("every request is answered"),
            Step::Done(delivered) => {
                assert_eq!(undelivered(&delivered), [("circuit_open", records.len())]);
                assert_eq!(delivered.counts.requests, 5);
                return (now, delivered.endpoint_state);
            }
        }
    }
}

#[test]
fn a_destination_that_is_down_is_probed_once_an_interval() {
    let fake = one_at_a_time(Deduplication::PerRecord);
    let (log_sources, names) = ([LogSource::new("1", "g", "s")], names(4));
    let records = records(&log_sources, &names);
    let settings = Settings { outage: Outage::StopSending, ..settings() };
    let (now, endpoint_state) = fail_until_open(&fake, &records, settings);
    let settings = |now| Settings { give_up_at: now + Duration::from_secs(60), ..settings };
    let again = |now, endpoint_state| {
        Scheduler::new(&fake, &records, settings(now), endpoint_state, fastrand::Rng::with_seed(7))
    };

    let Step::Done(delivered) = again(now, endpoint_state).next(now) else {
        panic!("something is sent");
    };
    assert_eq!(undelivered(&delivered), [("circuit_open", 4)]);

    // A failed probe ends the delivery.
    let later = now + Duration::from_secs(11);
    let mut probing = again(later, delivered.endpoint_state);
    let send_ids = send_all(&mut probing, later);
    assert_eq!(send_ids.len(), 1);
    probing.on_response(later, send_ids[0], &response("503"));
    let Step::Wait(wait) = probing.next(later) else {
        panic!("something is sent");
    };
    let Step::Done(delivered) = probing.next(later + wait) else {
        panic!("something is sent");
    };
    assert_eq!(
        (undelivered(&delivered), delivered.counts.requests),
        (vec![("circuit_open", 4)], 1)
    );

    // After a successful probe everything else is sent.
    let later = later + Duration::from_secs(60);
    let mut probing = again(later, delivered.endpoint_state);
    let mut send_ids = send_all(&mut probing, later);
    assert_eq!(send_ids.len(), 1);
    while let Some(send_id) = send_ids.pop() {
        probing.on_response(later, send_id, &response("+"));
        match probing.next(later) {
            Step::Send { send_id, .. } => send_ids.push(send_id),
            Step::Done(delivered) => assert_eq!(delivered.counts.delivered, 4),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn without_storage_an_outage_is_retried_until_the_deadline() {
    let fake = one_at_a_time(Deduplication::PerRecord);
    let (log_sources, names) = ([LogSource::new("1", "g", "s")], names(1));
    let records = records(&log_sources, &names);
    let mut scheduler = scheduler(&fake, &records, settings());
    let mut now = START;
    let mut requests = 0;
    let delivered = loop {
        match scheduler.next(now) {
            Step::Send { send_id, .. } => {
                requests += 1;
                scheduler.on_response(now, send_id, &response("503"));
            }
            Step::Wait(wait) => now += wait,
            Step::Await => panic!("every request is answered"),
            Step::Done(delivered) => break delivered,
        }
    };
    assert!(requests > 6, "{requests}");
    assert_eq!(undelivered(&delivered), [("fake", 1)]);
}

#[test]
fn an_oversized_record_is_a_dead_letter_if_configured() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_record_bytes = 10;
    let (log_sources, names) = ([LogSource::new("1", "g", "s")], ["a".to_owned(), "b".repeat(20)]);
    let records = records(&log_sources, &names);
    let settings = Settings { oversized: Oversized::DeadLetter, ..settings() };
    let mut scheduler = scheduler(&fake, &records, settings);
    let send_ids = send_all(&mut scheduler, START);
    scheduler.on_response(START, send_ids[0], &response("+"));
    let Step::Done(delivered) = scheduler.next(START) else {
        panic!("there is more to do");
    };
    assert_eq!(delivered.counts.delivered, 1);
    assert_eq!(delivered.dead_letters[0].reason, TOO_LARGE);
    assert_eq!(delivered.dead_letters[0].records[0].message, names[1]);
}

/// The same records with one name each, by their index.
fn named<'a>(records: Vec<Record<'a>>, names: &'a [Names]) -> Vec<Record<'a>> {
    let named = |(index, record): (usize, Record<'a>)| Record { names: &names[index], ..record };
    records.into_iter().enumerate().map(named).collect()
}

fn name(index: &str) -> Names {
    let mut names = Names::default();
    names.set(&NameTarget::Field(NameField::Index), index.to_owned());
    names
}

#[test]
fn sending_stops_for_one_name_alone() {
    let fake = one_at_a_time(Deduplication::None);
    let log_sources = [LogSource::new("1", "g", "s")];
    let (ids, names) = (names(4), ["a", "a", "b", "b"].map(name));
    let records = named(records(&log_sources, &ids), &names);
    let settings = Settings { max_in_flight: 1, ..settings() };
    let mut scheduler = scheduler(&fake, &records, settings);
    // The first is in doubt and sent again.
    let mut responses = ["504", "401", "+", "+"].into_iter();
    let mut now = START;
    let delivered = loop {
        match scheduler.next(now) {
            Step::Send { send_id, .. } => {
                scheduler.on_response(now, send_id, &response(responses.next().unwrap()));
            }
            Step::Wait(wait) => now += wait,
            Step::Done(delivered) => break delivered,
            Step::Await => panic!("every request is answered"),
        }
    };
    assert!(responses.next().is_none());
    assert_eq!(delivered.counts.delivered, 2);
    let undelivered: Vec<&str> =
        delivered.undelivered.iter().flat_map(|it| &it.records).map(|it| it.id).collect();
    assert_eq!(undelivered, ["r0", "r1"]);
}

#[test]
fn what_is_in_doubt_of_a_stopped_name_is_counted() {
    let fake = one_at_a_time(Deduplication::None);
    let log_sources = [LogSource::new("1", "g", "s")];
    let (ids, names) = (names(3), ["b", "a", "a"].map(name));
    let records = named(records(&log_sources, &ids), &names);
    let mut scheduler = scheduler(&fake, &records, settings());
    let first = send_all(&mut scheduler, START);
    scheduler.on_response(START, first[0], &response("+"));
    // Both requests of the second name are in flight.
    let last = send_all(&mut scheduler, START);
    scheduler.on_response(START, first[1], &response("504"));
    scheduler.on_response(START, last[0], &response("401"));
    let mut now = START;
    let delivered = loop {
        match scheduler.next(now) {
            Step::Wait(wait) => now += wait,
            Step::Done(delivered) => break delivered,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((delivered.counts.delivered, delivered.counts.possible_duplicates), (1, 1));
}

#[test]
fn a_second_name_that_fails_before_anything_is_accepted_stops_all() {
    let fake = one_at_a_time(Deduplication::None);
    let log_sources = [LogSource::new("1", "g", "s")];
    let (ids, names) = (names(3), ["a", "b", "c"].map(name));
    let records = named(records(&log_sources, &ids), &names);
    let settings = Settings { max_in_flight: 1, ..settings() };
    let mut scheduler = scheduler(&fake, &records, settings);
    let mut requests = 0;
    let delivered = loop {
        match scheduler.next(START) {
            Step::Send { send_id, .. } => {
                requests += 1;
                scheduler.on_response(START, send_id, &response("401"));
            }
            Step::Done(delivered) => break delivered,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(requests, 2);
    let undelivered: usize = delivered.undelivered.iter().map(|it| it.records.len()).sum();
    assert_eq!(undelivered, 3);
}

#[test]
fn records_in_another_order_than_their_events_are_counted_too() {
    let fake = one_at_a_time(Deduplication::None);
    let log_sources: Vec<LogSource<'_>> =
        [1, 0].map(|event| LogSource::new("1", "g", "s").of_event(event)).into();
    let names = names(2);
    let records = records(&log_sources, &names);
    let mut scheduler = scheduler(&fake, &records, settings());
    let delivered = loop {
        match scheduler.next(START) {
            Step::Send { send_id, .. } => scheduler.on_response(START, send_id, &response("+")),
            Step::Done(delivered) => break delivered,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(delivered.held, [1, 1]);
}

#[test]
fn records_without_deduplication_are_counted_by_event() {
    let fake = one_at_a_time(Deduplication::None);
    let log_sources: Vec<LogSource<'_>> =
        (0..3).map(|event| LogSource::new("1", "g", "s").of_event(event)).collect();
    let names = names(6);
    let records = records(&log_sources, &names);
    let mut scheduler = scheduler(&fake, &records, settings());
    let mut responses = ["+", "-", "1/0", "+", "0/1", "+"].into_iter();
    let delivered = loop {
        match scheduler.next(START) {
            Step::Send { send_id, .. } => {
                scheduler.on_response(START, send_id, &response(responses.next().unwrap()));
            }
            Step::Done(delivered) => break delivered,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(delivered.held, [1, 2, 1]);
    assert_eq!(delivered.held_of(|event| event >= 1), 3);
    let rejected: usize =
        delivered.rejected.iter().map(|undelivered| undelivered.records.len()).sum();
    assert_eq!((rejected, delivered.counts.rejected), (2, 2));
}

/// How a destination that deduplicates may handle a request.
#[derive(Clone, Debug)]
enum Behavior {
    Each(Vec<u8>),
    TooLarge,
    Stop,
    Unavailable,
    TakenButUnclear,
    Fault(Fault),
}

fn behaviors() -> impl Strategy<Value = Behavior> {
    prop_oneof![
        6 => prop::collection::vec(0..5_u8, 16).prop_map(Behavior::Each),
        2 => Just(Behavior::TooLarge),
        1 => Just(Behavior::Stop),
        2 => Just(Behavior::Unavailable),
        2 => Just(Behavior::TakenButUnclear),
        1 => Just(Behavior::Fault(Fault::Broken)),
        1 => Just(Behavior::Fault(Fault::NotConnected)),
    ]
}

/// A destination and the documents that it holds.
#[derive(Default)]
struct Store(BTreeMap<String, usize>);

impl Store {
    fn put(&mut self, name: &str) -> char {
        let copies = self.0.entry(name.to_owned()).or_default();
        *copies += 1;
        if *copies == 1 { '+' } else { '=' }
    }

    fn response(&mut self, sent: &[&str], behavior: Behavior) -> Result<Response, Fault> {
        match behavior {
            Behavior::Each(signs) => {
                let sign = |(name, sign): (&&str, u8)| match sign {
                    0 | 1 => self.put(name),
                    2 => '?',
                    3 => '-',
                    _ => '!',
                };
                response(&sent.iter().zip(signs).map(sign).collect::<String>())
            }
            Behavior::TooLarge => response("413"),
            Behavior::Stop => response("401"),
            Behavior::Unavailable => response("503"),
            Behavior::TakenButUnclear => {
                for name in sent {
                    self.put(name);
                }
                response("504")
            }
            Behavior::Fault(fault) => Err(fault),
        }
    }
}

/// Runs a scheduler to its end. Responses arrive in `order`, each after a time.
fn course<'r>(
    mut scheduler: Scheduler<'r>,
    order: &[usize],
    response_takes: Duration,
    mut response: impl FnMut(&str) -> Result<Response, Fault>,
) -> DeliveryResult<'r> {
    let settings = scheduler.settings;
    let mut order = order.iter();
    let mut responses: Vec<(SendId, Result<Response, Fault>)> = Vec::new();
    let mut now = START;
    loop {
        match scheduler.next(now) {
            Step::Done(delivered) => {
                assert!(responses.is_empty(), "ended with requests under way");
                return delivered;
            }
            Step::Send { send_id, request, timeout } => {
                assert!(now + timeout <= settings.give_up_at);
                responses.push((send_id, response(&text(&request))));
                assert!(responses.len() <= settings.max_in_flight);
            }
            Step::Wait(wait) if responses.is_empty() => now += wait,
            Step::Wait(_) | Step::Await => {
                assert!(!responses.is_empty(), "waits for nothing");
                let next = order.next().unwrap_or(&0) % responses.len();
                let (send_id, response) = responses.remove(next);
                now += response_takes;
                scheduler.on_response(now, send_id, &response);
            }
        }
    }
}

/// The names in a request.
fn sent(body: &str) -> Vec<&str> {
    body.split_terminator(';').collect()
}

proptest! {
    /// Whatever the destination does, and whenever and in whatever order its responses arrive:
    /// every record is accounted for, and the destination holds exactly what counts as delivered or
    /// deduplicated.
    #[test]
    fn any_sequence_of_events_adds_up(
        count in 0..16_usize,
        behaviors in prop::collection::vec(behaviors(), 0..12),
        max_request_records in 1..6_usize,
        order in prop::collection::vec(0..8_usize, 0..40),
        gives_up in any::<bool>(),
        response_takes_ms in 0..20_000_u64,
    ) {
        let mut fake = Fake::new(Deduplication::PerRecord);
        fake.limits.max_request_records = max_request_records;
        let log_sources = [LogSource::new("1", "g", "s")];
        let names = names(count);
        let records = records(&log_sources, &names);
        let outage = if gives_up { Outage::StopSending } else { Outage::RetryUntilDeadline };
        let scheduler = scheduler(&fake, &records, Settings { outage, ..settings() });
        let mut store = Store::default();
        let mut behaviors = behaviors.into_iter();
        let delivered = course(scheduler, &order, Duration::from_millis(response_takes_ms), |body| {
            store.response(&sent(body), behaviors.next().unwrap_or(Behavior::Each(vec![0; 16])))
        });
        let mut counts: Counts = delivered.counts.clone();
        for undelivered in &delivered.undelivered {
            counts.return_to_source(undelivered.records.len(), &undelivered.reason);
        }
        prop_assert!(counts.add_up(), "{:?}", counts);
        prop_assert_eq!(counts.received, names.len() as u64);
        let settled = counts.delivered + counts.deduplicated;
        let there = store.0.len() as u64;
        prop_assert!(settled <= there, "{:?}", counts);
        // Documents that are held without being counted belong to requests with an ambiguous
        // result.
        let open = counts.returned_to_source + counts.rejected;
        prop_assert!(there <= settled + open, "{:?}", counts);
    }

    /// A destination that deduplicates requests ends up with everything exactly once, except for
    /// the possible duplicates, whether undelivered records are retried alone or with their event.
    #[test]
    fn deduplicated_requests_are_delivered_once_or_counted(
        lengths in prop::collection::vec(1..9_usize, 1..16),
        responses in prop::collection::vec(0..5_usize, 0..12),
        order in prop::collection::vec(0..8_usize, 0..40),
        largest in 10..30_usize,
        is_kept in any::<bool>(),
    ) {
        let mut fake = Fake::new(Deduplication::PerRequest);
        fake.limits.max_request_bytes = 20;
        let log_sources = [LogSource::new("1", "g", "s")];
        let name = |(number, length): (usize, &usize)| format!("{number}{}", "x".repeat(*length));
        let names: Vec<String> = lengths.iter().enumerate().map(name).collect();
        let records = records(&log_sources, &names);
        let outage = if is_kept { Outage::StopSending } else { Outage::RetryUntilDeadline };
        let settings = Settings { outage, ..settings() };
        let mut store: BTreeSet<String> = BTreeSet::new();
        let mut responses = responses.into_iter();
        let mut take = |body: &str, word| {
            if body.len() > largest && sent(body).len() > 1 {
                return response("413");
            }
            if ["+", "504"].contains(&word) {
                store.insert(body.to_owned());
            }
            response(if word == "+" { "+".repeat(sent(body).len()) } else { word.to_owned() }.as_str())
        };
        let words = ["+", "+", "504", "503", "401"];
        let first = course(scheduler(&fake, &records, settings), &order, Duration::ZERO, |body| {
            take(body, responses.next().map_or("+", |word| words[word]))
        });
        let undelivered: BTreeSet<&str> =
            first.undelivered.iter().flat_map(|undelivered| &undelivered.records).map(|record| record.id).collect();
        let mut names_again = names.clone();
        names_again.retain(|name| !undelivered.is_empty() && (!is_kept || undelivered.contains(name.as_str())));
        let again = self::records(&log_sources, &names_again);
        let second = course(scheduler(&fake, &again, settings), &[], Duration::ZERO, |body| take(body, "+"));
        prop_assert!(second.undelivered.is_empty());
        let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
        for name in store.iter().flat_map(|body| sent(body)) {
            *copies.entry(name).or_default() += 1;
        }
        prop_assert_eq!(copies.len(), names.len());
        let additional: u64 = copies.values().map(|count| count - 1).sum();
        let counted = first.counts.possible_duplicates + second.counts.possible_duplicates;
        prop_assert!(additional <= counted, "{} doubled, {} counted", additional, counted);
    }
}
