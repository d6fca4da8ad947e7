//! The fast path for the JSON that CloudWatch Logs writes: one pass, no white space, fields of a
//! log event in a fixed order, unknown values only if they are strings. Anything else is left to a
//! complete JSON parser, which also reports errors.

use std::borrow::Cow;

use simdutf8::basic::from_utf8;

use super::buffer_pool;
use super::delivery::{Delivery, EventTime, LogEvent, MessageType};
use super::extracted_fields::ExtractedFields;
use super::text::Text;
use crate::escape::{BLOCK, is_special, plain, specials};
use crate::fast_path::{once, plain_text};

/// Parses a delivery; `None` if it does not have the expected shape. Unescaped strings are written
/// to `strings`.
pub(super) fn parse<'a>(whole: &'a str, strings: &'a mut Vec<u8>) -> Option<Delivery<'a>> {
    // Unescaping never makes a string longer.
    *strings = buffer_pool::of(whole.len(), std::mem::take(strings));
    let mut reader = Reader { whole, rest: whole.as_bytes(), buffer: strings };
    let (mut message_type, mut owner, mut log_group, mut log_stream) = (None, None, None, None);
    let mut log_events = None;
    let mut before: &[u8] = b"{\"";
    while reader.take(before).is_some() {
        before = b",\"";
        let name = reader.plain_string()?;
        reader.take(b":")?;
        match name {
            "logEvents" if log_events.is_none() => log_events = Some(reader.log_events()?),
            "subscriptionFilters" => reader.strings()?,
            _ => {
                reader.take(b"\"")?;
                let text = reader.plain_string()?;
                match name {
                    "messageType" => once(&mut message_type, text)?,
                    "owner" => once(&mut owner, text)?,
                    "logGroup" => once(&mut log_group, text)?,
                    "logStream" => once(&mut log_stream, text)?,
                    "logEvents" => return None,
                    _ => {}
                }
            }
        }
    }
    reader.take(b"}")?;
    let message_type = match message_type? {
        "DATA_MESSAGE" => MessageType::Data,
        "CONTROL_MESSAGE" => MessageType::Control,
        _ => return None,
    };
    reader.rest.is_empty().then(|| Delivery {
        message_type,
        owner: Cow::Borrowed(owner.unwrap_or_default()),
        log_group: Cow::Borrowed(log_group.unwrap_or_default()),
        log_stream: Cow::Borrowed(log_stream.unwrap_or_default()),
        destination: None,
        log_events: log_events.unwrap_or_default(),
    })
}

struct Reader<'a> {
    whole: &'a str,
    /// The unread rest.
    rest: &'a [u8],
    /// The buffer for unescaped strings.
    buffer: &'a mut [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, expected: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    fn log_events(&mut self) -> Option<Vec<LogEvent<'a>>> {
        /// Few log events are shorter.
        const GUESSED_BYTES: usize = 256;

        let mut log_events = Vec::with_capacity(self.rest.len() / GUESSED_BYTES);
        self.take(b"[")?;
        if self.take(b"]").is_some() {
            return Some(log_events);
        }
        loop {
            self.take(b"{\"id\":\"")?;
            let id = Cow::Borrowed(self.plain_string()?);
            self.take(b",\"timestamp\":")?;
            let timestamp = self.time()?;
            self.take(b",\"message\":\"")?;
            let start = self.place();
            let message = Text(self.string()?);
            let escaped = self.whole.get(start..self.place() - b"\"".len());
            let extracted = match self.take(b",\"extractedFields\":{") {
                Some(()) => self.extracted_fields()?,
                None => ExtractedFields::default(),
            };
            self.take(b"}")?;
            log_events.push(LogEvent {
                id,
                timestamp,
                message,
                extracted,
                escaped,
                route: None,
                names: None,
                json: None,
                level: None,
                request_id: None,
            });
            match self.rest.split_first()? {
                (b',', rest) => self.rest = rest,
                (b']', rest) => {
                    self.rest = rest;
                    return Some(log_events);
                }
                _ => return None,
            }
        }
    }

    /// Fields with strings as values, after the opening brace.
    fn extracted_fields(&mut self) -> Option<ExtractedFields<'a>> {
        let mut fields = ExtractedFields::default();
        let mut before: &[u8] = b"\"";
        while self.take(before).is_some() {
            before = b",\"";
            let name = Cow::Borrowed(self.plain_string()?);
            self.take(b":\"")?;
            fields.0.push((name, self.string()?));
        }
        self.take(b"}")?;
        Some(fields)
    }

    /// Skips an array of strings.
    fn strings(&mut self) -> Option<()> {
        self.take(b"[")?;
        if self.take(b"]").is_some() {
            return Some(());
        }
        loop {
            self.take(b"\"")?;
            self.plain_string()?;
            match self.rest.split_first()? {
                (b',', rest) => self.rest = rest,
                (b']', rest) => {
                    self.rest = rest;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn time(&mut self) -> Option<EventTime> {
        /// The number of digits that cannot overflow.
        const MOST_DIGITS: usize = 18;

        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        let has_leading_zero = count > 1 && digits.first() == Some(&b'0');
        if count == 0 || count > MOST_DIGITS || has_leading_zero {
            return None;
        }
        self.rest = rest;
        let add = |number, digit: &u8| number * 10 + u64::from(digit - b'0');
        let millis = digits.iter().fold(0, add);
        (millis <= EventTime::LAST.0).then_some(EventTime(millis))
    }

    /// The number of bytes read.
    fn place(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    /// A string without escapes, after its opening quote.
    fn plain_string(&mut self) -> Option<&'a str> {
        plain_text(self.whole, &mut self.rest)
    }

    /// A string, after its opening quote.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let (beginning, rest) = self.rest.split_at_checked(plain(self.rest))?;
        if let Some(rest) = rest.strip_prefix(b"\"") {
            let start = self.place();
            self.rest = rest;
            return self.whole.get(start..start + beginning.len()).map(Cow::Borrowed);
        }
        let (read, written) = unescape(self.rest, beginning.len(), self.buffer)?;
        let (text, buffer) = std::mem::take(&mut self.buffer).split_at_mut(written);
        self.buffer = buffer;
        self.rest = self.rest.get(read..)?;
        from_utf8(text).ok().map(Cow::Borrowed)
    }
}

/// Unescapes a string whose first `plain` bytes have no escapes. Returns the number of bytes read,
/// including the closing quote, and the number written.
fn unescape(text: &[u8], plain: usize, buffer: &mut [u8]) -> Option<(usize, usize)> {
    buffer.get_mut(..plain)?.copy_from_slice(text.get(..plain)?);
    let (mut read, mut written) = (plain, plain);
    loop {
        while let Some(from) = text[read..].first_chunk()
            && let Some(to) = buffer[written..].first_chunk_mut()
        {
            let (done, removed) = unescape_block(from, to);
            read += done;
            written += done - removed;
            if done < BLOCK - 1 {
                break;
            }
        }
        match text[read..] {
            [b'"', ..] => return Some((read + 1, written)),
            [b'\\', b'u', ..] => {
                let (character, digits) = character(&text[read..])?;
                let end = written + character.len_utf8();
                character.encode_utf8(buffer.get_mut(written..end)?);
                read += digits;
                written = end;
            }
            [b'\\', letter, ..] => {
                *buffer.get_mut(written)? = unescaped(letter)?;
                read += 2;
                written += 1;
            }
            // Near the end, where no whole block fits.
            [byte, ..] if !is_special(byte) => {
                *buffer.get_mut(written)? = byte;
                read += 1;
                written += 1;
            }
            _ => return None,
        }
    }
}

/// Unescapes the single-letter escapes that are completely within a block, up to another special
/// byte. Returns how many bytes of the block are done, and by how many it shrank. Reads and writes
/// beyond the block, because it copies whole blocks.
#[inline]
fn unescape_block(from: &[u8; 2 * BLOCK], to: &mut [u8; 2 * BLOCK]) -> (usize, usize) {
    let copy = |to: &mut [u8; 2 * BLOCK], place: usize, start: usize| {
        to[place..place + BLOCK].copy_from_slice(&from[start..start + BLOCK]);
    };
    let mut specials = from.first_chunk().map_or(0, specials);
    let mut removed = 0;
    copy(to, 0, 0);
    while specials != 0 {
        let place = specials.trailing_zeros() as usize;
        let Some(character) =
            unescaped(from[place + 1]).filter(|_| from[place] == b'\\' && place < BLOCK - 1)
        else {
            return (place, removed);
        };
        to[place - removed] = character;
        copy(to, place + 1 - removed, place + 2);
        removed += 1;
        // The letter may be a quote or a backslash.
        specials &= !(0b11 << place);
    }
    (BLOCK, removed)
}

/// The character of a single-letter escape.
#[inline]
fn unescaped(letter: u8) -> Option<u8> {
    static CHARACTERS: [u8; 256] = {
        let mut characters = [0; 256];
        let mut pairs: &[(u8, u8)] = &[
            (b'"', b'"'),
            (b'\\', b'\\'),
            (b'/', b'/'),
            (b'n', b'\n'),
            (b't', b'\t'),
            (b'r', b'\r'),
            (b'b', 0x8),
            (b'f', 0xc),
        ];
        while let [(letter, character), rest @ ..] = pairs {
            characters[*letter as usize] = *character;
            pairs = rest;
        }
        characters
    };

    let character = CHARACTERS[usize::from(letter)];
    (character != 0).then_some(character)
}

/// The character of a `\u` escape and the length of its digits; two units for a surrogate pair.
fn character(text: &[u8]) -> Option<(char, usize)> {
    const UNIT_BYTES: usize = "\\u0000".len();

    let first = unit(text)?;
    match char::from_u32(u32::from(first)) {
        Some(character) => Some((character, UNIT_BYTES)),
        None => {
            let second = unit(text.get(UNIT_BYTES..)?)?;
            let character = char::decode_utf16([first, second]).next()?.ok()?;
            Some((character, 2 * UNIT_BYTES))
        }
    }
}

fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let unit = digits.iter().try_fold(0, |unit, byte| Some(unit << 4 | digit(byte)?))?;
    u16::try_from(unit).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse_any;
    use super::*;

    fn event(fields: &str, log_events: &str) -> String {
        format!(r#"{{"messageType":"DATA_MESSAGE"{fields},"logEvents":[{log_events}]}}"#)
    }

    #[track_caller]
    fn check_fast(json: &str) {
        let mut strings = Vec::new();
        let read = parse(json, &mut strings).unwrap_or_else(|| panic!("not usual: {json}"));
        assert_eq!(parse_any(json.as_bytes()), Ok(without_escaped(read)), "{json}");
    }

    /// The delivery as the complete parser returns it. The omitted field has the same content.
    fn without_escaped(mut delivery: Delivery<'_>) -> Delivery<'_> {
        for event in &mut delivery.log_events {
            let json = format!("\"{}\"", event.escaped.take().unwrap());
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), event.message.0);
        }
        delivery
    }

    #[test]
    fn the_fast_path_covers_what_cloudwatch_logs_writes() {
        let fields = r#","owner":"123456789012","logGroup":"/aws/lambda/f","logStream":"2026/11/23/[$LATEST]0","subscriptionFilters":["a","b"]"#;
        let log_event = r#"{"id":"38","timestamp":1764000000000,"message":"a\tb\n\"c\" \\d\u00e9ü\ud83d\ude00 and more"}"#;
        check_fast(&event(fields, log_event));
        check_fast(&event(fields, &[log_event; 3].join(",")));
        check_fast(&event(",\"policyLevel\":\"ACCOUNT_LEVEL_POLICY\"", log_event));
        check_fast(&event("", ""));
        for fields in
            ["", r#""@aws.account":"1","@source.log":"/a","1":"a\tb""#, r#""a":"1","a":"2""#]
        {
            let log_event = format!(
                r#"{{"id":"1","timestamp":1,"message":"","extractedFields":{{{fields}}}}}"#
            );
            check_fast(&event("", &[log_event.as_str(); 2].join(",")));
        }
        check_fast(
            r#"{"owner":"CloudwatchLogs","subscriptionFilters":[],"messageType":"CONTROL_MESSAGE"}"#,
        );
    }

    #[test]
    fn everything_else_is_left_to_the_complete_parser() {
        let good = r#"{"id":"1","timestamp":1,"message":""}"#;
        for (fields, log_events) in [
            (",\"extra\":{}", good),
            (",\"extra\":5", good),
            (",\"owner\":\"a\\u0062\"", good),
            (",\"owner\":\"1\",\"owner\":\"2\"", good),
            (",\"messageType\":\"DATA_MESSAGE\"", good),
            ("", r#"{"id":"1","timestamp":1,"message":"","extractedFields":null}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"","extractedFields":{"a":5}}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"","extractedFields":{"a\u0062":""}}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"","extractedFields":{,"a":""}}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"","extractedFields":{"a":"",}}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"","other":{}}"#),
            ("", r#"{"timestamp":1,"id":"1","message":""}"#),
            ("", r#"{"id":"1", "timestamp":1,"message":""}"#),
            ("", r#"{"id":"1","timestamp":01,"message":""}"#),
            ("", r#"{"id":"1","timestamp":1.5,"message":""}"#),
            ("", r#"{"id":"1","timestamp":-1,"message":""}"#),
            ("", r#"{"id":"1","timestamp":99999999999999999999,"message":""}"#),
            ("", r#"{"id":"1","timestamp":253402300800000,"message":""}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"\ud800"}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"\ud800\u0041"}"#),
            ("", r#"{"id":"1","timestamp":1,"message":"\x"}"#),
            ("", "{\"id\":\"1\",\"timestamp\":1,\"message\":\"a\nb\"}"),
            ("", r#"{"id":"1","timestamp":1,"message":"}"#),
            ("", r#"{"id":"1","timestamp":1,"message":""},"#),
        ] {
            let json = event(fields, log_events);
            assert_eq!(parse(&json, &mut Vec::new()), None, "{json}");
        }
        for json in ["", "{", "{}", "[]", r#"{"messageType":"OTHER"}"#] {
            assert_eq!(parse(json, &mut Vec::new()), None, "{json}");
        }
        let good = event("", good);
        for end in 0..good.len() {
            assert_eq!(parse(&good[..end], &mut Vec::new()), None);
        }
        assert_eq!(parse(&format!("{good} "), &mut Vec::new()), None);
    }

    proptest! {
        #[test]
        fn the_fast_path_reads_like_serde(
            messages in prop::collection::vec("[a-c\"\\\\\n\u{1}/é\u{1F9C0}]{0,40}", 0..6),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let log_event = |message| serde_json::json!({"id": "1", "timestamp": 1, "message": message});
            let log_events: Vec<_> = messages.iter().map(log_event).map(|event| {
                let text = |name: &str| event[name].to_string();
                let (id, time, message) = (text("id"), text("timestamp"), text("message"));
                format!(r#"{{"id":{id},"timestamp":{time},"message":{message}}}"#)
            }).collect();
            let json = event("", &log_events.join(","));
            let mut strings = Vec::new();
            let read = parse(&json, &mut strings).map(without_escaped);
            prop_assert_eq!(read, parse_any(json.as_bytes()).ok());
            let mut json = json.into_bytes();
            for (at, byte) in flips {
                let at = at.index(json.len());
                json[at] = byte;
            }
            if let Ok(text) = from_utf8(&json) && let Some(read) = parse(text, &mut strings) {
                prop_assert_eq!(parse_any(&json), Ok(without_escaped(read)));
            }
        }
    }
}
