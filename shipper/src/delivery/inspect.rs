//! Checks whether a destination is set up for the records.

use std::time::{Duration, SystemTime};

use super::client::Client;
use super::signed;
use crate::destination::{Destination, Inspected};

/// The timeout of the check, since the delivery does not depend on it.
const LONGEST: Duration = Duration::from_secs(2);

/// Inspects a destination's setup within `time`, at most [`LONGEST`].
pub(crate) async fn inspect(
    client: &Client,
    destination: &dyn Destination,
    time: Duration,
) -> Inspected {
    let Some(inspection) = destination.inspection() else {
        return Inspected::Valid;
    };
    let asking = async {
        for question in inspection.inspection_requests(SystemTime::now()) {
            let Ok(response) =
                signed::send(client, destination.endpoint(), question, LONGEST).await
            else {
                return Inspected::Unknown;
            };
            match inspection.evaluate(&response) {
                Inspected::NotFound => {}
                inspected => return inspected,
            }
        }
        Inspected::Unknown
    };
    tokio::time::timeout(time.min(LONGEST), asking).await.unwrap_or(Inspected::Unknown)
}
