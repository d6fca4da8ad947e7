//! The response to Lambda for a batch.

use super::pipeline::Disposition;
use super::reply::Reply;
use super::ship_error::ShipError;
use super::shipper::Shipper;
use crate::config::BatchFailures;
use crate::destination::ReasonCode;
use crate::summary::{Outcome, Summary};

impl Shipper {
    /// The response for a batch: the failed records, or an error for all.
    pub(super) fn reply(
        &self,
        failed: Vec<String>,
        again: usize,
        of: usize,
        dispositions: &[Disposition],
        summary: &mut Summary,
    ) -> Result<Reply, ShipError> {
        if failed.is_empty() {
            return Ok(Reply::BatchFailures(failed));
        }
        let mut reasons: Vec<String> = Vec::new();
        if dispositions.contains(&Disposition::Undelivered) {
            reasons.push(undelivered(summary));
        }
        for disposition in dispositions {
            if let Disposition::Undecodable(error) = disposition {
                let reason = error.to_string();
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        // What stored events still have undelivered is in the counts, with the reasons.
        let reasons =
            if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
        let error = ShipError::Batch(again, of, reasons);
        match self.config.batch_failures {
            BatchFailures::Fail => Err(error),
            BatchFailures::Report => {
                summary.outcome = Outcome::Failed;
                summary.error = Some(error.to_string());
                summary.reported = failed.len();
                Ok(Reply::BatchFailures(failed))
            }
        }
    }
}

/// The undelivered records, by destination and reason.
pub(super) fn undelivered(summary: &Summary) -> String {
    let failed: Vec<String> = summary
        .destinations
        .iter()
        .filter(|(_, counts)| counts.returned_to_source > 0)
        .map(|(name, counts)| {
            let reasons: Vec<&str> = counts
                .reasons
                .get("returned_to_source")
                .into_iter()
                .flat_map(|reasons| reasons.keys().map(ReasonCode::as_str))
                .collect();
            format!(
                "{} of {} records to \"{name}\" ({})",
                counts.returned_to_source,
                counts.received,
                reasons.join(", ")
            )
        })
        .collect();
    failed.join("; ")
}
