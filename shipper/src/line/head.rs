//! Heads that loggers write before a message: times, process and thread, level, request id.
//!
//! Every logger has its own layout, so no layout is matched as a whole. A head is parsed word by
//! word, up to the first word that cannot be part of one: a level after that belongs to the
//! message.

use std::borrow::Cow;

use memchr::memmem;

use super::request_id::{REQUEST_ID_BYTES, is_request_id};
use super::{Level, color};

/// The parsed head. Without a level it is not a head, and is ignored.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Head<'a> {
    pub(super) level: Option<Level>,
    pub(super) request_id: Option<Cow<'a, str>>,
}

impl<'a> Head<'a> {
    /// Parses the head of a message, which may have colors.
    pub(super) fn read(text: &'a str) -> Self {
        const LONGEST: usize = 512;

        let text = &text[..text.floor_char_boundary(LONGEST)];
        let end = memchr::memchr2(b'\n', b'\r', text.as_bytes()).unwrap_or(text.len());
        let text = &text[..end];
        let Some(text) = color::without(text) else {
            return Self::of(text);
        };
        let head = Head::of(&text);
        let request_id = head.request_id.map(|id| Cow::Owned(id.into_owned()));
        Self { level: head.level, request_id }
    }

    fn of(text: &'a str) -> Self {
        let mut reader = Reader { rest: text, head: Self::default(), before: "" };
        reader.words();
        let mut head = reader.head;
        if head.level.is_none() {
            return Self::default();
        }
        head.request_id = head.request_id.or_else(|| request_id_of_span(reader.rest));
        head
    }
}

/// The request id in the fields of the span that the Rust runtime creates for each request: `Lambda
/// runtime invoke{requestId="…" …}: message`.
fn request_id_of_span(text: &str) -> Option<Cow<'_, str>> {
    const NAME: &str = "Lambda runtime invoke{requestId=";

    let start = memmem::find(text.as_bytes(), NAME.as_bytes())? + NAME.len();
    let id = text.get(start..)?.trim_start_matches('"').get(..REQUEST_ID_BYTES)?;
    is_request_id(id).then_some(Cow::Borrowed(id))
}

/// The case in which a level must be written.
#[derive(Clone, Copy, PartialEq)]
enum Case {
    Any,
    Upper,
}

/// Parses words as long as they are part of a head.
struct Reader<'a> {
    rest: &'a str,
    head: Head<'a>,
    /// The previous word.
    before: &'a str,
}

impl<'a> Reader<'a> {
    fn words(&mut self) {
        const MOST: usize = 24;

        for _ in 0..MOST {
            self.rest = self.rest.trim_start_matches([' ', '\t', '|']);
            if self.rest.is_empty() || self.word().is_none() {
                return;
            }
        }
    }

    /// Parses a word; `None` if it belongs to the message.
    fn word(&mut self) -> Option<()> {
        if let Some(close) = closing(self.rest) {
            return self.bracket(close);
        }
        let (word, rest) = self.rest.split_at(word_end(self.rest));
        if memchr::memchr(b'=', word.as_bytes()).is_some() {
            return self.pair();
        }
        if is_request_id(word) {
            self.note_request_id(word);
        } else if self.head.level.is_none()
            && let Some(level) = level_of(word).or_else(|| level_of_klog(word, rest))
        {
            self.head.level = Some(level);
        } else if !(is_of_head(word) || self.is_between_dashes(rest)) {
            return None;
        }
        self.before = word;
        self.rest = rest;
        Some(())
    }

    /// `[ERROR]`, `[error  ]`, `[10:00:00 ERR]`, `[main]`: a level, a thread or a logger.
    fn bracket(&mut self, close: char) -> Option<()> {
        const LONGEST: usize = 64;

        let end = self.rest.find(close).filter(|end| *end <= LONGEST)?;
        let inside = self.rest[1..end].trim();
        let case = if inside.contains(' ') { Case::Upper } else { Case::Any };
        let mut words = inside.split(' ').filter(|word| !word.is_empty());
        if is_request_id(inside) {
            self.note_request_id(inside);
        } else if self.head.level.is_none()
            && let Some(word) = words.find(|word| !is_of_head(word))
        {
            self.head.level = level_named(word, case);
        }
        self.before = "";
        self.rest = &self.rest[end + close.len_utf8()..];
        Some(())
    }

    /// `level=error`, `msg="out of stock"`.
    fn pair(&mut self) -> Option<()> {
        let (name, rest) = self.rest.split_once('=')?;
        let quoted = rest.strip_prefix('"');
        let (value, rest) = match quoted {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(word_end(rest)),
        };
        match name {
            "level" | "lvl" | "severity" | "log_level" | "loglevel" => {
                self.head.level = self.head.level.or(Level::from_name(value));
            }
            "requestId" | "request_id" | "RequestId" | "awsRequestId" | "aws_request_id"
            | "AWSRequestId"
                if is_request_id(value) =>
            {
                self.note_request_id(value);
            }
            _ => {}
        }
        self.before = "";
        self.rest = rest;
        Some(())
    }

    fn note_request_id(&mut self, id: &'a str) {
        self.head.request_id.get_or_insert(Cow::Borrowed(id));
    }

    /// A logger's name in `time - name - ERROR - message`.
    fn is_between_dashes(&self, rest: &str) -> bool {
        self.before == "-" && rest.starts_with(" - ")
    }
}

/// The end of a word: a space, or the bar that some loggers write between words.
fn word_end(text: &str) -> usize {
    memchr::memchr3(b' ', b'\t', b'|', text.as_bytes()).unwrap_or(text.len())
}

/// The closing bracket for the first character.
fn closing(text: &str) -> Option<char> {
    match text.as_bytes().first()? {
        b'[' => Some(']'),
        b'(' => Some(')'),
        b'<' => Some('>'),
        _ => None,
    }
}

/// The level of a word: in capitals, or followed by a colon. In `ERROR:root:message` more follows
/// the colon.
fn level_of(word: &str) -> Option<Level> {
    match memchr::memchr(b':', word.as_bytes()) {
        None => level_named(word.strip_suffix(',').unwrap_or(word), Case::Upper),
        Some(colon) if colon + 1 == word.len() => level_named(&word[..colon], Case::Any),
        Some(colon) => level_named(&word[..colon], Case::Upper),
    }
}

fn level_named(name: &str, case: Case) -> Option<Level> {
    let is_written_so = case == Case::Any || name.bytes().all(|letter| letter.is_ascii_uppercase());
    is_written_so.then(|| Level::from_word(name)).flatten()
}

/// The level of a klog head, `E0501 10:00:00.123456`: its letter, followed by the day.
fn level_of_klog(word: &str, rest: &str) -> Option<Level> {
    let [letter, day @ ..] = word.as_bytes() else {
        return None;
    };
    let is_day = day.len() == 4 && day.iter().all(u8::is_ascii_digit);
    let is_time = matches!(rest.as_bytes(), [b' ', b'0'..=b'2', b'0'..=b'9', b':', ..]);
    match letter {
        _ if !(is_day && is_time) => None,
        b'I' => Some(Level::Info),
        b'W' => Some(Level::Warn),
        b'E' => Some(Level::Error),
        b'F' => Some(Level::Fatal),
        _ => None,
    }
}

/// Whether a word is part of a head: a time, a number, punctuation, or the letter that Ruby begins
/// with.
fn is_of_head(word: &str) -> bool {
    let bytes = word.as_bytes();
    match bytes {
        [b'0'..=b'9', ..] | [b'#' | b'+', b'0'..=b'9', ..] | [b'A'..=b'Z', b','] => true,
        b"AM" | b"PM" | b"UTC" | b"GMT" => true,
        _ => bytes.iter().all(u8::is_ascii_punctuation),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn colors_change_nothing(
            words in prop::collection::vec("[0-9:]{1,5}|ERROR|error:|\\[main\\]|-|é", 0..6),
        ) {
            let text = words.join(" ");
            let colored = words.join(" \u{1b}[1;31m");
            prop_assert_eq!(Head::read(&colored), Head::read(&text));
        }

        #[test]
        fn any_head_is_read_without_a_panic(text in "[\\[\\]()<>|=\" :é\u{1b}mE0-9a-]{0,60}") {
            Head::read(&text);
        }
    }

    #[test]
    fn a_long_string_is_truncated_at_a_character_boundary() {
        for length in 500..520 {
            assert_eq!(Head::read(&format!("{}é", "1".repeat(length))), Head::default());
        }
    }
}
