//! A small AWS client: signed requests over the shared HTTP client.
//!
//! [`Aws::call`] calls operations of JSON services, [`Bucket`] those of S3, and [`Aws::sign`] signs
//! any other request. Each makes a single attempt: the error says whether it is retryable, and
//! [`retry_until`] retries where no other retry policy applies. Nothing is read, computed or
//! connected before the first call, so configurations without AWS pay nothing for it.

mod client;
mod container_credentials;
mod endpoint;
mod environment;
mod error;
mod not_fetched;
mod retry;
mod s3;
mod service;
mod sign;
mod signed_requests;

pub(crate) use client::parse_response;
pub use client::{Aws, Response};
pub use endpoint::address;
pub(crate) use endpoint::partition;
pub use environment::Environment;
pub(crate) use error::is_throttling;
pub use error::{AwsError, Problem};
pub use not_fetched::NotFetched;
pub use retry::retry_until;
pub use s3::{Bucket, Listed, Listing, Object, bucket_address, object_address};
pub use service::Service;
pub(crate) use signed_requests::reports_expired_credentials;
pub use signed_requests::{has_corrected_clock, sign};
