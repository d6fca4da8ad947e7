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

    /// Parses a message that has a JSON object made of it beside it.
    pub fn parse_with_object(message: &'a str, object: Option<&'a str>) -> Self {
        let mut line = Self::parse(message);
        if let Some(object) = object {
            line.put_object(object, line.level);
        }
        line
    }

    /// Sets the object, before which the message had this level. What was found stays; the fields of
    /// the object add to it, and a level that they change applies.
    pub fn put_object(&mut self, object: &'a str, before: Option<Level>) {
        let found = Self::parse(object);
        self.json = Some(object);
        if found.kind != Kind::Application {
            return;
        }
        if found.level != before {
            self.level = found.level.or(self.level);
        }
        self.trace = self.trace.take().or(found.trace);
        if found.request_id.is_some() && (self.request_id.is_none() || self.request_id_is_inferred)
        {
            self.request_id = found.request_id;
            self.request_id_is_inferred = false;
        }
    }
}

#[cfg(test)]
mod tests;
