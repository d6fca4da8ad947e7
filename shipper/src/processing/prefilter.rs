//! Prefilters: cheap checks of few bytes that rule out a match of a pattern.

use wide::u8x16;

use crate::escape::BLOCK;

/// A byte class: for each byte, whether it belongs to it.
pub(super) type Kind = [bool; 256];

pub(super) const DIGITS: Kind = kind(&[(b'0', b'9')]);
pub(super) const CAPITALS_AND_DIGITS: Kind = kind(&[(b'A', b'Z'), (b'0', b'9')]);
/// The characters of base64 secrets, without padding.
pub(super) const OF_SECRETS: Kind =
    kind(&[(b'A', b'Z'), (b'a', b'z'), (b'0', b'9'), (b'/', b'/'), (b'+', b'+')]);

const fn kind(ranges: &[(u8, u8)]) -> Kind {
    let mut kind = [false; 256];
    let mut at = 0;
    while at < ranges.len() {
        let (first, last) = ranges[at];
        let mut byte = first;
        while byte <= last {
            kind[byte as usize] = true;
            byte += 1;
        }
        at += 1;
    }
    kind
}

/// Whether a string has a run of at least this many bytes of a class. Every such run contains a
/// byte at a multiple of its length.
pub(super) fn has_run(text: &[u8], length: usize, kind: &Kind) -> bool {
    let mut end = length;
    while let Some(chunk) = end.checked_sub(length).and_then(|start| text.get(start..end)) {
        let run = chunk.iter().rev().take_while(|byte| kind[usize::from(**byte)]).count();
        if run == length {
            return true;
        }
        end += length - run;
    }
    false
}

/// Whether a string contains a word, case-insensitive. The search is for its first two letters.
pub(super) fn has_word(text: &[u8], word: &[u8]) -> bool {
    const TO_LOWER: u8 = 0x20;

    let [first, second, ..] = *word else {
        return true;
    };
    let is_at = |place: usize| {
        text.get(place..place + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    let is = |block: &[u8; BLOCK], letter: u8| {
        let lower = u8x16::new(*block) | u8x16::splat(TO_LOWER);
        lower.simd_eq(u8x16::splat(letter | TO_LOWER))
    };
    let mut at = 0;
    while let (Some(here), Some(next)) =
        (text[at..].first_chunk(), text.get(at + 1..).and_then(<[u8]>::first_chunk))
    {
        let mut places = (is(here, first) & is(next, second)).to_bitmask();
        while places != 0 {
            if is_at(at + places.trailing_zeros() as usize) {
                return true;
            }
            places &= places - 1;
        }
        at += BLOCK;
    }
    (at..text.len()).any(is_at)
}

/// How many bytes after a byte are checked together with it.
const REACH: usize = 3;

/// The prefilter results of all patterns, found in one pass over a string. The last bytes are not
/// checked, because no match is that short.
pub(super) struct Prefilter {
    /// An at sign.
    pub(super) at: bool,
    /// `eyJ`, the beginning of JSON web tokens.
    pub(super) token: bool,
    /// `bear`, case-insensitive.
    pub(super) bearer: bool,
    /// `AKIA`, the beginning of AWS access key ids.
    pub(super) key_id: bool,
    /// A block that consists mostly of base64 characters. Every secret has one.
    pub(super) secret: bool,
}

impl Prefilter {
    pub(super) fn of(text: &[u8]) -> Self {
        const WINDOW: usize = BLOCK + REACH;

        let mut seen = Seen::default();
        let mut at = 0;
        while let Some(window) = text.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>) {
            seen.look(window);
            at += BLOCK;
        }
        match text.last_chunk() {
            // The block overlaps with bytes that were checked already.
            Some(window) => seen.look(window),
            None => {
                let mut window = [0; WINDOW];
                window[..text.len()].copy_from_slice(text);
                seen.look(&window);
            }
        }
        let any = |seen: u8x16| seen.to_bitmask() != 0;
        Self {
            at: any(seen.at),
            token: any(seen.token),
            bearer: any(seen.bearer),
            key_id: any(seen.key_id),
            secret: seen.secret,
        }
    }
}

/// The matches in all checked blocks, as bits.
#[derive(Default)]
struct Seen {
    at: u8x16,
    token: u8x16,
    bearer: u8x16,
    key_id: u8x16,
    secret: bool,
}

impl Seen {
    #[inline]
    fn look(&mut self, window: &[u8; BLOCK + REACH]) {
        let [first @ .., _, _, _] = *window;
        let [_, _, third @ .., _] = *window;
        let [_, _, _, fourth @ ..] = *window;
        let [first, third, fourth] = [first, third, fourth].map(u8x16::new);
        let is = |block: u8x16, byte| block.simd_eq(u8x16::splat(byte));
        let lower = |block| block | u8x16::splat(b' ');
        self.at |= is(first, b'@');
        self.token |= is(first, b'e') & is(third, b'J');
        self.bearer |= is(lower(first), b'b') & is(lower(fourth), b'r');
        self.key_id |= is(first, b'A') & is(fourth, b'A');
        let above = first - u8x16::splat(b'/');
        let of_secrets = above.min(u8x16::splat(b'z' - b'/')).simd_eq(above) | is(first, b'+');
        self.secret |= of_secrets.to_bitmask() == (1 << BLOCK) - 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_is_found_at_any_offset() {
        for length in 1..6 {
            for before in 0..12 {
                for run in 0..12 {
                    let text = ["x".repeat(before), "1".repeat(run), "x".repeat(3)].concat();
                    let found = has_run(text.as_bytes(), length, &DIGITS);
                    assert_eq!(found, run >= length, "{length} in {text}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_word_is_found_at_any_offset_in_any_case(
            text in "[bBeEa ]{0,40}([Bb][Ee][Aa][Rr][Ee][Rr] ?){0,2}[beE]{0,40}",
        ) {
            let expected = text.to_ascii_lowercase().contains("bearer ");
            prop_assert_eq!(has_word(text.as_bytes(), b"bearer "), expected, "{}", text);
        }
    }
}
