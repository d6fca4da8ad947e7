//! The names of records at a destination: what each type has, and templates for them.

use std::collections::BTreeMap;

use super::schema::FieldError;
use crate::routing::{Allowed, NameField, NameTarget, NameTemplates, Otherwise, Template};

/// The field of labels.
pub(super) const LABELS: &str = "labels";

/// The names that a type has, each with what is allowed in it.
pub(super) fn names_of(destination_type: &str) -> &'static [(NameField, Allowed)] {
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

/// Whether a type has labels.
pub(super) fn has_labels(destination_type: &str) -> bool {
    destination_type == "loki"
}

/// Whether the text has values in braces.
pub(super) fn is_template(text: &str) -> bool {
    text.contains(['{', '}'])
}

/// The configured templates of a destination.
#[derive(Default)]
pub(super) struct Templates(Vec<NameTemplates>);

impl Templates {
    /// The templates.
    pub(super) fn into_inner(self) -> Vec<NameTemplates> {
        self.0
    }

    /// Takes a name that is a template. Records without a value have the type's default.
    pub(super) fn take(
        &mut self,
        name: &mut Option<String>,
        field: NameField,
        allowed: Allowed,
    ) -> Result<(), FieldError> {
        if let Some(text) = name.take_if(|text| is_template(text)) {
            self.push(NameTarget::Field(field), &text, allowed, Otherwise::Default)?;
        }
        Ok(())
    }

    /// Takes a name that is a template, and leaves the default for the destination itself.
    pub(super) fn take_from(
        &mut self,
        name: &mut String,
        default: String,
        field: NameField,
        allowed: Allowed,
    ) -> Result<(), FieldError> {
        if is_template(name) {
            let text = std::mem::replace(name, default);
            self.push(NameTarget::Field(field), &text, allowed, Otherwise::Default)?;
        }
        Ok(())
    }

    /// Notes a name that must be and may be a template.
    pub(super) fn required(
        &mut self,
        name: &str,
        field: NameField,
        allowed: Allowed,
    ) -> Result<(), FieldError> {
        if is_template(name) {
            self.push(NameTarget::Field(field), name, allowed, Otherwise::Unknown)?;
        }
        Ok(())
    }

    /// Takes the labels that are templates. Records without a value do not have the label.
    pub(super) fn take_labels(
        &mut self,
        labels: &mut BTreeMap<String, String>,
    ) -> Result<(), FieldError> {
        for (name, text) in labels.extract_if(.., |_, text| is_template(text)) {
            self.push(NameTarget::Label(name), &text, Allowed::LokiLabel, Otherwise::Default)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        target: NameTarget,
        text: &str,
        allowed: Allowed,
        otherwise: Otherwise,
    ) -> Result<(), FieldError> {
        let template = template(&target, text, allowed)?;
        self.0.push(NameTemplates { target, templates: vec![template], otherwise });
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
