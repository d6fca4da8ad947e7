//! Detects messages about errors that have no level.

/// The part of a message that is searched.
const LONGEST: usize = 8 << 10;

/// Words that messages about errors contain, whatever wrote them.
const WORDS: [&[u8]; 13] = [
    b"error",
    b"exception",
    b"fail",
    b"fatal",
    b"traceback",
    b"timed out",
    b"panic",
    b"critical",
    b"crash",
    b"abort",
    b"unhandled",
    b"out of memory",
    b"segmentation fault",
];

/// Whether a message looks like an error: it contains one of a few words near its beginning,
/// case-insensitive, also within another word. This is a heuristic.
pub fn looks_like_failure(message: &str) -> bool {
    let text = &message.as_bytes()[..message.len().min(LONGEST)];
    text.windows(2).enumerate().any(|(at, pair)| may_begin_word(pair) && begins_word(&text[at..]))
}

/// Whether two letters are the beginning of one of the words: few pairs are.
fn may_begin_word(pair: &[u8]) -> bool {
    const TO_LOWER: u8 = 0x20;

    let [first, second] = [pair[0] | TO_LOWER, pair[1] | TO_LOWER];
    match first {
        b'e' => matches!(second, b'r' | b'x'),
        b't' => matches!(second, b'r' | b'i'),
        b'f' | b'p' => second == b'a',
        b'c' => second == b'r',
        b'a' => second == b'b',
        b'u' => second == b'n',
        b'o' => second == b'u',
        b's' => second == b'e',
        _ => false,
    }
}

fn begins_word(text: &[u8]) -> bool {
    WORDS
        .iter()
        .any(|word| text.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_detected_by_their_words() {
        for message in [
            "java.lang.IllegalStateException: no stock",
            "Traceback (most recent call last):",
            "thread 'main' panicked at src/main.rs:7:5:",
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            "TypeError: x is not a function",
            "could not take it: request timed out",
            "Segmentation fault (core dumped)",
            "payment failed",
            "error",
        ] {
            assert!(looks_like_failure(message), "{message}");
        }
        for message in ["", "order taken", "err", "an event of no note", "GET /orders 200"] {
            assert!(!looks_like_failure(message), "{message}");
        }
    }

    #[test]
    fn every_word_is_found_by_its_first_two_letters() {
        for word in WORDS {
            assert!(may_begin_word(&word[..2]) && may_begin_word(&word[..2].to_ascii_uppercase()));
        }
    }

    #[test]
    fn a_long_message_is_searched_near_its_beginning() {
        let long = "x".repeat(LONGEST);
        assert!(looks_like_failure(&format!("error {long}")));
        assert!(!looks_like_failure(&format!("{long} error")));
    }
}
