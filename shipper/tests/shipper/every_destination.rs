//! What must hold for every destination, tested against a strict mock server of each.

use std::collections::BTreeSet;
use std::thread;

use logagg_shipper::config::TYPES;
use serde_json::json;

use crate::contract::{ALL, Contract, Rejects, Success};
use crate::event;
use crate::http::{Reply, Response};
use crate::lambda::{Invoked, Lambda};
use crate::mock_server::{MockServer, Mood};
use crate::settled::{Counts, settled};

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

/// Sends messages to a server that behaves like this, and checks the sums.
#[track_caller]
fn send(stand_in: &MockServer, messages: &[String]) -> (Counts, Invoked) {
    let config = json!({"destinations": {"x": stand_in.config()}, "request_timeout_ms": 2_000});
    let invoked = Lambda::start(&config).invoke(&event::fresh(messages));
    let counts = settled(&invoked, "x", messages, &stand_in.held());
    (counts, invoked)
}

#[track_caller]
fn check(
    contract: &'static dyn Contract,
    count: usize,
    moods: impl IntoIterator<Item = Mood>,
) -> (Counts, Invoked, MockServer) {
    let stand_in = MockServer::start(contract, moods);
    let (counts, invoked) = send(&stand_in, &messages(count));
    (counts, invoked, stand_in)
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

fn says(answer: Response) -> Mood {
    Mood::Does(Reply::Response(answer))
}

#[test]
fn every_type_of_destination_has_a_contract() {
    let tried: BTreeSet<&str> = ALL.iter().map(|contract| contract.kind()).collect();
    assert_eq!(tried, TYPES.into_iter().collect());
}

#[test]
fn what_is_taken_is_delivered_unchanged_and_in_order() {
    for_each(|contract| {
        let (counts, _, stand_in) = check(contract, 5, []);
        assert_eq!(counts.get("delivered"), 5, "{}", contract.kind());
        assert_eq!((counts.get("requests"), counts.get("retries")), (1, 0), "{}", contract.kind());
        assert_eq!(stand_in.held().messages, messages(5), "{}", contract.kind());
    });
}

#[test]
fn a_bad_record_is_refused_and_takes_none_with_it() {
    for contract in ALL.iter().filter(|contract| contract.rejects() == Rejects::Records) {
        let stand_in = MockServer::start(*contract, []);
        let mut lines = messages(5);
        lines[1] = contract.poison();
        let (counts, _) = send(&stand_in, &lines);
        assert_eq!(
            (counts.get("delivered"), counts.get("rejected"), counts.get("possible_duplicates")),
            (4, 1, 0),
            "{}",
            contract.kind()
        );
    }
}

#[test]
fn wrong_credentials_leave_everything_to_lambda_at_once() {
    for_each(|contract| {
        let (counts, invoked, stand_in) = check(contract, 3, [says(contract.unauthorized())]);
        assert_eq!(
            (counts.get("returned_to_source"), stand_in.requests()),
            (3, 1),
            "{}",
            contract.kind()
        );
        assert_eq!(invoked.result.unwrap_err().error_type, "Logagg.Undelivered");
    });
}

#[test]
fn a_busy_service_is_asked_again_and_gets_nothing_twice() {
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
fn a_request_that_is_too_large_is_divided_and_one_that_cannot_be_is_refused() {
    for_each(|contract| {
        let refuses_large = says(Response::new(413, ""));
        let (counts, _, stand_in) = check(contract, 4, [refuses_large.clone()]);
        assert_eq!((counts.get("delivered"), stand_in.requests()), (4, 3), "{}", contract.kind());

        let stand_in = MockServer::start(contract, []).limited_to(0);
        let (counts, _) = send(&stand_in, &messages(2));
        assert_eq!(counts.get("rejected"), 2, "{}", contract.kind());
        assert_eq!(counts.reasons("rejected")["too_large"], 2, "{}", contract.kind());
    });
}

#[test]
fn what_was_taken_without_a_whole_answer_is_never_lost_and_every_duplicate_counted() {
    for_each(|contract| {
        for mood in [
            Mood::TakesThen(Reply::Silence),
            Mood::TakesThen(Reply::Reset),
            Mood::TakesThen(Reply::Response(Response::new(504, "<html>gateway</html>"))),
            Mood::TakesThenTruncates,
        ] {
            let told = format!("{} {mood:?}", contract.kind());
            let (counts, ..) = check(contract, 3, [mood]);
            assert_eq!(counts.get("delivered") + counts.get("deduplicated"), 3, "{told}");
        }
    });
}

#[test]
fn a_success_that_is_not_the_services_own_is_not_believed() {
    for_each(|contract| {
        let success = Response::new(200, "<html>welcome</html>");
        let (counts, _, stand_in) = check(contract, 3, [Mood::TakesThen(Reply::Response(success))]);
        let requests = match contract.foreign_success() {
            Success::Delivered => 1,
            Success::Unclear => 2,
        };
        assert_eq!(stand_in.requests(), requests, "{}", contract.kind());
        assert_eq!(counts.get("delivered") + counts.get("deduplicated"), 3);
    });
}

#[test]
fn what_was_not_taken_is_sent_again() {
    for_each(|contract| {
        let statuses = contract.retried().iter();
        let answers = statuses.map(|status| says(Response::new(*status, "<html>oops</html>")));
        let moods = [
            Mood::ResetsBeforeBody,
            Mood::Does(Reply::Reset),
            Mood::Does(Reply::Silence),
            Mood::Does(Reply::Truncated(Response::new(503, "busy busy"))),
        ];
        for mood in moods.into_iter().chain(answers) {
            let told = format!("{} {mood:?}", contract.kind());
            let (counts, ..) = check(contract, 3, [mood]);
            assert_eq!((counts.get("delivered"), counts.get("retries")), (3, 1), "{told}");
        }
    });
}

/// A destination that parses a request as one document rejects all of it for one event: for a lone
/// surrogate, or for numbers or nesting that it does not accept.
#[test]
fn one_event_that_a_service_cannot_parse_harms_no_other() {
    for_each(|contract| {
        // They do not parse events.
        if ["firehose", "kinesis", "s3"].contains(&contract.kind()) {
            return;
        }
        let mut messages = messages(60);
        // Without its JSON fields it is valid.
        messages[17] = "{\"cut\":\"\\ud83d\"}".to_owned();
        messages[41] = contract.poison();
        let stand_in = MockServer::start(contract, []).lasting(Mood::Parses);
        let (counts, _) = send(&stand_in, &messages);
        let told = format!("{}: {counts:?}", contract.kind());
        assert_eq!((counts.get("delivered"), counts.get("rejected")), (59, 1), "{told}");
        assert_eq!(counts.get("possible_duplicates"), 0, "{told}");
        assert!(stand_in.requests() <= 32, "{} requests, {told}", stand_in.requests());
    });
}

/// If a setting makes a destination reject every request, the events are not at fault.
#[test]
fn where_every_request_is_refused_alike_all_events_are_kept() {
    for_each(|contract| {
        if ["firehose", "kinesis", "s3"].contains(&contract.kind()) {
            return;
        }
        let says = says(Response::new(400, "no such pipeline"));
        let stand_in = MockServer::start(contract, []).lasting(says);
        let (counts, _) = send(&stand_in, &messages(300));
        let told = format!("{}: {counts:?}", contract.kind());
        assert_eq!((counts.get("returned_to_source"), counts.get("rejected")), (300, 0), "{told}");
        assert!(stand_in.requests() <= 16, "{} requests, {told}", stand_in.requests());
    });
}

#[test]
fn records_with_which_a_service_has_failed_inside_are_sent_again_and_may_be_duplicates() {
    for_each(|contract| {
        let Some(failed) = contract.failed_inside(3) else {
            return;
        };
        let moods = [Mood::TakesThen(Reply::Response(failed))];
        let (counts, _, stand_in) = check(contract, 3, moods);
        assert_eq!(stand_in.held().messages.len(), 6, "{}", contract.kind());
        assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (3, 3));
    });
}

#[test]
fn what_a_service_will_never_do_is_not_tried_again() {
    for_each(|contract| {
        for &status in contract.never_retried() {
            let told = format!("{} {status}", contract.kind());
            let answer = Response::new(status, "no").with("location", "http://127.0.0.1:1/");
            let (counts, _, stand_in) = check(contract, 3, [says(answer)]);
            assert_eq!((counts.get("returned_to_source"), stand_in.requests()), (3, 1), "{told}");
        }
    });
}
