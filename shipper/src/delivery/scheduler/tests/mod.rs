//! Sequences of events without sockets and without a clock.

mod concurrency;
mod memory;
mod rejections;

use std::io::Read;

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::GzDecoder;
use reqwest::Url;
use reqwest::header::HeaderMap;

use super::*;
use crate::counts::Counts;
use crate::delivery::JsonFields;
use crate::destination::{Acknowledgements, Address, Encoding, Endpoint, RecordFields};
use crate::log_source::LogSource;

/// A destination that accepts `message` or `message{json}` followed by a semicolon. The body of a
/// response describes its outcome.
struct Fake {
    limits: Limits,
    keys: Deduplication,
    honors_ids: bool,
    endpoint: Endpoint,
}

impl Fake {
    fn new(keys: Deduplication) -> Self {
        Self {
            limits: Limits::of_bytes(1_000, 1_000),
            keys,
            honors_ids: true,
            endpoint: Endpoint::post(Url::parse("http://127.0.0.1/").unwrap(), HeaderMap::new()),
        }
    }
}

impl Destination for Fake {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn deduplication(&self) -> Deduplication {
        self.keys
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        body.extend_from_slice(piece.message.as_bytes());
        body.extend_from_slice(piece.json.unwrap_or_default().as_bytes());
        body.push(b';');
    }

    /// `+` delivered, `=` deduplicated, `-` rejected, `>` not reached, `?` retry, `!` stop, one for
    /// each record; or a status (`413`, `401`, `503`), counts (`n/m`), or an acknowledgement id
    /// (`#n`).
    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        let reason = ReasonCode::new("fake");
        let text = std::str::from_utf8(&response.body).unwrap();
        match text {
            "413" => BatchOutcome::TooLarge,
            "400" => BatchOutcome::Split(reason),
            "401" => BatchOutcome::Stop(reason),
            "503" => BatchOutcome::Retry(reason, Ambiguity::NothingAccepted),
            "504" => BatchOutcome::Retry(reason, Ambiguity::Unclear),
            acknowledgement_id if acknowledgement_id.starts_with('#') => {
                BatchOutcome::Accepted(acknowledgement_id[1..].parse().unwrap())
            }
            counted if counted.contains('/') => {
                let (delivered, rejected) = counted.split_once('/').unwrap();
                BatchOutcome::Counted {
                    delivered: delivered.parse().unwrap(),
                    rejected: vec![(reason, rejected.parse().unwrap())],
                }
            }
            each => {
                assert_eq!(each.len(), sent, "the test's answer has not one sign a piece");
                let outcome = |sign| match sign {
                    '+' => RecordOutcome::Delivered,
                    '=' => RecordOutcome::Deduplicated,
                    '-' => RecordOutcome::Rejected(reason.clone()),
                    '>' => RecordOutcome::NotReached,
                    '?' => RecordOutcome::Retry(reason.clone(), Ambiguity::NothingAccepted),
                    '~' => RecordOutcome::Retry(reason.clone(), Ambiguity::Unclear),
                    _ => RecordOutcome::Stop(reason.clone()),
                };
                BatchOutcome::Each(each.chars().map(outcome).collect())
            }
        }
    }

    fn honors_ids(&self, _: &Response) -> bool {
        self.honors_ids
    }

    fn acknowledgements(&self) -> Option<&dyn Acknowledgements> {
        Some(self)
    }
}

impl Acknowledgements for Fake {
    fn request_status(&self, acknowledgements: &[u64]) -> Request {
        let body = Bytes::from(format!("{acknowledgements:?}"));
        Request { address: Address::default(), encoding: Encoding::Identity, body }
    }

    /// The ids of indexed requests, separated by commas, or `?` retry, `!` stop.
    fn classify(&self, response: &Response) -> AcknowledgementStatus {
        let reason = ReasonCode::new("fake");
        match std::str::from_utf8(&response.body).unwrap() {
            "?" => AcknowledgementStatus::Retry(reason),
            "!" => AcknowledgementStatus::Stop(reason),
            stored => AcknowledgementStatus::Indexed(
                stored.split_whitespace().map(|n| n.parse().unwrap()).collect(),
            ),
        }
    }
}

const START: SystemTime = SystemTime::UNIX_EPOCH;

fn settings() -> Settings {
    Settings {
        give_up_at: START + Duration::from_secs(60),
        request_timeout: Duration::from_secs(10),
        gzip_level: Compression::fast(),
        oversized: Oversized::Reject,
        json_fields: JsonFields::Send,
        record_fields: RecordFields::ALL,
        max_record_bytes: None,
        max_age: None,
        outage: Outage::RetryUntilDeadline,
        max_in_flight: 8,
        max_held_bytes: usize::MAX,
    }
}

/// The state of an endpoint that is known to support acknowledgement.
fn known() -> EndpointState {
    EndpointState { supports_acknowledgement: true, ..EndpointState::default() }
}

/// A scheduler for an endpoint in that state.
fn scheduler<'r>(fake: &'r Fake, records: &'r [Record<'r>], settings: Settings) -> Scheduler<'r> {
    Scheduler::new(fake, records, settings, known(), fastrand::Rng::with_seed(7))
}

/// The counts if everything undelivered returns to the source.
fn returned_to_source(delivered: &DeliveryResult<'_>) -> Counts {
    let mut counts = delivered.counts.clone();
    for undelivered in delivered.undelivered.iter().chain(&delivered.dead_letters) {
        counts.return_to_source(undelivered.records.len(), &undelivered.reason);
    }
    if counts.returned_to_source > 0 {
        counts.possible_duplicates += delivered.held_of(|_| true);
    }
    assert!(counts.add_up(), "{counts:?}");
    counts
}

fn response(text: &str) -> Result<Response, Fault> {
    Ok(Response { status: 200, retry_after: None, body: Bytes::copy_from_slice(text.as_bytes()) })
}

fn text(request: &Request) -> String {
    let mut text = String::new();
    if request.encoding == Encoding::Identity {
        return String::from_utf8(request.body.to_vec()).unwrap();
    }
    GzDecoder::new(request.body.as_ref()).read_to_string(&mut text).unwrap();
    text
}

/// Plays responses one after another, and returns the requests and the counts. Time passes only by
/// waiting.
fn play(
    fake: &Fake,
    messages: &[&str],
    settings: Settings,
    responses: Vec<Result<Response, Fault>>,
) -> (Vec<String>, Counts) {
    let mut responses = responses.into_iter();
    let next = |_: &str| responses.next().expect("one request more than answers");
    let played = play_with(fake, messages, settings, next);
    assert!(responses.next().is_none(), "fewer requests than answers");
    played
}

/// The same with responses by the content of a request.
fn play_with(
    fake: &Fake,
    messages: &[&str],
    settings: Settings,
    mut service: impl FnMut(&str) -> Result<Response, Fault>,
) -> (Vec<String>, Counts) {
    let log_source = LogSource::new("1", "g", "s");
    let records: Vec<Record<'_>> = messages
        .iter()
        .map(|message| Record { id: message, time: START, ..Record::of(&log_source, message) })
        .collect();
    let mut scheduler = scheduler(fake, &records, settings);
    let mut now = START;
    let mut requests = Vec::new();
    loop {
        match scheduler.next(now) {
            Step::Send { send_id, request, timeout } => {
                assert!(now + timeout <= settings.give_up_at, "a request outlives the deadline");
                let request = text(&request);
                let response = service(&request);
                requests.push(request);
                scheduler.on_response(now, send_id, &response);
            }
            Step::Await => panic!("every request is answered"),
            Step::Wait(wait) => {
                now += wait;
                assert!(now < settings.give_up_at, "a wait outlives the deadline");
            }
            Step::Done(delivered) => return (requests, returned_to_source(&delivered)),
        }
    }
}

#[test]
fn batches_respect_the_limit_of_bytes() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_request_bytes = 6;
    let (requests, counts) = play(
        &fake,
        &["a", "bb", "c", "dddd", "e"],
        settings(),
        vec![response("++"), response("+"), response("+"), response("+")],
    );
    assert_eq!(requests, ["a;bb;", "c;", "dddd;", "e;"]);
    assert_eq!(counts.delivered, 5);
}

#[test]
fn batches_respect_the_limit_of_records() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_request_records = 2;
    let (requests, _) =
        play(&fake, &["a", "b", "c"], settings(), vec![response("++"), response("+")]);
    assert_eq!(requests, ["a;b;", "c;"]);
}

#[test]
fn records_with_an_unknown_result_are_counted_when_they_are_resent_or_undelivered() {
    let names = ["a", "b", "c", "d"];
    // With one undelivered record, Lambda also resends the three that were delivered.
    for (last, undelivered, doubled) in [("+", 0, 3), ("401", 1, 6)] {
        let responses = || vec![response("+~?~"), response("+~+"), response(last)];
        for (keys, doubled) in [(Deduplication::None, doubled), (Deduplication::PerRecord, 0)] {
            let (_, counts) = play(&Fake::new(keys), &names, settings(), responses());
            assert_eq!(
                (counts.returned_to_source, counts.possible_duplicates),
                (undelivered, doubled)
            );
        }
    }
}

#[test]
fn only_retryable_records_are_resent() {
    let (requests, counts) = play(
        &Fake::new(Deduplication::PerRecord),
        &["a", "b", "c", "d"],
        settings(),
        vec![response("+?-?"), response("?="), response("+")],
    );
    assert_eq!(requests, ["a;b;c;d;", "b;d;", "b;"]);
    assert_eq!((counts.delivered, counts.deduplicated, counts.rejected), (2, 1, 1));
    assert_eq!((counts.requests, counts.retries), (3, 2));
    assert_eq!(counts.possible_duplicates, 0);
}

#[test]
fn a_rejected_record_affects_no_other_and_does_not_fail_the_invocation() {
    let (_, counts) = play(
        &Fake::new(Deduplication::PerRecord),
        &["a", "poison", "c"],
        settings(),
        vec![response("+-+")],
    );
    assert_eq!((counts.delivered, counts.rejected, counts.returned_to_source), (2, 1, 0));
    assert_eq!(counts.reasons["rejected"][&ReasonCode::new("fake")], 1);
}

#[test]
fn a_rejected_json_message_is_resent_without_its_fields() {
    let (requests, counts) = play(
        &Fake::new(Deduplication::PerRecord),
        &["{\"a\":1}", "b"],
        settings(),
        vec![response("-+"), response("+")],
    );
    assert_eq!(requests, ["{\"a\":1}{\"a\":1};b;", "{\"a\":1};"]);
    assert_eq!((counts.delivered, counts.rejected), (2, 0));
    assert_eq!(counts.sent_without_json_fields, 1);
    let (_, counts) = play(
        &Fake::new(Deduplication::PerRecord),
        &["{\"a\":1}"],
        settings(),
        vec![response("-"), response("-")],
    );
    assert_eq!((counts.delivered, counts.rejected), (0, 1));
}

#[test]
fn json_fields_are_omitted_if_configured() {
    let settings = Settings { json_fields: JsonFields::Omit, ..settings() };
    let (requests, counts) =
        play(&Fake::new(Deduplication::PerRecord), &["{\"a\":1}"], settings, vec![response("-")]);
    assert_eq!(requests, ["{\"a\":1};"]);
    assert_eq!(counts.rejected, 1);
}

#[test]
fn a_request_that_is_too_large_is_split_and_later_ones_are_smaller() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_request_bytes = 8;
    let (requests, counts) = play(
        &fake,
        &["a", "b", "c", "d", "e", "f", "g"],
        settings(),
        vec![response("413"), response("++"), response("++"), response("++"), response("+")],
    );
    assert_eq!(requests, ["a;b;c;d;", "a;b;", "c;d;", "e;f;", "g;"]);
    assert_eq!(counts.delivered, 7);
}

#[test]
fn a_single_oversized_record_is_rejected() {
    let (requests, counts) = play(
        &Fake::new(Deduplication::PerRecord),
        &["a", "b", "c"],
        settings(),
        vec![response("413"), response("413"), response("413"), response("+"), response("+")],
    );
    assert_eq!(requests, ["a;b;c;", "a;", "b;c;", "b;", "c;"]);
    assert_eq!((counts.delivered, counts.rejected), (2, 1));
    assert_eq!(counts.reasons["rejected"][&TOO_LARGE], 1);
}

#[test]
fn an_oversized_record_is_split_truncated_or_rejected_and_counted() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_record_bytes = 48;
    let message = "0123456789".repeat(10);
    let long = [message.as_str(), "x"];
    let oversized = |oversized| Settings { oversized, ..settings() };

    let (requests, counts) =
        play(&fake, &long, oversized(Oversized::Split), vec![response("++++")]);
    assert_eq!(
        requests,
        [format!("{};{};{};x;", &message[..47], &message[47..94], &message[94..])]
    );
    assert_eq!((counts.received, counts.additional_parts, counts.delivered), (4, 2, 4));

    let (requests, counts) =
        play(&fake, &long, oversized(Oversized::Truncate), vec![response("++")]);
    assert_eq!(requests, ["01234… [truncated: the message has 100 bytes];x;"]);
    assert_eq!((counts.received, counts.truncated, counts.delivered), (2, 1, 2));

    let (requests, counts) = play(&fake, &long, oversized(Oversized::Reject), vec![response("+")]);
    assert_eq!(requests, ["x;"]);
    assert_eq!((counts.received, counts.rejected, counts.delivered), (2, 1, 1));
}

#[test]
fn a_json_message_that_fits_without_its_fields_is_sent_whole() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    let message = "{\"a\":\"0123456789\"}";
    fake.limits.max_record_bytes = message.len() + 5;
    let settings = Settings { oversized: Oversized::Split, ..settings() };
    let (requests, counts) = play(&fake, &[message], settings, vec![response("+")]);
    assert_eq!(requests, [format!("{message};")]);
    assert_eq!((counts.received, counts.sent_without_json_fields), (1, 1));
    assert_eq!(counts.reasons["json_fields_rejected"][&TOO_LARGE], 1);
}

#[test]
fn a_retry_after_is_respected() {
    let fake = Fake::new(Deduplication::PerRecord);
    let log_source = LogSource::new("1", "g", "s");
    let record = Record { time: START, ..Record::of(&log_source, "a") };
    let date = httpdate::fmt_http_date(START + Duration::from_secs(7));
    for header in ["7", &date] {
        let records = std::slice::from_ref(&record);
        let mut scheduler = scheduler(&fake, records, settings());
        let Step::Send { send_id, .. } = scheduler.next(START) else {
            panic!("nothing is sent");
        };
        let asks = Response {
            status: 429,
            retry_after: Some(header.to_owned()),
            body: Bytes::from_static(b"503"),
        };
        scheduler.on_response(START, send_id, &Ok(asks));
        let wait = scheduler.next(START);
        assert!(
            matches!(wait, Step::Wait(wait) if wait == Duration::from_secs(7)),
            "{header}: {wait:?}"
        );
        assert!(matches!(scheduler.next(START + Duration::from_secs(7)), Step::Send { .. }));
    }
}

#[test]
fn a_wait_beyond_the_deadline_does_not_begin() {
    let asks = Ok(Response {
        status: 429,
        retry_after: Some("3600".to_owned()),
        body: Bytes::from_static(b"503"),
    });
    let (requests, counts) =
        play(&Fake::new(Deduplication::PerRecord), &["a", "b"], settings(), vec![asks]);
    assert_eq!(requests.len(), 1);
    assert_eq!(counts.returned_to_source, 2);
    assert_eq!(counts.reasons["returned_to_source"][&ReasonCode::new("fake")], 2);
}

#[test]
fn nothing_is_sent_when_there_is_no_time() {
    let settings = Settings { give_up_at: START, ..settings() };
    let (requests, counts) =
        play(&Fake::new(Deduplication::PerRecord), &["a", "b"], settings, vec![]);
    assert!(requests.is_empty());
    assert_eq!(counts.returned_to_source, 2);
    assert_eq!(counts.reasons["returned_to_source"][&NO_TIME_LEFT], 2);
}

#[test]
fn a_request_timeout_is_limited_by_the_remaining_time() {
    let timeout_of = |seconds| {
        let fake = Fake::new(Deduplication::PerRecord);
        let log_source = LogSource::new("1", "g", "s");
        let record = Record { time: START, ..Record::of(&log_source, "a") };
        let settings = Settings { give_up_at: START + Duration::from_secs(seconds), ..settings() };
        let records = std::slice::from_ref(&record);
        let mut scheduler = scheduler(&fake, records, settings);
        match scheduler.next(START) {
            Step::Send { timeout, .. } => timeout,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(timeout_of(4), Duration::from_secs(4));
    assert_eq!(timeout_of(40), settings().request_timeout);
}

#[test]
fn without_deduplication_undelivered_records_after_an_ambiguous_response_may_be_duplicated() {
    let settings = Settings { give_up_at: START + Duration::from_millis(101), ..settings() };
    let fake = Fake::new(Deduplication::None);
    let asks = |text: &str| {
        response(text).map(|response| Response { retry_after: Some("9".to_owned()), ..response })
    };
    for (text, possible_duplicates) in [("504", 2), ("503", 0)] {
        let (_, counts) = play(&fake, &["a", "b"], settings, vec![asks(text)]);
        assert_eq!(
            (counts.returned_to_source, counts.possible_duplicates),
            (2, possible_duplicates)
        );
    }
}

#[test]
fn invalid_credentials_stop_everything_at_once() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_request_records = 1;
    let (requests, counts) =
        play(&fake, &["a", "b", "c"], settings(), vec![response("+"), response("401")]);
    assert_eq!(requests, ["a;", "b;"]);
    assert_eq!((counts.delivered, counts.returned_to_source), (1, 2));
}

#[test]
fn without_deduplication_every_possible_duplicate_is_counted() {
    let fake = Fake::new(Deduplication::None);
    let messages = ["a", "b", "c"];
    let (_, counts) =
        play(&fake, &messages, settings(), vec![Err(Fault::Timeout), response("3/0")]);
    assert_eq!((counts.delivered, counts.possible_duplicates), (3, 3));
    let (_, counts) =
        play(&fake, &messages, settings(), vec![Err(Fault::NotConnected), response("3/0")]);
    assert_eq!((counts.delivered, counts.possible_duplicates), (3, 0));
    let (_, counts) =
        play(&fake, &messages, settings(), vec![response("504"), response("503"), response("2/1")]);
    assert_eq!((counts.delivered, counts.rejected, counts.possible_duplicates), (2, 1, 3));
}

#[test]
fn without_deduplication_a_partial_delivery_may_be_duplicated() {
    let mut fake = Fake::new(Deduplication::None);
    fake.limits.max_request_records = 2;
    let (_, counts) =
        play(&fake, &["a", "b", "c", "d"], settings(), vec![response("2/0"), response("401")]);
    assert_eq!(
        (counts.delivered, counts.returned_to_source, counts.possible_duplicates),
        (2, 2, 2)
    );
}

#[test]
fn a_request_with_a_large_compressed_body_is_split_before_it_is_sent() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_compressed_bytes = 60;
    let noise = |seed| -> String {
        let mut rng = fastrand::Rng::with_seed(seed);
        std::iter::repeat_with(|| rng.alphanumeric()).take(40).collect()
    };
    let messages = [noise(1), noise(2), noise(3), noise(4)];
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let (requests, counts) = play(
        &fake,
        &messages,
        settings(),
        vec![response("+"), response("+"), response("+"), response("+")],
    );
    assert_eq!(requests, messages.iter().map(|text| format!("{text};")).collect::<Vec<_>>());
    assert_eq!((counts.delivered, counts.requests, counts.retries), (4, 4, 0));
}

#[test]
fn an_accepted_request_is_delivered_once_it_is_indexed() {
    let mut fake = Fake::new(Deduplication::None);
    fake.limits.max_request_records = 1;
    let (requests, counts) = play(
        &fake,
        &["a", "b", "c"],
        settings(),
        vec![
            response("#4"),
            response("#5"),
            response("1/0"),
            response("5"),
            response("?"),
            response("4"),
        ],
    );
    assert_eq!(requests, ["a;", "b;", "c;", "[4, 5]", "[4]", "[4]"]);
    assert_eq!((counts.delivered, counts.possible_duplicates, counts.retries), (3, 0, 0));
    assert_eq!(counts.requests, 6);
}

#[test]
fn unacknowledged_records_return_to_source_and_may_be_duplicated() {
    let settings = Settings { give_up_at: START + Duration::from_millis(800), ..settings() };
    let fake = Fake::new(Deduplication::None);
    let responses = vec![response("#4"), response(""), Err(Fault::Timeout)];
    let (requests, counts) = play(&fake, &["a", "b"], settings, responses);
    assert_eq!(requests, ["a;b;", "[4]", "[4]"]);
    assert_eq!((counts.returned_to_source, counts.possible_duplicates), (2, 2));
    assert_eq!(counts.reasons["returned_to_source"][&NOT_ACKNOWLEDGED], 2);
}

#[test]
fn a_rejected_acknowledgement_request_stops_the_delivery() {
    let (_, counts) = play(
        &Fake::new(Deduplication::None),
        &["a"],
        settings(),
        vec![response("#1"), response("!")],
    );
    assert_eq!((counts.returned_to_source, counts.possible_duplicates), (1, 1));
}

#[test]
fn a_request_is_split_until_the_invalid_record_is_found() {
    let (requests, counts) = play(
        &Fake::new(Deduplication::PerRecord),
        &["a", "poison", "c", "d"],
        settings(),
        vec![response("400"), response("400"), response("+"), response("400"), response("++")],
    );
    assert_eq!(requests, ["a;poison;c;d;", "a;poison;", "a;", "poison;", "c;d;"]);
    assert_eq!((counts.delivered, counts.rejected), (3, 1));
    assert_eq!(counts.reasons["rejected"][&ReasonCode::new("fake")], 1);
}

#[test]
fn records_that_are_too_old_are_rejected_and_counted() {
    let mut fake = Fake::new(Deduplication::PerRecord);
    fake.limits.max_age = Some(Duration::from_secs(60));
    let log_source = LogSource::new("1", "g", "s");
    let now = START + Duration::from_secs(100);
    let record = |message, age| Record {
        id: message,
        time: now - Duration::from_secs(age),
        ..Record::of(&log_source, message)
    };
    let records = [record("a", 61), record("b", 60), record("c", 0), record("d", 100)];
    let settings = Settings { give_up_at: now + Duration::from_secs(9), ..settings() };
    let mut scheduler = scheduler(&fake, &records, settings);
    let Step::Send { send_id, request, .. } = scheduler.next(now) else {
        panic!("nothing is sent");
    };
    assert_eq!(text(&request), "b;c;");
    scheduler.on_response(now, send_id, &response("++"));
    let Step::Done(delivered) = scheduler.next(now) else {
        panic!("more is sent");
    };
    let counts = returned_to_source(&delivered);
    assert_eq!((counts.delivered, counts.rejected), (2, 2));
    assert_eq!(counts.reasons["rejected"][&ReasonCode::new("too_old")], 2);
}
