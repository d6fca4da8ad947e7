//! Parses single log events, in one pass and without copying.
//!
//! Parsing never changes a message: a record contains it unchanged, next to what was found. A
//! message of an unknown form is an application log event without fields, never an error.

mod application;
mod color;
mod failure;
mod fast_path;
mod head;
mod json;
mod json_fields;
mod json_reader;
mod kind;
mod lambda_details;
mod level;
mod log_event_fields;
mod loose;
mod platform;
mod platform_record;
mod report;
mod request_id;
mod timestamp;
mod trace;
mod vpc_flow;

pub use failure::looks_like_failure;
pub use kind::Kind;
pub use lambda_details::LambdaDetails;
pub use level::Level;
pub use log_event_fields::Line;
pub use report::Report;
pub use trace::{SpanId, Trace, TraceId};
pub use vpc_flow::VpcFlow;

impl<'a> Line<'a> {
    /// Parses a message.
    pub fn parse(message: &'a str) -> Self {
        if let Some(line) = json::lambdas(message) {
            return line;
        }
        if let Some(json) = json::object(message) {
            return json::parse(json);
        }
        platform::parse(message)
            .or_else(|| {
                let flow = Some(Box::new(vpc_flow::parse(message)?));
                Some(Self { flow, ..Self::default() })
            })
            .unwrap_or_else(|| application::parse(message))
    }
}

#[cfg(test)]
mod tests;
