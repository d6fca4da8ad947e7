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
mod level;
mod loose;
mod platform;
mod report;

use std::borrow::Cow;

pub use failure::looks_like_failure;
pub use level::Level;
pub use report::Report;

/// A parsed log event.
#[derive(Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// Its kind.
    pub kind: Kind,
    /// The request that it belongs to.
    pub request_id: Option<Cow<'a, str>>,
    /// Whether the request id is inferred from the surrounding log events.
    pub request_id_is_inferred: bool,
    /// Its level, if it has one.
    pub level: Option<Level>,
    /// The metrics of a REPORT.
    pub report: Option<Box<Report<'a>>>,
    /// The JSON object of the message, as written.
    pub json: Option<&'a str>,
}

/// The kind of a log event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Written by the function.
    #[default]
    Application,
    /// INIT_START: an execution environment starts.
    InitStart,
    /// START: an invocation begins.
    Start,
    /// END: an invocation has ended.
    End,
    /// REPORT: the metrics of an invocation.
    Report,
    /// The invocation timed out.
    Timeout,
    /// The function's process crashed.
    Crash,
    /// About an extension.
    Extension,
    /// Any other platform log event.
    Platform,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Application,
        Self::InitStart,
        Self::Start,
        Self::End,
        Self::Report,
        Self::Timeout,
        Self::Crash,
        Self::Extension,
        Self::Platform,
    ];

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::InitStart => "init_start",
            Self::Start => "start",
            Self::End => "end",
            Self::Report => "report",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Extension => "extension",
            Self::Platform => "platform",
        }
    }
}

impl<'a> Line<'a> {
    /// Parses a message.
    pub fn parse(message: &'a str) -> Self {
        if let Some(line) = json::lambdas(message) {
            return line;
        }
        if let Some(json) = json::object(message) {
            return json::parse(json);
        }
        platform::parse(message).unwrap_or_else(|| application::parse(message))
    }
}

/// The size of a request id.
const REQUEST_ID_BYTES: usize = 36;

/// Whether `text` has the form of a request id, `8-4-4-4-12` hexadecimal digits.
fn is_request_id(text: &str) -> bool {
    const FORM: &[u8; REQUEST_ID_BYTES] = b"00000000-0000-0000-0000-000000000000";

    let Ok(bytes) = <&[u8; REQUEST_ID_BYTES]>::try_from(text.as_bytes()) else {
        return false;
    };
    // Without an early exit the loop is vectorized.
    bytes.iter().zip(FORM).fold(true, |is_of_form, (byte, form)| {
        is_of_form & if *form == b'0' { byte.is_ascii_hexdigit() } else { byte == form }
    })
}

/// Whether `text` has the form of Lambda's timestamps, such as `2023-11-06T10:00:00.000Z`.
fn is_timestamp(text: &str) -> bool {
    const FORM: &[u8; 19] = b"0000-00-00T00:00:00";

    let Some((seconds, [fraction @ .., b'Z'])) =
        text.as_bytes().split_first_chunk::<{ FORM.len() }>()
    else {
        return false;
    };
    let is_of_form = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    seconds.iter().zip(FORM).all(is_of_form)
        && fraction.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

#[cfg(test)]
mod tests;
