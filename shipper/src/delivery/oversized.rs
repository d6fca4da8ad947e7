//! Records that exceed the destination's size limit.

use std::borrow::Cow;

use crate::destination::{Destination, Limits, ReasonCode};
use crate::record::{Extent, Piece};

/// The reason for rejecting an oversized record.
pub(super) const TOO_LARGE: ReasonCode = ReasonCode::new("too_large");

/// How oversized records are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oversized {
    /// The message is split into several documents with part numbers. Nothing is lost.
    Split,
    /// The message is truncated, with a mark at the end.
    Truncate,
    /// The record is rejected.
    Reject,
    /// The record is stored as a dead letter.
    DeadLetter,
}

/// The parts of a whole record that fit the limits; none if that is impossible. JSON fields are
/// omitted, because half an object is not JSON.
pub(super) fn fit<'r>(
    whole: &Piece<'r>,
    destination: &dyn Destination,
    limits: Limits,
    oversized: Oversized,
) -> Vec<Piece<'r>> {
    let longest_extent = match oversized {
        Oversized::Reject | Oversized::DeadLetter => return Vec::new(),
        Oversized::Split => Extent::Part { number: usize::MAX, count: usize::MAX },
        Oversized::Truncate => Extent::Truncated { message_bytes: usize::MAX },
    };
    let record = whole.record;
    let empty =
        Piece { message: Cow::Borrowed(""), extent: longest_extent, json: None, ..whole.clone() };
    let mut frame = Vec::new();
    destination.encode(&empty, &mut frame);
    let Some(space) = destination.space(limits.max_record_bytes, frame.len()) else {
        return Vec::new();
    };
    let space = space.min(limits.max_message_bytes);
    let message = record.message;
    match oversized {
        Oversized::Reject | Oversized::DeadLetter => Vec::new(),
        Oversized::Split => {
            let chunks = chunks(message, space, destination);
            let count = chunks.len();
            let part = |(index, message): (usize, &'r str)| Piece {
                message: Cow::Borrowed(message),
                extent: Extent::Part { number: index + 1, count },
                ..empty.clone()
            };
            chunks.into_iter().enumerate().map(part).collect()
        }
        Oversized::Truncate => {
            let mark = format!("… [truncated: the message has {} bytes]", message.len());
            let Some(space) = space.checked_sub(mark.len()) else {
                return Vec::new();
            };
            let (beginning, _) = message.split_at(fitting(message, space, destination));
            vec![Piece {
                message: Cow::Owned(format!("{beginning}{mark}")),
                extent: Extent::Truncated { message_bytes: message.len() },
                ..empty
            }]
        }
    }
}

/// Splits `text` into chunks of at most `space` encoded bytes; none if a single character does not
/// fit.
fn chunks<'t>(text: &'t str, space: usize, destination: &dyn Destination) -> Vec<&'t str> {
    let mut chunks = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(fitting(rest, space, destination));
        if chunk.is_empty() {
            return Vec::new();
        }
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

/// How many bytes of `text`, in whole characters, take at most `space` encoded bytes.
fn fitting(text: &str, space: usize, destination: &dyn Destination) -> usize {
    let mut accepted = 0;
    for (index, character) in text.char_indices() {
        accepted += destination.character_bytes(character);
        if accepted > space {
            return index;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::Url;

    use super::*;
    use crate::destination::logzio::Logzio;
    use crate::line::Line;
    use crate::log_source::LogSource;
    use crate::record::Record;
    use crate::secret::Secret;

    fn encoded(
        message: &str,
        max_bytes: usize,
        oversized: Oversized,
    ) -> Vec<(String, Extent, usize)> {
        let url = Url::parse("https://listener.logz.io:8071/").unwrap();
        let destination = Logzio::new(url, &Secret::new("t"), "lambda");
        let log_source = LogSource::new("1", "/aws/lambda/f", "s");
        let record = Record { line: Line::default(), ..Record::of(&log_source, message) };
        let limits = Limits::of_bytes(max_bytes, max_bytes);
        fit(&Piece::whole(&record), &destination, limits, oversized)
            .into_iter()
            .map(|piece| {
                let mut body = Vec::new();
                destination.encode(&piece, &mut body);
                (piece.message.into_owned(), piece.extent, body.len())
            })
            .collect()
    }

    #[test]
    fn a_message_above_the_field_limit_is_split_too() {
        let log_source = LogSource::new("1", "/aws/lambda/f", "s");
        let message = "m".repeat(100_000);
        let record = Record { line: Line::default(), ..Record::of(&log_source, &message) };
        let url = Url::parse("https://listener.logz.io:8071/").unwrap();
        let logzio = Logzio::new(url, &Secret::new("t"), "lambda");
        let pieces = fit(&Piece::whole(&record), &logzio, logzio.limits(), Oversized::Split);
        assert!(pieces.iter().all(|piece| piece.message.len() <= 32_700));
        assert_eq!(pieces.len(), 4);
    }

    proptest! {
        #[test]
        fn parts_fit_and_add_up_to_the_message(
            message in "[a\"\\\\\n\u{1}é\u{1F9C0}]{1,400}", max_bytes in 450_usize..670,
        ) {
            let parts = encoded(&message, max_bytes, Oversized::Split);
            let whole: String = parts.iter().map(|(text, ..)| text.as_str()).collect();
            prop_assert_eq!(whole, message);
            for (index, (_, extent, bytes)) in parts.iter().enumerate() {
                prop_assert!(*bytes <= max_bytes);
                prop_assert_eq!(*extent, Extent::Part { number: index + 1, count: parts.len() });
            }
        }

        #[test]
        fn a_truncated_message_fits_and_ends_with_a_mark(
            message in "[a\"\\\\\n\u{1}é\u{1F9C0}]{200,400}", max_bytes in 470_usize..530,
        ) {
            let [(text, extent, bytes)] = &encoded(&message, max_bytes, Oversized::Truncate)[..] else {
                panic!("not one piece");
            };
            prop_assert!(*bytes <= max_bytes);
            prop_assert_eq!(*extent, Extent::Truncated { message_bytes: message.len() });
            let mark = format!("… [truncated: the message has {} bytes]", message.len());
            let beginning = text.strip_suffix(&mark).expect("no mark");
            prop_assert!(message.starts_with(beginning));
        }
    }

    #[test]
    fn a_limit_below_one_character_has_no_parts() {
        for max_bytes in [0, 100, 300] {
            for oversized in [Oversized::Split, Oversized::Truncate] {
                assert_eq!(encoded("aaaa", max_bytes, oversized), []);
            }
        }
        assert_eq!(encoded("aaaa", 1_000, Oversized::Reject), []);
    }
}
