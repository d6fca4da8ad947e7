//! Settings that work and may still lose logs or give them away. Whoever wants them says so by
//! name.

use std::borrow::Cow;

use super::MEBIBYTE;

/// How much memory the shipper needs whatever is in an event.
const MEMORY_BESIDE_EVENT_BYTES: u64 = 48 * MEBIBYTE;

/// How much memory it needs at most for each byte of a decoded event: for that, for texts without
/// their escapes, and for what is known of each line. With lines as functions write them it is 3.3,
/// with the shortest 4.7.
const MEMORY_FOR_EVENT_BYTE: u64 = 5;

/// Something that is refused unless `accepted_risks` has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Risk {
    /// Undelivered events are in Lambda's hands alone.
    NoUndeliveredStorage,
    /// Lines and credentials travel in the clear.
    InsecureHttp,
    /// A large event may need more memory than there is.
    LowMemory {
        /// The largest for which there is enough.
        largest_event_bytes: u64,
    },
}

impl Risk {
    /// All names.
    pub(super) const NAMES: [&str; 3] = ["no_undelivered_storage", "insecure_http", "low_memory"];

    /// The name by which it is accepted.
    pub fn name(self) -> &'static str {
        let [no_undelivered_storage, insecure_http, low_memory] = Self::NAMES;
        match self {
            Self::NoUndeliveredStorage => no_undelivered_storage,
            Self::InsecureHttp => insecure_http,
            Self::LowMemory { .. } => low_memory,
        }
    }

    /// What could be lost, and what to do.
    fn text(self) -> Cow<'static, str> {
        match self {
            Self::NoUndeliveredStorage => {
                "there is no \"undelivered\", so an undelivered event fails the invocation: Lambda \
                 retries it twice and then DISCARDS it unless the function has an on-failure \
                 destination, and what a destination rejects is gone; configure \"undelivered\""
                    .into()
            }
            Self::InsecureHttp => {
                "the address begins with http:// and is not this machine's own, so whoever is on \
                 the way can read all lines and the credentials; write https://"
                    .into()
            }
            Self::LowMemory { largest_event_bytes } => format!(
                "an event of \"max_decoded_bytes\" needs more memory than the function has, and an \
                 instance that runs out of memory is killed with all it holds; give the function \
                 more memory, or lower \"max_decoded_bytes\" to {largest_event_bytes}, for which \
                 there is enough"
            )
            .into(),
        }
    }

    /// What is said of it.
    pub(super) fn refusal(self, place: &str) -> String {
        let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
        let name = self.name();
        format!("{place}{}; or accept this with \"accepted_risks\": [\"{name}\"]", self.text())
    }
}

/// The largest event, decoded, for which a function has the memory.
pub(super) fn largest_event_bytes(memory_mb: u64) -> u64 {
    let memory = memory_mb.saturating_mul(MEBIBYTE);
    memory.saturating_sub(MEMORY_BESIDE_EVENT_BYTES) / MEMORY_FOR_EVENT_BYTE
}
