//! Log services, one file each.
//!
//! A destination says what it takes ([`Limits`], [`Keys`]), how a piece is written
//! ([`Destination::encode`]) and what an answer means ([`Destination::classify`]). It does no
//! I/O and keeps no state. An answer is judged here and nowhere else: what follows works with
//! the [`Verdict`] and never sees a status code.

mod document;
pub mod elasticsearch;
pub mod logzio;

use std::borrow::Cow;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Serialize;

use crate::record::Piece;

/// A log service.
pub trait Destination: Send + Sync {
    /// How much it takes at once.
    fn limits(&self) -> Limits;

    /// Whether it knows a record again.
    fn keys(&self) -> Keys;

    /// Where requests go and with which headers.
    fn endpoint(&self) -> &Endpoint;

    /// Appends a piece to a request's body.
    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>);

    /// Judges the answer to a request with `sent` pieces.
    fn classify(&self, sent: usize, answer: &Answer) -> Verdict;
}

/// What a destination takes at once, in bytes before compression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The largest body.
    pub max_request_bytes: usize,
    /// The largest encoded piece.
    pub max_record_bytes: usize,
    /// The most pieces in a body.
    pub max_request_records: usize,
}

/// Whether a destination takes keys, so that a second delivery makes no second document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It does.
    Taken,
    /// It makes a new document of everything it is sent.
    NotTaken,
}

/// Where requests go. Headers that hold secrets are marked sensitive, and the URL is not for
/// showing either: some services have the token in it.
pub struct Endpoint {
    /// The whole URL.
    pub url: Url,
    /// All headers but those about compression and length.
    pub headers: HeaderMap,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header as sent.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// What an answer means for the pieces sent.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// The service has judged each, in the order sent.
    Each(Vec<Outcome>),
    /// The service only counts, and nothing of the request may be sent again.
    Counted {
        /// How many it took.
        delivered: usize,
        /// How many it refused, and why.
        refused: Vec<(Class, usize)>,
    },
    /// All are to be tried again.
    TryAgain(Class, Certainty),
    /// The request was too large, and nothing of it was taken.
    TooLarge,
    /// Trying again is of no use until somebody changes something: credentials, an address.
    Stop(Class),
}

/// What became of one piece.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is there now.
    Delivered,
    /// It was there before.
    AlreadyThere,
    /// It will never be taken.
    Refused(Class),
    /// It may be taken at another try.
    TryAgain(Class),
    /// It may be taken once somebody has changed something.
    Stop(Class),
}

/// Whether it is known that a request had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Nothing of it was taken.
    NothingTaken,
    /// Some or all of it may have been taken.
    Unclear,
}

/// Why something was not taken, in one word that may be logged: an error's type, never its text,
/// since services quote documents there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Class(Cow<'static, str>);

impl Class {
    /// A word of our own.
    pub const fn new(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    /// A word that a service gave; anything that has not the form of an error type is `other`.
    pub fn from_service(word: &str) -> Self {
        const LONGEST: usize = 64;
        let has_the_form = !word.is_empty()
            && word.len() <= LONGEST
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if has_the_form { Self(Cow::Owned(word.to_owned())) } else { Self::new("other") }
    }

    /// The class of an HTTP status that says no more than itself.
    pub fn from_status(status: u16) -> Self {
        Self(Cow::Owned(format!("status_{status}")))
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The body of a 2xx answer could not be read, so nobody knows what was taken.
const UNREADABLE_ANSWER: Verdict =
    Verdict::TryAgain(Class::new("unreadable_answer"), Certainty::Unclear);

/// What a status means that a destination reads nothing special into. The request as a whole was
/// not taken; a gateway's 500, 502 and 504 leave open what the service behind it did.
fn classify_status(status: u16) -> Verdict {
    let class = Class::from_status(status);
    match status {
        413 => Verdict::TooLarge,
        408 | 500 | 502 | 504 => Verdict::TryAgain(class, Certainty::Unclear),
        501 => Verdict::Stop(class),
        429 | 503 | 505..=599 => Verdict::TryAgain(class, Certainty::NothingTaken),
        _ => Verdict::Stop(class),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_meaning() {
        let unclear = |status| Verdict::TryAgain(Class::from_status(status), Certainty::Unclear);
        let certain =
            |status| Verdict::TryAgain(Class::from_status(status), Certainty::NothingTaken);
        assert_eq!(classify_status(413), Verdict::TooLarge);
        for status in [429, 503, 507, 529] {
            assert_eq!(classify_status(status), certain(status));
        }
        for status in [408, 500, 502, 504] {
            assert_eq!(classify_status(status), unclear(status));
        }
        for status in [301, 302, 307, 400, 401, 403, 404, 405, 501] {
            assert_eq!(classify_status(status), Verdict::Stop(Class::from_status(status)));
        }
    }

    #[test]
    fn only_words_in_the_form_of_an_error_type_may_be_logged() {
        let class = |word: &str| Class::from_service(word).as_str().to_owned();
        assert_eq!(class("mapper_parsing_exception"), "mapper_parsing_exception");
        assert_eq!(class("failed to parse field [password]"), "other");
        assert_eq!(class("Secret"), "other");
        assert_eq!(class(""), "other");
        assert_eq!(class(&"a".repeat(65)), "other");
    }
}
