//! Messages that exceed a destination's size limit.

use serde_json::{Value, json};

use crate::event;
use crate::lambda::Lambda;
use crate::logzio::Logzio;
use crate::settled::{Counts, settled};

/// Twice Logz.io's limit, with characters that grow in JSON and multi-byte characters.
fn long_line() -> String {
    (0..30_000)
        .map(|number| format!("line {number} \"quoted\"\twith ünïcode \u{1F9C0}\n"))
        .collect()
}

fn check(oversized: Option<&str>) -> (Counts, Vec<Value>) {
    let logzio = Logzio::start();
    let mut config = json!({"destinations": {"x": logzio.config()}});
    if let Some(oversized) = oversized {
        config["destinations"]["x"]["oversized"] = json!(oversized);
    }
    let lines = [event::message(0), long_line(), event::message(2)];
    let invoked = Lambda::start(&config).invoke(&event::with(&lines));
    let counts = settled(&invoked, "x", &lines, &logzio.held());
    (counts, logzio.lines())
}

#[test]
fn an_oversized_message_is_split_into_parts_that_add_up() {
    let (counts, lines) = check(None);
    let parts: Vec<&Value> = lines.iter().filter(|line| line.get("logagg").is_some()).collect();
    assert!(parts.len() > 1);
    let whole: String = parts.iter().map(|part| part["message"].as_str().unwrap()).collect();
    assert_eq!(whole, long_line());
    for (index, part) in parts.iter().enumerate() {
        assert_eq!(part["logagg"]["part"], json!({"number": index + 1, "count": parts.len()}));
        let stream = |part: &Value| part["aws"]["cloudwatch"]["log_stream"].clone();
        assert_eq!(stream(part), stream(parts[0]));
        assert_eq!(part["@timestamp"], parts[0]["@timestamp"]);
    }
    assert_eq!(counts.get("additional_parts") as usize, parts.len() - 1);
    assert_eq!(counts.get("delivered") as usize, 2 + parts.len());
    let before_and_after = [&lines[0]["message"], &lines[lines.len() - 1]["message"]];
    assert_eq!(before_and_after, [&json!(event::message(0)), &json!(event::message(2))]);
}

#[test]
fn an_oversized_message_can_be_truncated_with_a_mark() {
    let (counts, lines) = check(Some("truncate"));
    assert_eq!((counts.get("delivered"), counts.get("truncated")), (3, 1));
    let message = lines[1]["message"].as_str().unwrap();
    let mark = format!("… [truncated: the message has {} bytes]", long_line().len());
    let beginning = message.strip_suffix(&mark).unwrap();
    assert!(long_line().starts_with(beginning));
    assert_eq!(lines[1]["logagg"]["truncated"]["message_bytes"], long_line().len());
}

#[test]
fn an_oversized_message_can_be_rejected_and_is_counted() {
    let (counts, lines) = check(Some("reject"));
    assert_eq!((counts.get("delivered"), counts.get("rejected")), (2, 1));
    assert_eq!(counts.reasons("rejected")["too_large"], 1);
    assert_eq!(lines.len(), 2);
}
