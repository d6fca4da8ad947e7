//! The lease: at most one instance at a time sends what is parked.
//!
//! It is an object in the bucket, written only where it is as it was read, which S3 sees to. It
//! ends with the invocation that holds it, whatever becomes of that.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// Clocks of different instances differ by less.
const CLOCKS_DIFFER: Duration = Duration::from_secs(10);

/// The object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// The request id of the invocation that holds it.
    pub holder: String,
    /// When it ends, in milliseconds since 1970.
    pub until_ms: u64,
    /// What is being sent, where a second delivery would be a duplicate. Whoever finds this and the
    /// object still there knows that its holder has not come to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sending: Option<String>,
    /// For a destination that was not through at the end, the key after which to go on: what it
    /// would not take must not be in the way of everything else for ever.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub after: BTreeMap<String, String>,
}

impl Lease {
    /// The lease that `holder` takes at `now` until `until`, after `self`; `None` if somebody else
    /// still has it.
    pub fn taken(&self, holder: &str, now: SystemTime, until: SystemTime) -> Option<Self> {
        let is_free = self.until_ms <= millis(now) || self.holder == holder;
        is_free.then(|| Self {
            holder: holder.to_owned(),
            until_ms: millis(until + CLOCKS_DIFFER),
            sending: self.sending.clone(),
            after: self.after.clone(),
        })
    }

    /// The lease given back.
    pub fn returned(self) -> Self {
        Self { until_ms: 0, sending: None, ..self }
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn it_is_taken_by_one_and_free_once_its_time_is_over() {
        let lease = Lease::default().taken("a", at(100), at(160)).unwrap();
        assert_eq!(lease.taken("b", at(169), at(300)), None);
        assert!(lease.taken("a", at(120), at(160)).is_some());
        assert_eq!(lease.taken("b", at(170), at(230)).unwrap().holder, "b");
    }

    #[test]
    fn it_is_free_once_it_was_given_back_and_remembers_where_to_go_on() {
        let mut lease = Lease::default().taken("a", at(100), at(160)).unwrap();
        lease.after.insert("search".to_owned(), "k".to_owned());
        lease.sending = Some("k".to_owned());
        let next = lease.returned().taken("b", at(101), at(160)).unwrap();
        assert_eq!(next.after["search"], "k");
        assert_eq!(next.sending, None);
    }

    #[test]
    fn whoever_finds_what_was_being_sent_is_told() {
        let mut lease = Lease::default().taken("a", at(100), at(160)).unwrap();
        lease.sending = Some("k".to_owned());
        let next = lease.taken("b", at(1_000), at(1_060)).unwrap();
        assert_eq!(next.sending.as_deref(), Some("k"));
    }

    #[test]
    fn an_object_of_a_later_release_can_be_read() {
        let lease: Lease = serde_json::from_str(r#"{"holder":"a","until_ms":5,"more":1}"#).unwrap();
        assert_eq!((lease.holder.as_str(), lease.until_ms), ("a", 5));
    }
}
