//! What a provider writes for each function that a configuration can call.

use crate::convert::ValueError;
use crate::kind::Type;
use crate::value::Value;

/// A function of the provider, called as `provider::NAME::FUNCTION(…)` by Terraform 1.8 or newer. It
/// is pure: Terraform may call it at any time, before the provider is configured too, and expects the
/// same result for the same arguments.
pub trait Function: Send + Sync + 'static {
    /// The name in a configuration.
    fn name(&self) -> &'static str;

    /// What it is called with, and what it gives.
    fn signature(&self) -> Signature;

    /// Calls it, with one known value for each parameter, and then those of the variadic one.
    ///
    /// # Errors
    /// What is wrong with the arguments.
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

/// What a function is called with, and what it gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) variadic: Option<Parameter>,
    pub(crate) result: Type,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Type,
    pub(crate) description: &'static str,
}

/// Why a function has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    pub(crate) text: String,
    pub(crate) argument: Option<usize>,
}

impl Signature {
    /// A function without parameters. `summary` is one line, `description` Markdown.
    pub fn new(result: Type, summary: &'static str, description: &'static str) -> Self {
        Self { summary, description, parameters: Vec::new(), variadic: None, result }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Any number of further arguments.
    #[must_use]
    pub fn variadic(self, parameter: Parameter) -> Self {
        Self { variadic: Some(parameter), ..self }
    }

    /// The parameter of an argument.
    pub(crate) fn parameter_at(&self, index: usize) -> Option<&Parameter> {
        self.parameters.get(index).or(self.variadic.as_ref())
    }
}

impl Parameter {
    /// A parameter that is neither null nor unknown.
    pub fn new(name: &'static str, kind: Type, description: &'static str) -> Self {
        Self { name, kind, description }
    }
}

impl FunctionError {
    /// An error about an argument, counted from 0.
    pub fn on(argument: usize, text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: Some(argument) }
    }

    /// An argument whose value does not fit, counted from 0.
    pub fn of_value(argument: usize, error: &ValueError) -> Self {
        Self::on(argument, error.to_string())
    }

    /// An error about the whole call.
    pub(crate) fn whole(text: impl Into<String>) -> Self {
        Self { text: text.into(), argument: None }
    }
}
