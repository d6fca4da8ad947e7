//! What a single log line says, read once and without copying it.
//!
//! Reading a line never changes it: a record carries its message whole, and what is found here
//! stands beside it. A line that is none of the known forms is an application line without
//! fields, never an error.

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

/// What a line says.
#[derive(Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// Who wrote the line, and as what.
    pub kind: Kind,
    /// The invocation it belongs to.
    pub request_id: Option<Cow<'a, str>>,
    /// Whether the line does not say so itself, but stands between the beginning and the end of that
    /// invocation.
    pub request_id_is_inferred: bool,
    /// Its level, where it names one.
    pub level: Option<Level>,
    /// The figures of a REPORT line.
    pub report: Option<Box<Report<'a>>>,
    /// The JSON object of a structured line, exactly as written.
    pub json: Option<&'a str>,
}

/// Who wrote a line, and as what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The function itself.
    #[default]
    Application,
    /// Lambda: an execution environment starts.
    InitStart,
    /// Lambda: an invocation begins.
    Start,
    /// Lambda: an invocation has ended.
    End,
    /// Lambda: what the invocation took.
    Report,
    /// Lambda: the invocation was stopped at its time limit.
    Timeout,
    /// Lambda: the function's process ended in the middle.
    Crash,
    /// Lambda: about an extension.
    Extension,
    /// Lambda: anything else.
    Platform,
}

impl Kind {
    /// All of them.
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

    /// The name under which the kind is sent.
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
    /// Reads a message.
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

/// How many bytes a request id has.
const REQUEST_ID_BYTES: usize = 36;

/// Whether `text` has the form of a request id, `8-4-4-4-12` hexadecimal digits.
fn is_request_id(text: &str) -> bool {
    const FORM: &[u8; REQUEST_ID_BYTES] = b"00000000-0000-0000-0000-000000000000";

    let Ok(bytes) = <&[u8; REQUEST_ID_BYTES]>::try_from(text.as_bytes()) else {
        return false;
    };
    // Without an early end all bytes are looked at together.
    bytes.iter().zip(FORM).fold(true, |is_of_form, (byte, form)| {
        is_of_form & if *form == b'0' { byte.is_ascii_hexdigit() } else { byte == form }
    })
}

/// Whether `text` has the form in which Lambda writes a time, such as `2023-11-06T10:00:00.000Z`.
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
