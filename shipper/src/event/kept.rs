//! What Lambda has kept of an invocation that failed, as it gives it to the function's on-failure
//! destination, which may be a queue, a bucket or another function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
//! <https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html>

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Event, EventError, text};

/// Finds the event: `requestPayload` after an asynchronous invocation, `payload` after a batch of
/// a stream, there as text.
pub(super) fn parse<'a>(
    request_payload: Option<&'a RawValue>,
    payload: Option<&'a RawValue>,
) -> Result<Event<'a>, EventError> {
    let found = request_payload.or(payload).ok_or(EventError::KeptWithoutEvent)?;
    let event = text(found).unwrap_or(Cow::Borrowed(found.get()));
    Ok(Event::Kept { event })
}

#[cfg(test)]
mod tests {
    use crate::event::parse;

    use super::*;

    #[test]
    fn takes_the_event_out_of_what_was_kept() {
        let kept = r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z",
            "requestContext":{"requestId":"e4b46cbf","condition":"RetriesExhausted"},
            "requestPayload":{"awslogs":{"data":"H4sI"}},
            "responseContext":{"statusCode":200},"responsePayload":{"errorMessage":"x"}}"#;
        let event = parse(kept);
        assert_eq!(event, Ok(Event::Kept { event: r#"{"awslogs":{"data":"H4sI"}}"#.into() }));
    }

    #[test]
    fn takes_the_batch_of_a_stream_out_of_its_text() {
        let kept = r#"{"requestContext":{},"KinesisBatchInfo":{"shardId":"s"},
            "payload":"{\"Records\":[]}"}"#;
        assert_eq!(parse(kept), Ok(Event::Kept { event: r#"{"Records":[]}"#.into() }));
    }

    #[test]
    fn a_batch_that_only_tells_where_it_was_is_an_error() {
        let kept = r#"{"requestContext":{},"KinesisBatchInfo":{"shardId":"s"}}"#;
        assert_eq!(parse(kept), Err(EventError::KeptWithoutEvent));
    }
}
