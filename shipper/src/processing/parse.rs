//! Fields of text messages.

use std::collections::HashSet;

use regex::Regex;

use super::fields::Fields;

/// How fields are found in a text message.
#[derive(Debug)]
pub enum Parse {
    /// `key=value` pairs.
    ///
    /// <https://pkg.go.dev/github.com/kr/logfmt>
    Logfmt,
    /// The named groups of a pattern.
    Groups(Regex),
}

impl Parse {
    /// The fields of a message, whose values are strings; `None` if there are none.
    pub(super) fn fields(&self, message: &str) -> Option<Fields<'static>> {
        let mut fields = Fields::default();
        match self {
            Self::Logfmt => logfmt(message, &mut fields),
            Self::Groups(pattern) => {
                let captures = pattern.captures(message)?;
                for name in pattern.capture_names().flatten() {
                    if let Some(found) = captures.name(name) {
                        fields.push(name, found.as_str());
                    }
                }
            }
        }
        (!fields.is_empty()).then_some(fields)
    }
}

/// Adds the pairs of a message. Words without `=`, such as the columns of Lambda's runtimes, are
/// no fields.
fn logfmt(message: &str, fields: &mut Fields<'_>) {
    let mut rest = message.trim_start();
    let mut keys = HashSet::new();
    while !rest.is_empty() {
        let end = |text: &str| text.find(char::is_whitespace).unwrap_or(text.len());
        let (key, after) = match rest.find(|it: char| it == '=' || it.is_whitespace()) {
            Some(at) if rest[at..].starts_with('=') => (&rest[..at], &rest[at + 1..]),
            at => {
                rest = rest[at.unwrap_or(rest.len())..].trim_start();
                continue;
            }
        };
        let (value, after) = match quoted(after) {
            Some((value, after)) => (value, after),
            None => (after[..end(after)].to_owned(), &after[end(after)..]),
        };
        // The first of several with the same key.
        if !key.is_empty() && !key.contains('"') && keys.insert(key) {
            fields.push(key, &value);
        }
        rest = after.trim_start();
    }
}

/// A value in quotes, and what follows it. Its escapes are those of Go and JSON that loggers write.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '/') => value.push(escaped),
                // Others stay as they are written.
                other => value.extend(['\\', other]),
            },
            character => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(parse: &Parse, message: &str, expected: &str) {
        let fields = parse.fields(message).map(|fields| fields.json().get().to_owned());
        assert_eq!(fields.unwrap_or_default(), expected, "{message}");
    }

    #[test]
    fn pairs_of_logfmt_are_fields() {
        for (message, expected) in [
            // <https://brandur.org/logfmt>
            (
                r#"at=info method=GET path=/ host=mutelight.org fwd="124.133.52.161" dyno=web.2 connect=4ms status=200"#,
                r#"{"at":"info","method":"GET","path":"/","host":"mutelight.org","fwd":"124.133.52.161","dyno":"web.2","connect":"4ms","status":"200"}"#,
            ),
            // log/slog of Go.
            (
                r#"time=2022-11-08T15:28:26.000-05:00 level=INFO msg="hello \"you\"" count=3"#,
                r#"{"time":"2022-11-08T15:28:26.000-05:00","level":"INFO","msg":"hello \"you\"","count":"3"}"#,
            ),
            ("2023-11-06T10:00:00.000Z\tid\tINFO\ta=1\tb=\n", r#"{"a":"1","b":""}"#),
            ("a=1 a=2 url=/x?y=z", r#"{"a":"1","url":"/x?y=z"}"#),
            (r#"a="unclosed b=2"#, r#"{"a":"\"unclosed","b":"2"}"#),
            ("no pairs here", ""),
            ("=x", ""),
            ("", ""),
        ] {
            check(&Parse::Logfmt, message, expected);
        }
    }

    #[test]
    fn named_groups_are_fields() {
        let pattern =
            Regex::new("(?P<verb>GET|PUT) (?P<path>/[^ ]*)( (?P<status>[0-9]+))?").unwrap();
        let groups = Parse::Groups(pattern);
        check(&groups, "a GET /x 200", r#"{"verb":"GET","path":"/x","status":"200"}"#);
        check(&groups, "PUT /\"", r#"{"verb":"PUT","path":"/\""}"#);
        check(&groups, "none", "");
    }

    proptest! {
        #[test]
        fn any_message_has_valid_fields_or_none(message in "([a-z]{0,2}|=|\"|\\\\| |\t|\u{fc}){0,20}") {
            if let Some(fields) = Parse::Logfmt.fields(&message) {
                prop_assert!(Fields::parse(fields.json().get()).is_some());
            }
        }
    }
}
