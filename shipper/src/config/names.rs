//! The names of records at a destination: what each type has, and templates for them.

use std::collections::BTreeMap;

use super::schema::FieldError;
use crate::routing::{Allowed, NameField, NameTarget, NameTemplates, Otherwise, Template};

/// The field of labels.
pub(super) const LABELS: &str = "labels";

/// What is allowed in a name of a type; `None` if the type does not have it.
pub(super) fn allowed_in(destination_type: &str, target: &NameTarget) -> Option<Allowed> {
    match target {
        NameTarget::Field(field) => {
            let mut names = names_of(destination_type).iter();
            names.find(|(known, _)| known == field).map(|(_, allowed)| *allowed)
        }
        NameTarget::Label(_) => (destination_type == "loki").then_some(Allowed::LokiLabel),
    }
}

/// The names that a type has, each with what is allowed in it.
fn names_of(destination_type: &str) -> &'static [(NameField, Allowed)] {
    match destination_type {
        "datadog" => &[
            (NameField::Service, Allowed::All),
            (NameField::Source, Allowed::All),
            (NameField::Tags, Allowed::Tag),
        ],
        "elasticsearch" => &[(NameField::Index, Allowed::ElasticsearchIndex)],
        "honeycomb" => &[(NameField::Dataset, Allowed::Segment)],
        "kinesis" => &[(NameField::PartitionKey, Allowed::PartitionKey)],
        "loggly" => &[(NameField::Tags, Allowed::LogglyTag)],
        "loki" => {
            &[(NameField::Service, Allowed::LokiLabel), (NameField::Tenant, Allowed::LokiTenant)]
        }
        "otlp" => &[(NameField::Service, Allowed::All)],
        "s3" => &[(NameField::Prefix, Allowed::ObjectKey)],
        "splunk_hec" => &[
            (NameField::Host, Allowed::All),
            (NameField::Index, Allowed::SplunkIndex),
            (NameField::Source, Allowed::All),
            (NameField::Sourcetype, Allowed::All),
        ],
        "sumologic" => &[
            (NameField::Category, Allowed::Header),
            (NameField::Host, Allowed::Header),
            (NameField::Name, Allowed::Header),
        ],
        _ => &[],
    }
}

/// Whether the text has values in braces.
pub(super) fn is_template(text: &str) -> bool {
    text.contains(['{', '}'])
}

/// The configured templates of a destination.
pub(super) struct Templates {
    pub(super) destination_type: String,
    pub(super) names: Vec<NameTemplates>,
}

impl Templates {
    /// Of a type.
    pub(super) fn of(destination_type: &str) -> Self {
        Self { destination_type: destination_type.to_owned(), names: Vec::new() }
    }

    /// Takes a name that is a template. Records without a value have the type's default.
    pub(super) fn take(
        &mut self,
        name: &mut Option<String>,
        field: NameField,
    ) -> Result<(), FieldError> {
        match name.take_if(|text| is_template(text)) {
            Some(text) => self.push(NameTarget::Field(field), &text, Otherwise::Default),
            None => Ok(()),
        }
    }

    /// Notes a name that must be and may be a template.
    pub(super) fn required(&mut self, name: &str, field: NameField) -> Result<(), FieldError> {
        match is_template(name) {
            true => self.push(NameTarget::Field(field), name, Otherwise::Unknown),
            false => Ok(()),
        }
    }

    /// Takes the labels that are templates. Records without a value do not have the label.
    pub(super) fn take_labels(
        &mut self,
        labels: &mut BTreeMap<String, String>,
    ) -> Result<(), FieldError> {
        for (name, text) in labels.extract_if(.., |_, text| is_template(text)) {
            self.push(NameTarget::Label(name), &text, Otherwise::Default)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        target: NameTarget,
        text: &str,
        otherwise: Otherwise,
    ) -> Result<(), FieldError> {
        let allowed = allowed_in(&self.destination_type, &target).unwrap_or(Allowed::All);
        let template = template(&target, text, allowed)?;
        self.names.push(NameTemplates { target, templates: vec![template], otherwise });
        Ok(())
    }
}

/// Parses a template; the error has the path of its field.
pub(super) fn template(
    target: &NameTarget,
    text: &str,
    allowed: Allowed,
) -> Result<Template, FieldError> {
    Template::parse(text, allowed)
        .map_err(|error| FieldError::new(place(target), error.to_string()))
}

/// The path of a name's field.
pub(super) fn place(target: &NameTarget) -> String {
    match target {
        NameTarget::Field(field) => field.key().to_owned(),
        NameTarget::Label(label) => format!("{LABELS}.{label}"),
    }
}
