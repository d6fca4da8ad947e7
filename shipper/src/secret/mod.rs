//! Secrets that must not be shown, and their ARNs.

mod arn;
mod fetch;
mod value;

pub use arn::{NoArn, SecretArn};
pub(crate) use fetch::parameter;
pub use fetch::{FetchError, Secrets, fetch};
pub use value::Secret;
