//! The kinds of log events.

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
