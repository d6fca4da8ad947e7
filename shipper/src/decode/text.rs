//! Strings of a delivery.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// A string that may contain an escaped lone surrogate, which is JSON but not Unicode. The
/// surrogate is replaced by U+FFFD and `null` by an empty string, so that one such log event does
/// not make the whole event undecodable.
#[derive(Debug, PartialEq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<Characters<'a>>::deserialize(deserializer)?;
        Ok(Self(text.map(|text| text.0).unwrap_or_default()))
    }
}

/// Bytes as a string, with U+FFFD in place of invalid sequences.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    // A lone surrogate has three bytes, which would become three replacement characters.
    let mut bytes = bytes.to_vec();
    let halves = memmem::find_iter(&bytes, &[0xed]).collect::<Vec<_>>();
    for half in halves {
        if let Some(half @ [_, 0xa0..=0xbf, 0x80..=0xbf]) = bytes.get_mut(half..half + 3) {
            half.copy_from_slice("\u{FFFD}".as_bytes());
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// A string that is not null.
struct Characters<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Characters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CharactersVisitor;

        impl<'de> Visitor<'de> for CharactersVisitor {
            type Value = Characters<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Characters(lossy(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Characters(Cow::Owned(lossy(bytes).into_owned())))
            }
        }

        // serde_json returns strings as bytes without rejecting lone surrogates.
        deserializer.deserialize_bytes(CharactersVisitor)
    }
}
