//! Why a backfill was not planned.

use crate::aws::AwsError;

/// Why a backfill was not planned. None of its slices was sent unless the error says so.
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
    #[error("{destinations} no log events as old as {from}: {advice}")]
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
    #[error("slices not accepted by the queue: {0}")]
    NotEnqueued(usize),
    /// There was no time to find the log groups.
    #[error(
        "the function's timeout is too short to find the log groups; increase it, or name fewer"
    )]
    NoTime,
    /// It ended after some slices were sent.
    #[error("{error}; slices sent before: {enqueued}{}", after(.continue_after))]
    Interrupted {
        /// Why it ended.
        error: Box<Self>,
        /// The number of slices.
        enqueued: usize,
        /// The log group to continue after.
        continue_after: Option<String>,
    },
    /// A call failed.
    #[error("{error}{advice}")]
    Aws {
        /// The error.
        error: AwsError,
        /// What to do.
        advice: &'static str,
    },
}

fn after(continue_after: &Option<String>) -> String {
    continue_after
        .as_ref()
        .map(|name| format!(", continue with \"after\" set to {name:?}"))
        .unwrap_or_default()
}
