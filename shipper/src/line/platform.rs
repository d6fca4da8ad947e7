//! Platform log events in the text log format.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>

use super::request_id::{REQUEST_ID_BYTES, is_request_id};
use super::timestamp::is_timestamp;
use super::{Kind, Level, Line, Report};

/// Parses a platform log event; `None` for any other. The whole form must match, so that an
/// application may log "START something".
pub(super) fn parse(message: &str) -> Option<Line<'_>> {
    // The first character rules out most other log events.
    if !matches!(message.as_bytes(), [b'A'..=b'Z' | b'0'..=b'9', ..]) {
        return None;
    }
    let line = message.trim_end();
    let end = line.bytes().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    match &line[..end] {
        "START" => with_request_id(line, "START RequestId: ", Kind::Start).map(|(line, _)| line),
        "END" => with_request_id(line, "END RequestId: ", Kind::End).map(|(line, _)| line),
        "REPORT" => report(line),
        "RequestId:" => crash(line),
        "INIT_START" => of_kind(line, "INIT_START Runtime Version: ", Kind::InitStart),
        "INIT_REPORT" => report_of_phase(line, "INIT_REPORT ", "Init Duration: "),
        "RESTORE_START" => of_kind(line, "RESTORE_START Runtime Version: ", Kind::Platform),
        "RESTORE_REPORT" => report_of_phase(line, "RESTORE_REPORT ", "Restore Duration: "),
        "EXTENSION" => extension(line),
        "LOGS" => of_kind(line, "LOGS\tName: ", Kind::Extension),
        "TELEMETRY" => of_kind(line, "TELEMETRY\tName: ", Kind::Extension),
        _ if line[end..].starts_with(' ') => timeout(line),
        _ => None,
    }
}

fn of_kind<'a>(line: &'a str, start: &str, kind: Kind) -> Option<Line<'a>> {
    line.starts_with(start).then(|| Line { kind, ..Line::default() })
}

/// `EXTENSION⇥Name: agent⇥State: Ready⇥Events: [INVOKE]`, or after a failed start `EXTENSION⇥Name:
/// agent⇥State: LaunchError⇥Events: []⇥Error Type: PermissionDenied`.
fn extension(line: &str) -> Option<Line<'_>> {
    let extension = of_kind(line, "EXTENSION\tName: ", Kind::Extension)?;
    let failed = line.split('\t').any(|field| {
        field.starts_with("Error Type: ")
            || field.strip_prefix("State: ").is_some_and(|state| state.ends_with("Error"))
    });
    Some(Line { level: failed.then_some(Level::Error), ..extension })
}

/// `INIT_REPORT Init Duration: 10008.64 ms⇥Phase: init⇥Status: timeout`, and the same for a
/// restore.
fn report_of_phase<'a>(line: &'a str, start: &str, first: &str) -> Option<Line<'a>> {
    let fields = line.strip_prefix(start).filter(|fields| fields.starts_with(first))?;
    let report = Report::parse_text(fields);
    let level = report.failed().then_some(Level::Error);
    Some(Line { kind: Kind::Platform, level, report: Some(Box::new(report)), ..Line::default() })
}

/// Parses `<start><request id>` and returns the rest.
fn with_request_id<'a>(line: &'a str, start: &str, kind: Kind) -> Option<(Line<'a>, &'a str)> {
    let rest = line.strip_prefix(start)?;
    let (request_id, rest) = rest.split_at_checked(REQUEST_ID_BYTES)?;
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    if !(ends && is_request_id(request_id)) {
        return None;
    }
    let line = Line { kind, request_id: Some(request_id.into()), ..Line::default() };
    Some((line, rest))
}

fn report(line: &str) -> Option<Line<'_>> {
    let (mut line, fields) = with_request_id(line, "REPORT RequestId: ", Kind::Report)?;
    let mut report = Report::parse_text(fields);
    line.level = report.failed().then_some(Level::Error);
    line.trace = report.trace();
    if report.billed_duration_ms.is_some() {
        // As in the JSON format.
        report.status.get_or_insert("success".into());
    }
    line.report = Some(Box::new(report));
    Some(line)
}

/// `RequestId: <id> Error: Runtime exited with error: signal: killed`, or the older `RequestId:
/// <id> Process exited before completing request`.
fn crash(line: &str) -> Option<Line<'_>> {
    let (mut line, rest) = with_request_id(line, "RequestId: ", Kind::Crash)?;
    let rest = rest.trim_start();
    line.level = Some(Level::Error);
    (rest.starts_with("Error: ") || rest.starts_with("Process exited")).then_some(line)
}

/// `<time> <request id> Task timed out after 3.00 seconds`.
fn timeout(line: &str) -> Option<Line<'_>> {
    let (_, rest) = line.split_once(' ').filter(|(time, _)| is_timestamp(time))?;
    let (request_id, rest) = rest.split_once(' ')?;
    let ours = is_request_id(request_id) && rest.starts_with("Task timed out after ");
    ours.then(|| Line {
        kind: Kind::Timeout,
        request_id: Some(request_id.into()),
        level: Some(Level::Error),
        ..Line::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";

    fn check(message: &str, kind: Kind) {
        let line = parse(message).unwrap_or_else(|| panic!("not Lambda's: {message}"));
        assert_eq!(line.kind, kind, "{message}");
        let has_id = message.contains(ID);
        assert_eq!(line.request_id.as_deref(), has_id.then_some(ID), "{message}");
    }

    #[test]
    fn parses_platform_log_events() {
        check(&format!("START RequestId: {ID} Version: $LATEST\n"), Kind::Start);
        check(&format!("END RequestId: {ID}\n"), Kind::End);
        check(&format!("END RequestId: {ID}"), Kind::End);
        check(
            &format!("2023-11-06T10:00:00.000Z {ID} Task timed out after 3.00 seconds\n\n"),
            Kind::Timeout,
        );
        check(
            &format!(
                "RequestId: {ID} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"
            ),
            Kind::Crash,
        );
        check(
            &format!("RequestId: {ID} Process exited before completing request\n\n"),
            Kind::Crash,
        );
        check(
            "INIT_START Runtime Version: nodejs:20.v9\tRuntime Version ARN: arn:aws:lambda:x\n",
            Kind::InitStart,
        );
        check("EXTENSION\tName: agent\tState: Ready\tEvents: [INVOKE]\n", Kind::Extension);
    }

    #[test]
    fn messages_that_only_begin_like_platform_log_events_are_the_applications() {
        for message in [
            "START",
            "START of the run",
            "START RequestId: none Version: 1",
            "END of story",
            "REPORT RequestId: 12\tDuration: 1 ms",
            "RequestId: 8f507cfc-1234-4697-b07a-ac58fc914c95 was slow",
            "EXTENSION of the deadline",
            "2023-11-06T10:00:00.000Z someone Task timed out after 3.00 seconds",
            "",
            "\n",
        ] {
            assert_eq!(parse(message), None, "{message}");
        }
    }

    #[test]
    fn the_metrics_of_a_report_are_numbers() {
        let message = format!(
            "REPORT RequestId: {ID}\tDuration: 1.25 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 40 MB\tInit Duration: 9.5 ms\t\nXRAY TraceId: 1-5f-2\tSegmentId: 9\tSampled: true\t\n"
        );
        let line = parse(&message).unwrap();
        let report = line.report.unwrap();
        assert_eq!(report.duration_ms, Some(1.25));
        assert_eq!(report.billed_duration_ms, Some(2.0));
        assert_eq!(report.memory_size_mb, Some(128));
        assert_eq!(report.max_memory_used_mb, Some(40));
        assert_eq!(report.init_duration_ms, Some(9.5));
        assert_eq!(report.trace_id.as_deref(), Some("1-5f-2"));
        assert_eq!(report.status.as_deref(), Some("success"));
        assert_eq!(line.level, None);
    }

    #[test]
    fn init_and_restore_have_metrics_too() {
        let line = parse(
            "INIT_REPORT Init Duration: 10008.64 ms\tPhase: init\tStatus: timeout\tError Type: Sandbox.Timedout\n",
        );
        let line = line.unwrap();
        assert_eq!((line.kind, line.level), (Kind::Platform, Some(Level::Error)));
        let report = line.report.unwrap();
        assert_eq!(report.init_duration_ms, Some(10_008.64));
        assert_eq!(report.status.as_deref(), Some("timeout"));
        assert_eq!(report.error_type.as_deref(), Some("Sandbox.Timedout"));
        let report = parse("RESTORE_REPORT Restore Duration: 331.5 ms").unwrap().report.unwrap();
        assert_eq!(report.restore_duration_ms, Some(331.5));
        let message = format!(
            "REPORT RequestId: {ID}\tDuration: inf ms\tRestore Duration: 331.50 ms\t\
             Billed Restore Duration: 332 ms\t\n"
        );
        let report = parse(&message).unwrap().report.unwrap();
        assert_eq!((report.duration_ms, report.restore_duration_ms), (None, Some(331.5)));
        assert_eq!(report.billed_restore_duration_ms, Some(332.0));
    }

    #[test]
    fn a_report_of_a_failure_is_an_error() {
        let message = format!(
            "REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 30 MB\tStatus: timeout\tError Type: Runtime.ExitError\n"
        );
        let line = parse(&message).unwrap();
        assert_eq!(line.level, Some(Level::Error));
        let report = line.report.unwrap();
        assert_eq!(report.status.as_deref(), Some("timeout"));
        assert_eq!(report.error_type.as_deref(), Some("Runtime.ExitError"));
        assert_eq!(report.init_duration_ms, None);
    }
}
