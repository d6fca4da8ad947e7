//! Why a backfill was not planned.

use crate::aws::AwsError;

/// Why a backfill was not planned. Unless slices are mentioned, none was sent.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The function does not backfill.
    #[error(
        "\"backfill\" is not configured; invoke the function that modules/shipper creates with \
         create_backfill"
    )]
    NotConfigured,
    /// The window has no beginning before its end.
    #[error("\"from\" ({from}) is not before \"to\" ({to})")]
    EmptyWindow {
        /// Its beginning.
        from: String,
        /// Its end.
        to: String,
    },
    /// A destination is not configured.
    #[error("the destination \"{name}\" is not configured; there are {known}")]
    NoDestination {
        /// The name in the request.
        name: String,
        /// The names of the configuration.
        known: String,
    },
    /// A destination accepts no log events of this age.
    #[error("{destinations} no log events from {from} on: {advice}")]
    TooOld {
        /// The destinations, with a verb.
        destinations: String,
        /// The beginning of the window.
        from: String,
        /// What would be possible.
        advice: String,
    },
    /// Log groups do not exist.
    #[error("there is no log group {0}; remove it from \"log_groups\"")]
    NoLogGroups(String),
    /// No log group has the prefix.
    #[error("there is no log group whose name begins with \"{0}\"")]
    NothingMatches(String),
    /// Log groups that the function does not read.
    #[error("{0}; remove it from \"log_groups\"")]
    NotReadable(String),
    /// The function does not know its account.
    #[error("the invocation does not contain the function's ARN")]
    NoAccount,
    /// The queue did not accept all slices.
    #[error(
        "slices not accepted by the queue: {0}; continue with \"after\" set to \"continue_after\""
    )]
    NotEnqueued(usize),
    /// A call failed.
    #[error("{error}{advice}")]
    Aws {
        /// The error.
        error: AwsError,
        /// What to do.
        advice: &'static str,
    },
}
