//! The types of destinations.

use super::fields::Fields;
use super::{datadog, elasticsearch, logzio, newrelic, splunk_hec};
use crate::delivery::JsonFields;
use crate::destination::Destination;

/// A type of destinations.
pub(super) struct Kind {
    /// The name in `type`.
    name: &'static str,
    /// Reads the fields of the type.
    pub(super) read: fn(&mut Fields<'_, '_>) -> Option<Box<dyn Destination>>,
    /// Whether it takes the fields of structured lines beside the message.
    pub(super) json_fields: JsonFields,
}

/// Every type there is.
const KINDS: [Kind; 5] = [
    Kind { name: "datadog", read: datadog::read, json_fields: JsonFields::Send },
    Kind { name: "elasticsearch", read: elasticsearch::read, json_fields: JsonFields::Send },
    Kind { name: "logzio", read: logzio::read, json_fields: JsonFields::Send },
    Kind { name: "newrelic", read: newrelic::read, json_fields: JsonFields::Omit },
    Kind { name: "splunk_hec", read: splunk_hec::read, json_fields: JsonFields::Omit },
];

/// The names of all types.
pub const TYPES: [&str; KINDS.len()] = names();

impl Kind {
    /// The type of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}

const fn names() -> [&'static str; KINDS.len()] {
    let mut names = [""; KINDS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = KINDS[index].name;
        index += 1;
    }
    names
}
