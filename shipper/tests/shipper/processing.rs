//! Filtering, sampling and redaction in the function, with their counts and metrics.

use serde_json::{Value, json};

use crate::bulk::{Behavior, Bulk};
use crate::event;
use crate::http::Response;
use crate::lambda::Lambda;
use crate::settled::settled;
use crate::storage::Storage;
use crate::{PAYLOAD, SECRET};

const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
const FAILED: &str = "9f507cfc-1234-4697-b07a-ac58fc914c95";

fn config(bulk: &Bulk, more: &Value) -> Value {
    let mut config = json!({"destinations": {"search": bulk.config(), "second": bulk.config()}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[test]
fn every_dropped_log_event_is_counted_by_its_rule() {
    let bulk = Bulk::start();
    let config = config(
        &bulk,
        &json!({"processing": {
            "exclude": [
                {"name": "health", "message": "GET /health"},
                {"name": "begin_and_end", "kinds": ["start", "end"]},
            ],
            "sample": [{"name": "few", "ratio": 0, "log_group": "^/aws/lambda/orders$"}],
        }}),
    );
    let messages = [
        format!("START RequestId: {ID} Version: 1"),
        format!("2023-11-06T10:00:00.000Z\t{ID}\tINFO\t{PAYLOAD} GET /health"),
        format!("2023-11-06T10:00:00.000Z\t{ID}\tINFO\t{PAYLOAD} GET /orders"),
        format!("2023-11-06T10:00:01.000Z\t{FAILED}\tERROR\t{PAYLOAD}"),
    ];
    // Both destinations are the same cluster, which then has everything twice.
    let invoked = Lambda::start(&config).invoke(&event::with(&messages));
    assert_eq!(bulk.held().messages, [messages[3].as_str()]);
    for name in ["search", "second"] {
        let counts = &invoked.summary["destinations"][name];
        assert_eq!((&counts["received"], &counts["dropped"]), (&json!(4), &json!(3)), "{counts}");
        assert_eq!(
            counts["reasons"]["dropped"],
            json!({"begin_and_end": 1, "few": 1, "health": 1})
        );
    }
}

#[test]
fn secrets_are_redacted_in_message_and_fields() {
    let bulk = Bulk::start();
    let config = config(
        &bulk,
        &json!({"processing": {
            "redact": ["email", "card_number"],
            "redact_patterns": [{"name": "customer", "pattern": "customer-[0-9]+"}],
        }}),
    );
    let message = r#"{"mail":"jane@example.com","card":4111111111111111,"who":"customer-17"}"#;
    let invoked = Lambda::start(&config).invoke(&event::with(&[message, "nothing here"]));
    let documents = bulk.documents();
    let redacted = documents.iter().find(|document| document.get("json").is_some()).unwrap();
    let expected = json!({"mail": "[redacted:email]", "card": "[redacted:card_number]", "who": "[redacted:customer]"});
    assert_eq!(redacted["json"], expected);
    let text: Value = serde_json::from_str(redacted["message"].as_str().unwrap()).unwrap();
    assert_eq!(text, expected);
    assert_eq!(invoked.summary["redacted"], json!({"card_number": 1, "customer": 1, "email": 1}));
}

#[test]
fn metrics_equal_the_summary() {
    let bulk = Bulk::start();
    let config = config(
        &bulk,
        &json!({
            "metrics": {"namespace": "shop/logs"},
            "processing": {"exclude": [{"name": "second_line", "message": "line 1\t"}]},
        }),
    );
    let mut lambda = Lambda::start(&config);
    let invoked = lambda.invoke(&event::of(3));
    let lines = lambda.metrics(3);
    assert_eq!(lines.len(), 3, "{lines:?}");
    let of = |destination: &str| {
        let line = lines.iter().find(|line| line["destination"] == destination).unwrap();
        let counts = &invoked.summary["destinations"][destination];
        assert_eq!(line["received"], counts["received"]);
        for name in
            ["delivered", "deduplicated", "dropped", "rejected", "returned_to_source", "retries"]
        {
            assert_eq!(line[name], counts[name], "{name}");
        }
        assert_eq!(line["dropped_by_second_line"], 1);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "shop/logs");
    };
    of("search");
    of("second");
    let function = lines.iter().find(|line| line.get("destination").is_none()).unwrap();
    assert_eq!(
        (&function["function"], &function["log_events"]),
        (&json!("the-shipper"), &json!(3))
    );
    assert_eq!(function["lag_ms"], invoked.summary["lag_ms"]);
    assert!(function["lag_ms"].as_u64() > Some(0));
}

#[test]
fn payloads_and_secrets_never_appear_in_output() {
    // The cluster quotes credentials and documents in every response.
    let quotes = |status| Response::new(status, format!("{SECRET} is wrong for {PAYLOAD}"));
    for behavior in [
        Behavior::RejectsWith(quotes(400)),
        Behavior::RejectsWith(quotes(401)),
        Behavior::RejectsWith(quotes(200)),
        Behavior::RejectsWith(Response::new(429, PAYLOAD).with("retry-after", SECRET)),
        Behavior::Items([(0, (400, "mapper_parsing_exception"))].into()),
        Behavior::Items([(0, (400, SECRET))].into()),
        Behavior::AcceptsThenTruncates,
        Behavior::ResetsBeforeBody,
    ] {
        let bulk = Bulk::with_behaviors([behavior]);
        let config = json!({
            "destinations": {"search": bulk.config()},
            "metrics": {},
            "processing": {"redact_patterns": [{"name": "own", "pattern": PAYLOAD, "replacement": format!("{PAYLOAD}-")}]},
        });
        let mut lambda = Lambda::start(&config);
        let invoked = lambda.invoke(&event::of(2));
        lambda.metrics(2);
        let result = format!("{:?}{}", invoked.result, invoked.summary);
        let written = lambda.written();
        assert!(bulk.sizes().iter().sum::<usize>() > 0 || invoked.result.is_err());
        for marker in [PAYLOAD, SECRET] {
            assert!(!result.contains(marker) && !written.contains(marker), "{result} {written}");
        }
    }
    // An invalid event.
    let bulk = Bulk::start();
    let mut lambda = Lambda::start(&json!({"destinations": {"search": bulk.config()}}));
    for event in [
        format!(r#"{{"{PAYLOAD} {SECRET}": "{PAYLOAD}"}}"#).into_bytes(),
        format!(r#"{{"awslogs": {{"data": "{PAYLOAD}"}}}}"#).into_bytes(),
        event::wrap_bytes(&event::gzip(format!("[{PAYLOAD}]").as_bytes())),
    ] {
        assert!(lambda.invoke(&event).result.is_err());
    }
}

#[test]
fn fields_are_transformed_and_counted_by_name() {
    let bulk = Bulk::start();
    let config = config(
        &bulk,
        &json!({"processing": {
            "transform": [
                {"name": "private", "drop_fields": ["customer.mail"], "set_fields": {"team": "payments"}},
                {"name": "access", "message": "^GET ", "parse_regex": "^(?P<verb>[A-Z]+) (?P<path>[^ ]+)", "rename_fields": {"path": "url.path"}},
            ],
            "redact": ["email"],
        }}),
    );
    let json = r#"{"customer":{"mail":"jane@example.com","id":12345678901234567890123}}"#;
    let text = "GET /orders?mail=jane@example.com 200";
    let invoked = Lambda::start(&config).invoke(&event::with(&[json, text, "nothing"]));
    let bodies = bulk.held().messages;
    let changed = r#"{"customer":{"id":12345678901234567890123},"team":"payments"}"#;
    assert!(bodies.iter().any(|message| message == changed), "{bodies:?}");
    let documents = bulk.documents();
    let of = |start: &str| {
        documents.iter().find(|it| it["message"].as_str().unwrap().starts_with(start)).unwrap()
    };
    assert_eq!(of("{")["json"]["team"], "payments");
    let parsed = json!({"verb": "GET", "url": {"path": "/orders?mail=[redacted:email]"}});
    assert_eq!(of("GET")["json"], parsed);
    assert_eq!(of("nothing").get("json"), None);
    assert_eq!(invoked.summary["transformed"], json!({"access": 1, "private": 1}));
    assert_eq!(invoked.summary["redacted"], json!({"email": 1}));
}

#[test]
fn a_stored_event_has_its_changed_fields_and_is_not_transformed_again() {
    let busy = Behavior::RejectsWith(Response::new(429, "").with("retry-after", "3600"));
    let (bulk, storage) = (Bulk::with_behaviors([busy]), Storage::start());
    let config = |transform: Value| {
        json!({
            "destinations": {"search": bulk.config()},
            "undelivered": storage.config_with_queue(),
            "processing": {"transform": transform, "redact": ["email"]},
        })
    };
    let first = json!([{"name": "a", "parse": "logfmt", "rename_fields": {"x": "y"}}]);
    let event = event::with(&["x=1 z=2", r#"{"x":1}"#]);
    let invoked = Lambda::start_with_aws(&config(first), &storage.url()).invoke(&event);
    assert_eq!(invoked.summary["destinations"]["search"]["stored"], 2, "{}", invoked.summary);
    // With another configuration, which would change it again.
    let second = json!([{"name": "b", "parse": "logfmt", "drop_fields": ["y", "z"]}]);
    let mut lambda = Lambda::start_with_aws(&config(second), &storage.url());
    let invoked = lambda.invoke(&storage.receive(10).unwrap());
    assert_eq!(invoked.summary["destinations"]["search"]["delivered"], 2, "{}", invoked.summary);
    assert_eq!(invoked.summary.get("transformed"), None);
    let mut documents = bulk.documents();
    documents.sort_by_key(|document| document["message"].to_string());
    let found: Vec<_> = documents.iter().map(|it| (&it["message"], &it["json"])).collect();
    let (text, json) = (json!("x=1 z=2"), json!(r#"{"y":1}"#));
    let (of_text, of_json) = (json!({"y": "1", "z": "2"}), json!({"y": 1}));
    assert_eq!(found, [(&text, &of_text), (&json, &of_json)]);
}

#[test]
fn the_lines_of_a_stack_trace_are_one_record_and_all_log_events_are_counted() {
    let bulk = Bulk::start();
    let config = json!({
        "destinations": {"search": bulk.config()},
        "processing": {"join_lines": {}, "exclude": [{"name": "errors", "levels": ["error"], "message": "Boom"}]},
    });
    // <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Throwable.html>
    let sent = [
        "an order",
        "LowLevelException",
        "\tat Junk.e(Junk.java:30)",
        "\t... 3 more",
        "Boom",
        "\tat Junk.a(Junk.java:13)",
    ]
    .map(str::to_owned);
    let invoked = Lambda::start(&config).invoke(&event::with(&sent));
    let mut held = bulk.held();
    held.messages.sort();
    assert_eq!(held.messages, [sent[1..4].join("\n"), sent[0].clone()]);
    let counts = settled(&invoked, "search", &sent, &held);
    assert_eq!(invoked.summary["joined"], 3);
    assert_eq!((counts.get("received"), counts.get("dropped")), (3, 1));
}
