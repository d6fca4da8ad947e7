//! ANSI color sequences, `ESC [ 1 ; 31 m`, which some loggers write anywhere.

const START: &str = "\u{1b}[";

/// A message without colors, if it has any.
pub(super) fn without(text: &str) -> Option<String> {
    // Most messages have none.
    memchr::memchr(START.as_bytes()[0], text.as_bytes())?;
    let (first, rest) = text.split_once(START)?;
    let mut plain = first.to_owned();
    for part in rest.split(START) {
        plain.push_str(after(part).unwrap_or(part));
    }
    Some(plain)
}

/// The rest after a leading color.
pub(super) fn after_first(text: &str) -> Option<&str> {
    after(text.strip_prefix(START)?)
}

/// The part before a trailing color.
pub(super) fn before_last(text: &str) -> Option<&str> {
    // Most messages end otherwise.
    let (before, color) = text.ends_with('m').then(|| text.rsplit_once(START))??;
    after(color)?.is_empty().then_some(before)
}

/// The rest after a sequence.
fn after(sequence: &str) -> Option<&str> {
    let is_of_sequence = |next: char| next.is_ascii_digit() || next == ';';
    sequence.trim_start_matches(is_of_sequence).strip_prefix('m')
}
