use logagg_policy::{Document, InvalidDocument};

/// One policy of an input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Known(Box<Document>),
    /// A policy of a plan whose document is known after apply.
    Unknown {
        address: String,
    },
}

/// Why an input is not a policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDocument {
    #[error("{place}{error}")]
    Invalid { place: String, error: InvalidDocument },
    #[error("{place}expected the document of a logagg_policy: an object, or a string with one")]
    Neither { place: String },
    #[error("this {what} has no logagg_policy; at least one is required")]
    NoPolicy { what: &'static str },
    #[error(
        "no output is the document of a logagg_policy: {}. Add an output with the value \
         logagg_policy.NAME.document",
        .names.join(", ")
    )]
    NotInOutputs { names: Vec<String> },
    #[error("there is no policy; at least one document of a logagg_policy is required")]
    Empty,
}

/// A document from its text.
pub(crate) fn parsed(place: String, text: &str) -> Result<Policy, NoDocument> {
    let document = text.parse().map_err(|error| NoDocument::Invalid { place, error })?;
    Ok(Policy::Known(Box::new(document)))
}
