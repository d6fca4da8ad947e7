//! Settings that work but may lose or expose logs. Each must be accepted by name.

use std::borrow::Cow;

pub(super) const MEBIBYTE: u64 = 1024 * 1024;

/// The shipper's memory without any event.
const MEMORY_BESIDE_EVENT_BYTES: u64 = 48 * MEBIBYTE;

/// The maximum memory per byte of a decoded event: the event itself, its unescaped strings, and the
/// parsed records. Measured: 3.3 with typical messages, 4.7 with the shortest.
const MEMORY_FOR_EVENT_BYTE: u64 = 5;

/// A risk that is an error unless `accepted_risks` contains its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Only Lambda retries undelivered events.
    NoUndeliveredStorage,
    /// Log events and credentials are sent unencrypted.
    InsecureHttp,
    /// A large event may exceed the function's memory.
    LowMemory {
        /// The largest event that fits.
        largest_event_bytes: u64,
    },
}

impl Risk {
    pub(super) const NAMES: [&str; 3] = ["no_undelivered_storage", "insecure_http", "low_memory"];

    /// The name in `accepted_risks`.
    pub fn name(self) -> &'static str {
        let [no_undelivered_storage, insecure_http, low_memory] = Self::NAMES;
        match self {
            Self::NoUndeliveredStorage => no_undelivered_storage,
            Self::InsecureHttp => insecure_http,
            Self::LowMemory { .. } => low_memory,
        }
    }

    /// The possible loss and the remedy.
    fn text(self) -> Cow<'static, str> {
        match self {
            Self::NoUndeliveredStorage => {
                "\"undelivered\" is not configured, so an undelivered event fails the \
                 invocation: Lambda retries it twice and then DISCARDS it unless the function \
                 has an on-failure destination, and events that a destination rejects are lost; \
                 configure \"undelivered\""
                    .into()
            }
            Self::InsecureHttp => {
                "the URL begins with http:// and is not a loopback address, so log events and \
                 credentials are sent unencrypted; use https://"
                    .into()
            }
            Self::LowMemory { largest_event_bytes } => format!(
                "an event of \"max_decoded_bytes\" needs more memory than the function has, and \
                 Lambda ends an instance that runs out of memory; increase the function's \
                 memory, or lower \"max_decoded_bytes\" to at most {largest_event_bytes}"
            )
            .into(),
        }
    }

    /// The error message.
    pub(super) fn message(self, place: &str) -> String {
        let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
        let name = self.name();
        format!("{place}{}; or accept the risk with \"accepted_risks\": [\"{name}\"]", self.text())
    }
}

/// The additional memory for each destination, if its records have routes or names.
const MEMORY_FOR_ROUTED_BYTE: u64 = 2;

/// The largest decoded event that fits into the function's memory, with this many destinations
/// whose records have routes or names.
pub(super) fn largest_event_bytes(memory_mb: u64, routed: usize) -> u64 {
    let memory = memory_mb.saturating_mul(MEBIBYTE);
    let for_byte = MEMORY_FOR_EVENT_BYTE + MEMORY_FOR_ROUTED_BYTE * routed as u64;
    memory.saturating_sub(MEMORY_BESIDE_EVENT_BYTES) / for_byte
}
