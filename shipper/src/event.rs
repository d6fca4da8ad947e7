//! What Lambda hands over, before anything in it is decoded.
//!
//! The kind of an event is told by its marking field, and an event of another kind is an error
//! that names the fields seen: an event from a trigger that was wired up by mistake is then
//! understood from the error alone. Nothing of an event's content ever goes into an error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// An event of a kind the shipper knows.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// What CloudWatch Logs sends for a subscription filter: `{"awslogs": {"data": "…"}}`.
    Subscription {
        /// Base64 of gzip of JSON.
        data: Cow<'a, str>,
    },
}

/// Why an event was not taken.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum EventError {
    /// The event has none of the fields that mark a kind.
    #[error(
        "cannot tell the kind of the event: expected the field \"awslogs\" (a CloudWatch Logs \
         subscription filter), found {0}; remove the trigger that sends it"
    )]
    UnknownKind(String),
    /// The marking field is there, but not in the shape CloudWatch Logs gives it.
    #[error(
        "cannot read the field \"awslogs\" of the event: expected {{\"data\": \"…\"}} as CloudWatch \
         Logs sends it"
    )]
    Malformed,
}

/// Tells what kind of event `raw` is.
pub fn parse(raw: &str) -> Result<Event<'_>, EventError> {
    match serde_json::from_str::<Envelope<'_>>(raw) {
        Ok(Envelope { awslogs: Some(awslogs) }) => Ok(Event::Subscription { data: awslogs.data }),
        Ok(Envelope { awslogs: None }) => Err(EventError::UnknownKind(seen(raw))),
        Err(_) => {
            let keys = keys(raw);
            if keys.as_ref().is_some_and(|keys| keys.contains_key("awslogs")) {
                Err(EventError::Malformed)
            } else {
                Err(EventError::UnknownKind(seen(raw)))
            }
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    awslogs: Option<AwsLogs<'a>>,
}

#[derive(Deserialize)]
struct AwsLogs<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

fn keys(raw: &str) -> Option<BTreeMap<String, IgnoredAny>> {
    serde_json::from_str(raw).ok()
}

/// Names the fields of an event in a bounded number of harmless characters: keys come from
/// outside, and a key that looks like content is shown as `?`.
fn seen(raw: &str) -> String {
    const MOST_KEYS: usize = 10;
    const LONGEST_KEY: usize = 40;

    let Some(keys) = keys(raw) else {
        return "something that is not a JSON object".to_owned();
    };
    if keys.is_empty() {
        return "an empty object".to_owned();
    }
    let names: Vec<&str> = keys
        .keys()
        .take(MOST_KEYS)
        .map(|key| {
            let harmless = key.len() <= LONGEST_KEY
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
            if harmless { key.as_str() } else { "?" }
        })
        .collect();
    let more = keys.len().saturating_sub(MOST_KEYS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the fields {}{more}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_subscription_event_and_passes_over_fields_it_does_not_know() {
        let event = parse(r#"{"extra":[1],"awslogs":{"data":"H4sI","more":{}}}"#);
        assert_eq!(event, Ok(Event::Subscription { data: "H4sI".into() }));
    }

    #[test]
    fn borrows_the_data_of_the_event() {
        let Ok(Event::Subscription { data }) = parse(r#"{"awslogs":{"data":"H4sI"}}"#) else {
            panic!("not taken");
        };
        assert!(matches!(data, Cow::Borrowed(_)));
    }

    #[test]
    fn names_the_fields_of_an_event_of_another_kind_and_nothing_of_their_content() {
        let error = parse(r#"{"Records":[{"body":"s3cr3t"}],"detail-type":1,"a b":2}"#)
            .unwrap_err()
            .to_string();
        assert!(error.contains("found the fields Records, ?, detail-type;"), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn says_so_when_the_event_is_no_object() {
        for raw in ["[1]", "\"text\"", "null", "12"] {
            let error = parse(raw).unwrap_err().to_string();
            assert!(error.contains("something that is not a JSON object"), "{error}");
        }
        let error = parse("{}").unwrap_err().to_string();
        assert!(error.contains("an empty object"), "{error}");
    }

    #[test]
    fn tells_a_subscription_event_without_data_from_an_unknown_one() {
        for raw in [r#"{"awslogs":{}}"#, r#"{"awslogs":"x"}"#, r#"{"awslogs":{"data":5}}"#] {
            assert_eq!(parse(raw), Err(EventError::Malformed), "{raw}");
        }
    }
}
