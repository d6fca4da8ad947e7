//! Validation of a configuration by its schema.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::schema::attribute::Attribute;
use crate::schema::block::{Block, NestedBlock, Nesting};
use crate::schema::check::WriteOnly;
use crate::value::Value;

impl Block {
    /// Validates a configuration against its schema.
    pub(crate) fn check(
        &self,
        config: &Value,
        write_only: WriteOnly,
        diagnostics: &mut Diagnostics,
    ) {
        self.check_at(config, &AttributePath::default(), write_only, diagnostics);
    }

    fn check_at(
        &self,
        config: &Value,
        path: &AttributePath,
        write_only: WriteOnly,
        diagnostics: &mut Diagnostics,
    ) {
        let Value::Map(entries) = config else { return };
        if let Some(message) = self.deprecation() {
            let found = Diagnostic::warning("Deprecated", message);
            diagnostics.push(if path.is_empty() { found } else { found.on(path.clone()) });
        }
        for (name, attribute) in self.attributes() {
            if let Some(value) = entries.get(name).filter(|value| !value.is_null()) {
                let path = path.clone().attribute(name);
                attribute.check_at(value, &path, write_only, diagnostics);
            }
        }
        for (name, block) in self.blocks() {
            if let Some(value) = entries.get(name) {
                block.check_at(value, &path.clone().attribute(name), write_only, diagnostics);
            }
        }
    }
}

impl Attribute {
    fn check_at(
        &self,
        value: &Value,
        path: &AttributePath,
        write_only: WriteOnly,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(message) = self.deprecation() {
            diagnostics.push(Diagnostic::warning("Deprecated argument", message).on(path.clone()));
        }
        if self.is_write_only() && write_only == WriteOnly::Unknown {
            let detail = "This argument is write-only: its value is stored in no plan and no \
                          state, which requires Terraform 1.11 or newer. Use a newer Terraform, or \
                          remove the argument.";
            let found = Diagnostic::error("Write-only argument not supported by Terraform", detail);
            diagnostics.push(found.on(path.clone()));
        }
        for check in self.checks() {
            check.run(value, path, diagnostics);
        }
    }
}

impl NestedBlock {
    fn check_at(
        &self,
        value: &Value,
        path: &AttributePath,
        write_only: WriteOnly,
        diagnostics: &mut Diagnostics,
    ) {
        let inner = |value: &Value, path: &AttributePath, diagnostics: &mut Diagnostics| {
            self.content().check_at(value, path, write_only, diagnostics);
        };
        match value {
            Value::Typed(_, value) => self.check_at(value, path, write_only, diagnostics),
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    inner(item, &path.clone().index(index), diagnostics);
                }
            }
            Value::Map(entries) if self.nesting() == Nesting::Map => {
                self.check_count(entries.len(), path, diagnostics);
                for (key, item) in entries {
                    inner(item, &path.clone().key(key), diagnostics);
                }
            }
            value => inner(value, path, diagnostics),
        }
    }

    /// Terraform counts the blocks of every other nesting itself.
    fn check_count(&self, count: usize, path: &AttributePath, diagnostics: &mut Diagnostics) {
        let too_few = count < self.min() as usize;
        let too_many = self.max().is_some_and(|max| count > max as usize);
        if too_few || too_many {
            let bound = match self.max() {
                Some(max) if too_many => format!("at most {max}"),
                _ => format!("at least {}", self.min()),
            };
            let detail =
                format!("This block is present {count} times; the schema requires {bound}.");
            diagnostics.push(Diagnostic::error("Wrong number of blocks", detail).on(path.clone()));
        }
    }
}
