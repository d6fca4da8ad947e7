//! What a value has to look like for Terraform, beyond its type.

use crate::kind::Type;
use crate::path::{AttributePath, Step};
use crate::schema::attribute::Presence;
use crate::schema::block::{Block, Nesting};
use crate::value::Value;

impl Block {
    /// Normalizes absent blocks to the form that Terraform expects: an empty list instead of null.
    pub(crate) fn complete(&self, value: Value) -> Value {
        let Value::Map(mut entries) = value else { return value };
        for (name, block) in self.blocks() {
            let Some(value) = entries.get_mut(name) else { continue };
            if value.is_null() {
                *value = match block.nesting() {
                    Nesting::Single => Value::Null,
                    Nesting::Group => block.content().empty(),
                    Nesting::List | Nesting::Set => Value::List(Vec::new()),
                    Nesting::Map => Value::Map(Default::default()),
                };
            } else {
                block.for_each(value, |content, one| {
                    *one = content.complete(std::mem::take(one));
                });
            }
        }
        Value::Map(entries)
    }

    /// What of a value can be configured: what comes from the provider only is null.
    pub(crate) fn configurable(&self, value: Value) -> Value {
        let Value::Map(mut entries) = value else { return value };
        for (name, attribute) in self.attributes() {
            if attribute.presence() == Presence::Computed
                && let Some(value) = entries.get_mut(name)
            {
                *value = Value::Null;
            }
        }
        for (name, block) in self.blocks() {
            if let Some(value) = entries.get_mut(name) {
                block.for_each(value, |content, one| {
                    *one = content.configurable(std::mem::take(one));
                });
            }
        }
        Value::Map(entries)
    }

    /// The block with nothing in it.
    pub(crate) fn empty(&self) -> Value {
        let names = self.attributes().keys().chain(self.blocks().keys());
        self.complete(Value::Map(names.map(|name| (name.clone(), Value::Null)).collect()))
    }

    /// The path as far as Terraform can follow it: an element of a set has no place that a path
    /// could name, so it ends at the set.
    pub(crate) fn reachable(&self, mut path: AttributePath) -> AttributePath {
        let mut kind = self.kind();
        for (position, step) in path.steps().iter().enumerate() {
            kind = match (kind, step) {
                (Type::Set(_), _) => {
                    path.truncate(position);
                    return path;
                }
                (Type::Object(mut attributes), Step::Attribute(name)) => {
                    match attributes.remove(name) {
                        Some(kind) => kind,
                        None => return path,
                    }
                }
                (Type::List(element) | Type::Map(element), _) => *element,
                (Type::Tuple(mut elements), Step::Index(index)) if *index < elements.len() => {
                    elements.swap_remove(*index)
                }
                _ => return path,
            };
        }
        path
    }
}
