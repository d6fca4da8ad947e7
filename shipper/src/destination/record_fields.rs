//! Which fields of a record are sent beside its message.

/// A field that a destination may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordField {
    /// The account of the log group.
    Account,
    /// The region of the log group.
    Region,
    /// The service that wrote the log event.
    Service,
    /// Elastic's name for the log events of the service.
    Dataset,
    /// The log group's name.
    LogGroup,
    /// The log stream's name.
    LogStream,
    /// The id assigned by CloudWatch Logs.
    EventId,
    /// The function.
    Function,
    /// The function's version.
    Version,
    /// The request.
    Request,
    /// The kind of a log event of Lambda.
    Kind,
    /// The metrics of a REPORT.
    Report,
    /// The level.
    Level,
    /// Trace and span.
    Trace,
}

impl RecordField {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Account,
        Self::Region,
        Self::Service,
        Self::Dataset,
        Self::LogGroup,
        Self::LogStream,
        Self::EventId,
        Self::Function,
        Self::Version,
        Self::Request,
        Self::Kind,
        Self::Report,
        Self::Level,
        Self::Trace,
    ];

    /// Its name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "cloud.account.id",
            Self::Region => "cloud.region",
            Self::Service => "cloud.service.name",
            Self::Dataset => "event.dataset",
            Self::LogGroup => "aws.cloudwatch.log_group",
            Self::LogStream => "aws.cloudwatch.log_stream",
            Self::EventId => "aws.cloudwatch.event_id",
            Self::Function => "faas.name",
            Self::Version => "faas.version",
            Self::Request => "faas.execution",
            Self::Kind => "aws.lambda.kind",
            Self::Report => "aws.lambda.report",
            Self::Level => "log.level",
            Self::Trace => "trace.id",
        }
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFields(u16);

impl RecordFields {
    /// Every field.
    pub const ALL: Self = Self(u16::MAX);

    /// Every field but these.
    pub fn all_but(fields: &[RecordField]) -> Self {
        fields.iter().fold(Self::ALL, |set, field| set.without(*field))
    }

    /// The same with a field.
    #[must_use]
    pub fn with(self, field: RecordField) -> Self {
        Self(self.0 | 1 << field as u16)
    }

    /// The same without a field.
    #[must_use]
    pub fn without(self, field: RecordField) -> Self {
        Self(self.0 & !(1 << field as u16))
    }

    /// Whether a field is in it.
    pub fn has(self, field: RecordField) -> bool {
        self.0 & 1 << field as u16 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_added_and_not_what_was_removed() {
        let set = RecordFields::all_but(&[RecordField::EventId, RecordField::Kind]);
        assert!(!set.has(RecordField::EventId) && !set.has(RecordField::Kind));
        let set = set.with(RecordField::Kind);
        for field in RecordField::ALL {
            assert_eq!(set.has(field), field != RecordField::EventId, "{field:?}");
        }
    }
}
