//! What must hold for every destination, tested against a strict mock server of each.

use std::collections::BTreeSet;
use std::thread;

use logagg_shipper::config::TYPES;
use logagg_shipper::destination::RecordField;
use logagg_shipper::tags::TagTable;
use serde_json::json;

use crate::contract::{ALL, Contract, Rejects, Success};
use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::mock_server::{Behavior, MockServer};
use crate::settled::{Counts, settled};
use crate::storage::{BUCKET, Storage};

const ACCOUNT: &str = "123456789012";

/// Keys of tags, some with characters that names at destinations do not have.
const KEYS: [&str; 5] = ["env", "kubernetes.io/name", "service", "team:\"a\"", "version"];

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

/// Sends messages to a server that behaves like this, and checks the sums.
#[track_caller]
fn send(mock_server: &MockServer, messages: &[String]) -> (Counts, Invoked) {
    let config = json!({"destinations": {"x": mock_server.config()}, "request_timeout_ms": 2_000});
    let invoked = Lambda::start(&config).invoke(&event::fresh(messages));
    let counts = settled(&invoked, "x", messages, &mock_server.held());
    (counts, invoked)
}

#[track_caller]
fn check(
    contract: &'static dyn Contract,
    count: usize,
    behaviors: impl IntoIterator<Item = Behavior>,
) -> (Counts, Invoked, MockServer) {
    let mock_server = MockServer::start(contract, behaviors);
    let (counts, invoked) = send(&mock_server, &messages(count));
    (counts, invoked, mock_server)
}

/// Tests all destinations concurrently: they mostly wait.
fn for_each(check: impl Fn(&'static dyn Contract) + Sync) {
    thread::scope(|scope| {
        for contract in ALL {
            let check = &check;
            scope.spawn(move || check(*contract));
        }
    });
}

fn says(response: Response) -> Behavior {
    Behavior::Does(Reply::Response(response))
}

#[test]
fn every_type_of_destination_has_a_contract() {
    let tried: BTreeSet<&str> = ALL.iter().map(|contract| contract.kind()).collect();
    assert_eq!(tried, TYPES.into_iter().collect());
}

#[test]
fn accepted_messages_are_unchanged_and_in_order() {
    for_each(|contract| {
        let (counts, _, mock_server) = check(contract, 5, []);
        assert_eq!(counts.get("delivered"), 5, "{}", contract.kind());
        assert_eq!((counts.get("requests"), counts.get("retries")), (1, 0), "{}", contract.kind());
        assert_eq!(mock_server.held().messages, messages(5), "{}", contract.kind());
    });
}

#[test]
fn tags_are_accepted_beside_unchanged_messages() {
    for_each(|contract| {
        let storage = Storage::start();
        let mut table = TagTable::new(ACCOUNT, "eu-west-1", &KEYS.map(str::to_owned));
        let arn = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:orders");
        table.add(&arn, KEYS.map(|key| (key.to_owned(), format!("{key}, \"ü\""))).into_iter());
        let key = format!("logagg/tags/{ACCOUNT}/eu-west-1.json.gz");
        storage.put(&key, table.encode().unwrap());
        let mock_server = MockServer::start(contract, []);
        let config = json!({
            "destinations": {"x": mock_server.config()},
            "tags": {"bucket": BUCKET, "bucket_owner": ACCOUNT, "accounts": [ACCOUNT]},
        });
        let mut lambda = Lambda::start_with_aws(&config, &storage.url());
        let messages = messages(5);
        let invoked = lambda.invoke(&event::fresh(&messages));
        let counts = settled(&invoked, "x", &messages, &mock_server.held());
        assert_eq!(counts.get("delivered"), 5, "{}", contract.kind());
        assert_eq!(mock_server.held().messages, messages, "{}", contract.kind());
        assert_eq!(invoked.summary["warnings"], json!(null), "{}", contract.kind());
    });
}

#[test]
fn a_log_event_without_any_field_of_its_own_is_accepted() {
    for_each(|contract| {
        for change in [json!({}), json!({"omit": RecordField::ALL.map(RecordField::name)})] {
            let mock_server = MockServer::start(contract, []);
            let mut destination = mock_server.config();
            destination["record_fields"] = change;
            let config = json!({"destinations": {"x": destination}});
            // Of no AWS service, without level, request and JSON.
            let message = event::message(0);
            let mut delivery = event::fresh_delivery(0, std::slice::from_ref(&message));
            delivery["logGroup"] = json!("/shop/web");
            delivery["logStream"] = json!("web");
            let invoked = Lambda::start(&config).invoke(&event::wrap(&delivery));
            let counts = settled(&invoked, "x", &[message], &mock_server.held());
            assert_eq!(counts.get("delivered"), 1, "{}: {invoked:?}", contract.kind());
        }
    });
}

#[test]
fn an_invalid_record_is_rejected_without_affecting_others() {
    for contract in ALL.iter().filter(|contract| contract.rejects() == Rejects::Records) {
        let mock_server = MockServer::start(*contract, []);
        let mut lines = messages(5);
        lines[1] = contract.poison();
        let (counts, _) = send(&mock_server, &lines);
        assert_eq!(
            (counts.get("delivered"), counts.get("rejected"), counts.get("possible_duplicates")),
            (4, 1, 0),
            "{}",
            contract.kind()
        );
    }
}

#[test]
fn invalid_credentials_return_everything_to_lambda_at_once() {
    for_each(|contract| {
        let (counts, invoked, mock_server) = check(contract, 3, [says(contract.unauthorized())]);
        assert_eq!(
            (counts.get("returned_to_source"), mock_server.requests()),
            (3, 1),
            "{}",
            contract.kind()
        );
        assert_eq!(invoked.result.unwrap_err().error_type, "Logagg.Undelivered");
    });
}

#[test]
fn a_throttled_request_is_retried_without_duplicates() {
    for_each(|contract| {
        for busy in [contract.busy(), contract.busy().with("retry-after", "0")] {
            let (counts, ..) = check(contract, 3, [says(busy)]);
            assert_eq!(
                (counts.get("delivered"), counts.get("retries"), counts.get("possible_duplicates")),
                (3, 1, 0),
                "{}",
                contract.kind()
            );
        }
    });
}

#[test]
fn a_request_that_is_too_large_is_split_or_rejected() {
    for_each(|contract| {
        let rejects_large = says(Response::new(413, ""));
        let (counts, _, mock_server) = check(contract, 4, [rejects_large.clone()]);
        assert_eq!(
            (counts.get("delivered"), mock_server.requests()),
            (4, 3),
            "{}",
            contract.kind()
        );

        let mock_server = MockServer::start(contract, []).limited_to(0);
        let (counts, _) = send(&mock_server, &messages(2));
        assert_eq!(counts.get("rejected"), 2, "{}", contract.kind());
        assert_eq!(counts.reasons("rejected")["too_large"], 2, "{}", contract.kind());
    });
}

#[test]
fn truncated_responses_lose_nothing_and_every_duplicate_is_counted() {
    for_each(|contract| {
        for behavior in [
            Behavior::AcceptsThen(Reply::Silence),
            Behavior::AcceptsThen(Reply::Reset),
            Behavior::AcceptsThen(Reply::Response(Response::new(504, "<html>gateway</html>"))),
            Behavior::AcceptsThenTruncates,
        ] {
            let described = format!("{} {behavior:?}", contract.kind());
            let (counts, ..) = check(contract, 3, [behavior]);
            assert_eq!(counts.get("delivered") + counts.get("deduplicated"), 3, "{described}");
        }
    });
}

#[test]
fn a_foreign_success_response_is_not_trusted() {
    for_each(|contract| {
        let success = Response::new(200, "<html>welcome</html>");
        let (counts, _, mock_server) =
            check(contract, 3, [Behavior::AcceptsThen(Reply::Response(success))]);
        let requests = match contract.foreign_success() {
            Success::Delivered => 1,
            Success::Unclear => 2,
        };
        assert_eq!(mock_server.requests(), requests, "{}", contract.kind());
        assert_eq!(counts.get("delivered") + counts.get("deduplicated"), 3);
    });
}

#[test]
fn undelivered_records_are_retried() {
    for_each(|contract| {
        let statuses = contract.retried().iter();
        let responses = statuses.map(|status| says(Response::new(*status, "<html>oops</html>")));
        let behaviors = [
            Behavior::ResetsBeforeBody,
            Behavior::Does(Reply::Reset),
            Behavior::Does(Reply::Silence),
            Behavior::Does(Reply::Truncated(Response::new(503, "busy busy"))),
        ];
        for behavior in behaviors.into_iter().chain(responses) {
            let described = format!("{} {behavior:?}", contract.kind());
            let (counts, ..) = check(contract, 3, [behavior]);
            assert_eq!((counts.get("delivered"), counts.get("retries")), (3, 1), "{described}");
        }
    });
}

/// A destination that parses a request as one document rejects all of it for one event: for a lone
/// surrogate, or for numbers or nesting that it does not accept.
#[test]
fn an_unparsable_event_does_not_affect_others() {
    for_each(|contract| {
        // They do not parse events.
        if ["firehose", "kinesis", "s3"].contains(&contract.kind()) {
            return;
        }
        let mut messages = messages(60);
        // Without its JSON fields it is valid.
        messages[17] = "{\"cut\":\"\\ud83d\"}".to_owned();
        messages[41] = contract.poison();
        let mock_server = MockServer::start(contract, []).lasting(Behavior::Parses);
        let (counts, _) = send(&mock_server, &messages);
        let described = format!("{}: {counts:?}", contract.kind());
        assert_eq!((counts.get("delivered"), counts.get("rejected")), (59, 1), "{described}");
        assert_eq!(counts.get("possible_duplicates"), 0, "{described}");
        assert!(mock_server.requests() <= 32, "{} requests, {described}", mock_server.requests());
    });
}

/// If a setting makes a destination reject every request, the events are not at fault.
#[test]
fn if_every_request_is_rejected_all_events_are_stored() {
    for_each(|contract| {
        if ["firehose", "kinesis", "s3"].contains(&contract.kind()) {
            return;
        }
        let says = says(Response::new(400, "no such pipeline"));
        let mock_server = MockServer::start(contract, []).lasting(says);
        let (counts, _) = send(&mock_server, &messages(300));
        let described = format!("{}: {counts:?}", contract.kind());
        assert_eq!(
            (counts.get("returned_to_source"), counts.get("rejected")),
            (300, 0),
            "{described}"
        );
        assert!(mock_server.requests() <= 16, "{} requests, {described}", mock_server.requests());
    });
}

#[test]
fn records_with_internal_errors_are_retried_and_may_be_duplicates() {
    for_each(|contract| {
        let Some(failed) = contract.failed_inside(3) else {
            return;
        };
        let behaviors = [Behavior::AcceptsThen(Reply::Response(failed))];
        let (counts, _, mock_server) = check(contract, 3, behaviors);
        assert_eq!(mock_server.held().messages.len(), 6, "{}", contract.kind());
        assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (3, 3));
    });
}

#[test]
fn a_permanent_rejection_is_not_retried() {
    for_each(|contract| {
        for &status in contract.never_retried() {
            let described = format!("{} {status}", contract.kind());
            let response = Response::new(status, "no").with("location", "http://127.0.0.1:1/");
            let (counts, _, mock_server) = check(contract, 3, [says(response)]);
            assert_eq!(
                (counts.get("returned_to_source"), mock_server.requests()),
                (3, 1),
                "{described}"
            );
        }
    });
}
