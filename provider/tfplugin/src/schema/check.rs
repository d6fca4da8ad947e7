//! What a provider checks of an attribute's value.

use std::fmt;
use std::sync::Arc;

use crate::convert::{Convert, ValueError};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::value::Value;

/// What a provider has to say of an attribute's value.
#[derive(Clone)]
pub(crate) struct Check {
    target: Target,
    look: Arc<Look>,
}

type Look = dyn Fn(&Value) -> Result<Result<(), Diagnostic>, ValueError> + Send + Sync;

#[derive(Clone, Copy, Debug)]
enum Target {
    Whole,
    Each,
}

impl Check {
    pub(crate) fn whole<T: Convert + 'static>(
        check: impl Fn(&T) -> Result<(), Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Target::Whole, check)
    }

    pub(crate) fn each<T: Convert + 'static>(
        check: impl Fn(&T) -> Result<(), Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Target::Each, check)
    }

    fn new<T: Convert + 'static>(
        target: Target,
        check: impl Fn(&T) -> Result<(), Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        let look = move |value: &Value| T::from_value(value.clone()).map(|typed: T| check(&typed));
        Self { target, look: Arc::new(look) }
    }

    pub(super) fn run(&self, value: &Value, path: &AttributePath, diagnostics: &mut Diagnostics) {
        match (self.target, value) {
            (_, Value::Typed(_, value)) => self.run(value, path, diagnostics),
            (Target::Each, Value::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.look(item, path.clone().index(index), diagnostics);
                }
            }
            (Target::Each, Value::Map(entries)) => {
                for (key, item) in entries {
                    self.look(item, path.clone().key(key), diagnostics);
                }
            }
            _ => self.look(value, path.clone(), diagnostics),
        }
    }

    fn look(&self, value: &Value, path: AttributePath, diagnostics: &mut Diagnostics) {
        if value.is_null() || value.is_unknown() {
            return;
        }
        match (self.look)(value) {
            Ok(Ok(())) => {}
            Ok(Err(mut found)) => {
                found.attribute.get_or_insert(path);
                diagnostics.push(found);
            }
            // It is checked again once all of it is known.
            Err(_) if !value.is_wholly_known() => {}
            // Terraform knows one type of number; which of them fit, the check's type says.
            Err(error) if matches!(value, Value::Number(_)) => {
                diagnostics.push(error.into_diagnostic("Invalid number").on(path));
            }
            Err(error) => {
                let path = error.path().steps().iter().cloned().fold(path, AttributePath::step);
                let detail = format!(
                    "The check of this attribute reads another type than the attribute has: {}. \
                     This is a bug in the provider.",
                    error.message()
                );
                diagnostics.push(Diagnostic::error("Attribute cannot be checked", detail).on(path));
            }
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Whether Terraform knows write-only attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOnly {
    Allowed,
    Unknown,
}
