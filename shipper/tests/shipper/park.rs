//! What a destination would not take is parked, and the invocation succeeds.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bulk::{Bulk, Mood};
use crate::http::{Answer, Reply};
use crate::lambda::{Invoked, Lambda};
use crate::logzio::{self, Logzio};
use crate::settled::{Counts, settled};
use crate::shelves::{Shelves, Trouble};
use crate::stand_in::{self, StandIn};
use crate::{PAYLOAD, contract, event};

const PARKED: &str = "logagg/parked/";

fn messages(count: usize) -> Vec<String> {
    (0..count).map(event::message).collect()
}

fn counts(invoked: &Invoked, destination: &str) -> Counts {
    Counts(invoked.summary["destinations"][destination].clone())
}

/// A cluster that wants to be asked again in an hour.
fn busy() -> Mood {
    Mood::Says(Answer::new(429, "").with("retry-after", "3600"))
}

/// The messages in something parked, after making sure that it shows none of them as it lies.
pub(crate) fn parked_messages(text: &str) -> Vec<String> {
    use std::io::Read;

    use base64::Engine;

    assert!(!text.contains(PAYLOAD), "a message lies in the open");
    let parked: Value = serde_json::from_str(text).unwrap();
    let data = parked["awslogs"]["data"].as_str().unwrap();
    let data = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    let mut json = String::new();
    flate2::read::GzDecoder::new(data.as_slice()).read_to_string(&mut json).unwrap();
    let delivery: Value = serde_json::from_str(&json).unwrap();
    let events = delivery["logEvents"].as_array().unwrap();
    events.iter().map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_left_is_parked_in_a_bucket_and_a_retry_overwrites_it() {
    let (bulk, shelves) = (Bulk::with_moods([busy(), busy()]), Shelves::start());
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    for _ in 0..2 {
        let invoked = lambda.invoke(&event::of(3));
        let counts = settled(&invoked, "search", &messages(3), &bulk.held());
        assert_eq!(counts.get("parked"), 3);
        assert_eq!(counts.reasons("parked")["status_429"], 3);
    }
    let texts = shelves.texts(PARKED);
    let [text] = &texts[..] else { panic!("{texts:?}") };
    assert_eq!(parked_messages(text), messages(3));
    let mut parked: Value = serde_json::from_str(text).unwrap();
    parked["awslogs"].take();
    parked["parked_at"].take();
    assert_eq!(
        parked,
        json!({
            "logagg": "parked", "destination": "search", "log_group": event::GROUP, "records": 3,
            "reasons": {"status_429": 3}, "parked_at": null, "awslogs": null,
        })
    );
    let key = shelves.objects(PARKED).into_keys().next().unwrap();
    assert!(key.starts_with("logagg/parked/search/2023-11-06T10-00-00-123-"), "{key}");
}

#[test]
fn what_is_parked_is_an_event_that_can_be_sent_by_hand() {
    let (bulk, shelves) = (Bulk::with_moods([busy()]), Shelves::start());
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    lambda.invoke(&event::of(3));
    let text = shelves.texts(PARKED).remove(0);
    let invoked = lambda.invoke(text.as_bytes());
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!(counts.get("delivered"), 3);
}

#[test]
fn only_what_is_left_is_parked() {
    let words = std::collections::BTreeMap::from([(1, (403, "cluster_block_exception"))]);
    let (bulk, shelves) = (Bulk::with_moods([Mood::Items(words)]), Shelves::start());
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let invoked = Lambda::start_with_aws(&config, &shelves.url()).invoke(&event::of(3));
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("parked")), (2, 1));
    assert_eq!(parked_messages(&shelves.texts(PARKED)[0]), [event::message(1)]);
}

#[test]
fn where_parking_fails_the_event_is_returned_to_source_and_the_warning_names_the_call() {
    let (bulk, shelves) = (Bulk::with_moods([busy()]), Shelves::start());
    shelves.refuse([Answer::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let invoked = Lambda::start_with_aws(&config, &shelves.url()).invoke(&event::of(3));
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!((counts.get("parked"), counts.get("returned_to_source")), (0, 3));
    assert_eq!(
        invoked.summary["warnings"],
        json!([
            "could not park what is left for \"search\": s3:PutObject: AccessDenied (status 403)"
        ])
    );
}

#[test]
fn what_may_lie_there_although_parking_failed_is_counted_as_a_possible_duplicate() {
    let stop = logzio::Mood::Does(Reply::Answer(Answer::new(401, "")));
    let (logzio, shelves) = (Logzio::with_moods([stop]), Shelves::start());
    let config = json!({
        "destinations": {"x": logzio.config()}, "park": Shelves::in_bucket(), "reserve_ms": 30_000,
    });
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    shelves.have(Trouble::LosesAnswers);
    let first = lambda.invoke_within(&event::of(3), Duration::from_secs(32));
    assert_eq!(counts(&first, "x").get("returned_to_source"), 3);
    assert_eq!(counts(&first, "x").get("possible_duplicates"), 3);
    shelves.have(Trouble::Nothing);
    assert_eq!(counts(&lambda.invoke(&event::of(3)), "x").get("delivered"), 3);
    lambda.invoke(br#"{"logagg":"replay"}"#);
    assert_eq!(logzio.held().messages.len(), 6);
}

#[test]
fn what_passes_by_itself_does_not_keep_things_from_being_parked() {
    let (bulk, shelves) = (Bulk::with_moods([busy()]), Shelves::start());
    shelves.refuse([Answer::new(503, "<Error><Code>SlowDown</Code></Error>")]);
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let invoked = Lambda::start_with_aws(&config, &shelves.url()).invoke(&event::of(3));
    assert_eq!(counts(&invoked, "search").get("parked"), 3);
}

#[test]
fn a_queue_takes_what_is_left_once_and_in_as_many_messages_as_it_needs() {
    let (bulk, shelves) = (Bulk::with_moods([busy(), busy()]), Shelves::start());
    let config =
        json!({"destinations": {"search": bulk.config()}, "park": shelves.in_queue("parked.fifo")});
    let mut rng = fastrand::Rng::with_seed(5);
    let noise: Vec<String> = (0..4)
        .map(|number| {
            let noise: String = (0..300_000).map(|_| rng.alphanumeric()).collect();
            format!("{PAYLOAD} {number} {noise}")
        })
        .collect();
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    for _ in 0..2 {
        let invoked = lambda.invoke(&event::with(&noise));
        let counts = settled(&invoked, "search", &noise, &bulk.held());
        assert_eq!(counts.get("parked"), 4);
    }
    let sent = shelves.messages();
    assert_eq!(sent.len(), 2);
    let held: Vec<String> = sent
        .iter()
        .flat_map(|message| parked_messages(message["MessageBody"].as_str().unwrap()))
        .collect();
    assert_eq!(held, noise);
    assert_eq!(sent[0]["MessageGroupId"], "search");
}

#[test]
fn a_dead_destination_never_makes_a_healthy_one_receive_anything_twice() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    let dead = Logzio::with_moods(std::iter::repeat_n(
        logzio::Mood::Does(Reply::Answer(Answer::new(401, ""))),
        10,
    ));
    let config = json!({
        "destinations": {"healthy": logzio.config(), "dead": dead.config()},
        "park": Shelves::in_bucket(),
    });
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(&event::of(3));
    let healthy = settled(&invoked, "healthy", &messages(3), &logzio.held());
    assert_eq!((healthy.get("delivered"), healthy.get("possible_duplicates")), (3, 0));
    let dead = settled(&invoked, "dead", &messages(3), &dead.held());
    assert_eq!((dead.get("parked"), dead.reasons("parked")["status_401"]), (3, 3));

    // Where even that fails, the event comes again to both, and the count says so.
    shelves.refuse([Answer::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
    let invoked = lambda.invoke(&event::of(2));
    assert!(invoked.result.is_err());
    assert_eq!(counts(&invoked, "healthy").get("possible_duplicates"), 2);
    assert_eq!(counts(&invoked, "dead").get("returned_to_source"), 2);
}

#[test]
fn a_destination_that_is_down_does_not_hold_invocations() {
    let shelves = Shelves::start();
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let config = json!({
        "destinations": {"search": {"type": "elasticsearch", "url": url, "index": "logs"}},
        "park": Shelves::in_bucket(),
    });
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let first = counts(&lambda.invoke(&event::of(3)), "search");
    assert_eq!((first.get("parked"), first.get("requests")), (3, 5));
    assert_eq!(first.reasons("parked")["circuit_open"], 3);
    let second = counts(&lambda.invoke(&event::of(3)), "search");
    assert_eq!((second.get("parked"), second.get("requests")), (3, 0));
}

#[test]
fn time_for_parking_is_kept_even_while_a_service_hangs() {
    let (bulk, shelves) = (Bulk::with_moods([Mood::Does(Reply::Silence)]), Shelves::start());
    let config = json!({
        "destinations": {"search": bulk.config()}, "park": Shelves::in_bucket(),
        "reserve_ms": 30_000, "request_timeout_ms": 600_000,
    });
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke_within(&event::of(3), Duration::from_secs(32));
    let counts = settled(&invoked, "search", &messages(3), &bulk.held());
    assert_eq!(counts.get("parked"), 3);
    assert_eq!(counts.reasons("parked")["timeout"], 3);
}

#[test]
fn a_record_that_is_too_large_can_be_parked_where_no_replay_finds_it() {
    let (logzio, shelves) = (Logzio::start(), Shelves::start());
    let long = format!("{PAYLOAD} {}", "x".repeat(600_000));
    let mut config = json!({"destinations": {"x": logzio.config()}, "park": Shelves::in_bucket()});
    config["destinations"]["x"]["oversized"] = json!("park");
    let lines = [event::message(0), long.clone()];
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(&event::with(&lines));
    let counts = settled(&invoked, "x", &lines, &logzio.held());
    assert_eq!((counts.get("delivered"), counts.get("parked")), (1, 1));
    assert_eq!(counts.reasons("parked")["too_large"], 1);
    assert!(shelves.objects(PARKED).is_empty());
    assert_eq!(parked_messages(&shelves.texts("logagg/dead/too_large/x/")[0]), [long]);
}

#[test]
fn an_event_that_cannot_be_decoded_is_kept_as_it_came() {
    let (bulk, shelves) = (Bulk::start(), Shelves::start());
    let config = json!({"destinations": {"search": bulk.config()}, "park": Shelves::in_bucket()});
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(br#"{"awslogs":{"data":"AAAA"}}"#);
    assert!(invoked.result.is_ok());
    assert_eq!(invoked.summary["undecodable"], 1);
    let texts = shelves.texts("logagg/dead/undecodable/_all/");
    let kept: Value = serde_json::from_str(&texts[0]).unwrap();
    assert_eq!(kept["awslogs"]["data"], "AAAA");
    assert_eq!(kept["reasons"], json!({"no_gzip": 1}));
}

#[test]
fn parts_that_were_delivered_before_the_whole_is_parked_are_counted() {
    let http = contract::ALL.iter().find(|contract| contract.kind() == "http").unwrap();
    let stop = stand_in::Mood::Does(Reply::Answer(http.unauthorized()));
    let (service, shelves) =
        (StandIn::start(*http, [stand_in::Mood::Takes, stop]), Shelves::start());
    // More parts than a request takes, so that some are there when the service stops.
    let long = format!("{PAYLOAD} {}", "x".repeat(40_000));
    let mut config = json!({"destinations": {"x": service.config()}, "park": Shelves::in_bucket()});
    config["destinations"]["x"]["max_in_flight"] = json!(1);
    config["destinations"]["x"]["max_request_bytes"] = json!(10_000);
    config["destinations"]["x"]["max_record_bytes"] = json!(5_000);
    let lines = [long];
    let mut lambda = Lambda::start_with_aws(&config, &shelves.url());
    let invoked = lambda.invoke(&event::with(&lines));
    let counts = settled(&invoked, "x", &lines, &service.held());
    assert!(counts.get("delivered") > 0 && counts.get("parked") > 0, "{counts:?}");
    assert_eq!(counts.get("possible_duplicates"), counts.get("delivered"));
    assert_eq!(parked_messages(&shelves.texts(PARKED)[0]), lines);
}
