//! Almost-JSON objects: with `NaN`, unescaped line breaks, a trailing comma, or truncated. Their
//! fields are parsed as far as possible.

use super::json_fields::{Fields, Meaning};

/// Parses the fields of an almost-JSON object, up to the first error.
pub(super) fn fields(text: &str) -> Fields<'_> {
    let mut fields = Fields::default();
    let mut rest = text.strip_prefix('{').unwrap_or_default();
    while let Some((name, value, next)) = field(rest) {
        if let Some(meaning) = Meaning::of(name.as_bytes()) {
            fields.note(meaning, value);
        }
        rest = next;
    }
    fields
}

/// The next field's name and value, and the rest.
fn field(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.trim_start_matches([',', ' ', '\t', '\r', '\n']);
    let (name, rest) = text.split_at(string_end(text)?);
    let rest = rest.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
    let (value, rest) = rest.split_at(value_end(rest)?);
    Some((&name[1..name.len() - 1], value.trim_ascii_end(), rest))
}

/// The end of a string, including its quotes.
fn string_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    bytes.first().filter(|first| **first == b'"')?;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            // A backslash escapes the next character.
            _ => at += 2,
        }
    }
}

/// The end of a value: a string, an object or array with its content, or a word.
fn value_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += string_end(&text[at..])?;
                if depth == 0 {
                    return Some(at);
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn valid_json_is_read_like_a_strict_parser(
            text in "\\{(\"(a|level|requestId)\" ?: ?(\"(error|[a1é\\\\n]{0,3})\"|-?[1-9]{1,2}|true|null|\\[1, ?\\{\"level\":\"info\"\\}\\]),? ?){0,4}\\}",
        ) {
            if let Ok(strict) = serde_json::from_str::<Fields<'_>>(&text) {
                prop_assert_eq!(fields(&text), strict, "{}", text);
            }
        }

        #[test]
        fn whatever_begins_like_an_object_is_read_without_a_panic(rest in "[\"\\\\{}\\[\\],:a é\n]{0,40}") {
            fields(&format!("{{{rest}"));
        }
    }
}
