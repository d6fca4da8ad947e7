//! The names under which a destination keeps records, such as an index or a tenant.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::SerializeMap;

/// What a name names. A destination has some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameField {
    /// Splunk: the host.
    Host,
    /// Splunk and Datadog: the source.
    Source,
    /// Splunk: the source type.
    Sourcetype,
    /// Splunk and Elasticsearch: the index or data stream.
    Index,
    /// Datadog, OTLP and Loki: the service.
    Service,
    /// Datadog and Loggly: comma-separated tags.
    Tags,
    /// Honeycomb: the dataset.
    Dataset,
    /// Sumo Logic: the source category.
    Category,
    /// Sumo Logic: the source name.
    Name,
    /// S3: the prefix of object keys.
    Prefix,
    /// Loki: the tenant.
    Tenant,
    /// Kinesis: the partition key.
    PartitionKey,
}

impl NameField {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Host,
        Self::Source,
        Self::Sourcetype,
        Self::Index,
        Self::Service,
        Self::Tags,
        Self::Dataset,
        Self::Category,
        Self::Name,
        Self::Prefix,
        Self::Tenant,
        Self::PartitionKey,
    ];

    /// The name of the field in a configuration and in stored events.
    pub fn key(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Source => "source",
            Self::Sourcetype => "sourcetype",
            Self::Index => "index",
            Self::Service => "service",
            Self::Tags => "tags",
            Self::Dataset => "dataset",
            Self::Category => "category",
            Self::Name => "name",
            Self::Prefix => "prefix",
            Self::Tenant => "tenant",
            Self::PartitionKey => "partition_key",
        }
    }

    /// The field with this name.
    pub fn with_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.key() == key)
    }
}

/// The route of a record and its names at one destination. What has none has the destination's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Names {
    route: Option<String>,
    fields: BTreeMap<NameField, String>,
    labels: BTreeMap<String, String>,
}

static NONE: Names = Names { route: None, fields: BTreeMap::new(), labels: BTreeMap::new() };

impl Names {
    /// No route and no names.
    pub fn none() -> &'static Self {
        &NONE
    }

    /// No names yet, by this route.
    pub fn of_route(route: Option<&str>) -> Self {
        Self { route: route.map(str::to_owned), ..Self::default() }
    }

    /// The route.
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// The name, unless it is the destination's own.
    pub fn get(&self, field: NameField) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }

    /// The labels, by name.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// Whether all names are the destination's own.
    pub fn has_no_names(&self) -> bool {
        self.fields.is_empty() && self.labels.is_empty()
    }

    /// Whether both have the same names, whatever their routes.
    pub fn has_same_names(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.fields == other.fields && self.labels == other.labels
    }

    /// The same with names of others for what it does not have.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        for (field, name) in others.fields {
            self.fields.entry(field).or_insert(name);
        }
        self
    }

    /// The same without its route.
    #[must_use]
    pub fn without_route(&self) -> Self {
        Self { route: None, ..self.clone() }
    }

    /// Sets a name.
    pub fn set(&mut self, target: &NameTarget, name: String) {
        match target {
            NameTarget::Field(field) => drop(self.fields.insert(*field, name)),
            NameTarget::Label(label) => drop(self.labels.insert(label.clone(), name)),
        }
    }

    /// The names as stored with an event: by field, labels below `labels`.
    pub fn read(route: Option<&str>, stored: &BTreeMap<String, StoredName>) -> Self {
        let mut names = Self::of_route(route);
        for (key, value) in stored {
            match (value, NameField::with_key(key)) {
                (StoredName::Labels(labels), _) if key == "labels" => {
                    names.labels.clone_from(labels);
                }
                (StoredName::Name(name), Some(field)) => {
                    names.fields.insert(field, name.clone());
                }
                // Of another version.
                _ => {}
            }
        }
        names
    }
}

/// A name of a stored event.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub enum StoredName {
    /// A name.
    Name(String),
    /// Labels.
    Labels(BTreeMap<String, String>),
}

impl Serialize for Names {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, name) in &self.fields {
            map.serialize_entry(field.key(), name)?;
        }
        if !self.labels.is_empty() {
            map.serialize_entry("labels", &self.labels)?;
        }
        map.end()
    }
}

/// What a template names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameTarget {
    /// A field.
    Field(NameField),
    /// A label with this name.
    Label(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_names_are_read_as_written() {
        let mut names = Names::of_route(Some("payments"));
        names.set(&NameTarget::Field(NameField::Tenant), "shop".to_owned());
        names.set(&NameTarget::Label("team".to_owned()), "a".to_owned());
        let json = serde_json::to_string(&names).unwrap();
        assert_eq!(json, r#"{"tenant":"shop","labels":{"team":"a"}}"#);
        let stored = serde_json::from_str(&json).unwrap();
        assert_eq!(Names::read(Some("payments"), &stored), names);
        assert!(!names.has_same_names(Names::none()));
    }

    #[test]
    fn a_stored_name_that_is_unknown_is_ignored() {
        let stored = serde_json::from_str(r#"{"color":"red","labels":"x"}"#).unwrap();
        assert_eq!(Names::read(None, &stored), *Names::none());
    }
}
