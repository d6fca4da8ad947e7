//! Finds characters of a JSON string that are special: 16 bytes at a time, with instructions that
//! every processor has.

use wide::u8x16;

/// The number of bytes per block.
pub(crate) const BLOCK: usize = 16;

/// A bit for each quote, backslash and control character of a block.
#[inline]
pub(crate) fn specials(block: &[u8; BLOCK]) -> u32 {
    const LAST_CONTROL: u8 = 0x1f;

    let block = u8x16::new(*block);
    let is = |byte| block.simd_eq(u8x16::splat(byte));
    let is_control = block.min(u8x16::splat(LAST_CONTROL)).simd_eq(block);
    (is(b'"') | is(b'\\') | is_control).to_bitmask()
}

/// The index of the first special byte; the block's size if there is none.
#[inline]
pub(crate) fn first_special(block: &[u8; BLOCK]) -> usize {
    (specials(block) | 1 << BLOCK).trailing_zeros() as usize
}

/// The number of bytes before the first special one.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(block) = bytes[at..].first_chunk() {
        let plain = first_special(block);
        at += plain;
        if plain < BLOCK {
            return at;
        }
    }
    match bytes.last_chunk() {
        // The block overlaps with plain bytes that were checked already.
        Some(block) => bytes.len() - BLOCK + first_special(block),
        None => {
            let mut block = [b' '; BLOCK];
            block[..bytes.len()].copy_from_slice(bytes);
            first_special(&block).min(bytes.len())
        }
    }
}

/// Whether a byte is a quote, a backslash or a control character.
pub(crate) fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_before_the_first_special_one_are_plain(
            text in "[a-z\u{e9}]{0,40}[\"\\\\\n]?[a-z]{0,20}[\"\\\\]?",
        ) {
            let bytes = text.as_bytes();
            let expected = bytes.iter().position(|byte| is_special(*byte));
            prop_assert_eq!(plain(bytes), expected.unwrap_or(bytes.len()));
        }
    }

    #[test]
    fn a_block_has_the_same_result_as_its_bytes() {
        for first in 0..=255 {
            for second in 0..=255 {
                let word = [b'a', first, b'b', 0xff, second, b'"' + 1, 0x7f, first];
                for block in [[word, word].concat(), [*b"abcdefgh", word].concat()] {
                    let expected = block.iter().position(|byte| is_special(*byte));
                    let found = first_special(block.first_chunk().unwrap());
                    assert_eq!(found, expected.unwrap_or(BLOCK), "{block:?}");
                }
            }
        }
    }
}
