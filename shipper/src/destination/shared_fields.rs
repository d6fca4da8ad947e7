//! Fields that all records of a log source share, in encoded form.

use std::sync::OnceLock;

/// Bytes that all records of a log source share, encoded or hashed once, for the first record.
#[derive(Debug, Default)]
pub(crate) struct SharedFields {
    pub(super) document: OnceLock<SharedDocumentFields>,
    /// The shared [`attributes`](super::attributes).
    pub(super) attributes: OnceLock<Vec<u8>>,
    /// The log group's name as a JSON string.
    pub(super) group: OnceLock<Vec<u8>>,
    /// The function's name as a JSON string, or the log group's if the function is unknown.
    pub(super) function: OnceLock<Vec<u8>>,
    /// The hashed prefix of document ids.
    pub(crate) key: OnceLock<Vec<u8>>,
}

/// The shared parts of a document.
#[derive(Debug)]
pub(super) struct SharedDocumentFields {
    /// `,"cloud":{…},"event":{…}`
    pub(super) cloud: Vec<u8>,
    /// `"name":"…","version":"…"`, as far as known.
    pub(super) function: Vec<u8>,
    /// `,"aws":{"cloudwatch":{…,"event_id":`, up to the part that differs between records.
    pub(super) log_stream: Vec<u8>,
}
