use std::collections::{BTreeMap, BTreeSet};

use logagg_policy::{LogGroupClass, Ownership};
use serde::{Deserialize, Serialize};

/// What a policy remembers in private state: what planning needs to know and the state does not
/// show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// The class of each chosen group whose class is not STANDARD.
    classes: BTreeMap<String, String>,
    /// Where the foreign filter ships that holds our name, by log group.
    pub(crate) foreign: BTreeMap<String, String>,
    /// What filters of ours may still be called or ship to, because a change of name or
    /// destination was not finished on every group.
    former_names: BTreeSet<String>,
    former_destinations: BTreeSet<String>,
}

impl tfplugin::Private for Memory {
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps and sets of strings are always JSON")
    }
}

impl Memory {
    /// The class of a log group, standard unless remembered otherwise.
    pub(crate) fn class(&self, log_group: &str) -> LogGroupClass {
        LogGroupClass::reported(self.classes.get(log_group).map(String::as_str))
    }

    pub(crate) fn remember_class(&mut self, log_group: &str, class: &LogGroupClass) {
        if *class != LogGroupClass::Standard {
            self.classes.insert(log_group.to_owned(), class.to_string());
        }
    }

    pub(crate) fn forget_groups(&mut self) {
        self.classes.clear();
        self.foreign.clear();
    }

    /// What is ours, what was ours before included.
    pub(crate) fn widen(&self, mut ownership: Ownership) -> Ownership {
        ownership.names.extend(self.former_names.iter().cloned());
        ownership.destinations.extend(self.former_destinations.iter().cloned());
        ownership
    }

    /// Keeps in mind what was ours until every group has been changed.
    pub(crate) fn remember_former(&mut self, before: Ownership) {
        self.former_names.extend(before.names);
        self.former_destinations.extend(before.destinations);
    }

    pub(crate) fn forget_former(&mut self) {
        self.former_names.clear();
        self.former_destinations.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tfplugin::Private;

    #[test]
    fn reads_back_what_it_wrote() {
        let mut memory = Memory::default();
        memory.remember_class("/a", &LogGroupClass::InfrequentAccess);
        memory.remember_class("/b", &LogGroupClass::Standard);
        memory.foreign.insert("/c".into(), "elsewhere".into());
        memory.remember_former(Ownership {
            names: BTreeSet::from(["old".to_owned()]),
            destinations: BTreeSet::new(),
        });
        let read = Memory::decode(&memory.encode()).unwrap();
        assert_eq!(read, memory);
        assert_eq!(read.class("/a"), LogGroupClass::InfrequentAccess);
        assert_eq!(read.class("/b"), LogGroupClass::Standard);
    }
}
