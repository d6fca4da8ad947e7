//! Redaction of messages.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memchr_iter;
use regex::{Captures, Regex};

use super::prefilter::{CAPITALS_AND_DIGITS, DIGITS, OF_SECRETS, Prefilter, has_run, has_word};
use crate::destination::ReasonCode;

/// The patterns to redact, with their replacements.
#[derive(Debug, Default)]
pub struct Redaction {
    patterns: Vec<Pattern>,
}

/// One pattern.
#[derive(Debug)]
pub struct Pattern {
    /// Its name in the counts.
    name: ReasonCode,
    /// Compiled for the first possible match; most instances never see one.
    regex: LazyLock<Regex, Box<dyn FnOnce() -> Regex + Send>>,
    /// The prefilter of the pattern.
    is_possible: fn(&Prefilter, &[u8]) -> bool,
    /// The replacement, in the syntax of [`Captures::expand`].
    replacement: String,
    /// A further condition for a match.
    is_meant: fn(&Surrounded<'_>) -> bool,
}

/// Predefined patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An e-mail address.
    Email,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A token after the word `Bearer`, or a JSON web token.
    BearerToken,
    /// An AWS access key id.
    AwsAccessKey,
    /// An AWS secret access key.
    AwsSecretKey,
    /// A payment card number with a valid check digit.
    CardNumber,
}

/// A match, and the surrounding bytes.
struct Surrounded<'t> {
    text: &'t str,
    before: Option<u8>,
    after: &'t [u8],
}

impl Named {
    /// All predefined patterns.
    pub const ALL: [Self; 7] = [
        Self::Email,
        Self::Ipv4,
        Self::Ipv6,
        Self::BearerToken,
        Self::AwsAccessKey,
        Self::AwsSecretKey,
        Self::CardNumber,
    ];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::BearerToken => "bearer_token",
            Self::AwsAccessKey => "aws_access_key",
            Self::AwsSecretKey => "aws_secret_key",
            Self::CardNumber => "card_number",
        }
    }

    fn regex(self) -> &'static str {
        match self {
            Self::Email => r"(?-u)[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}",
            Self::Ipv4 => r"(?-u)[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
            Self::Ipv6 => {
                // The part before the last colon, and then an IPv4 address or the rest.
                r"(?-u)[0-9A-Fa-f:]*:[0-9A-Fa-f]*:(?:[0-9A-Fa-f]+:)*(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*)"
            }
            Self::BearerToken => {
                r"(?-u)(?P<scheme>[Bb][Ee][Aa][Rr][Ee][Rr] +)[A-Za-z0-9._~+/-]{16,}=*|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
            }
            Self::AwsAccessKey => {
                r"(?-u)(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|AROA)[A-Z0-9]{16}"
            }
            Self::AwsSecretKey => r"(?-u)[A-Za-z0-9/+]{40,}",
            Self::CardNumber => {
                r"(?-u)[0-9]{12,19}|(?:[0-9]{4}[ -]){3}[0-9]{4}(?:[ -]?[0-9]{3})?|[0-9]{4}[ -][0-9]{6}[ -][0-9]{5}"
            }
        }
    }

    /// The prefilter. Most messages do not match, and it rules them out in a fraction of the
    /// pattern's time.
    fn is_possible(self) -> fn(&Prefilter, &[u8]) -> bool {
        match self {
            Self::Email => |prefilter, _| prefilter.at,
            Self::Ipv4 => |_, text| {
                let between_digits = |place: usize| {
                    let around = text.get(place.wrapping_sub(1)).zip(text.get(place + 1));
                    around.is_some_and(|(before, after)| {
                        before.is_ascii_digit() && after.is_ascii_digit()
                    })
                };
                memchr_iter(b'.', text).filter(|place| between_digits(*place)).count() >= 3
            },
            Self::Ipv6 => |_, text| memchr_iter(b':', text).nth(1).is_some(),
            Self::BearerToken => {
                |prefilter, text| prefilter.token || prefilter.bearer && has_word(text, b"bearer ")
            }
            Self::AwsAccessKey => {
                |prefilter, text| prefilter.key_id && has_run(text, 20, &CAPITALS_AND_DIGITS)
            }
            Self::AwsSecretKey => {
                |prefilter, text| prefilter.secret && has_run(text, 40, &OF_SECRETS)
            }
            Self::CardNumber => |_, text| has_run(text, 4, &DIGITS),
        }
    }

    fn is_meant(self) -> fn(&Surrounded<'_>) -> bool {
        match self {
            Self::Email | Self::BearerToken => |_| true,
            Self::Ipv4 => |found| {
                let of_more = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
                found.text.parse::<Ipv4Addr>().is_ok()
                    && !found.before.as_ref().is_some_and(of_more)
                    // A full stop after it is punctuation.
                    && !matches!(found.after, [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..])
            },
            Self::Ipv6 => |found| {
                found.is_separate()
                    && found.text.bytes().any(|byte| byte.is_ascii_digit())
                    && found.text.parse::<Ipv6Addr>().is_ok()
            },
            Self::AwsAccessKey => |found| found.is_separate(),
            Self::AwsSecretKey => |found| {
                let has = |is: fn(&u8) -> bool| found.text.bytes().any(|byte| is(&byte));
                found.text.len() == 40
                    && has(u8::is_ascii_uppercase)
                    && has(u8::is_ascii_lowercase)
                    && has(u8::is_ascii_digit)
                    && !matches!(found.before, Some(b'_' | b'-'))
                    && !matches!(found.after, [b'_' | b'-' | b'=', ..])
            },
            Self::CardNumber => |found| found.is_separate() && is_card_number(found.text),
        }
    }
}

impl Surrounded<'_> {
    fn is_separate(&self) -> bool {
        let of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !self.before.is_some_and(of_word) && !self.after.first().copied().is_some_and(of_word)
    }
}

/// Whether digits are a payment card number: a known prefix, a valid length and a valid check
/// digit.
///
/// <https://www.iso.org/standard/70484.html>
fn is_card_number(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|character| character.to_digit(10)).collect();
    let begins = |digits: &[u32]| digits.iter().fold(0, |number, digit| number * 10 + digit);
    let (Some(two), Some(four)) = (digits.get(..2).map(begins), digits.get(..4).map(begins)) else {
        return false;
    };
    let is_networks = match two {
        34 | 37 => digits.len() == 15,
        30 | 36 | 38 | 39 => (14..=19).contains(&digits.len()),
        35 | 60 | 62 | 64 | 65 => (16..=19).contains(&digits.len()),
        40..=49 => matches!(digits.len(), 13 | 16 | 19),
        51..=55 => digits.len() == 16,
        50 | 56..=59 | 61 | 63 | 67..=69 => (12..=19).contains(&digits.len()),
        _ => (2221..=2720).contains(&four) && digits.len() == 16,
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) => doubled / 10 + doubled % 10,
        })
        .sum();
    is_networks && sum.is_multiple_of(10)
}

impl Pattern {
    /// A predefined pattern.
    pub fn named(named: Named) -> Self {
        let name = named.name();
        Self {
            name: ReasonCode::new(name),
            regex: LazyLock::new(Box::new(move || {
                Regex::new(named.regex()).expect("a pattern of our own, which a test compiles")
            })),
            is_possible: named.is_possible(),
            replacement: format!("${{scheme}}[redacted:{name}]"),
            is_meant: named.is_meant(),
        }
    }

    /// A user-defined pattern. In the replacement, `$1` and `${name}` refer to its groups.
    pub fn own(name: ReasonCode, regex: Regex, replacement: Option<&str>) -> Self {
        let replacement = match replacement {
            Some(replacement) => replacement.to_owned(),
            None => format!("[redacted:{}]", name.as_str()),
        };
        let regex = LazyLock::new(Box::new(move || regex) as Box<dyn FnOnce() -> Regex + Send>);
        Self { name, regex, is_possible: |_, _| true, replacement, is_meant: |_| true }
    }

    /// The string with all matches replaced; `None` without matches.
    fn replace(&self, text: &str, prefilter: &Prefilter) -> Option<String> {
        if !(self.is_possible)(prefilter, text.as_bytes()) {
            return None;
        }
        let mut replaced = String::new();
        let mut end = 0;
        for captures in self.regex.captures_iter(text) {
            let Some(found) = captures.get(0).filter(|found| self.means(text, found.range()))
            else {
                continue;
            };
            replaced.push_str(&text[end..found.start()]);
            end = found.end();
            self.put(&captures, is_bare_value(text, &found.range()), &mut replaced);
        }
        if end == 0 {
            return None;
        }
        replaced.push_str(&text[end..]);
        Some(replaced)
    }

    fn means(&self, text: &str, range: Range<usize>) -> bool {
        let bytes = text.as_bytes();
        let before = range.start.checked_sub(1).map(|place| bytes[place]);
        let after = &bytes[range.end..];
        !range.is_empty() && (self.is_meant)(&Surrounded { text: &text[range], before, after })
    }

    /// A JSON number that is replaced by a string needs quotes, so that the log event remains valid
    /// JSON.
    fn put(&self, captures: &Captures<'_>, is_bare_value: bool, replaced: &mut String) {
        if is_bare_value {
            replaced.push('"');
        }
        captures.expand(&self.replacement, replaced);
        if is_bare_value {
            replaced.push('"');
        }
    }
}

/// Whether a match is a complete JSON value without quotes.
fn is_bare_value(text: &str, range: &Range<usize>) -> bool {
    let is_json = text.trim_end().ends_with('}') && text.contains('{');
    let is_number = text[range.clone()].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_json
        && is_number
        && text[..range.start].trim_end().ends_with([':', ',', '['])
        && text[range.end..].trim_start().starts_with([',', '}', ']'])
}

impl Redaction {
    /// Applies these patterns one after another.
    pub fn new(patterns: Vec<Pattern>) -> Self {
        Self { patterns }
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The redacted message, if a pattern matches. Counts the message for each matching pattern.
    pub fn redact(&self, message: &str, counts: &mut BTreeMap<ReasonCode, u64>) -> Option<String> {
        let mut prefilter = Prefilter::of(message.as_bytes());
        let mut redacted: Option<String> = None;
        for pattern in &self.patterns {
            if let Some(text) = pattern.replace(redacted.as_deref().unwrap_or(message), &prefilter)
            {
                prefilter = Prefilter::of(text.as_bytes());
                *counts.entry(pattern.name.clone()).or_default() += 1;
                redacted = Some(text);
            }
        }
        redacted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static PATTERNS: LazyLock<Vec<Pattern>> =
        LazyLock::new(|| Named::ALL.map(Pattern::named).into());

    fn redacted(named: Named, message: &str) -> String {
        let redaction = Redaction::new(vec![Pattern::named(named)]);
        redaction.redact(message, &mut BTreeMap::new()).unwrap_or_else(|| message.to_owned())
    }

    /// In each string, exactly the part in `«»` is redacted.
    #[track_caller]
    fn check(named: Named, texts: &[&str]) {
        for text in texts {
            let message = text.replace(['«', '»'], "");
            let mut expected = String::new();
            let mut rest = *text;
            while let Some((before, after)) = rest.split_once('«') {
                let (_, after) = after.split_once('»').unwrap();
                expected.push_str(&format!("{before}[redacted:{}]", named.name()));
                rest = after;
            }
            expected.push_str(rest);
            assert_eq!(redacted(named, &message), expected);
        }
    }

    #[test]
    fn every_named_pattern_is_one() {
        for named in Named::ALL {
            LazyLock::force(&Pattern::named(named).regex);
        }
    }

    proptest! {
        #[test]
        fn the_prefilter_misses_no_match(
            text in "[@a.b:0-9 +/_-]{0,30}([0-9]{1,3}[.:]{1,2}){0,6}[a-c]{0,3}(bEarer +|Bearer |eyJ){0,2}[A-C0-9/+]{0,50}(\\.c{8}){0,2}[é ]?",
        ) {
            for pattern in &*PATTERNS {
                let prefilter = Prefilter::of(text.as_bytes());
                prop_assert!(
                    !pattern.regex.is_match(&text) || (pattern.is_possible)(&prefilter, text.as_bytes()),
                    "{:?}", pattern.name
                );
            }
        }

        /// The prefilter finds a match at any offset.
        #[test]
        fn the_prefilter_finds_matches_at_any_offset(
            before in "([x\u{e9}\"]{0,40} )?", after in "( [x\u{e9}\"]{0,40})?",
        ) {
            for (named, text) in [
                (Named::Email, "a@b.cd"),
                (Named::BearerToken, "eyJhbGciOiJI.eyJzdWIiOi."),
                (Named::AwsAccessKey, "AKIAIOSFODNN7EXAMPLE"),
                (Named::AwsAccessKey, "AROAIOSFODNN7EXAMPLE"),
                (Named::AwsSecretKey, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                (Named::AwsSecretKey, "+Jalr+UtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE/"),
            ] {
                let message = format!("{before}{text}{after}");
                let expected = format!("{before}[redacted:{}]{after}", named.name());
                prop_assert_eq!(redacted(named, &message), expected);
            }
            let message = format!("{before}bEARER abcdefghijklmnop{after}");
            let expected = format!("{before}bEARER [redacted:bearer_token]{after}");
            prop_assert_eq!(redacted(Named::BearerToken, &message), expected);
        }
    }

    #[test]
    fn email_addresses() {
        check(
            Named::Email,
            &[
                "from «a.b+c@mail.example.co.uk», to «x@y.de».",
                "user@localhost and @mention and a@b",
                "{\"mail\":\"«jane_doe@example.com»\"}",
            ],
        );
    }

    #[test]
    fn ip_addresses() {
        check(
            Named::Ipv4,
            &[
                "from «10.0.0.1»:443, «255.255.255.255».",
                "version 1.2.3.4.5 and 1.2.3 and 300.1.1.1",
                "[«192.168.0.1»]",
            ],
        );
        check(
            Named::Ipv6,
            &[
                "from «2001:db8::1» to [«fe80::1»]:443, «::1»",
                "at 12:34:56 and 2023-11-06T10:00:00.000Z",
                "std::io::Error, Foo::Bar, a::b, :: and ratio 1:2",
                "«::ffff:192.0.2.1» mapped",
                "«2001:0db8:85a3:0000:0000:8a2e:0370:7334»",
            ],
        );
    }

    #[test]
    fn tokens_and_keys() {
        assert_eq!(
            redacted(Named::BearerToken, "Authorization: Bearer abcdefghijklmnop.qrst=="),
            "Authorization: Bearer [redacted:bearer_token]"
        );
        check(
            Named::BearerToken,
            &["jwt «eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl» end", "bearer of news"],
        );
        check(
            Named::AwsAccessKey,
            &["id «AKIAIOSFODNN7EXAMPLE», «ASIAIOSFODNN7EXAMPLE»", "XAKIAIOSFODNN7EXAMPLEX"],
        );
        check(
            Named::AwsSecretKey,
            &[
                "key «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
                "aws_secret_access_key=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
                "\"«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»\"",
                "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
                "longer wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYwJal",
            ],
        );
    }

    #[test]
    fn card_numbers_have_a_network_and_a_check_digit() {
        check(
            Named::CardNumber,
            &[
                "paid with «4111 1111 1111 1111», «5500-0000-0000-0004» and «378282246310005»",
                "amex «3782 822463 10005», «4111111111111111» 12/27",
                "not 4111 1111 1111 1112",
                "at 1699264800123 ms, event 37891234567890123456789012345678901234567890",
                "order 1234567812345670",
            ],
        );
    }

    #[test]
    fn a_redacted_json_message_stays_json() {
        let message =
            r#"{"card": 4111111111111111, "list":[4111111111111111], "t":"4111111111111111"}"#;
        let redacted = redacted(Named::CardNumber, message);
        let value: serde_json::Value = serde_json::from_str(&redacted).unwrap();
        let gone = "[redacted:card_number]";
        assert_eq!(value, serde_json::json!({"card": gone, "list": [gone], "t": gone}));
    }

    #[test]
    fn user_defined_patterns_have_names_and_replacements() {
        let own = |regex: &str, replacement: Option<&str>| {
            Pattern::own(ReasonCode::from_service("order"), Regex::new(regex).unwrap(), replacement)
        };
        let redact = |patterns: Vec<Pattern>, message: &str| {
            let mut counts = BTreeMap::new();
            (Redaction::new(patterns).redact(message, &mut counts), counts.values().sum::<u64>())
        };
        let (message, count) = redact(vec![own("order-[0-9]+", None)], "order-17 and order-18");
        assert_eq!(message.as_deref(), Some("[redacted:order] and [redacted:order]"));
        assert_eq!(count, 1);
        let (message, _) =
            redact(vec![own("(o)rder-([0-9])[0-9]*", Some("$1-${2}xx"))], "order-17");
        assert_eq!(message.as_deref(), Some("o-1xx"));
        assert_eq!(redact(vec![own("order-[0-9]+", None)], "none here"), (None, 0));
    }
}
