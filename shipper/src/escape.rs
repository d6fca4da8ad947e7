//! Where a JSON string has something to escape, or is escaped: eight bytes looked at together.

/// The place of the first quote, backslash or control character in a word; 8 if it has none.
pub(crate) fn first_special(word: &[u8; 8]) -> usize {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    const HIGHEST_BITS: u64 = all(0x80);

    let word = u64::from_le_bytes(*word);
    // Marks the highest bit of bytes below a limit. The lowest mark is exact; above it there may be
    // marks of other bytes, since a subtraction borrows from what is above.
    let below = |word: u64, limit: u8| word.wrapping_sub(all(limit)) & !word & HIGHEST_BITS;
    let special = below(word, 0x20) | below(word ^ all(b'"'), 1) | below(word ^ all(b'\\'), 1);
    (special.trailing_zeros() / 8) as usize
}

/// How many bytes come before the first special one.
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = bytes[at..].first_chunk::<8>() {
        let plain = first_special(word);
        at += plain;
        if plain < word.len() {
            return at;
        }
    }
    at + bytes[at..].iter().take_while(|byte| !is_special(**byte)).count()
}

/// Whether a byte is a quote, a backslash or a control character.
pub(crate) fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_looked_at_as_its_bytes_are() {
        for first in 0..=255 {
            for second in 0..=255 {
                let word = [b'a', first, b'b', 0xff, second, b'"' + 1, 0x7f, first];
                let expected = word.iter().position(|byte| is_special(*byte)).unwrap_or(8);
                assert_eq!(first_special(&word), expected, "{word:?}");
            }
        }
    }
}
