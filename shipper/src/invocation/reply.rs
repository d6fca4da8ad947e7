//! What the function answers.

use serde::{Serialize, Serializer};

use crate::summary::Summary;

/// What the function answers when it has not failed.
#[derive(Debug, PartialEq)]
pub enum Reply {
    /// The summary, for whoever invokes the function by hand.
    Summary,
    /// To Lambda, which polls a stream or queue: what has failed of the batch. Anything else in the
    /// answer, or an empty identifier, would make the whole batch fail.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/kinesis-batchfailurereporting.html>
    BatchFailures(Vec<String>),
}

impl Reply {
    /// The answer as it is written.
    pub fn answer(self, summary: Summary) -> Response {
        match self {
            Self::Summary => Response::Summary(Box::new(summary)),
            Self::BatchFailures(failed) => Response::Batch { failed },
        }
    }
}

/// The answer as it is written.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// The summary.
    Summary(Box<Summary>),
    /// What has failed of a batch.
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
    fn a_batch_is_answered_as_lambda_wants_it_and_with_nothing_else() {
        let answer = |failed: &[&str]| {
            let failed = failed.iter().map(|&failed| failed.to_owned()).collect();
            let answer = Reply::BatchFailures(failed).answer(Summary::begin("r", 5));
            serde_json::to_string(&answer).unwrap()
        };
        assert_eq!(answer(&[]), r#"{"batchItemFailures":[]}"#);
        assert_eq!(answer(&["7"]), r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#);
    }
}
