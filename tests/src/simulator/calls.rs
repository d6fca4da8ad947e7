//! Every call is counted, every write recorded.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use super::place::Place;

/// A call that arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation's API name, such as `PutSubscriptionFilter`.
    pub operation: &'static str,
    /// Where it was made.
    pub place: Place,
    /// The ARN of who made it.
    pub who: String,
    /// The log group, function, stream or role it names, if any.
    pub resource: Option<String>,
    /// The program it says it comes from.
    pub user_agent: String,
}

/// A write that was carried out or refused by the service itself; not what a quota, a fault or a
/// conflict kept from it.
#[derive(Debug, Clone)]
pub struct Write {
    /// When, in simulated time.
    pub at: SystemTime,
    /// Which.
    pub call: Call,
    /// Its input.
    pub input: Map<String, Value>,
    /// The exception's name, when it was refused.
    pub refused: Option<String>,
}

/// How many calls arrived, and how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    arrived: BTreeMap<(&'static str, Place), u64>,
    refused: BTreeMap<(&'static str, String), u64>,
}

impl Counts {
    /// All calls.
    pub fn total(&self) -> u64 {
        self.arrived.values().sum()
    }

    /// All calls of an operation, wherever made and however they ended.
    pub fn of(&self, operation: &str) -> u64 {
        let matching = self.arrived.iter().filter(|((name, _), _)| *name == operation);
        matching.map(|(_, count)| count).sum()
    }

    /// The calls of an operation in one account and region.
    pub fn of_in(&self, operation: &str, place: &Place) -> u64 {
        let matching = self
            .arrived
            .iter()
            .filter(|((name, counted), _)| *name == operation && counted == place);
        matching.map(|(_, count)| count).sum()
    }

    /// The calls of an operation that were refused with this exception.
    pub fn refused(&self, operation: &str, code: &str) -> u64 {
        let matching =
            self.refused.iter().filter(|((name, with), _)| *name == operation && with == code);
        matching.map(|(_, count)| count).sum()
    }

    /// Each operation with its calls, by name.
    pub fn by_operation(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for ((name, _), count) in &self.arrived {
            *counts.entry(*name).or_default() += count;
        }
        counts
    }

    pub(super) fn arrive(&mut self, operation: &'static str, place: &Place) {
        *self.arrived.entry((operation, place.clone())).or_default() += 1;
    }

    pub(super) fn refuse(&mut self, operation: &'static str, code: &str) {
        *self.refused.entry((operation, code.to_owned())).or_default() += 1;
    }
}
