//! A policy as a JSON document, for the enforcer and the report.

mod written;

use std::collections::BTreeSet;
use std::fmt;

use crate::{Desired, Ownership, Selection, SubscriptionFilter};

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// A whole policy. Its text is JSON without needless spaces, in which every field has its place
/// and what is left out is the default: the same policy is always the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The policy's name.
    pub name: String,
    /// Where its log groups are.
    pub region: String,
    /// Whose they are.
    pub account_id: String,
    /// What every subscribed group is to have; None where the policy ships nothing.
    pub wanted: Option<SubscriptionFilter>,
    /// The destinations whose filters the policy takes over.
    pub replaced: BTreeSet<String>,
    /// The desired state of every selected log group. Only loops that the destination's name shows
    /// are known from a document.
    pub desired: Desired,
    /// Which log groups are selected.
    pub selection: Selection,
}

impl Document {
    /// The filters that are this policy's.
    #[must_use]
    pub fn ownership(&self) -> Ownership {
        let wanted = self.wanted.as_ref();
        Ownership {
            replaced: self.replaced.clone(),
            ..Ownership::of(
                wanted.map(|wanted| wanted.name.as_str()),
                wanted.map(|wanted| wanted.destination_arn.as_str()),
            )
        }
    }
}

/// A text that is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocument {
    /// It is not JSON.
    #[error("the document is not JSON: {why}")]
    NotJson {
        /// Where, and what is in the way.
        why: String,
    },
    /// It was written for another version of this.
    #[error(
        "the document has version {found}, and this release reads version {READ}: use the provider \
         and the Lambda functions of one release", READ = VERSION
    )]
    Version {
        /// As it stands there.
        found: String,
    },
    /// A field is not as it must be.
    #[error("{field}: {why}")]
    Field {
        /// As in `select[0].name_regex`.
        field: String,
        /// What is wrong with it.
        why: String,
    },
}

impl InvalidDocument {
    fn field(field: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::Field { field: field.into(), why: why.to_string() }
    }
}

#[cfg(test)]
mod tests;
