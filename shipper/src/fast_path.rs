//! What the readers of JSON in a usual shape have in common. They give up where anything is not so,
//! and a parser for all of JSON takes their place.

use crate::escape::plain;

/// A text without escapes, behind its first quote. `rest` is what of `whole` is not read yet.
#[inline]
pub(crate) fn plain_text<'a>(whole: &'a str, rest: &mut &'a [u8]) -> Option<&'a str> {
    let start = whole.len() - rest.len();
    let end = start + plain(rest);
    *rest = whole.as_bytes().get(end..)?.strip_prefix(b"\"")?;
    whole.get(start..end)
}

/// Keeps what a field says. One that comes twice is an error, and errors are not for these readers.
#[inline]
pub(crate) fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}
