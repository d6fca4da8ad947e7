/// An argument of a subscription filter, by the name the configuration gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    /// `filter_name`: a filter of ours stands under a name that is no longer wanted.
    FilterName,
    /// `destination_arn`
    DestinationArn,
    /// `filter_pattern`
    FilterPattern,
    /// `role_arn`
    RoleArn,
    /// `distribution`
    Distribution,
    /// `apply_on_transformed_logs`
    ApplyOnTransformedLogs,
    /// `field_selection_criteria`
    FieldSelectionCriteria,
    /// `emit_system_fields`
    EmitSystemFields,
}

impl Argument {
    const ALL: [Self; 8] = [
        Self::FilterName,
        Self::DestinationArn,
        Self::FilterPattern,
        Self::RoleArn,
        Self::Distribution,
        Self::ApplyOnTransformedLogs,
        Self::FieldSelectionCriteria,
        Self::EmitSystemFields,
    ];

    /// As in `filter_pattern`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FilterName => "filter_name",
            Self::DestinationArn => "destination_arn",
            Self::FilterPattern => "filter_pattern",
            Self::RoleArn => "role_arn",
            Self::Distribution => "distribution",
            Self::ApplyOnTransformedLogs => "apply_on_transformed_logs",
            Self::FieldSelectionCriteria => "field_selection_criteria",
            Self::EmitSystemFields => "emit_system_fields",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|argument| argument.name() == name)
    }
}
