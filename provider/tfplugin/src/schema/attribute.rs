//! One attribute of a block.

use crate::convert::Convert;
use crate::diagnostic::Diagnostic;
use crate::kind::Type;
use crate::schema::check::Check;
use crate::value::Value;

/// Who gives an attribute its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The configuration, always.
    Required,
    /// The configuration, if any.
    Optional,
    /// The configuration, or else the provider.
    OptionalComputed,
    /// The provider.
    Computed,
}

/// One attribute of a block.
#[derive(Clone, Debug)]
pub struct Attribute {
    kind: Type,
    presence: Presence,
    description: String,
    deprecation: Option<String>,
    sensitive: bool,
    write_only: bool,
    default: Option<Value>,
    checks: Vec<Check>,
}

impl Attribute {
    /// Has to be configured.
    pub fn required(kind: Type) -> Self {
        Self::new(kind, Presence::Required)
    }

    /// Can be configured.
    pub fn optional(kind: Type) -> Self {
        Self::new(kind, Presence::Optional)
    }

    /// Comes from the provider only.
    pub fn computed(kind: Type) -> Self {
        Self::new(kind, Presence::Computed)
    }

    fn new(kind: Type, presence: Presence) -> Self {
        Self {
            kind,
            presence,
            description: String::new(),
            deprecation: None,
            sensitive: false,
            write_only: false,
            default: None,
            checks: Vec::new(),
        }
    }

    /// Where nothing is configured, comes from the provider.
    #[must_use]
    pub fn or_computed(mut self) -> Self {
        self.presence = Presence::OptionalComputed;
        self
    }

    /// What it is for, in Markdown.
    #[must_use]
    pub fn describe(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Warns who configures it, with what to do instead.
    #[must_use]
    pub fn deprecated(mut self, message: impl Into<String>) -> Self {
        self.deprecation = Some(message.into());
        self
    }

    /// Hidden in plans.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Read from the configuration only: never in a plan, never in a state. Terraform 1.11 and
    /// newer.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// Taken where nothing is configured. In a resource or data source this makes the attribute
    /// computed too, since it then has a value that the configuration does not show.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self.presence = Presence::OptionalComputed;
        self
    }

    /// Looks at the configured value, once it is known.
    #[must_use]
    pub fn check<T: Convert + 'static>(
        mut self,
        check: impl Fn(&T) -> Result<(), Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(Check::whole(check));
        self
    }

    /// Looks at each element of the configured list, set or map, once it is known.
    #[must_use]
    pub fn check_each<T: Convert + 'static>(
        mut self,
        check: impl Fn(&T) -> Result<(), Diagnostic> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(Check::each(check));
        self
    }

    /// Its type.
    pub fn kind(&self) -> &Type {
        &self.kind
    }

    /// Who gives it its value.
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// What it is for, in Markdown.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What to do instead, where it is deprecated.
    pub fn deprecation(&self) -> Option<&str> {
        self.deprecation.as_deref()
    }

    /// Whether plans hide it.
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// Whether it is in no plan and no state.
    pub fn is_write_only(&self) -> bool {
        self.write_only
    }

    /// Whether the provider may give it a value.
    pub fn is_computed(&self) -> bool {
        matches!(self.presence, Presence::Computed | Presence::OptionalComputed)
    }

    /// What it is where nothing is configured.
    pub fn default(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    pub(crate) fn checks(&self) -> &[Check] {
        &self.checks
    }
}
