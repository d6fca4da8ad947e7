//! The responses of the function.

use serde::{Serialize, Serializer};

use crate::summary::Summary;

/// The response of a successful invocation.
#[derive(Debug, PartialEq)]
pub enum Reply {
    /// The summary, for manual invocations.
    Summary,
    /// The failed records of a batch of a stream or queue. Any other response, or an empty
    /// identifier, would fail the whole batch.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/kinesis-batchfailurereporting.html>
    BatchFailures(Vec<String>),
}

impl Reply {
    /// The serialized response.
    pub fn into_response(self, summary: Summary) -> Response {
        match self {
            Self::Summary => Response::Summary(Box::new(summary)),
            Self::BatchFailures(failed) => Response::Batch { failed },
        }
    }
}

/// The serialized response.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// The summary.
    Summary(Box<Summary>),
    /// The failed records of a batch.
    Batch {
        /// Sequence numbers or message ids.
        #[serde(rename = "batchItemFailures", serialize_with = "items")]
        failed: Vec<String>,
    },
}

fn items<S: Serializer>(failed: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Item<'a> {
        item_identifier: &'a str,
    }

    serializer.collect_seq(failed.iter().map(|failed| Item { item_identifier: failed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_to_a_batch_contains_batch_item_failures_only() {
        let response = |failed: &[&str]| {
            let failed = failed.iter().map(|&failed| failed.to_owned()).collect();
            let response = Reply::BatchFailures(failed).into_response(Summary::begin("r", 5));
            serde_json::to_string(&response).unwrap()
        };
        assert_eq!(response(&[]), r#"{"batchItemFailures":[]}"#);
        assert_eq!(response(&["7"]), r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#);
    }
}
