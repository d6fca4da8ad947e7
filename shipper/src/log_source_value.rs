//! What conditions and templates use of a log source.

use crate::log_source::LogSource;

/// A value of a log source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSourceValue {
    /// The account that owns the log group.
    Account,
    /// The region of the log group.
    Region,
    /// The log group's name.
    LogGroup,
    /// The log stream's name.
    LogStream,
    /// The function.
    Function,
    /// The service that writes the log events.
    Service,
    /// The tag with this key, of the log group or its function.
    Tag(String),
}

impl LogSourceValue {
    /// The value, if the log source has it.
    pub fn of<'s>(&self, log_source: &'s LogSource<'_>) -> Option<&'s str> {
        let value = match self {
            Self::Account => log_source.owner,
            Self::Region => log_source.region?,
            Self::LogGroup => log_source.group,
            Self::LogStream => log_source.stream,
            Self::Function => log_source.function?,
            Self::Service => log_source.service.name(),
            Self::Tag(key) => log_source.tag(key)?,
        };
        Some(value).filter(|value| !value.is_empty())
    }
}
