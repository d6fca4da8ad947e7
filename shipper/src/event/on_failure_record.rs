//! Lambda's on-failure record of an invocation, as written to the function's on-failure
//! destination: a bucket, a queue or another function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
//! <https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html>

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::EventError;
use super::json_string::text;
use super::lambda_event::Event;

/// Extracts the event: `requestPayload` of an asynchronous invocation, or `payload` of a batch of a
/// stream, which is a string.
pub(super) fn parse<'a>(
    context: Option<&'a RawValue>,
    request_payload: Option<&'a RawValue>,
    payload: Option<&'a RawValue>,
) -> Result<Event<'a>, EventError> {
    let found = request_payload.or(payload).ok_or(EventError::RecordWithoutEvent)?;
    let event = text(found).unwrap_or(Cow::Borrowed(found.get()));
    let context =
        context.and_then(|context| serde_json::from_str::<Context<'_>>(context.get()).ok());
    Ok(Event::OnFailure { event, function_arn: context.and_then(|context| context.function_arn) })
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow, rename = "functionArn")]
    function_arn: Option<Cow<'a, str>>,
}

/// A function's ARN without its version or alias.
pub fn unqualified(arn: &str) -> &str {
    /// `arn:aws:lambda:<region>:<account>:function:<name>`
    const PARTS: usize = 7;

    match arn.match_indices(':').nth(PARTS - 1) {
        Some((end, _)) => &arn[..end],
        None => arn,
    }
}

#[cfg(test)]
mod tests {
    use crate::event::parse;

    use super::*;

    #[test]
    fn the_event_and_its_function_are_in_the_record() {
        let record = r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z",
            "requestContext":{"requestId":"e4b46cbf","functionArn":"arn:aws:lambda:eu-west-1:1:function:f:$LATEST",
            "condition":"RetriesExhausted"},
            "requestPayload":{"awslogs":{"data":"H4sI"}},
            "responseContext":{"statusCode":200},"responsePayload":{"errorMessage":"x"}}"#;
        let expected = Event::OnFailure {
            event: r#"{"awslogs":{"data":"H4sI"}}"#.into(),
            function_arn: Some("arn:aws:lambda:eu-west-1:1:function:f:$LATEST".into()),
        };
        assert_eq!(parse(record), Ok(expected));
    }

    #[test]
    fn the_batch_of_a_stream_is_a_string_in_the_record() {
        let record = r#"{"requestContext":{},"KinesisBatchInfo":{"shardId":"s"},
            "payload":"{\"Records\":[]}"}"#;
        let expected = Event::OnFailure { event: r#"{"Records":[]}"#.into(), function_arn: None };
        assert_eq!(parse(record), Ok(expected));
    }

    #[test]
    fn an_on_failure_record_without_the_batch_is_an_error() {
        let record = r#"{"requestContext":{},"KinesisBatchInfo":{"shardId":"s"}}"#;
        assert_eq!(parse(record), Err(EventError::RecordWithoutEvent));
    }

    #[test]
    fn an_arn_is_compared_without_its_version_or_alias() {
        let arn = "arn:aws:lambda:eu-west-1:1:function:f";
        for qualified in [arn.to_owned(), format!("{arn}:$LATEST"), format!("{arn}:live")] {
            assert_eq!(unqualified(&qualified), arn);
        }
        assert_eq!(unqualified("f"), "f");
    }
}
