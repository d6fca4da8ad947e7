//! A backfill request, `{"logagg": "backfill", …}`.

use std::time::SystemTime;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::EventError;
use super::replay::parse_time;

/// Which log events to read from CloudWatch Logs and to forward.
#[derive(Clone, Debug, PartialEq)]
pub struct BackfillRequest {
    /// The log groups.
    pub log_groups: LogGroups,
    /// Only log events of this time or later.
    pub from: SystemTime,
    /// Only log events before this time; `None` for the time of the request.
    pub to: Option<SystemTime>,
    /// The destinations, by name; none for all.
    pub destinations: Vec<String>,
    /// Whether to estimate only.
    pub dry_run: bool,
    /// The log group to continue after: `continue_after` of an earlier backfill.
    pub after: Option<String>,
}

/// The log groups of a backfill.
#[derive(Clone, Debug, PartialEq)]
pub enum LogGroups {
    /// By name, each once, sorted.
    Names(Vec<String>),
    /// All whose names have this prefix.
    Prefix(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(rename = "logagg")]
    _marker: IgnoredAny,
    log_groups: Option<Vec<String>>,
    log_group_prefix: Option<String>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    destinations: Option<Vec<String>>,
    #[serde(default)]
    dry_run: bool,
    after: Option<String>,
}

impl BackfillRequest {
    pub(super) fn parse(raw: &str) -> Result<Self, EventError> {
        let invalid = EventError::MalformedBackfill;
        let fields: Fields = serde_json::from_str(raw).map_err(|_| {
            invalid(
                "expected only \"log_groups\" (a list of names) or \"log_group_prefix\", \"from\", \
                 \"to\", \"destinations\" (a list of names), \"dry_run\" and \"after\"",
            )
        })?;
        let log_groups = match (fields.log_groups, fields.log_group_prefix) {
            (Some(mut names), None) if !names.is_empty() => {
                names.sort();
                names.dedup();
                LogGroups::Names(names)
            }
            (None, Some(prefix)) if !prefix.is_empty() => LogGroups::Prefix(prefix),
            _ => {
                return Err(invalid(
                    "name the log groups in \"log_groups\", or the beginning of their names in \
                     \"log_group_prefix\", such as \"/aws/lambda/\"",
                ));
            }
        };
        if fields.destinations.as_ref().is_some_and(Vec::is_empty) {
            return Err(invalid(
                "\"destinations\" is empty; remove it to send to all destinations",
            ));
        }
        let from = fields.from.ok_or_else(|| {
            invalid("\"from\" is missing: the time of the oldest log events to forward")
        })?;
        let from = parse_time(&from)
            .ok_or_else(|| invalid("\"from\" is not a time such as \"2026-11-29T10:00:00Z\""))?;
        let to = fields.to.map(|to| {
            parse_time(&to)
                .ok_or_else(|| invalid("\"to\" is not a time such as \"2026-11-29T10:00:00Z\""))
        });
        Ok(Self {
            log_groups,
            from,
            to: to.transpose()?,
            destinations: fields.destinations.unwrap_or_default(),
            dry_run: fields.dry_run,
            after: fields.after,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_field_can_be_set() {
        let raw = r#"{"logagg":"backfill","log_groups":["b","a","b"],"from":"2023-11-06T10:00:00Z",
            "to":"2023-11-06T12:00:00+01:00","destinations":["search"],"dry_run":true,"after":"a"}"#;
        let ten = SystemTime::UNIX_EPOCH + Duration::from_secs(1_699_264_800);
        let expected = BackfillRequest {
            log_groups: LogGroups::Names(vec!["a".to_owned(), "b".to_owned()]),
            from: ten,
            to: Some(ten + Duration::from_secs(3_600)),
            destinations: vec!["search".to_owned()],
            dry_run: true,
            after: Some("a".to_owned()),
        };
        assert_eq!(BackfillRequest::parse(raw), Ok(expected));
    }

    #[test]
    fn errors_name_the_field() {
        for (fields, expected) in [
            (r#""log_group_prefix":"/x","from":5"#, "expected only \"log_groups\""),
            (r#""log_group_prefix":"/x","form":"2023-11-06T10:00:00Z""#, "expected only"),
            (r#""log_group_prefix":"/x""#, "\"from\" is missing"),
            (r#""log_group_prefix":"/x","from":"yesterday""#, "\"from\" is not a time"),
            (
                r#""log_group_prefix":"/x","from":"2023-11-06T10:00:00Z","to":"now""#,
                "\"to\" is not a time",
            ),
            (r#""from":"2023-11-06T10:00:00Z""#, "name the log groups"),
            (r#""log_groups":[],"from":"2023-11-06T10:00:00Z""#, "name the log groups"),
            (
                r#""log_groups":["a"],"log_group_prefix":"b","from":"2023-11-06T10:00:00Z""#,
                "name the log groups",
            ),
            (
                r#""log_groups":["a"],"from":"2023-11-06T10:00:00Z","destinations":[]"#,
                "\"destinations\" is empty",
            ),
        ] {
            let raw = format!(r#"{{"logagg":"backfill",{fields}}}"#);
            let error = BackfillRequest::parse(&raw).unwrap_err().to_string();
            assert!(error.starts_with("invalid backfill request: "), "{error}");
            assert!(error.contains(expected), "{raw}: {error}");
        }
    }
}
