//! The tags of a log source, in the forms in which destinations keep such things.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::json;
use crate::log_source::LogSource;
use crate::routing::Allowed;

/// The key of the tag that is a reserved attribute of Datadog.
pub(super) const SERVICE: &str = "service";

/// The tags that have a value.
pub(super) fn of_log_source<'v>(
    log_source: &'v LogSource<'_>,
) -> impl Iterator<Item = (&'v str, &'v str)> {
    let tags = log_source.tags.iter().flatten();
    tags.filter(|(_, value)| !value.is_empty()).map(|(key, value)| (&**key, &**value))
}

/// `,"labels":{"team":"payments"}`, or nothing.
///
/// A label's name has no dots, which would make an object of it, as in Elastic's own agents.
///
/// <https://www.elastic.co/docs/reference/ecs/ecs-base>
/// <https://www.elastic.co/docs/solutions/observability/apm/metadata>
pub(super) fn labels<'o>(log_source: &'o LogSource<'_>) -> &'o [u8] {
    log_source.shared_fields.labels.get_or_init(|| {
        let mut labels = Vec::new();
        for (name, value) in named(log_source) {
            labels.extend_from_slice(if labels.is_empty() { b",\"labels\":{" } else { b"," });
            json::string(&name, &mut labels);
            labels.push(b':');
            json::string(value, &mut labels);
        }
        if !labels.is_empty() {
            labels.push(b'}');
        }
        labels
    })
}

/// The same as flat attributes, `,"labels.team":"payments"`, or nothing.
pub(super) fn attributes<'o>(log_source: &'o LogSource<'_>) -> &'o [u8] {
    log_source.shared_fields.label_attributes.get_or_init(|| {
        let mut attributes = Vec::new();
        for (name, value) in named(log_source) {
            write_attribute(&name, value, &mut attributes);
        }
        attributes
    })
}

/// Appends the attributes of tags with these keys.
pub(super) fn write_chosen(log_source: &LogSource<'_>, keys: &[String], body: &mut Vec<u8>) {
    for (key, value) in of_log_source(log_source) {
        if keys.iter().any(|chosen| chosen == key) {
            write_attribute(&label(key), value, body);
        }
    }
}

/// The tags by names of letters, digits and underscores.
pub(super) fn underscored<'v>(log_source: &'v LogSource<'_>) -> BTreeMap<String, &'v str> {
    let name = |key: &str| key.replace(|it: char| !it.is_ascii_alphanumeric(), "_");
    of_log_source(log_source).map(|(key, value)| (name(key), value)).collect()
}

/// Tags of Datadog, separated by commas: those that are configured, and those of the log source
/// with other keys. The service is an attribute of its own.
///
/// <https://docs.datadoghq.com/getting_started/tagging/unified_service_tagging/>
pub(super) fn datadog<'t>(
    configured: Option<&'t str>,
    log_source: &LogSource<'_>,
) -> Option<Cow<'t, str>> {
    let is_configured = |key: &str| {
        let mut tags = configured.into_iter().flat_map(|tags| tags.split(','));
        tags.any(|tag| tag.split(':').next().is_some_and(|it| it.trim() == key))
    };
    let mut tags = configured.map(Cow::Borrowed);
    for (key, value) in of_log_source(log_source) {
        if key == SERVICE || is_configured(key) {
            continue;
        }
        let tag = Allowed::Tag.value(&format!("{key}:{value}"));
        tags = Some(match tags {
            Some(tags) => Cow::Owned(format!("{tags},{tag}")),
            None => Cow::Owned(tag),
        });
    }
    tags
}

/// A key as the name of a label.
fn label(key: &str) -> String {
    key.replace(['.', '*', '"'], "_")
}

/// The labels, each name once.
fn named<'v>(log_source: &'v LogSource<'_>) -> BTreeMap<String, &'v str> {
    of_log_source(log_source).map(|(key, value)| (label(key), value)).collect()
}

fn write_attribute(name: &str, value: &str, body: &mut Vec<u8>) {
    body.push(b',');
    json::string(&format!("labels.{name}"), body);
    body.push(b':');
    json::string(value, body);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::destination::{ecs_document, sample};

    fn with(pairs: &[(&str, &str)], check: impl FnOnce(&LogSource<'_>)) {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let tags: BTreeMap<String, String> = pairs.collect();
        let log_source = LogSource::new(sample::ACCOUNT, sample::GROUP, sample::STREAM);
        check(&log_source.with_tags(Some(tags)));
    }

    fn object(members: &[u8]) -> Value {
        let text = format!("{{\"first\":1{}}}", std::str::from_utf8(members).unwrap());
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_label_is_never_an_object_and_has_one_value() {
        with(&[("a.b", "1"), ("a_b", "2"), ("a", "\"x\""), ("none", "")], |log_source| {
            let nested = json!({"first": 1, "labels": {"a": "\"x\"", "a_b": "2"}});
            assert_eq!(object(labels(log_source)), nested);
            let flat = json!({"first": 1, "labels.a": "\"x\"", "labels.a_b": "2"});
            assert_eq!(object(attributes(log_source)), flat);
        });
    }

    #[test]
    fn a_document_has_labels() {
        let mut body = Vec::new();
        sample::with_tagged_piece(&[("team", "pay")], |piece| {
            ecs_document::write(piece, &mut body);
        });
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["labels"], json!({"team": "pay"}));
        assert_eq!(document["cloud"]["provider"], "aws");
    }

    #[test]
    fn names_of_letters_and_digits_are_unique() {
        with(&[("a.b", "1"), ("a/b", "2"), ("ü", "3")], |log_source| {
            let expected = [("_".to_owned(), "3"), ("a_b".to_owned(), "2")];
            assert_eq!(underscored(log_source), BTreeMap::from(expected));
        });
    }

    #[test]
    fn without_tags_there_is_nothing() {
        with(&[("none", "")], |log_source| {
            assert!(labels(log_source).is_empty() && attributes(log_source).is_empty());
            assert_eq!(datadog(None, log_source), None);
        });
    }

    #[test]
    fn only_chosen_keys_are_written() {
        with(&[("team", "a"), ("env", "b")], |log_source| {
            let mut body = Vec::new();
            write_chosen(log_source, &["env".to_owned(), "other".to_owned()], &mut body);
            assert_eq!(object(&body), json!({"first": 1, "labels.env": "b"}));
        });
    }

    #[test]
    fn configured_tags_of_datadog_take_precedence() {
        let pairs = [("env", "test"), ("service", "pay"), ("team", "a,b"), ("version", "7")];
        with(&pairs, |log_source| {
            let of = |configured| datadog(configured, log_source).map(Cow::into_owned);
            assert_eq!(of(None).as_deref(), Some("env:test,team:a-b,version:7"));
            let both = of(Some("env:prod, version:8"));
            assert_eq!(both.as_deref(), Some("env:prod, version:8,team:a-b"));
        });
    }
}
