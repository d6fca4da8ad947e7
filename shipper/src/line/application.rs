//! The function's own lines, in the columns that Lambda's runtimes put in front of them.

use super::json;
use super::{Level, Line, is_request_id, is_timestamp};

/// Reads a line of the function. What stands behind the columns is the function's: it may have
/// tabs and line ends of its own, and is never divided.
pub(super) fn parse(message: &str) -> Line<'_> {
    let line = match message.as_bytes() {
        [b'0'..=b'9', ..] => node(message),
        [b'[', ..] => python(message),
        _ => None,
    };
    line.unwrap_or_default()
}

/// Node: `time⇥request id⇥LEVEL⇥message`, before Node 10 `time⇥request id⇥message`. The request
/// id is the word `undefined` while the function's module is loaded.
fn node(message: &str) -> Option<Line<'_>> {
    let (time, rest) = column(message)?;
    let (request_id, rest) = column(rest)?;
    let known_id = is_request_id(request_id);
    if !is_timestamp(time) || !(known_id || request_id == "undefined") {
        return None;
    }
    // A first column that is no level belongs to the message of an older Node.
    let leveled = column(rest).and_then(|(level, text)| Some((runtime_level(level)?, text)));
    let (level, text) = match leveled {
        Some((level, text)) => (Some(level), text),
        None => (None, rest),
    };
    let mut line = structured(text);
    line.request_id = known_id.then_some(request_id.into()).or(line.request_id);
    line.level = line.level.or(level);
    Some(line)
}

/// Python: `[LEVEL]⇥time⇥request id⇥message`; and `[LEVEL] …` of an unhandled error.
fn python(message: &str) -> Option<Line<'_>> {
    let (level, rest) = message.strip_prefix('[')?.split_once(']')?;
    let level = runtime_level(level)?;
    let columns = rest.strip_prefix('\t').and_then(|rest| {
        let (time, rest) = column(rest)?;
        let (request_id, text) = column(rest)?;
        (is_timestamp(time) && (request_id.is_empty() || is_request_id(request_id)))
            .then_some((request_id, text))
    });
    let Some((request_id, text)) = columns else {
        return Some(Line { level: Some(level), ..Line::default() });
    };
    let mut line = structured(text);
    line.request_id =
        Some(request_id).filter(|id| !id.is_empty()).map(Into::into).or(line.request_id);
    line.level = line.level.or(Some(level));
    Some(line)
}

/// The next column, and what follows it. Those in front of a message are short.
fn column(text: &str) -> Option<(&str, &str)> {
    const LONGEST: usize = 64;

    let beginning = &text.as_bytes()[..text.len().min(LONGEST)];
    let tab = memchr::memchr(b'\t', beginning)?;
    Some((&text[..tab], &text[tab + 1..]))
}

/// A level as a runtime prints it: in capitals, which a word of a message seldom is.
fn runtime_level(text: &str) -> Option<Level> {
    let capitals = text.bytes().all(|byte| byte.is_ascii_uppercase());
    capitals.then(|| Level::from_name(text)).flatten()
}

/// What a JSON object behind the columns says.
fn structured(text: &str) -> Line<'_> {
    json::object(text).map_or_else(Line::default, |object| Line {
        json: Some(object.text),
        level: object.level,
        request_id: object.request_id,
        ..Line::default()
    })
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
    fn reads_nodes_columns() {
        let message = format!("2023-11-06T10:00:00.000Z\t{ID}\tWARN\tlow\ton\tstock\nsecond line");
        check(&message, Some(ID), Some(Level::Warn), None);
        let while_loading = "2023-11-06T10:00:00.000Z\tundefined\tERROR\tUncaught Exception";
        check(while_loading, None, Some(Level::Error), None);
    }

    #[test]
    fn reads_the_columns_of_an_older_node() {
        let message = format!("2017-11-06T10:00:00.000Z\t{ID}\tError\tis the first word here");
        check(&message, Some(ID), None, None);
        let message = format!("2017-11-06T10:00:00.000Z\t{ID}\tno level at all");
        check(&message, Some(ID), None, None);
    }

    #[test]
    fn reads_pythons_columns() {
        let message = format!("[WARNING]\t2023-11-06T10:00:00.000Z\t{ID}\tlow on stock\n");
        check(&message, Some(ID), Some(Level::Warn), None);
        let unhandled = "[ERROR] KeyError: 'sku'\rTraceback (most recent call last):\r";
        check(unhandled, None, Some(Level::Error), None);
        let outside_a_handler = "[INFO]\t2023-11-06T10:00:00.000Z\t\tloading\n";
        check(outside_a_handler, None, Some(Level::Info), None);
    }

    #[test]
    fn a_json_object_behind_the_columns_has_the_last_word_on_the_level() {
        let message =
            format!("2023-11-06T10:00:00.000Z\t{ID}\tINFO\t{{\"level\":\"error\",\"sku\":7}}\n");
        check(&message, Some(ID), Some(Level::Error), Some("{\"level\":\"error\",\"sku\":7}"));
    }

    #[test]
    fn other_lines_have_no_fields() {
        for message in
            ["hello", "a\tb\tc\td", "[not a level] x", "[]", "2023-11-06T10:00:00.000Z\tx\ty", ""]
        {
            assert_eq!(parse(message), Line::default(), "{message}");
        }
    }
}
