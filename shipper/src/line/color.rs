//! The sequences by which terminals color text, `ESC [ 1 ; 31 m`, which some loggers write anywhere.

const START: &str = "\u{1b}[";

/// A text without its colors, if it has any.
pub(super) fn without(text: &str) -> Option<String> {
    // Most texts have none.
    memchr::memchr(START.as_bytes()[0], text.as_bytes())?;
    let (first, rest) = text.split_once(START)?;
    let mut plain = first.to_owned();
    for part in rest.split(START) {
        plain.push_str(after(part).unwrap_or(part));
    }
    Some(plain)
}

/// What follows the color that a text begins with.
pub(super) fn after_first(text: &str) -> Option<&str> {
    after(text.strip_prefix(START)?)
}

/// What comes before the color that a text ends with.
pub(super) fn before_last(text: &str) -> Option<&str> {
    // Most texts end otherwise.
    let (before, color) = text.ends_with('m').then(|| text.rsplit_once(START))??;
    after(color)?.is_empty().then_some(before)
}

/// What follows a sequence behind its start.
fn after(sequence: &str) -> Option<&str> {
    let is_of_sequence = |next: char| next.is_ascii_digit() || next == ';';
    sequence.trim_start_matches(is_of_sequence).strip_prefix('m')
}
