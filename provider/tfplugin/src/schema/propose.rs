//! What Terraform proposes as new state, with defaults and what is yet to be computed.

use crate::schema::attribute::Attribute;
use crate::schema::block::{Block, NestedBlock, Nesting};
use crate::unknown::Unknown;
use crate::value::Value;

impl Block {
    /// Fills in defaults where nothing is configured.
    pub(crate) fn with_defaults(&self, config: Value) -> Value {
        self.propose(None, Some(&Value::Null), config, Fill::Defaults)
    }

    /// Fills in defaults, and makes unknown what a new object or a new nested block will get from
    /// the provider. `prior` is None for a new object.
    pub(crate) fn proposed(&self, config: &Value, prior: Option<&Value>, proposed: Value) -> Value {
        self.propose(Some(config), prior, proposed, Fill::DefaultsAndUnknowns)
    }

    fn propose(
        &self,
        config: Option<&Value>,
        prior: Option<&Value>,
        proposed: Value,
        fill: Fill,
    ) -> Value {
        let Value::Map(mut entries) = proposed else {
            return proposed;
        };
        for (name, attribute) in self.attributes() {
            if let Some(value) = entries.get_mut(name) {
                // Where there is no configuration beside it, null says that nothing is configured.
                let configured = match config {
                    Some(config) => !entry(config, name).is_none_or(Value::is_null),
                    None => !value.is_null(),
                };
                attribute.propose(configured, prior.is_none(), value, fill);
            }
        }
        for (name, block) in self.blocks() {
            if let Some(value) = entries.get_mut(name) {
                let config = config.and_then(|config| entry(config, name));
                let prior = prior.map(|prior| entry(prior, name).unwrap_or(&Value::Null));
                block.propose(config, prior, value, fill);
            }
        }
        Value::Map(entries)
    }

    /// Removes what is in no plan and no state.
    pub(crate) fn without_write_only(&self, value: Value) -> Value {
        match value {
            Value::Map(mut entries) => {
                for (name, attribute) in self.attributes() {
                    if attribute.is_write_only()
                        && let Some(value) = entries.get_mut(name)
                    {
                        *value = Value::Null;
                    }
                }
                for (name, block) in self.blocks() {
                    if let Some(value) = entries.get_mut(name) {
                        block.for_each(value, |content, one| {
                            *one = content.without_write_only(std::mem::take(one));
                        });
                    }
                }
                Value::Map(entries)
            }
            other => other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    Defaults,
    DefaultsAndUnknowns,
}

impl Attribute {
    fn propose(&self, configured: bool, new: bool, value: &mut Value, fill: Fill) {
        if self.is_write_only() && fill == Fill::DefaultsAndUnknowns {
            *value = Value::Null;
        } else if configured {
            // The configured value stands.
        } else if let Some(default) = self.default() {
            *value = default.clone();
        } else if self.is_computed() && new && value.is_null() && fill == Fill::DefaultsAndUnknowns
        {
            *value = Value::Unknown(Unknown::default());
        }
    }
}

impl NestedBlock {
    fn propose(
        &self,
        config: Option<&Value>,
        prior: Option<&Value>,
        proposed: &mut Value,
        fill: Fill,
    ) {
        let content = self.content();
        let one = |config: Option<&Value>, prior: Option<&Value>, value: &mut Value| {
            let prior = prior.filter(|prior| !prior.is_null());
            *value = content.propose(config, prior, std::mem::take(value), fill);
        };
        match (self.nesting(), proposed) {
            (_, Value::Typed(_, value)) => {
                self.propose(config.map(inside), prior.map(inside), value, fill);
            }
            (Nesting::Single | Nesting::Group, value) => one(config, prior, value),
            (Nesting::List, Value::List(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let config = config.and_then(|config| element(config, index));
                    let prior = prior.and_then(|prior| element(prior, index));
                    one(config, prior, item);
                }
            }
            (Nesting::Set, Value::List(items)) => {
                for item in items {
                    // Terraform has taken over what a matching element of the prior set had, so an
                    // element that is not in it is new. Nothing says which block it was.
                    let before = match prior {
                        Some(Value::List(before)) => before.as_slice(),
                        _ => &[],
                    };
                    let same = before.iter().find(|one| *one == item);
                    one(None, same, item);
                }
            }
            (Nesting::Map, Value::Map(entries)) => {
                for (key, item) in entries {
                    let config = config.and_then(|config| entry(config, key));
                    let prior = prior.and_then(|prior| entry(prior, key));
                    one(config, prior, item);
                }
            }
            _ => {}
        }
    }

    /// Visits each copy of the block.
    pub(crate) fn for_each(&self, value: &mut Value, mut visit: impl FnMut(&Block, &mut Value)) {
        match (self.nesting(), value) {
            (_, Value::Typed(_, value)) => self.for_each(value, visit),
            (Nesting::Single | Nesting::Group, value) => visit(self.content(), value),
            (Nesting::Map, Value::Map(entries)) => {
                entries.values_mut().for_each(|one| visit(self.content(), one));
            }
            (_, Value::List(items)) => {
                items.iter_mut().for_each(|one| visit(self.content(), one));
            }
            _ => {}
        }
    }
}

fn entry<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    match object {
        Value::Map(entries) => entries.get(name),
        _ => None,
    }
}

fn element(list: &Value, index: usize) -> Option<&Value> {
    match list {
        Value::List(items) => items.get(index),
        _ => None,
    }
}

fn inside(value: &Value) -> &Value {
    match value {
        Value::Typed(_, value) => inside(value),
        value => value,
    }
}
