//! State as Terraform keeps it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use tfplugin::proto::tfplugin5::ResourceIdentityData;

use crate::lifecycle::configuration::{Configuration, Provider};
use crate::lifecycle::state::Stated;

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) current: BTreeMap<String, Object>,
    /// What another object has taken the address of.
    pub(super) deposed: Vec<(String, Object)>,
    /// The destination that each block's `terraform_data` gives, by label.
    pub(super) outputs: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) value: Json,
    pub(super) private: Vec<u8>,
    pub(super) identity: Option<ResourceIdentityData>,
    pub(super) tainted: bool,
    pub(super) provider: Provider,
}

impl State {
    pub(super) fn stated(&self) -> Vec<Stated> {
        let current = self.current.iter();
        let current = current.map(|(address, object)| (address.clone(), object));
        let deposed = self.deposed.iter();
        let deposed = deposed.map(|(address, object)| (format!("{address} deposed"), object));
        current
            .chain(deposed)
            .map(|(address, object)| Stated::new(address, object.value.clone()))
            .collect()
    }

    /// Those that something here or in the configuration is of.
    pub(super) fn providers(&self, configuration: &Configuration) -> BTreeSet<Provider> {
        let deposed = self.deposed.iter().map(|(_, object)| object.provider);
        let current = self.current.values().map(|object| object.provider);
        let configured = configuration.blocks.values().map(|block| block.provider);
        deposed.chain(current).chain(configured).collect()
    }

    /// As `moved` does with a block. True where something moved.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let moved = |address: &str| {
            let key = address.strip_prefix(from)?;
            (key.is_empty() || key.starts_with('[')).then(|| format!("{to}{key}"))
        };
        let addresses: Vec<_> = self.current.keys().cloned().collect();
        let mut any = false;
        for address in addresses {
            let Some(to) = moved(&address) else { continue };
            if self.current.contains_key(&to) {
                continue;
            }
            if let Some(object) = self.current.remove(&address) {
                self.current.insert(to, object);
                any = true;
            }
        }
        for (address, _) in &mut self.deposed {
            if let Some(to) = moved(address) {
                *address = to;
                any = true;
            }
        }
        any
    }
}
