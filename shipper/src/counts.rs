//! The counts of one destination in one invocation.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::destination::ReasonCode;

/// The reason for dropping records of the shipper's own log group.
pub const OWN_LOG_GROUP: ReasonCode = ReasonCode::new("own_log_group");

/// Counts that add up: `received = delivered + deduplicated + dropped + rejected + stored +
/// returned_to_source`. A split record counts once for each of its parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Log events of the invocation, plus the additional parts of split ones.
    pub received: u64,
    /// Accepted by the destination.
    pub delivered: u64,
    /// Accepted by the destination in an earlier delivery.
    pub deduplicated: u64,
    /// Excluded by a rule.
    pub dropped: u64,
    /// Rejected by the destination.
    pub rejected: u64,
    /// Rejected and stored as dead letters.
    pub rejected_stored: u64,
    /// Not delivered and stored: for replay, or as dead letters because of their size.
    pub stored: u64,
    /// Not delivered; the invocation fails so that Lambda retries the event.
    pub returned_to_source: u64,
    /// The increase of `received` by splitting.
    pub additional_parts: u64,
    /// Records whose message was truncated.
    pub truncated: u64,
    /// Documents that were resent without their JSON fields, because the destination rejected
    /// these.
    pub sent_without_json_fields: u64,
    /// Records that the destination may hold twice, now or after Lambda retries the event.
    pub possible_duplicates: u64,
    /// Names that lacked a value of their template.
    pub incomplete_names: u64,
    /// Requests sent.
    pub requests: u64,
    /// Requests that were retries.
    pub retries: u64,
    /// The size of all requests before compression.
    pub bytes_encoded: u64,
    /// The size of all requests as sent.
    pub bytes_sent: u64,
    /// The reasons of `dropped`, `rejected`, `stored`, `returned_to_source` and of retries.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<&'static str, BTreeMap<ReasonCode, u64>>,
    /// By route.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, RouteCounts>,
}

/// The log events that a route sent to a destination. A split log event counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RouteCounts {
    /// Sent to the destination.
    pub received: u64,
    /// Rejected by the destination, as far as it identifies them.
    pub rejected: u64,
    /// Not delivered, and stored or returned to their source.
    pub undelivered: u64,
}

impl Counts {
    /// Counts for this many log events.
    pub fn of(records: usize) -> Self {
        Self { received: records as u64, ..Self::default() }
    }

    /// Counts of an invocation that dropped all log events.
    pub fn all_dropped(records: usize, reason: &ReasonCode) -> Self {
        let mut counts = Self::of(records);
        counts.drop_all(reason);
        counts
    }

    /// Counts this many names that lacked a value.
    pub fn of_incomplete_names(names: usize) -> Self {
        Self { incomplete_names: names as u64, ..Self::default() }
    }

    /// Counts a record that was split into `parts`.
    pub fn split(&mut self, parts: usize) {
        let additional = parts.saturating_sub(1) as u64;
        self.additional_parts += additional;
        self.received += additional;
    }

    /// Counts records as dropped that were not in `received` yet.
    pub fn drop(&mut self, records: u64, reason: &ReasonCode) {
        self.received += records;
        self.dropped += records;
        self.note("dropped", reason, usize::try_from(records).unwrap_or(usize::MAX));
    }

    /// Counts records as rejected.
    pub fn reject(&mut self, records: usize, reason: &ReasonCode) {
        self.rejected += records as u64;
        self.note("rejected", reason, records);
    }

    /// Withdraws a rejection: the records could not be stored as dead letters.
    pub fn withdraw_rejection(&mut self, records: usize, reason: &ReasonCode) {
        self.rejected = self.rejected.saturating_sub(records as u64);
        if let Some(by_reason) = self.reasons.get_mut("rejected")
            && let Some(count) = by_reason.get_mut(reason)
        {
            *count = count.saturating_sub(records as u64);
            by_reason.retain(|_, count| *count > 0);
        }
        self.reasons.retain(|_, by_reason| !by_reason.is_empty());
    }

    /// Counts records as stored.
    pub fn store(&mut self, records: usize, reason: &ReasonCode) {
        self.stored += records as u64;
        self.note("stored", reason, records);
    }

    /// Counts records as returned to their source.
    pub fn return_to_source(&mut self, records: usize, reason: &ReasonCode) {
        self.returned_to_source += records as u64;
        self.note("returned_to_source", reason, records);
    }

    /// Counts the reason of a retry; does not change the sum.
    pub fn note_retry(&mut self, records: usize, reason: &ReasonCode) {
        self.note("retried", reason, records);
    }

    /// Counts the reason for omitting JSON fields; does not change the sum.
    pub fn note_json_fields_rejected(&mut self, reason: &ReasonCode) {
        self.sent_without_json_fields += 1;
        self.note("json_fields_rejected", reason, 1);
    }

    /// Adds the counts of another delivery to the same destination.
    pub fn add(&mut self, other: Self) {
        let Self {
            received,
            delivered,
            deduplicated,
            dropped,
            rejected,
            rejected_stored,
            stored,
            returned_to_source,
            additional_parts,
            truncated,
            sent_without_json_fields,
            possible_duplicates,
            incomplete_names,
            requests,
            retries,
            bytes_encoded,
            bytes_sent,
            reasons,
            routes,
        } = other;
        self.received += received;
        self.delivered += delivered;
        self.deduplicated += deduplicated;
        self.dropped += dropped;
        self.rejected += rejected;
        self.rejected_stored += rejected_stored;
        self.stored += stored;
        self.returned_to_source += returned_to_source;
        self.additional_parts += additional_parts;
        self.truncated += truncated;
        self.sent_without_json_fields += sent_without_json_fields;
        self.possible_duplicates += possible_duplicates;
        self.incomplete_names += incomplete_names;
        self.requests += requests;
        self.retries += retries;
        self.bytes_encoded += bytes_encoded;
        self.bytes_sent += bytes_sent;
        for (route, counts) in routes {
            let own = self.routes.entry(route).or_default();
            own.received += counts.received;
            own.rejected += counts.rejected;
            own.undelivered += counts.undelivered;
        }
        for (disposition, by_reason) in reasons {
            let own = self.reasons.entry(disposition).or_default();
            for (reason, records) in by_reason {
                *own.entry(reason).or_default() += records;
            }
        }
    }

    /// Whether every record is accounted for exactly once.
    pub fn add_up(&self) -> bool {
        self.received
            == self.delivered
                + self.deduplicated
                + self.dropped
                + self.rejected
                + self.stored
                + self.returned_to_source
    }

    fn drop_all(&mut self, reason: &ReasonCode) {
        self.dropped = self.received;
        let records = usize::try_from(self.received).unwrap_or(usize::MAX);
        self.note("dropped", reason, records);
    }

    fn note(&mut self, disposition: &'static str, reason: &ReasonCode, records: usize) {
        if records > 0 {
            *self.reasons.entry(disposition).or_default().entry(reason.clone()).or_default() +=
                records as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_only_when_every_record_is_accounted_for_once() {
        let mut counts = Counts::of(3);
        assert!(!counts.add_up());
        counts.delivered = 1;
        counts.reject(1, &ReasonCode::new("bad"));
        counts.return_to_source(1, &ReasonCode::new("late"));
        assert!(counts.add_up());
        counts.split(3);
        assert!(!counts.add_up());
        counts.delivered += 2;
        assert!(counts.add_up());
        assert!(Counts::all_dropped(4, &OWN_LOG_GROUP).add_up());
        counts.add(Counts::all_dropped(4, &OWN_LOG_GROUP));
        counts.add(Counts::of(1));
        assert!(!counts.add_up());
        counts.store(1, &ReasonCode::new("late"));
        assert!(counts.add_up());
        assert_eq!((counts.received, counts.dropped, counts.stored), (10, 4, 1));
        assert_eq!(counts.reasons["dropped"][&OWN_LOG_GROUP], 4);
    }

    #[test]
    fn a_withdrawn_rejection_has_no_reason() {
        let mut counts = Counts::of(2);
        let bad = ReasonCode::new("bad");
        counts.reject(2, &bad);
        counts.withdraw_rejection(2, &bad);
        counts.return_to_source(2, &bad);
        assert!(counts.add_up());
        assert_eq!(counts.reasons.keys().copied().collect::<Vec<_>>(), ["returned_to_source"]);
    }
}
