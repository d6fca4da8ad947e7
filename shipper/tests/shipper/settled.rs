//! Checks the sums of an invocation against what a destination holds: nothing is lost, and every
//! duplicate is counted as a possible duplicate.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lambda::Invoked;

/// The messages that a destination holds, including duplicates.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) messages: Vec<String>,
}

/// The counts of one destination.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counts(pub(crate) Value);

impl Counts {
    pub(crate) fn get(&self, name: &str) -> u64 {
        let value = &self.0[name];
        value.as_u64().unwrap_or_else(|| panic!("no count {name} in {}", self.0))
    }

    /// The reasons of one count, with their numbers.
    pub(crate) fn reasons(&self, disposition: &str) -> BTreeMap<String, u64> {
        let reasons = self.0["reasons"][disposition].as_object().into_iter().flatten();
        reasons.map(|(reason, count)| (reason.clone(), count.as_u64().unwrap())).collect()
    }
}

/// Checks an invocation after which a destination that was empty before holds `held`, of `sent`
/// messages, and returns its counts.
pub(crate) fn settled(
    invoked: &Invoked,
    destination: &str,
    sent: &[String],
    held: &Held,
) -> Counts {
    let summary = &invoked.summary;
    let counts = Counts(summary["destinations"][destination].clone());
    let get = |name| counts.get(name);

    // The sums.
    let accounted = get("delivered")
        + get("deduplicated")
        + get("dropped")
        + get("rejected")
        + get("stored")
        + get("returned_to_source");
    assert_eq!(get("received"), accounted, "{summary}");
    let log_events = summary["log_events"].as_u64().unwrap();
    let joined = summary.get("joined").map_or(0, |count| count.as_u64().unwrap());
    assert_eq!(get("received") + joined, log_events + get("additional_parts"), "{summary}");
    assert_eq!(log_events, sent.len() as u64, "{summary}");
    for disposition in ["dropped", "rejected", "stored", "returned_to_source"] {
        let of_reasons: u64 = counts.reasons(disposition).values().sum();
        assert_eq!(of_reasons, get(disposition), "{disposition}: {summary}");
    }

    // The response to Lambda.
    let left = get("returned_to_source") > 0;
    assert_eq!(invoked.is_retried_by_lambda(), left, "{summary}");
    assert_eq!(summary["outcome"], if left { "failed" } else { "ok" });
    if let Ok(result) = &invoked.result
        && result.get("batchItemFailures").is_none()
    {
        assert_eq!(result, summary);
    }

    // What the destination holds.
    let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
    for message in &held.messages {
        *copies.entry(message).or_default() += 1;
    }
    if get("additional_parts") == 0 && get("truncated") == 0 && joined == 0 {
        for message in copies.keys() {
            assert!(sent.iter().any(|sent| sent == message), "never sent: {message}");
        }
        let distinct = copies.len() as u64;
        let called_there = get("delivered") + get("deduplicated");
        assert!(distinct >= called_there, "lost: {distinct} of {called_there}");
        if !left && get("rejected") + get("stored") == 0 {
            assert_eq!(distinct, get("received") - get("dropped"), "{summary}");
        }
    }
    let additional: u64 = copies.values().map(|count| count - 1).sum();
    assert!(additional <= get("possible_duplicates"), "doubled: {additional}, {summary}");
    counts
}
