//! What is not known before apply, and what Terraform already knows of it.

use crate::number::Number;

/// A value that becomes known in apply.
///
/// What Terraform knows of it beforehand is kept byte for byte: it compares what a provider plans
/// with what was configured, and an unknown that lost its refinements is not the same unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    refinement: Option<Box<[u8]>>,
}

/// What is known of an unknown value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refinements {
    /// It will not be null.
    pub not_null: bool,
    /// The string will start with this.
    pub string_prefix: Option<String>,
    /// The number will not be below this.
    pub number_min: Option<Bound>,
    /// The number will not be above this.
    pub number_max: Option<Bound>,
    /// The collection will have at least so many elements.
    pub length_min: Option<u64>,
    /// The collection will have at most so many elements.
    pub length_max: Option<u64>,
}

/// One end of a range of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// The number itself is within the range.
    Inclusive(Number),
    /// The number itself is outside of the range.
    Exclusive(Number),
}

impl Unknown {
    pub(crate) fn refined(body: Box<[u8]>) -> Self {
        Self { refinement: Some(body) }
    }

    pub(crate) fn body(&self) -> Option<&[u8]> {
        self.refinement.as_deref()
    }
}
