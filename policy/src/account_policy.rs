use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The subscription policy of an account in a region: it ships every log group but some, beside
/// the filters that the log groups have themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPolicy {
    /// Its name.
    pub name: String,
    /// Where the events go.
    pub destination_arn: String,
    /// The log groups that it leaves out.
    pub except: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    destination_arn: String,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html>
const ALL_BUT: [&str; 4] = ["LogGroupName", "NOT", "IN", "["];

impl AccountPolicy {
    /// From what AWS shows of one: its name, its document, and which log groups it is for.
    ///
    /// # Errors
    /// When it reads as no such policy did when this was written.
    pub fn reported(
        name: &str,
        document: &str,
        selection_criteria: Option<&str>,
    ) -> Result<Self, UnknownAccountPolicy> {
        let unknown = || UnknownAccountPolicy { name: name.to_owned() };
        let document: Document = serde_json::from_str(document).map_err(|_| unknown())?;
        let except = match selection_criteria.map(str::trim).filter(|text| !text.is_empty()) {
            None => BTreeSet::new(),
            Some(text) => all_but(text).ok_or_else(unknown)?,
        };
        let (name, destination_arn) = (name.to_owned(), document.destination_arn);
        Ok(Self { name, destination_arn, except })
    }

    /// Whether it ships a log group.
    #[must_use]
    pub fn ships(&self, log_group: &str) -> bool {
        !self.except.contains(log_group)
    }
}

/// The names in `LogGroupName NOT IN ["a", "b"]`.
fn all_but(criteria: &str) -> Option<BTreeSet<String>> {
    let mut rest = criteria;
    for word in ALL_BUT {
        rest = rest.trim_start().strip_prefix(word)?;
    }
    serde_json::from_str(&format!("[{rest}")).ok()
}

/// A policy in an unknown format: what it forwards cannot be determined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the account-level subscription policy {name:?} has a document or selection criteria in an \
     unknown format"
)]
pub struct UnknownAccountPolicy {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "{\"DestinationArn\": \"here\", \"FilterPattern\": \"\", \"New\": 1}";

    fn reported(criteria: Option<&str>) -> Result<AccountPolicy, UnknownAccountPolicy> {
        AccountPolicy::reported("all", DOCUMENT, criteria)
    }

    #[test]
    fn ships_every_log_group_but_those_it_names() {
        let all = reported(None).unwrap();
        assert_eq!(all.destination_arn, "here");
        assert!(all.ships("/a"));
        let but = reported(Some("LogGroupName NOT IN [\"/a\", \"/b\"]")).unwrap();
        assert!(!but.ships("/a") && !but.ships("/b") && but.ships("/a/b"));
        assert_eq!(reported(Some(" LogGroupName NOT  IN[\"/a\",\"/b\"] ")).unwrap(), but);
    }

    #[test]
    fn unknown_selection_criteria_are_an_error() {
        for criteria in ["LogGroupName IN [\"/a\"]", "LogGroupName NOT IN \"/a\"", "?"] {
            let error = reported(Some(criteria)).unwrap_err().to_string();
            assert_eq!(
                error,
                "the account-level subscription policy \"all\" has a document or selection \
                 criteria in an unknown format"
            );
        }
        assert!(AccountPolicy::reported("all", "[]", None).is_err());
    }
}
