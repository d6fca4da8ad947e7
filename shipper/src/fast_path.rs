//! What the JSON fast paths share. They give up at anything unexpected, and a complete JSON parser
//! takes over.

use crate::escape::plain;

/// A string without escapes, after its opening quote. `rest` is the unread part of `whole`.
#[inline]
pub(crate) fn plain_text<'a>(whole: &'a str, rest: &mut &'a [u8]) -> Option<&'a str> {
    let start = whole.len() - rest.len();
    let end = start + plain(rest);
    *rest = whole.as_bytes().get(end..)?.strip_prefix(b"\"")?;
    whole.get(start..end)
}

/// Sets a field. A duplicate field is an error, which is left to the complete parser.
#[inline]
pub(crate) fn once<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}
