use proptest::prelude::*;
use regex::Regex;

use super::*;
use crate::line::{Kind, Level};
use crate::log_source::LogSource;
use crate::log_source_value::LogSourceValue;

const A: &str = "aaaaaaaa-1234-4697-b07a-ac58fc914c95";
const B: &str = "bbbbbbbb-1234-4697-b07a-ac58fc914c95";

fn processing_of(
    include: Vec<Rule>,
    exclude: Vec<Rule>,
    sample: Vec<(Rule, Ratio)>,
    redaction: Redaction,
) -> Option<Processing> {
    Processing { include, exclude, sample, redaction, ..Processing::default() }.if_any()
}

/// The records to send, and the numbers of the others by rule.
fn filter<'r>(
    processing: &Processing,
    records: Vec<Record<'r>>,
) -> (Vec<Record<'r>>, BTreeMap<ReasonCode, u64>) {
    let mut dropped = BTreeMap::new();
    let sent = processing.filter(records, |_, rule| *dropped.entry(rule).or_default() += 1);
    (sent, dropped)
}

fn rule(name: &str, message: Option<&str>, conditions: Vec<Condition>) -> Rule {
    Rule {
        name: ReasonCode::from_service(name),
        message: message.map(|text| MessagePattern::new(text).unwrap()),
        conditions,
    }
}

fn records<'r>(log_source: &'r LogSource<'r>, messages: &'r [String]) -> Vec<Record<'r>> {
    messages.iter().map(|message| Record::of(log_source, message)).collect()
}

fn messages(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

/// The log events that are sent, and the numbers dropped by each rule.
fn filtered(
    processing: Option<Processing>,
    group: &str,
    lines: &[&str],
) -> (Vec<String>, Vec<(String, u64)>) {
    let log_source = LogSource::new("1", group, "s");
    let messages = messages(lines);
    let (sent, dropped) = filter(&processing.unwrap(), records(&log_source, &messages));
    (
        sent.iter().map(|record| record.message.to_owned()).collect(),
        dropped.iter().map(|(name, count)| (name.as_str().to_owned(), *count)).collect(),
    )
}

fn dropped(rules: &[(&str, u64)]) -> Vec<(String, u64)> {
    rules.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn log_events_are_excluded_by_message_kind_level_and_log_group() {
    let start = format!("START RequestId: {A} Version: 1");
    let lines = ["GET /health 200", start.as_str(), "[DEBUG] x", "[INFO] y", "an order"];
    let exclude = || {
        vec![
            rule("health", Some("^GET /health"), Vec::new()),
            rule("platform", None, vec![Condition::Kinds(vec![Kind::Start, Kind::End])]),
            rule("debug", None, vec![Condition::Levels(vec![Level::Trace, Level::Debug])]),
            rule(
                "other",
                Some("order"),
                vec![Condition::LogSource(
                    LogSourceValue::LogGroup,
                    vec![Regex::new("^/other").unwrap()],
                )],
            ),
        ]
    };
    let processing = processing_of(Vec::new(), exclude(), Vec::new(), Redaction::default());
    let (sent, counts) = filtered(processing, "/aws/lambda/f", &lines);
    assert_eq!(sent, ["[INFO] y", "an order"]);
    assert_eq!(counts, dropped(&[("debug", 1), ("health", 1), ("platform", 1)]));
    let processing = processing_of(Vec::new(), exclude(), Vec::new(), Redaction::default());
    assert_eq!(filtered(processing, "/other", &lines).0, ["[INFO] y"]);
}

#[test]
fn with_include_rules_only_matching_log_events_are_sent_unless_excluded() {
    let include =
        vec![rule("orders", Some("order"), Vec::new()), rule("paid", Some("paid"), Vec::new())];
    let exclude = vec![rule("test", Some("test"), Vec::new())];
    let processing = processing_of(include, exclude, Vec::new(), Redaction::default());
    let (sent, counts) = filtered(processing, "g", &["an order", "a test order", "paid", "else"]);
    assert_eq!(sent, ["an order", "paid"]);
    assert_eq!(counts, dropped(&[("not_included", 1), ("test", 1)]));
}

fn sampled(share: f64) -> Option<Processing> {
    let sample = vec![(rule("few", None, Vec::new()), Ratio::new(share))];
    processing_of(Vec::new(), Vec::new(), sample, Redaction::default())
}

#[test]
fn a_failed_request_is_sent_from_its_beginning() {
    let line = |id: &str, level: &str| format!("2023-11-06T10:00:00.000Z\t{id}\t{level}\twords");
    let lines = [
        "of an earlier request".to_owned(),
        format!("START RequestId: {A} Version: 1"),
        line(A, "INFO"),
        "plain words of A".to_owned(),
        format!("END RequestId: {A}"),
        format!("REPORT RequestId: {A}\tDuration: 1 ms\tBilled Duration: 2 ms"),
        format!("START RequestId: {B} Version: 1"),
        "plain words of B".to_owned(),
        line(B, "ERROR"),
        format!("REPORT RequestId: {B}\tDuration: 1 ms\tBilled Duration: 2 ms"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (sent, counts) = filtered(sampled(0.0), "g", &lines);
    assert_eq!(sent, [&lines[..1], &lines[6..]].concat());
    assert_eq!(counts, dropped(&[("few", 5)]));
    assert_eq!(filtered(sampled(1.0), "g", &lines).0, lines);
}

#[test]
fn timeouts_crashes_and_reports_of_failures_are_sent() {
    for line in [
        format!("2023-11-06T10:00:00.000Z {A} Task timed out after 3.00 seconds"),
        format!("RequestId: {A} Error: Runtime exited with error: signal: killed"),
        format!("REPORT RequestId: {A}\tDuration: 3 ms\tBilled Duration: 3 ms\tStatus: timeout"),
        format!(
            r#"{{"time":"t","type":"platform.report","record":{{"requestId":"{A}","status":"error"}}}}"#
        ),
    ] {
        let before = format!("2023-11-06T10:00:00.000Z\t{A}\tINFO\tbefore");
        let (sent, _) = filtered(sampled(0.0), "g", &["unnamed", &before, &line]);
        assert_eq!(sent, ["unnamed", &before, &line]);
    }
}

#[test]
fn events_without_a_level_that_look_like_an_error_are_sent_with_their_request() {
    let start = format!("START RequestId: {A} Version: 1");
    let before = format!("2023-11-06T10:00:00.000Z\t{A}\tINFO\tbefore");
    let end = format!("END RequestId: {A}");
    for failure in [
        "java.lang.IllegalStateException: no stock",
        "Traceback (most recent call last):",
        "thread 'main' panicked at src/main.rs:7:5:",
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        "could not take the order: request timed out",
        "{\"msg\":\"payment failed\"}",
        // .NET, Ruby and Java have level names that Node and Python do not have.
        "fail: Shop.Orders[0] out of stock",
        "E, [2024-05-01T10:00:00.123456 #8] ERROR -- : out of stock",
        "SEVERE: out of stock",
    ] {
        let events = [start.as_str(), &before, failure, &end];
        assert_eq!(filtered(sampled(0.0), "g", &events).0, events);
    }
    // A known level has precedence over the heuristic.
    for harmless in [
        format!("2023-11-06T10:00:00.000Z\t{A}\tINFO\tno error"),
        "{\"level\":\"debug\",\"error\":null}".to_owned(),
        "order taken".to_owned(),
    ] {
        let events = [start.as_str(), &before, &harmless, &end];
        assert_eq!(filtered(sampled(0.0), "g", &events).0, Vec::<String>::new(), "{harmless}");
    }
}

#[test]
fn an_event_that_looks_like_an_error_is_sent_without_a_request_too() {
    let end = format!("END RequestId: {A}");
    let (sent, _) = filtered(sampled(0.0), "g", &[&end, "an exception"]);
    assert_eq!(sent, [&end, "an exception"]);
}

#[test]
fn log_events_before_a_request_id_belong_to_it_unless_it_is_a_start() {
    let end = format!("END RequestId: {A}");
    assert_eq!(filtered(sampled(0.0), "g", &["words", &end]).0, Vec::<String>::new());
    let start = format!("START RequestId: {A} Version: 1");
    assert_eq!(filtered(sampled(0.0), "g", &["words", &start]).0, ["words"]);
    assert_eq!(filtered(sampled(0.0), "g", &["words"]).0, ["words"]);
}

#[test]
fn a_ratio_of_requests_is_sent() {
    let lines: Vec<String> =
        (0..2_000).map(|n| format!("END RequestId: {n:08x}-1234-4697-b07a-ac58fc914c95")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let few = filtered(sampled(0.1), "g", &lines).0;
    let more = filtered(sampled(0.5), "g", &lines).0;
    assert!((140..260).contains(&few.len()), "{}", few.len());
    assert!((900..1_100).contains(&more.len()), "{}", more.len());
    assert!(few.iter().all(|line| more.contains(line)));
}

#[test]
fn redacted_messages_replace_messages_and_their_fields() {
    let log_source = LogSource::new("1", "g", "s");
    let messages = messages(&[
        "{\"level\":\"error\",\"mail\":\"jane@example.com\"}",
        "nothing",
        "[WARN] jane@example.com",
    ]);
    let redaction = Redaction::new(vec![Pattern::named(Named::Email)]);
    let processing = processing_of(Vec::new(), Vec::new(), Vec::new(), redaction).unwrap();
    let (mut sent, dropped) = filter(&processing, records(&log_source, &messages));
    assert!(dropped.is_empty());
    let (redacted, counts) = processing.redact(&sent);
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [2]);
    put_messages(&mut sent, &redacted);
    let gone = "{\"level\":\"error\",\"mail\":\"[redacted:email]\"}";
    assert_eq!((sent[0].message, sent[0].line.json), (gone, Some(gone)));
    assert_eq!(sent[0].line.level, Some(Level::Error));
    assert_eq!(sent[1].message, "nothing");
    assert_eq!(
        (sent[2].message, sent[2].line.level),
        ("[WARN] [redacted:email]", Some(Level::Warn))
    );
}

#[test]
fn without_rules_there_is_no_processing() {
    let none = processing_of(Vec::new(), Vec::new(), Vec::new(), Redaction::default());
    assert!(none.is_none());
}

fn any_line() -> impl Strategy<Value = String> {
    let id = prop::sample::select(vec![A, B]);
    prop_oneof![
        id.clone().prop_map(|id| format!("START RequestId: {id} Version: 1")),
        id.clone().prop_map(|id| format!("END RequestId: {id}")),
        (id.clone(), prop::sample::select(vec!["INFO", "ERROR"]))
            .prop_map(|(id, level)| format!("2023-11-06T10:00:00.000Z\t{id}\t{level}\twords")),
        id.prop_map(|id| format!("REPORT RequestId: {id}\tDuration: 1 ms")),
        ".{0,20}",
    ]
}

proptest! {
    #[test]
    fn requests_are_sampled_as_a_whole_and_errors_are_sent(
        lines in prop::collection::vec(any_line(), 0..20), share in 0.0..=1.0_f64,
    ) {
        let log_source = LogSource::new("1", "g", "s");
        let all = records(&log_source, &lines);
        let dispositions = sampled(share).unwrap().dispositions(&all);
        for id in [A, B] {
            let mut of_id = all.iter().zip(&dispositions).filter(|(record, _)| record.line.request_id.as_deref() == Some(id));
            let first = of_id.next().map(|(_, disposition)| disposition.is_some());
            prop_assert!(of_id.all(|(_, disposition)| Some(disposition.is_some()) == first));
        }
        for (record, disposition) in all.iter().zip(&dispositions) {
            prop_assert!(record.line.level != Some(Level::Error) || disposition.is_none());
        }
        let kept = dispositions.iter().filter(|disposition| disposition.is_none()).count();
        let (sent, dropped) = filter(&sampled(share).unwrap(), records(&log_source, &lines));
        prop_assert_eq!(sent.len(), kept);
        prop_assert_eq!(sent.len() as u64 + dropped.values().sum::<u64>(), lines.len() as u64);
    }

    #[test]
    fn redaction_never_panics_and_is_complete(
        parts in prop::collection::vec(prop_oneof![
            ".{0,10}", Just("jane@example.com".to_owned()), Just("10.0.0.1".to_owned()), Just("fe80::1".to_owned()),
            Just("4111111111111111".to_owned()), Just("AKIAIOSFODNN7EXAMPLE".to_owned()),
            Just("Bearer abcdefghijklmnopqrst".to_owned()), Just(" ".to_owned()),
            Just("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned()),
        ], 0..8),
    ) {
        let message = parts.concat();
        let redaction = Redaction::new(Named::ALL.map(Pattern::named).into());
        if let Some(redacted) = redaction.redact(&message, &mut BTreeMap::new()) {
            prop_assert_ne!(&redacted, &message);
            prop_assert!(redacted.contains("[redacted:"));
        }
    }
}

#[test]
fn a_rule_for_info_matches_a_notice() {
    let exclude = vec![rule("info", None, vec![Condition::Levels(vec![Level::Info])])];
    let processing = processing_of(Vec::new(), exclude, Vec::new(), Redaction::default());
    let (sent, _) = filtered(processing, "/aws/lambda/f", &["[NOTICE] x", "[WARN] y"]);
    assert_eq!(sent, ["[WARN] y"]);
}

/// A transform that changes nothing.
fn transform(name: &str, conditions: Vec<Condition>) -> Transform {
    Transform {
        rule: rule(name, None, conditions),
        parse: None,
        drop: Vec::new(),
        rename: Vec::new(),
        set: Vec::new(),
    }
}

fn drop_fields(name: &str, paths: &[&str]) -> Transform {
    Transform { drop: messages(paths), ..transform(name, Vec::new()) }
}

/// A message and its object.
type Found = (String, Option<String>);

/// The messages and objects after all transforms and the redaction, and the counts.
fn transformed(
    transforms: Vec<Transform>,
    redaction: Redaction,
    lines: &[&str],
) -> (Vec<Found>, Vec<(String, u64)>) {
    let processing =
        Processing { transforms: Transforms::new(transforms), redaction, ..Processing::default() };
    let log_source = LogSource::new("1", "g", "s");
    let messages = messages(lines);
    let mut records = records(&log_source, &messages);
    let (changed, applicable, mut counts) = processing.transform(&records);
    put_changed(&mut records, &changed);
    let (redacted, _) = processing.redact(&records);
    put_messages(&mut records, &redacted);
    let (objects, of_objects) = processing.objects(&records, &applicable);
    put_objects(&mut records, &objects);
    counts.extend(of_objects);
    let found = records
        .iter()
        .map(|record| (record.message.to_owned(), record.line.json.map(str::to_owned)));
    (found.collect(), dropped_by(counts))
}

fn dropped_by(counts: BTreeMap<ReasonCode, u64>) -> Vec<(String, u64)> {
    counts.into_iter().map(|(name, count)| (name.as_str().to_owned(), count)).collect()
}

#[test]
fn a_dropped_field_is_gone_from_the_message_too() {
    let columns = format!("2023-11-06T10:00:00.000Z\t{A}\tINFO\t");
    let in_columns = format!("{columns}{{\"mail\":\"x\",\"n\":1.50}}\n");
    let lines =
        ["{\"mail\":\"x\",\"n\":1.50}", &in_columns, "order: {\"n\":1, \"mail\":2}", "mail"];
    let (found, counts) =
        transformed(vec![drop_fields("private", &["mail"])], Redaction::default(), &lines);
    let object = |text: &str| Some(text.to_owned());
    assert_eq!(
        found,
        [
            ("{\"n\":1.50}".to_owned(), object("{\"n\":1.50}")),
            (format!("{columns}{{\"n\":1.50}}\n"), object("{\"n\":1.50}")),
            ("order: {\"n\":1}".to_owned(), object("{\"n\":1}")),
            ("mail".to_owned(), None),
        ]
    );
    assert_eq!(counts, dropped(&[("private", 3)]));
}

#[test]
fn an_unchanged_message_stays_as_written_and_is_not_counted() {
    let lines = ["{ \"a\" : 1 }", "REPORT RequestId: x", "{\"mail\":NaN}"];
    let (found, counts) =
        transformed(vec![drop_fields("private", &["mail"])], Redaction::default(), &lines);
    assert_eq!(found.iter().map(|(message, _)| message.as_str()).collect::<Vec<_>>(), lines);
    assert_eq!(counts, dropped(&[]));
}

#[test]
fn transforms_apply_in_order_and_judge_the_message_as_logged() {
    let quoted = |text: &str| serde_json::value::to_raw_value(text).unwrap();
    let swap = Transform {
        rename: vec![
            ("a".into(), "b".into()),
            ("b".into(), "a".into()),
            ("grade".into(), "level".into()),
        ],
        ..transform("swap", Vec::new())
    };
    let set = Transform {
        set: vec![("team.name".into(), quoted("payments"))],
        ..transform("set", vec![Condition::Levels(vec![Level::Error])])
    };
    let log_source = LogSource::new("1", "g", "s");
    let messages = messages(&["{\"a\":1,\"b\":2,\"grade\":\"error\"}", "{\"level\":\"error\"}"]);
    let processing =
        Processing { transforms: Transforms::new(vec![swap, set]), ..Processing::default() };
    let mut records = records(&log_source, &messages);
    let (changed, _, counts) = processing.transform(&records);
    put_changed(&mut records, &changed);
    // A renamed field gives the level.
    assert_eq!(records[0].line.level, Some(Level::Error));
    assert_eq!(records[0].message, "{\"b\":1,\"a\":2,\"level\":\"error\"}");
    assert_eq!(records[1].message, "{\"level\":\"error\",\"team\":{\"name\":\"payments\"}}");
    assert_eq!(dropped_by(counts), dropped(&[("set", 1), ("swap", 1)]));
}

#[test]
fn what_was_found_in_a_dropped_field_stays() {
    let log_source = LogSource::new("1", "g", "s");
    let messages = [format!("{{\"level\":\"warn\",\"requestId\":\"{A}\",\"x\":1}}")];
    let processing = Processing {
        transforms: Transforms::new(vec![drop_fields("short", &["level", "requestId"])]),
        ..Processing::default()
    };
    let mut records = records(&log_source, &messages);
    let (changed, _, _) = processing.transform(&records);
    put_changed(&mut records, &changed);
    assert_eq!(records[0].line.json, Some("{\"x\":1}"));
    assert_eq!(records[0].line.level, Some(Level::Warn));
    assert_eq!(records[0].line.request_id.as_deref(), Some(A));
}

#[test]
fn what_was_found_in_a_dropped_field_stays_in_a_redacted_message() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let log_source = LogSource::new("1", "g", "s");
    let messages = [format!(
        "{{\"requestId\":\"{A}\",\"trace_id\":\"{TRACE}\",\"level\":\"warn\",\"to\":\"a@example.com\"}}"
    )];
    let processing = Processing {
        transforms: Transforms::new(vec![drop_fields("ids", &["requestId", "trace_id", "level"])]),
        redaction: Redaction::new(vec![Pattern::named(Named::Email)]),
        ..Processing::default()
    };
    let mut records = records(&log_source, &messages);
    let (changed, _, _) = processing.transform(&records);
    put_changed(&mut records, &changed);
    let (redacted, _) = processing.redact(&records);
    put_messages(&mut records, &redacted);
    let line = &records[0].line;
    assert_eq!(line.json, Some("{\"to\":\"[redacted:email]\"}"));
    assert_eq!((line.request_id.as_deref(), line.level), (Some(A), Some(Level::Warn)));
    assert_eq!(line.trace.as_ref().unwrap().trace_id.to_string(), TRACE);
}

#[test]
fn fields_of_a_text_message_are_sent_beside_it() {
    let parse = Transform { parse: Some(Parse::Logfmt), ..transform("logfmt", Vec::new()) };
    let lines = ["level=warn msg=\"out of stock\" sku=7", "no fields", "{\"a\":\"b=c\"}"];
    let (found, counts) =
        transformed(vec![parse, drop_fields("sku", &["sku"])], Redaction::default(), &lines);
    let object = "{\"level\":\"warn\",\"msg\":\"out of stock\"}";
    assert_eq!(
        found,
        [
            (lines[0].to_owned(), Some(object.to_owned())),
            (lines[1].to_owned(), None),
            (lines[2].to_owned(), Some(lines[2].to_owned())),
        ]
    );
    assert_eq!(counts, dropped(&[("logfmt", 1), ("sku", 1)]));
}

#[test]
fn a_secret_known_by_the_words_around_it_is_not_in_parsed_fields() {
    let parse = Transform { parse: Some(Parse::Logfmt), ..transform("logfmt", Vec::new()) };
    let password =
        Pattern::own(ReasonCode::new("password"), Regex::new("password=\\S+").unwrap(), None);
    let redaction = Redaction::new(vec![password, Pattern::named(Named::Email)]);
    let lines = ["user=jane@example.com password=hunter2 a=1"];
    let (found, _) = transformed(vec![parse], redaction, &lines);
    assert_eq!(found[0].0, "user=[redacted:email] [redacted:password] a=1");
    assert_eq!(found[0].1.as_deref(), Some("{\"user\":\"[redacted:email]\",\"a\":\"1\"}"));
}

proptest! {
    #[test]
    fn any_message_is_transformed_to_valid_json_or_stays(
        before in "[a-z ]{0,5}", object in "\\{\"a\":(1|\"x\"|\\{\"b\":[1-9]\\.0\\}|\\[\\{\"b\":2\\}\\])(,\"c\":null)?\\}", after in "\n?",
    ) {
        let message = format!("{before}{object}{after}");
        let (found, _) = transformed(vec![drop_fields("x", &["a.b", "c"])], Redaction::default(), &[&message]);
        let (changed, json) = &found[0];
        if let Some(json) = json {
            prop_assert!(serde_json::from_str::<serde_json::Value>(json).is_ok());
            prop_assert!(!json.contains("\"b\"") && !json.contains("\"c\""));
            prop_assert_eq!(changed, &format!("{before}{json}{after}"));
        } else {
            prop_assert_eq!(changed, &message);
        }
    }
}
