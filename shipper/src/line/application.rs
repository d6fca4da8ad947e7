//! Log events of the function, with the columns that Lambda's runtimes add.

use super::head::Head;
use super::request_id::is_request_id;
use super::timestamp::is_timestamp;
use super::trace::Trace;
use super::{Level, Line, color, json, looks_like_failure};

/// Parses a log event of the function. The message after the columns is the function's: it may
/// contain tabs and line breaks, and is never split.
pub(super) fn parse(message: &str) -> Line<'_> {
    let columns = match message.as_bytes() {
        [b'0'..=b'9', ..] => node(message),
        [b'[', ..] => python(message),
        _ => None,
    };
    let Columns { level, request_id, text } =
        columns.unwrap_or(Columns { level: None, request_id: None, text: message });
    let mut line = content(text, level);
    if line.trace.is_none() {
        line.trace = Trace::find(message).map(Box::new);
    }
    Line { request_id: request_id.map(Into::into).or(line.request_id), ..line }
}

/// The columns of a runtime, and the message after them.
struct Columns<'a> {
    level: Option<Level>,
    request_id: Option<&'a str>,
    text: &'a str,
}

/// Node and .NET: `time⇥request id⇥LEVEL⇥message`; before Node 10, and if .NET has no level,
/// `time⇥request id⇥message`. Outside a request Node writes `undefined` as the id, and .NET an
/// empty one.
fn node(message: &str) -> Option<Columns<'_>> {
    let (time, rest) = column(message)?;
    let (request_id, rest) = column(rest)?;
    let known_id = is_request_id(request_id);
    if !is_timestamp(time) || !(known_id || matches!(request_id, "undefined" | "")) {
        return None;
    }
    // If the first column is not a level, it is part of the message.
    let leveled = column(rest).and_then(|(level, text)| Some((runtime_level(level)?, text)));
    let (level, text) = match leveled {
        Some((level, text)) => (Some(level), text),
        None => (None, rest),
    };
    Some(Columns { level, request_id: known_id.then_some(request_id), text })
}

/// Python: `[LEVEL]⇥time⇥request id⇥message`. Outside a request the id is missing.
fn python(message: &str) -> Option<Columns<'_>> {
    let (level, rest) = column(message)?;
    let level = runtime_level(level.strip_prefix('[')?.strip_suffix(']')?)?;
    let (time, rest) = column(rest)?;
    let (request_id, text) = column(rest)?;
    let known_id = is_request_id(request_id);
    (is_timestamp(time) && (known_id || request_id.is_empty())).then_some(Columns {
        level: Some(level),
        request_id: known_id.then_some(request_id),
        text,
    })
}

/// The next column, and the rest. Columns before a message are short.
fn column(text: &str) -> Option<(&str, &str)> {
    const LONGEST: usize = 64;

    let beginning = &text.as_bytes()[..text.len().min(LONGEST)];
    let tab = memchr::memchr(b'\t', beginning)?;
    Some((&text[..tab], &text[tab + 1..]))
}

/// A level as a runtime writes it: in capitals, which words of a message rarely are, or in .NET's
/// abbreviations.
fn runtime_level(text: &str) -> Option<Level> {
    let is_capitals = || text.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_dotnets = matches!(text, "trce" | "dbug" | "info" | "warn" | "fail" | "crit");
    (is_dotnets || is_capitals()).then(|| Level::from_name(text)).flatten()
}

/// Parses the message after columns with this level. The level of a JSON object has precedence,
/// unless the object follows a label: then it may be about something else.
fn content(text: &str, level: Option<Level>) -> Line<'_> {
    let text = without_frame(text);
    if text.starts_with('{') {
        let line = json::object(text).map_or_else(|| json::broken(text), json::application);
        return Line { level: line.level.or(level), ..line };
    }
    // With a level in the columns, a head adds nothing.
    let head = if level.is_none() { Head::read(text) } else { Head::default() };
    let level = level.or(head.level);
    let Some((label, object)) = json::behind_label(text) else {
        return Line { level, request_id: head.request_id, ..Line::default() };
    };
    let level_behind = object.level.filter(|level| {
        // An object that is logged because of an error has its own level.
        *level >= Level::Error || !looks_like_failure(label)
    });
    Line {
        level: level.or(level_behind),
        request_id: head.request_id.or(object.lambda_request_id),
        trace: object.trace,
        details: object.details,
        json: Some(object.text),
        ..Line::default()
    }
}

/// A message without surrounding white space, byte order mark and colors.
fn without_frame(text: &str) -> &str {
    const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

    let mut text = text.trim_start_matches('\u{feff}').trim_matches(BLANKS);
    while let Some(rest) = color::after_first(text) {
        text = rest.trim_start_matches(BLANKS);
    }
    while let Some(rest) = color::before_last(text) {
        text = rest.trim_end_matches(BLANKS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

    #[track_caller]
    fn check(message: &str, request_id: Option<&str>, level: Option<Level>, json: Option<&str>) {
        let line = parse(message);
        assert_eq!(
            (line.request_id.as_deref(), line.level, line.json),
            (request_id, level, json),
            "{message}"
        );
    }

    #[test]
    fn parses_the_columns_of_node() {
        let message = format!("2023-11-06T10:00:00.000Z\t{ID}\tWARN\tlow\ton\tstock\nsecond line");
        check(&message, Some(ID), Some(Level::Warn), None);
        let while_loading = "2023-11-06T10:00:00.000Z\tundefined\tERROR\tUncaught Exception";
        check(while_loading, None, Some(Level::Error), None);
    }

    #[test]
    fn parses_the_columns_of_old_node_versions() {
        let message = format!("2017-11-06T10:00:00.000Z\t{ID}\tError\tis the first word here");
        check(&message, Some(ID), None, None);
        let message = format!("2017-11-06T10:00:00.000Z\t{ID}\tno level at all");
        check(&message, Some(ID), None, None);
    }

    #[test]
    fn parses_the_columns_of_python() {
        let message = format!("[WARNING]\t2023-11-06T10:00:00.000Z\t{ID}\tlow on stock\n");
        check(&message, Some(ID), Some(Level::Warn), None);
        let unhandled = "[ERROR] KeyError: 'sku'\rTraceback (most recent call last):\r";
        check(unhandled, None, Some(Level::Error), None);
        let outside_a_handler = "[INFO]\t2023-11-06T10:00:00.000Z\t\tloading\n";
        check(outside_a_handler, None, Some(Level::Info), None);
    }

    #[test]
    fn the_level_of_a_json_object_after_the_columns_has_precedence() {
        let message =
            format!("2023-11-06T10:00:00.000Z\t{ID}\tINFO\t{{\"level\":\"error\",\"sku\":7}}\n");
        check(&message, Some(ID), Some(Level::Error), Some("{\"level\":\"error\",\"sku\":7}"));
    }

    #[test]
    fn other_messages_have_no_fields() {
        for message in
            ["hello", "a\tb\tc\td", "[not a level] x", "[]", "2023-11-06T10:00:00.000Z\tx\ty", ""]
        {
            assert_eq!(parse(message), Line::default(), "{message}");
        }
    }
}
