//! How a replay of what is parked in S3 goes about it: who does it, how fast, and where it goes on.

mod lease;
mod pace;

pub use lease::Lease;
pub use pace::Pace;

use crate::park::BucketPlace;

/// How a user wants what is parked to be sent again.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The most that is sent a second, before compression.
    pub bytes_per_second: u64,
    /// Where Lambda's on-failure destination keeps events of this function, if that is in S3.
    pub on_failure: Option<BucketPlace>,
}
