//! Splunk: the HTTP Event Collector.
//!
//! It processes events in order and stops at the first invalid one, reporting its number; those
//! before it are accepted. Acceptance means that a request was parsed. Whether it was indexed is
//! reported only for the acknowledgement id that a token with indexer acknowledgement returns.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use super::attributes::TraceNames;
use super::{
    AcknowledgementStatus, Acknowledgements, Address, Ambiguity, BatchOutcome, Boundary,
    Deduplication, Destination, Encoding, Endpoint, Limits, ReasonCode, RecordOutcome, Request,
    Response, UNREADABLE_RESPONSE, attributes, classify_status, dataset, json, tags,
};
use crate::record::Piece;
use crate::routing::{NameField, Names};

/// The maximum request size that Splunk recommends.
///
/// <https://docs.splunk.com/Documentation/SplunkCloud/latest/Service/SplunkCloudservice#Data_collection>
pub const MAX_REQUEST_BYTES: usize = 1_000_000;

const CHANNEL: HeaderName = HeaderName::from_static("x-splunk-request-channel");

/// A collector and the metadata of its events.
pub struct SplunkHec {
    endpoint: Endpoint,
    acknowledgement_requests: Option<Url>,
    /// The host as a JSON string, if it is the same for all events.
    host: Option<Vec<u8>>,
    /// The source as a JSON string, if it is the same for all events.
    source: Option<Vec<u8>>,
    /// The source type as a JSON string, if it is the same for all events.
    sourcetype: Option<Vec<u8>>,
    /// The index as a JSON string, if it is the same for all events.
    index: Option<Vec<u8>>,
    /// The keys of tags that are indexed fields.
    tag_fields: Vec<String>,
    max_request_bytes: usize,
    max_event_bytes: usize,
}

/// The metadata of events.
pub struct Naming<'a> {
    /// The host; defaults to the function or log group.
    pub host: Option<&'a str>,
    /// The source; defaults to the log group.
    pub source: Option<&'a str>,
    /// The source type; defaults to that of the AWS service.
    pub sourcetype: Option<&'a str>,
    /// The index; defaults to that of the token.
    pub index: Option<&'a str>,
    /// The keys of tags that are indexed fields.
    pub tag_fields: &'a [String],
}

/// Whether a request counts as delivered when it is parsed, or when it is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// When it is parsed.
    NotAskedFor,
    /// When it is indexed. The token must have indexer acknowledgement enabled.
    Awaited,
}

impl SplunkHec {
    /// Sends to the collector at `url`; `authorization` is the header of that name.
    pub fn new(
        url: &Url,
        mut authorization: HeaderValue,
        naming: &Naming<'_>,
        acknowledgement: Acknowledgement,
        max_request_bytes: usize,
        max_event_bytes: usize,
    ) -> Self {
        let channel = channel();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        let (mut acknowledgement_requests, mut cookies) = (None, None);
        if acknowledgement == Acknowledgement::Awaited {
            let mut url = below(url, "ack");
            url.query_pairs_mut().append_pair("channel", &channel);
            acknowledgement_requests = Some(url);
            // Only the indexer that received a request can acknowledge it, so load balancing needs
            // sticky sessions.
            cookies = Some(Arc::default());
            headers.extend(HeaderValue::try_from(channel).ok().map(|value| (CHANNEL, value)));
        }
        Self {
            endpoint: Endpoint { cookies, ..Endpoint::post(below(url, "event"), headers) },
            acknowledgement_requests,
            host: naming.host.map(json::string_of),
            source: naming.source.map(json::string_of),
            sourcetype: naming.sourcetype.map(json::string_of),
            index: naming.index.map(json::string_of),
            tag_fields: naming.tag_fields.to_vec(),
            max_request_bytes,
            max_event_bytes,
        }
    }
}

fn below(url: &Url, name: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["services", "collector", name]);
    }
    url
}

/// A channel of this process, in the form of a GUID: acknowledgement ids are numbered by channel.
///
/// <https://docs.splunk.com/Documentation/Splunk/latest/Data/AboutHECIDXAck>
fn channel() -> String {
    let digits = format!("{:032x}", fastrand::u128(..));
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    groups.join("-")
}

impl Destination for SplunkHec {
    fn limits(&self) -> Limits {
        Limits::of_bytes(self.max_request_bytes, self.max_event_bytes.min(self.max_request_bytes))
    }

    fn deduplication(&self) -> Deduplication {
        Deduplication::None
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        &mut self.endpoint
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        let log_source = piece.record.log_source;
        body.extend_from_slice(b"{\"time\":");
        json::seconds(piece.record.unix_millis(), body);
        body.extend_from_slice(b",\"host\":");
        let name = |field, own| attributes::json_of_name(piece, field, own);
        match name(NameField::Host, self.host.as_deref()) {
            Some(host) => body.extend_from_slice(&host),
            None => body.extend_from_slice(attributes::json_of_function(log_source)),
        }
        body.extend_from_slice(b",\"source\":");
        match name(NameField::Source, self.source.as_deref()) {
            Some(source) => body.extend_from_slice(&source),
            None => body.extend_from_slice(attributes::json_of_group(log_source)),
        }
        body.extend_from_slice(b",\"sourcetype\":");
        match name(NameField::Sourcetype, self.sourcetype.as_deref()) {
            Some(sourcetype) => body.extend_from_slice(&sourcetype),
            None => json::quoted(dataset::splunk_sourcetype(log_source.service), body),
        }
        if let Some(index) = name(NameField::Index, self.index.as_deref()) {
            body.extend_from_slice(b",\"index\":");
            body.extend_from_slice(&index);
        }
        body.extend_from_slice(b",\"event\":");
        json::message(piece, body);
        body.extend_from_slice(b",\"fields\":");
        json::object(body, |body| {
            attributes::json_of_piece(piece, TraceNames::UNDERSCORED, body);
            // What all events share follows what differs, so that it compresses as one sequence.
            body.extend_from_slice(attributes::json_of_log_source(log_source, piece.fields));
            tags::write_chosen(log_source, &self.tag_fields, body);
        });
        body.push(b'}');
    }

    /// The token may not write to an index (code 7): then all events of the request have that index.
    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        match self.separates(before.record.names, piece.record.names) {
            true => Boundary::NextRequest,
            false => Boundary::SameGroup,
        }
    }

    fn separates(&self, one: &Names, other: &Names) -> bool {
        one.get(NameField::Index) != other.get(NameField::Index)
    }

    /// <https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector>:
    /// code 13, also for an event of white space only
    /// (<https://github.com/splunk/splunk-connect-for-kubernetes/issues/64>).
    fn never_takes(&self, piece: &Piece<'_>) -> Option<ReasonCode> {
        piece.message.trim_ascii().is_empty().then_some(EVENT_BLANK)
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        let Ok(body) = serde_json::from_slice::<HecResponse>(&response.body) else {
            return match response.status {
                200..300 => UNREADABLE_RESPONSE,
                _ => classify_status(response),
            };
        };
        let processed = body.invalid_event_number.map(|number| number.min(sent));
        match (body.meaning(), processed) {
            (Meaning::Success, _) if self.acknowledgement_requests.is_none() => {
                BatchOutcome::delivered(sent)
            }
            (Meaning::Success, _) => match body.ack_id {
                Some(acknowledgement_id) => BatchOutcome::Accepted(acknowledgement_id),
                None => BatchOutcome::StopUnclear(ACKNOWLEDGEMENT_DISABLED),
            },
            // The events before it were parsed, and no acknowledgement id tells whether they are
            // indexed.
            (Meaning::Busy(reason), Some(processed)) if self.acknowledgement_requests.is_some() => {
                let parsed = RecordOutcome::Retry(reason.clone(), Ambiguity::Unclear);
                let mut outcomes = vec![parsed; processed];
                outcomes.resize(sent, RecordOutcome::Retry(reason, Ambiguity::NothingAccepted));
                BatchOutcome::Each(outcomes)
            }
            // The bad event is the one with this number or the one before it: the first of the
            // others, or the last of those before.
            (Meaning::BadEvent(_), Some(processed @ 1..))
                if self.acknowledgement_requests.is_some() && sent > 1 =>
            {
                BatchOutcome::SplitAt { index: processed.min(sent - 1), unclear: processed }
            }
            // It is unknown which of Splunk's numbers count from one, so the last event before the
            // number may not be accepted.
            (Meaning::Busy(reason), Some(processed)) if processed > 0 => {
                let ambiguous = RecordOutcome::Retry(reason.clone(), Ambiguity::Unclear);
                let again = RecordOutcome::Retry(reason, Ambiguity::NothingAccepted);
                up_to(processed - 1, ambiguous, again, sent)
            }
            (Meaning::Busy(reason), _) => BatchOutcome::Retry(reason, Ambiguity::NothingAccepted),
            (Meaning::Broken(reason), _) => BatchOutcome::Retry(reason, Ambiguity::Unclear),
            (Meaning::Misconfigured(reason), _) => BatchOutcome::Stop(reason),
            // The numbers of some codes count from one. So only the first event is ever rejected,
            // which is the same in either reading; the others are retried.
            (Meaning::BadEvent(reason), Some(0)) => {
                up_to(0, RecordOutcome::Rejected(reason), RecordOutcome::NotReached, sent)
            }
            // No event has this number, unless the first one has 1.
            (Meaning::BadEvent(reason), Some(processed)) if processed == sent && sent > 0 => {
                up_to(sent - 1, RecordOutcome::Rejected(reason), RecordOutcome::NotReached, sent)
            }
            (Meaning::BadEvent(_), Some(processed)) => {
                up_to(processed, RecordOutcome::NotReached, RecordOutcome::NotReached, sent)
            }
            (Meaning::BadEvent(reason), None) => BatchOutcome::Split(reason),
            // A success that cannot be parsed: the result is unknown.
            (Meaning::Unknown, _) if (200..300).contains(&response.status) => UNREADABLE_RESPONSE,
            (Meaning::Unknown, _) => classify_status(response),
        }
    }

    fn acknowledgements(&self) -> Option<&dyn Acknowledgements> {
        self.acknowledgement_requests.is_some().then_some(self)
    }
}

impl Acknowledgements for SplunkHec {
    fn request_status(&self, acknowledgements: &[u64]) -> Request {
        let mut body = Vec::new();
        for acknowledgement_id in acknowledgements {
            body.extend_from_slice(if body.is_empty() { b"{\"acks\":[" } else { b"," });
            json::integer(*acknowledgement_id, &mut body);
        }
        body.extend_from_slice(b"]}");
        Request {
            address: Address { url: self.acknowledgement_requests.clone(), ..Address::default() },
            encoding: Encoding::Identity,
            body: Bytes::from(body),
        }
    }

    fn classify(&self, response: &Response) -> AcknowledgementStatus {
        let reason = ReasonCode::from_status(response.status);
        match response.status {
            200..300 => match serde_json::from_slice::<Acknowledged>(&response.body) {
                Ok(acknowledged) => AcknowledgementStatus::Indexed(acknowledged.stored()),
                Err(_) => AcknowledgementStatus::Retry(ReasonCode::new("unreadable_response")),
            },
            408 | 429 | 500..=599 => AcknowledgementStatus::Retry(reason),
            _ => {
                let body = serde_json::from_slice::<HecResponse>(&response.body).ok();
                match body.map(|body| body.meaning()) {
                    Some(Meaning::Misconfigured(reason)) => AcknowledgementStatus::Stop(reason),
                    // The OpenTelemetry Collector parses the acknowledgement request as an event if
                    // it does not support acknowledgement.
                    Some(Meaning::BadEvent(_)) => {
                        AcknowledgementStatus::Stop(ACKNOWLEDGEMENT_DISABLED)
                    }
                    _ => AcknowledgementStatus::Stop(reason),
                }
            }
        }
    }
}

/// The records before `processed` are delivered; then follows one outcome, and another for the
/// rest.
fn up_to(processed: usize, then: RecordOutcome, rest: RecordOutcome, sent: usize) -> BatchOutcome {
    let mut outcomes = vec![RecordOutcome::Delivered; processed];
    if processed < sent {
        outcomes.push(then);
    }
    outcomes.resize(sent, rest);
    BatchOutcome::Each(outcomes)
}

#[derive(Deserialize)]
struct HecResponse {
    code: u32,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid_event_number: Option<usize>,
}

const EVENT_BLANK: ReasonCode = ReasonCode::new("event_blank");

/// The token, or the collector, has no indexer acknowledgement.
const ACKNOWLEDGEMENT_DISABLED: ReasonCode = ReasonCode::new("acknowledgement_disabled");

enum Meaning {
    Success,
    Busy(ReasonCode),
    Broken(ReasonCode),
    Misconfigured(ReasonCode),
    BadEvent(ReasonCode),
    Unknown,
}

impl HecResponse {
    /// <https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector#Possible_error_codes>
    fn meaning(&self) -> Meaning {
        match self.code {
            0 => Meaning::Success,
            1 => Meaning::Misconfigured(ReasonCode::new("token_disabled")),
            2 => Meaning::Misconfigured(ReasonCode::new("token_required")),
            3 => Meaning::Misconfigured(ReasonCode::new("invalid_authorization")),
            4 => Meaning::Misconfigured(ReasonCode::new("invalid_token")),
            5 => Meaning::BadEvent(ReasonCode::new("no_data")),
            6 => Meaning::BadEvent(ReasonCode::new("invalid_data_format")),
            7 => Meaning::Misconfigured(ReasonCode::new("incorrect_index")),
            8 => Meaning::Broken(ReasonCode::new("internal_server_error")),
            9 => Meaning::Busy(ReasonCode::new("server_busy")),
            10 => Meaning::Misconfigured(ReasonCode::new("data_channel_missing")),
            11 => Meaning::Misconfigured(ReasonCode::new("invalid_data_channel")),
            12 => Meaning::BadEvent(ReasonCode::new("event_required")),
            13 => Meaning::BadEvent(EVENT_BLANK),
            14 => Meaning::Misconfigured(ACKNOWLEDGEMENT_DISABLED),
            15 => Meaning::BadEvent(ReasonCode::new("indexed_fields_malformed")),
            16 => Meaning::Misconfigured(ReasonCode::new("query_authorization_disabled")),
            18 => Meaning::Busy(ReasonCode::new("queues_full")),
            19 => Meaning::Busy(ReasonCode::new("acknowledgement_unavailable")),
            20 => Meaning::Busy(ReasonCode::new("unhealthy")),
            21 | 22 => Meaning::Misconfigured(ReasonCode::new("token_refused")),
            _ => Meaning::Unknown,
        }
    }
}

#[derive(Deserialize)]
struct Acknowledged {
    acks: std::collections::BTreeMap<String, bool>,
}

impl Acknowledged {
    fn stored(self) -> Vec<u64> {
        let stored = self.acks.into_iter().filter(|(_, is_stored)| *is_stored);
        stored.filter_map(|(acknowledgement_id, _)| acknowledgement_id.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::destination::sample;
    use crate::routing::NameTarget;

    fn destination(acknowledgement: Acknowledgement) -> SplunkHec {
        let url = Url::parse("https://http-inputs-acme.splunkcloud.com/base/").unwrap();
        let naming = Naming {
            host: None,
            source: None,
            sourcetype: None,
            index: Some("l"),
            tag_fields: &[],
        };
        let authorization = HeaderValue::from_static("Splunk t");
        SplunkHec::new(&url, authorization, &naming, acknowledgement, MAX_REQUEST_BYTES, 500_000)
    }

    fn response(status: u16, body: &str) -> Response {
        Response { status, retry_after: None, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: &BatchOutcome) {
        let hec = destination(Acknowledgement::NotAskedFor);
        assert_eq!(&Destination::classify(&hec, 3, &response(status, body)), expected, "{body}");
    }

    #[test]
    fn only_the_index_divides_requests() {
        let names = |names: &[(NameField, &str)]| {
            let mut all = Names::default();
            for (field, name) in names {
                all.set(&NameTarget::Field(*field), (*name).to_owned());
            }
            all
        };
        let splunk = destination(Acknowledgement::NotAskedFor);
        let (host, other) = (names(&[(NameField::Host, "a")]), names(&[(NameField::Host, "b")]));
        assert!(!splunk.separates(&host, &other) && !splunk.separates(&host, Names::none()));
        let index = names(&[(NameField::Host, "a"), (NameField::Index, "i")]);
        assert!(splunk.separates(&host, &index) && splunk.separates(Names::none(), &index));
    }

    #[test]
    fn only_chosen_tags_are_indexed_fields() {
        let mut hec = destination(Acknowledgement::NotAskedFor);
        hec.tag_fields = vec!["team".to_owned()];
        let mut body = Vec::new();
        let tags = [("env", "prod"), ("team", "pay")];
        sample::with_tagged_piece(&tags, |piece| hec.encode(piece, &mut body));
        let fields = &serde_json::from_slice::<Json>(&body).unwrap()["fields"];
        assert_eq!(fields["labels.team"], "pay");
        assert_eq!(fields.get("labels.env"), None);
    }

    #[test]
    fn an_event_is_the_message_with_time_and_metadata_fields() {
        let mut body = Vec::new();
        sample::with_piece("[WARNING] low\t\"stock\"\n", |piece| {
            destination(Acknowledgement::NotAskedFor).encode(piece, &mut body);
        });
        assert_eq!(
            serde_json::from_slice::<Json>(&body).unwrap(),
            json!({
                "time": 1_699_264_800.123,
                "host": "orders",
                "source": "/aws/lambda/orders",
                "sourcetype": "aws:cloudwatchlogs",
                "index": "l",
                "event": "[WARNING] low\t\"stock\"\n",
                "fields": {
                    "cloud.account.id": "123456789012",
                    "cloud.region": "eu-west-1",
                    "cloud.service.name": "lambda",
                    "event.dataset": "aws.lambda_logs",
                    "aws.cloudwatch.log_group": "/aws/lambda/orders",
                    "aws.cloudwatch.log_stream": sample::STREAM,
                    "faas.name": "orders",
                    "faas.version": "$LATEST",
                    "aws.cloudwatch.event_id": sample::ID,
                    "aws.lambda.kind": "application",
                    "log.level": "warn",
                },
            })
        );
    }

    #[test]
    fn a_success_is_delivered_or_awaits_acknowledgement() {
        check(200, r#"{"text":"Success","code":0}"#, &BatchOutcome::delivered(3));
        check(200, r#"{"text":"Success","code":0,"ackId":7}"#, &BatchOutcome::delivered(3));
        let awaiting = destination(Acknowledgement::Awaited);
        let taken = response(200, r#"{"text":"Success","code":0,"ackId":7}"#);
        assert_eq!(Destination::classify(&awaiting, 3, &taken), BatchOutcome::Accepted(7));
        // Accepted, without an acknowledgement id.
        let taken = response(200, r#"{"text":"Success","code":0}"#);
        let disabled = BatchOutcome::StopUnclear(ACKNOWLEDGEMENT_DISABLED);
        assert_eq!(Destination::classify(&awaiting, 3, &taken), disabled);
    }

    #[test]
    fn events_before_an_invalid_one_are_delivered_and_only_the_first_is_rejected() {
        let reason = || ReasonCode::new("invalid_data_format");
        let again = || RecordOutcome::NotReached;
        check(
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":2}"#,
            &BatchOutcome::Each(vec![RecordOutcome::Delivered, RecordOutcome::Delivered, again()]),
        );
        check(
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":0}"#,
            &BatchOutcome::Each(vec![RecordOutcome::Rejected(reason()), again(), again()]),
        );
        check(
            400,
            r#"{"text":"Invalid data format","code":6,"invalid-event-number":9}"#,
            &BatchOutcome::Each(vec![
                RecordOutcome::Delivered,
                RecordOutcome::Delivered,
                RecordOutcome::Rejected(reason()),
            ]),
        );
        check(400, r#"{"text":"Invalid data format","code":6}"#, &BatchOutcome::Split(reason()));
    }

    #[test]
    fn a_busy_collector_reports_how_many_events_it_accepted() {
        let busy = || ReasonCode::new("server_busy");
        check(
            503,
            r#"{"text":"Server is busy","code":9}"#,
            &BatchOutcome::Retry(busy(), Ambiguity::NothingAccepted),
        );
        let again = || RecordOutcome::Retry(busy(), Ambiguity::NothingAccepted);
        check(
            503,
            r#"{"text":"Server is busy","code":9,"invalid-event-number":2}"#,
            &BatchOutcome::Each(vec![
                RecordOutcome::Delivered,
                RecordOutcome::Retry(busy(), Ambiguity::Unclear),
                again(),
            ]),
        );
    }

    #[test]
    fn codes_have_one_meaning_and_other_responses_go_by_status() {
        let stops = [
            (403, 1, "token_disabled"),
            (401, 2, "token_required"),
            (403, 4, "invalid_token"),
            (400, 7, "incorrect_index"),
            (400, 10, "data_channel_missing"),
            (400, 14, "acknowledgement_disabled"),
        ];
        for (status, code, word) in stops {
            let body = format!(r#"{{"text":"no","code":{code},"invalid-event-number":1}}"#);
            check(status, &body, &BatchOutcome::Stop(ReasonCode::from_service(word)));
        }
        check(
            500,
            r#"{"text":"Internal server error","code":8}"#,
            &BatchOutcome::Retry(ReasonCode::new("internal_server_error"), Ambiguity::Unclear),
        );
        check(429, r#"{"text":"new","code":99}"#, &classify_status(&response(429, "")));
        check(200, r#"{"text":"new","code":99}"#, &UNREADABLE_RESPONSE);
        check(502, "<html>bad gateway</html>", &classify_status(&response(502, "")));
        check(413, "", &BatchOutcome::TooLarge);
        check(200, "<html>ok</html>", &UNREADABLE_RESPONSE);
    }

    #[test]
    fn acknowledgements_are_requested_on_their_channel() {
        let hec = destination(Acknowledgement::Awaited);
        let request = hec.request_status(&[4, 5]);
        let url = request.address.url.unwrap();
        let channel = hec.endpoint().headers[&CHANNEL].to_str().unwrap();
        assert_eq!(url.path(), "/base/services/collector/ack");
        assert_eq!(url.query(), Some(format!("channel={channel}").as_str()));
        let lengths: Vec<usize> = channel.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(request.body, r#"{"acks":[4,5]}"#);
        assert!(destination(Acknowledgement::NotAskedFor).acknowledgements().is_none());
    }

    #[test]
    fn an_acknowledgement_response_lists_indexed_requests() {
        let hec = destination(Acknowledgement::Awaited);
        let check = |status, body: &str, expected: &AcknowledgementStatus| {
            assert_eq!(
                &Acknowledgements::classify(&hec, &response(status, body)),
                expected,
                "{body}"
            );
        };
        check(
            200,
            r#"{"acks":{"4":true,"5":false,"11":true}}"#,
            &AcknowledgementStatus::Indexed(vec![11, 4]),
        );
        check(200, "<html>", &AcknowledgementStatus::Retry(ReasonCode::new("unreadable_response")));
        check(503, "", &AcknowledgementStatus::Retry(ReasonCode::from_status(503)));
        check(
            400,
            r#"{"text":"ACK is disabled","code":14}"#,
            &AcknowledgementStatus::Stop(ACKNOWLEDGEMENT_DISABLED),
        );
        check(
            400,
            r#"{"text":"Event field is required","code":12}"#,
            &AcknowledgementStatus::Stop(ACKNOWLEDGEMENT_DISABLED),
        );
        check(404, "", &AcknowledgementStatus::Stop(ReasonCode::from_status(404)));
    }
}
