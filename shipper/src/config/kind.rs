//! The types of destinations.

use super::fields::Fields;
use super::{
    datadog, elasticsearch, firehose, honeycomb, http, kinesis, loggly, logzio, loki, newrelic,
    otlp, s3, splunk_hec, sumologic,
};
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
const KINDS: [Kind; 14] = [
    Kind { name: "datadog", read: datadog::read, json_fields: JsonFields::Send },
    Kind { name: "elasticsearch", read: elasticsearch::read, json_fields: JsonFields::Send },
    Kind { name: "firehose", read: firehose::read, json_fields: JsonFields::Send },
    Kind { name: "honeycomb", read: honeycomb::read, json_fields: JsonFields::Send },
    Kind { name: "http", read: http::read, json_fields: JsonFields::Send },
    Kind { name: "kinesis", read: kinesis::read, json_fields: JsonFields::Send },
    Kind { name: "loggly", read: loggly::read, json_fields: JsonFields::Send },
    Kind { name: "logzio", read: logzio::read, json_fields: JsonFields::Send },
    Kind { name: "loki", read: loki::read, json_fields: JsonFields::Omit },
    Kind { name: "newrelic", read: newrelic::read, json_fields: JsonFields::Omit },
    Kind { name: "otlp", read: otlp::read, json_fields: JsonFields::Omit },
    Kind { name: "s3", read: s3::read, json_fields: JsonFields::Send },
    Kind { name: "splunk_hec", read: splunk_hec::read, json_fields: JsonFields::Omit },
    Kind { name: "sumologic", read: sumologic::read, json_fields: JsonFields::Send },
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
