//! Where something is.

use std::fmt;

/// A region of an account: it has its own state and its own quotas.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
}

impl Place {
    /// A region of an account.
    pub fn new(account: &str, region: &str) -> Self {
        Self { account: account.to_owned(), region: region.to_owned() }
    }

    /// The ARN of something here: `arn("lambda", "function:shipper")`.
    pub fn arn(&self, service: &str, resource: impl fmt::Display) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.account, self.region)
    }
}
