//! What plans and applies configurations, and keeps state: the real Terraform, or its part played.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use logagg_e2e::simulator::Simulator;

use super::configuration::Configuration;
use super::operation::Last;
use super::state::Stated;

/// How a run ended, and what was said.
pub(super) struct Outcome {
    /// 0, 1 for an error, and 2 for a plan with changes.
    pub(super) code: i32,
    /// All that was said, as running text.
    pub(super) text: String,
    /// The same for people.
    pub(super) story: String,
}

impl Outcome {
    pub(super) fn code(&self) -> i32 {
        self.code
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story)
    }
}

/// What is to be planned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) replace: Option<&'a str>,
    pub(super) target: Option<&'a str>,
    pub(super) order: Order,
}

/// How many resources are worked on at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Any,
    Serial,
}

/// What is applied.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    /// What is planned just before.
    Fresh(Asked<'a>),
    /// The last plan.
    Saved,
}

/// What happens during an apply.
#[derive(Clone, Copy, Debug)]
pub(super) enum Disturbance<'a> {
    Last(Last),
    /// At the end of a call.
    Strike {
        operation: &'a str,
        after: usize,
        strike: Strike,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    Interrupt,
    Kill,
}

/// What came of an apply.
pub(super) struct Applied {
    pub(super) outcome: Outcome,
    /// Whether it was interrupted or killed.
    pub(super) broken_off: bool,
    /// Addresses whose private data was lost.
    pub(super) forgetful: Vec<String>,
}

pub(super) trait Driver {
    fn configure(&mut self, configuration: &Configuration);

    fn state(&self) -> Vec<Stated>;

    /// Where it is not in state there is nothing to taint.
    fn taint(&mut self, address: &str);

    /// Whether a kill has cost it its state.
    fn has_lost_its_state(&self) -> bool {
        false
    }

    /// There may be none yet.
    fn lose_state(&mut self);

    fn plan(&mut self, asked: Asked<'_>) -> Outcome;

    /// The log groups that the last plan changes, by the policy's address.
    fn shown(&self) -> BTreeMap<String, BTreeSet<String>>;

    fn apply(&mut self, what: What<'_>, disturbance: Disturbance<'_>) -> Applied;
}

/// Makes a driver for an account of its own, by the seed of its lifecycle.
pub(super) type Make<'m> = dyn for<'a> Fn(&'a Simulator, u64) -> Box<dyn Driver + 'a> + Sync + 'm;

/// The log groups whose entries in two values of a policy differ.
pub(super) fn differing_entries(
    before: &serde_json::Value,
    after: &serde_json::Value,
) -> BTreeSet<String> {
    let entries =
        |value: &serde_json::Value| value["log_groups"].as_object().cloned().unwrap_or_default();
    let (before, after) = (entries(before), entries(after));
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}
