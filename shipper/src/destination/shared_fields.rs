//! Fields that all records of a log source share, in encoded form.

use std::sync::OnceLock;

use super::record_fields::RecordFields;

/// Bytes that all records of a log source share, encoded or hashed once, for the first record.
#[derive(Debug, Default)]
pub(crate) struct SharedFields {
    pub(super) document: BySelection<SharedDocumentFields>,
    /// The shared [`attributes`](super::attributes).
    pub(super) attributes: BySelection<Vec<u8>>,
    /// The tags as [`labels`](super::tags::labels), and as attributes.
    pub(super) labels: OnceLock<Vec<u8>>,
    pub(super) label_attributes: OnceLock<Vec<u8>>,
    /// The log group's name as a JSON string.
    pub(super) group: OnceLock<Vec<u8>>,
    /// The function's name as a JSON string, or the log group's if the function is unknown.
    pub(super) function: OnceLock<Vec<u8>>,
    /// The hashed prefix of document ids.
    pub(crate) key: OnceLock<Vec<u8>>,
    /// The beginning of document ids as text.
    pub(crate) id: OnceLock<String>,
}

/// The shared parts of a document.
#[derive(Debug)]
pub(super) struct SharedDocumentFields {
    /// `"name":"…","version":"…"},"cloud":{…},"event":{…},"aws":{"cloudwatch":{…`: the function, as
    /// far as known, and all that follows.
    pub(super) bytes: Vec<u8>,
    /// Where what follows begins, after the brace of the function.
    pub(super) rest: usize,
}

/// A value for each selection of fields, made when it is first needed. There are as many selections
/// as destinations at most.
#[derive(Debug)]
pub(super) struct BySelection<T>(OnceLock<Box<Selected<T>>>);

#[derive(Debug)]
struct Selected<T> {
    fields: RecordFields,
    value: T,
    others: BySelection<T>,
}

impl<T> Default for BySelection<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> BySelection<T> {
    /// The value for these fields.
    pub(super) fn get(&self, fields: RecordFields, make: impl Fn() -> T) -> &T {
        let mut place = &self.0;
        loop {
            let selected = place.get_or_init(|| {
                Box::new(Selected { fields, value: make(), others: Self::default() })
            });
            if selected.fields == fields {
                return &selected.value;
            }
            place = &selected.others.0;
        }
    }
}
