//! A JSON writer for records: a serializer would take more time than the compression of its output.

use std::time::{Duration, SystemTime};

use crate::escape::{BLOCK, first_special, is_special, plain};
use crate::record::Piece;

/// Appends the message of a record as a JSON string; copied if it is escaped already.
pub(super) fn message(piece: &Piece<'_>, body: &mut Vec<u8>) {
    match piece.escaped_message() {
        Some(escaped) => quoted(escaped, body),
        None => string(&piece.message, body),
    }
}

/// Appends an object of members that each begin with a comma.
pub(super) fn object(body: &mut Vec<u8>, members: impl FnOnce(&mut Vec<u8>)) {
    let start = body.len();
    members(body);
    match body.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => body.push(b'{'),
    }
    body.push(b'}');
}

/// Appends a JSON string.
pub(super) fn string(text: &str, body: &mut Vec<u8>) {
    body.reserve(text.len() + "\"\"".len());
    body.push(b'"');
    escape(text, body);
    body.push(b'"');
}

/// Appends a JSON string that needs no escaping, or is escaped already.
pub(super) fn quoted(text: &str, body: &mut Vec<u8>) {
    body.push(b'"');
    body.extend_from_slice(text.as_bytes());
    body.push(b'"');
}

/// A JSON string.
pub(super) fn string_of(text: &str) -> Vec<u8> {
    let mut written = Vec::new();
    string(text, &mut written);
    written
}

/// Appends the escaped content of a JSON string.
pub(super) fn escape(text: &str, body: &mut Vec<u8>) {
    let text = text.as_bytes();
    let (beginning, text) = text.split_at(plain(text));
    body.extend_from_slice(beginning);
    if text.is_empty() {
        return;
    }
    let start = body.len();
    // The space for escapes of two bytes; overwritten and truncated below.
    body.resize(start + 2 * text.len(), 0);
    let (read, written) = escape_short(text, &mut body[start..]);
    body.truncate(start + written);
    for byte in &text[read..] {
        escape_byte(*byte, body);
    }
}

/// Escapes whole blocks, as long as escapes have at most two bytes. Returns the number of bytes
/// read and written.
fn escape_short(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut read, mut written) = (0, 0);
    while let Some(block) = text[read..].first_chunk()
        && let Some(capacity) = out[written..].first_chunk_mut::<{ BLOCK + 1 }>()
    {
        let plain = first_special(block);
        let [copy @ .., _] = capacity;
        *copy = *block;
        read += plain;
        written += plain;
        if plain < BLOCK {
            let Some(letter) = short_escape(block[plain]) else {
                break;
            };
            capacity[plain..plain + 2].copy_from_slice(&[b'\\', letter]);
            read += 1;
            written += 2;
        }
    }
    (read, written)
}

fn escape_byte(byte: u8, body: &mut Vec<u8>) {
    if !is_special(byte) {
        body.push(byte);
    } else if let Some(letter) = short_escape(byte) {
        body.extend_from_slice(&[b'\\', letter]);
    } else {
        body.extend_from_slice(b"\\u00");
        hexadecimal([byte], body);
    }
}

/// The letter of a two-byte escape, if the byte has one.
fn short_escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        b'\n' => Some(b'n'),
        b'\t' => Some(b't'),
        b'\r' => Some(b'r'),
        0x8 => Some(b'b'),
        0xc => Some(b'f'),
        _ => None,
    }
}

/// The size of a character in a JSON string.
pub(super) fn character_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

/// Appends an integer.
pub(super) fn integer(number: u64, body: &mut Vec<u8>) {
    body.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a number.
pub(super) fn number(number: f64, body: &mut Vec<u8>) {
    serde_json::to_writer(body, &number).expect("writing a number to memory cannot fail");
}

/// Appends milliseconds as seconds with three decimals.
pub(super) fn seconds(millis: u64, body: &mut Vec<u8>) {
    integer(millis / 1_000, body);
    body.push(b'.');
    digits::<3>(millis % 1_000, body);
}

/// Appends bytes in hexadecimal.
pub(super) fn hexadecimal<const COUNT: usize>(bytes: [u8; COUNT], body: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    body.extend_from_slice(digits.as_flattened());
}

/// Appends a time in RFC 3339 with milliseconds: `2023-11-06T10:00:00.123Z`. Times before 1970
/// become 1970, and years after 9999 have more digits; no log event has either.
pub(crate) fn time(time: SystemTime, body: &mut Vec<u8>) {
    const SECONDS_A_DAY: u64 = 24 * 60 * 60;

    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / SECONDS_A_DAY, since.as_secs() % SECONDS_A_DAY);
    let (year, month, day) = date(days);
    digits::<4>(year, body);
    let mut rest = *b"-00-00T00:00:00.000Z";
    for (place, number) in [
        (1, month),
        (4, day),
        (7, second / 3_600),
        (10, second / 60 % 60),
        (13, second % 60),
        (16, u64::from(since.subsec_millis()) / 10),
    ] {
        rest[place] = digit(number / 10);
        rest[place + 1] = digit(number);
    }
    rest[18] = digit(u64::from(since.subsec_millis()));
    body.extend_from_slice(&rest);
}

/// Year, month and day of a day since 1970-01-01. Years begin in March, so that the leap day is the
/// last day of a year.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_4_CENTURIES: u64 = 146_097;
    const FROM_MARCH_OF_0_TO_1970: u64 = 719_468;

    let days = days + FROM_MARCH_OF_0_TO_1970;
    let (four_centuries, day) = (days / DAYS_IN_4_CENTURIES, days % DAYS_IN_4_CENTURIES);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Beginning with March, every five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (four_centuries * 400 + year + next_year, month, day)
}

/// Appends a number with at least `COUNT` digits.
fn digits<const COUNT: usize>(number: u64, body: &mut Vec<u8>) {
    let mut digits = [0; COUNT];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = self::digit(rest);
        rest /= 10;
    }
    if rest > 0 {
        self::digits::<1>(rest, body);
    }
    body.extend_from_slice(&digits);
}

/// The last digit of a number.
fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut body = b"before ".to_vec();
        write(&mut body);
        String::from_utf8(body).unwrap().strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn every_character_is_escaped_like_serde_at_any_offset() {
        for character in ('\0'..'\u{100}').chain(['\u{2028}', '\u{fffd}', '\u{1f9c0}']) {
            for before in ["", "a", "abcdefg", "ünïcödé", "\"\\\"\\"] {
                let text = format!("{before}{character}\u{7f}xyz{character}{before}");
                let expected = serde_json::to_string(&text).unwrap();
                assert_eq!(written(|body| string(&text, body)), expected);
            }
        }
    }

    #[test]
    fn seconds_keep_their_milliseconds() {
        for (millis, expected) in
            [(1_699_264_800_123, "1699264800.123"), (1_007, "1.007"), (90, "0.090"), (0, "0.000")]
        {
            assert_eq!(written(|body| seconds(millis, body)), expected);
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_735_689_599, "2024-12-31T23:59:59.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
            (253_402_300_799, "9999-12-31T23:59:59.007Z"),
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::new(seconds, 7_999_999);
            assert_eq!(written(|body| time(at, body)), expected);
        }
        let after_9999 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_800);
        assert_eq!(written(|body| time(after_9999, body)), "10000-01-01T00:00:00.000Z");
        let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(written(|body| time(before_1970, body)), "1970-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn any_string_is_written_like_serde(text in "(?s).*") {
            let expected = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(written(|body| string(&text, body)), expected);
        }

        #[test]
        fn any_time_is_written_like_other_implementations(millis in 0..253_402_300_800_000_u64) {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
            let expected = humantime::format_rfc3339_millis(at).to_string();
            prop_assert_eq!(written(|body| time(at, body)), expected);
        }
    }
}
