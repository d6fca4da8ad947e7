//! Infers the request of log events that do not name one, such as the output of `print` and
//! unhandled errors.

use std::borrow::Cow;
use std::ops::Range;

use crate::line::Kind;
use crate::record::Record;

/// Assigns log events to the request whose START and END surround them, within one delivery of a
/// log stream. On managed instances requests interleave, so nothing is inferred there: they say so
/// when they start, and later write no END in text and no REPORT with a billed duration.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html>
pub(crate) fn infer_request_ids<'a>(records: &mut [Record<'a>]) {
    if records.iter().any(|record| record.line.is_of_managed_instance) {
        return;
    }
    let mut begun: Option<(usize, Cow<'a, str>)> = None;
    let mut enclosed: Vec<(Range<usize>, Cow<'a, str>)> = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let line = &record.line;
        match (line.kind, &line.request_id) {
            (Kind::Start, Some(id)) => begun = Some((index, id.clone())),
            (Kind::InitStart, _) => begun = None,
            (Kind::End | Kind::Report, Some(id)) if ends_alone(record) => {
                if let Some((start, _)) = begun.take_if(|(_, begun)| begun == id) {
                    enclosed.push((start..index, id.clone()));
                }
            }
            _ => {}
        }
    }
    for (range, id) in enclosed {
        for line in records[range].iter_mut().map(|record| &mut record.line) {
            if line.kind == Kind::Application && line.request_id.is_none() {
                line.request_id = Some(id.clone());
                line.request_id_is_inferred = true;
            }
        }
    }
}

/// Whether an instance that ends a request like this processes one request at a time.
fn ends_alone(record: &Record<'_>) -> bool {
    // `platform.runtimeDone` is an END too, and managed instances write it.
    let is_of_text = !record.message.starts_with('{');
    record.line.kind == Kind::End && is_of_text
        || record.line.report.as_ref().is_some_and(|report| report.billed_duration_ms.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Line;
    use crate::log_source::LogSource;

    const A: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
    const B: &str = "11111111-1234-4697-b07a-ac58fc914c95";

    /// The inferred request ids.
    fn inferred(messages: &[String]) -> Vec<Option<String>> {
        let log_source =
            LogSource::new("1", "/aws/lambda/f", "2026/11/30/[$LATEST]0123456789abcdef");
        let mut records: Vec<Record<'_>> =
            messages.iter().map(|message| Record::of(&log_source, message)).collect();
        infer_request_ids(&mut records);
        let id = |line: &Line<'_>| {
            line.request_id.as_deref().filter(|_| line.request_id_is_inferred).map(str::to_owned)
        };
        records.iter().map(|record| id(&record.line)).collect()
    }

    #[test]
    fn a_log_event_between_start_and_end_belongs_to_the_request() {
        let lines = [
            "before".to_owned(),
            format!("START RequestId: {A} Version: $LATEST\n"),
            "printed".to_owned(),
            format!("2023-11-06T10:00:00.000Z\t{A}\tINFO\tnamed"),
            "Traceback (most recent call last):".to_owned(),
            format!("END RequestId: {A}\n"),
            "after".to_owned(),
            format!("START RequestId: {B} Version: $LATEST\n"),
            "cut off by the end of the delivery".to_owned(),
        ];
        let a = Some(A.to_owned());
        let expected = [None, None, a.clone(), None, a, None, None, None, None];
        assert_eq!(inferred(&lines), expected);
    }

    #[test]
    fn with_json_the_report_ends_a_request_where_it_bills_one() {
        let lines = |metrics: &str| {
            [
                format!(
                    r#"{{"time":"2026-11-30T10:00:00.000Z","type":"platform.start","record":{{"requestId":"{A}","version":"$LATEST"}}}}"#
                ),
                "printed".to_owned(),
                format!(
                    r#"{{"time":"2026-11-30T10:00:01.000Z","type":"platform.report","record":{{"requestId":"{A}","metrics":{{{metrics}}},"status":"success"}}}}"#
                ),
            ]
        };
        let ordinary = lines(r#""durationMs":1.5,"billedDurationMs":2"#);
        assert_eq!(inferred(&ordinary), [None, Some(A.to_owned()), None]);
        // A managed instance, where another concurrent request may have written it.
        assert_eq!(inferred(&lines(r#""durationMs":1.5"#)), [None, None, None]);
    }

    #[test]
    fn nothing_is_inferred_on_managed_instances() {
        let platform = |name: &str, fields: &str| {
            format!(r#"{{"time":"t","type":"platform.{name}","record":{{{fields}}}}}"#)
        };
        let (a, b) = (format!(r#""requestId":"{A}""#), format!(r#""requestId":"{B}""#));
        // The other request began before this delivery, and ends after it.
        let lines = [
            platform("start", &a),
            "of the one or the other".to_owned(),
            platform("runtimeDone", &format!(r#"{a},"status":"success""#)),
            platform("runtimeDone", &format!(r#"{b},"status":"success""#)),
        ];
        assert_eq!(inferred(&lines), [const { None }; 4]);
        let lines = [
            platform("initStart", r#""initializationType":"lambda-managed-instances""#),
            platform("start", &a),
            "of the one or the other".to_owned(),
            platform("report", &format!(r#"{a},"metrics":{{"billedDurationMs":2}}"#)),
        ];
        assert_eq!(inferred(&lines), [const { None }; 4]);
    }

    #[test]
    fn nothing_is_inferred_of_requests_that_interleave_or_end_with_their_instance() {
        let lines = [
            format!("START RequestId: {A} Version: 1\n"),
            "of the first".to_owned(),
            format!("START RequestId: {B} Version: 1\n"),
            "of one of them".to_owned(),
            format!("END RequestId: {A}\n"),
        ];
        assert_eq!(inferred(&lines), [const { None }; 5]);
        let lines = [
            format!("START RequestId: {A} Version: 1\n"),
            "of the first".to_owned(),
            "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:aws:x".to_owned(),
            "of the initialization".to_owned(),
            format!("END RequestId: {A}\n"),
        ];
        assert_eq!(inferred(&lines), [const { None }; 5]);
    }
}
