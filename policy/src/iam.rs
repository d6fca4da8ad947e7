use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde_json::{Value, json};

use crate::{Arn, Destination, Document, logs_principal};

/// What credentials are to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Refresh and plan.
    Plan,
    /// The same, and apply and destroy.
    Apply,
}

/// An option of a policy that is not in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `grant_invoke = true`.
    GrantInvoke,
    /// `refresh = "incremental"`.
    IncrementalRefresh,
}

/// A text that is no value of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} must be one of {values}")]
pub struct UnknownText {
    text: String,
    values: &'static str,
}

impl FromStr for Phase {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        match text {
            "plan" => Ok(Self::Plan),
            "apply" => Ok(Self::Apply),
            _ => Err(UnknownText { text: text.to_owned(), values: "\"plan\", \"apply\"" }),
        }
    }
}

impl FromStr for Feature {
    type Err = UnknownText;

    fn from_str(text: &str) -> Result<Self, UnknownText> {
        match text {
            "grant_invoke" => Ok(Self::GrantInvoke),
            "incremental_refresh" => Ok(Self::IncrementalRefresh),
            _ => {
                let values = "\"grant_invoke\", \"incremental_refresh\"";
                Err(UnknownText { text: text.to_owned(), values })
            }
        }
    }
}

/// The statements of an IAM policy, by resource: the actions of all that have the same.
#[derive(Default)]
struct Statements(BTreeMap<BTreeSet<String>, BTreeSet<&'static str>>);

impl Statements {
    fn allow<S: Into<String>>(
        &mut self,
        resources: impl IntoIterator<Item = S>,
        actions: impl IntoIterator<Item = &'static str>,
    ) {
        let resources = resources.into_iter().map(Into::into).collect();
        self.0.entry(resources).or_default().extend(actions);
    }
}

impl Document {
    /// The IAM policy, as JSON, that credentials need to plan or apply the policy, and nothing else:
    /// with the log groups that it selects now, the destination that it has now.
    #[must_use]
    pub fn iam_policy(&self, phase: Phase, features: &BTreeSet<Feature>) -> String {
        let mut statements = Statements::default();
        self.allow_to_read(&mut statements, features);
        if phase == Phase::Apply {
            self.allow_to_write(&mut statements, features);
        } else if features.contains(&Feature::GrantInvoke) {
            statements.allow(self.function(), ["lambda:GetPolicy"]);
        }
        let mut list: Vec<Value> = statements
            .0
            .into_iter()
            .map(|(resources, actions)| {
                json!({"Effect": "Allow", "Action": actions, "Resource": resources})
            })
            .collect();
        if let Some(role_arn) = self
            .wanted
            .as_ref()
            .and_then(|filter| filter.role_arn.as_ref())
            .filter(|_| phase == Phase::Apply)
        {
            list.push(json!({
                "Effect": "Allow", "Action": ["iam:PassRole"], "Resource": [role_arn],
                "Condition": {"StringEquals": {
                    "iam:PassedToService": logs_principal(partition(&self.region)),
                }},
            }));
        }
        json!({"Version": "2012-10-17", "Statement": list}).to_string()
    }

    fn allow_to_read(&self, statements: &mut Statements, features: &BTreeSet<Feature>) {
        let everything = ["*"];
        let all_groups = || [self.log_group("*")];
        statements.allow(all_groups(), ["logs:DescribeLogGroups"]);
        if !self.selection.tag_filters().is_empty() {
            statements.allow(everything, ["logs:ListLogGroups"]);
            statements.allow(all_groups(), ["logs:ListTagsForResource"]);
        }
        if features.contains(&Feature::IncrementalRefresh) {
            statements.allow(everything, ["cloudtrail:LookupEvents"]);
        }
        let Some(destination) = self.destination() else { return };
        statements.allow(everything, ["logs:DescribeAccountPolicies"]);
        // Loops lead through log groups that the policy does not select.
        statements.allow(all_groups(), ["logs:DescribeSubscriptionFilters"]);
        match destination {
            Destination::Function { .. } => {
                statements.allow(self.function(), ["lambda:GetFunctionConfiguration"]);
            }
            Destination::Stream { .. } => {
                statements.allow(self.destination_arn(), ["kinesis:ListStreamConsumers"]);
                let readers = [
                    "firehose:ListDeliveryStreams",
                    "lambda:ListEventSourceMappings",
                    "pipes:DescribePipe",
                    "pipes:ListPipes",
                ];
                statements.allow(everything, readers);
            }
            Destination::Firehose { .. } => {
                statements.allow(self.destination_arn(), ["firehose:DescribeDeliveryStream"]);
            }
            Destination::Logical { .. } => {
                statements.allow(everything, ["logs:DescribeDestinations"]);
            }
        }
    }

    fn allow_to_write(&self, statements: &mut Statements, features: &BTreeSet<Feature>) {
        let groups = || self.selected_groups();
        if self.desired.retention.is_some() {
            statements.allow(groups(), ["logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy"]);
        }
        if self.desired.deletion_protection.is_some() {
            statements.allow(groups(), ["logs:PutLogGroupDeletionProtection"]);
        }
        if let Some(destination) = self.destination() {
            let actions = ["logs:DeleteSubscriptionFilter", "logs:PutSubscriptionFilter"];
            statements.allow(groups(), actions);
            if matches!(destination, Destination::Logical { .. }) {
                statements.allow(self.destination_arn(), ["logs:PutSubscriptionFilter"]);
            }
        }
        if features.contains(&Feature::GrantInvoke) {
            let actions = ["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"];
            statements.allow(self.function(), actions);
        }
    }

    fn destination(&self) -> Option<Destination> {
        let arn: Arn = self.wanted.as_ref()?.destination_arn.parse().ok()?;
        Destination::of(&arn).ok()
    }

    fn destination_arn(&self) -> Option<String> {
        self.wanted.as_ref().map(|filter| filter.destination_arn.clone())
    }

    /// The destination, if it is a function: without a version or alias, and with any.
    fn function(&self) -> Vec<String> {
        let Some(Destination::Function { name }) = self.destination() else { return Vec::new() };
        let arn = self.destination_arn().unwrap_or_default();
        let unqualified = arn.split_once(&format!(":function:{name}"));
        let base = unqualified.map(|(before, _)| format!("{before}:function:{name}"));
        base.into_iter().flat_map(|base| [format!("{base}:*"), base]).collect()
    }

    /// The ARNs of the log groups that the policy can select.
    fn selected_groups(&self) -> Vec<String> {
        let listings = self.selection.listings().into_iter();
        listings
            .flat_map(|listing| {
                let name = listing.text();
                match listing {
                    // Some calls append `:*`.
                    crate::Listing::Name(_) => {
                        vec![self.log_group(name), self.log_group(&format!("{name}:*"))]
                    }
                    crate::Listing::Prefix(_) | crate::Listing::Tagged(..) => {
                        vec![self.log_group(&format!("{name}*"))]
                    }
                }
            })
            .collect()
    }

    fn log_group(&self, name: &str) -> String {
        let Self { region, account_id, .. } = self;
        format!("arn:{}:logs:{region}:{account_id}:log-group:{name}", partition(region))
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        Some("eusc") => "aws-eusc",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(destination: &str, select: &str) -> Document {
        let text = format!(
            r#"{{"version":1,"name":"p","region":"eu-west-1","account_id":"111122223333",{destination}
                "retention_in_days":30,"select":[{select}]}}"#
        );
        text.parse().unwrap()
    }

    fn allowed(document: &Document, phase: Phase, features: &[Feature]) -> Value {
        let features = features.iter().copied().collect();
        serde_json::from_str(&document.iam_policy(phase, &features)).unwrap()
    }

    const FUNCTION: &str = r#""destination_arn":"arn:aws:lambda:eu-west-1:111122223333:function:shipper:live","filter_name":"p","#;

    #[test]
    fn a_policy_without_a_destination_only_lists_and_sets_retention() {
        let document = document("", r#"{"names":["/app/a"]}"#);
        let groups = "arn:aws:logs:eu-west-1:111122223333:log-group:";
        assert_eq!(
            allowed(&document, Phase::Apply, &[])["Statement"],
            json!([
                {"Effect": "Allow", "Action": ["logs:DescribeLogGroups"], "Resource": [format!("{groups}*")]},
                {"Effect": "Allow", "Action": ["logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy"],
                    "Resource": [format!("{groups}/app/a"), format!("{groups}/app/a:*")]},
            ])
        );
    }

    #[test]
    fn a_policy_that_protects_log_groups_may_protect_them() {
        let destination = r#""deletion_protection":true,"#;
        let document = document(destination, r#"{"name_prefixes":["/app/"]}"#);
        let protects = "logs:PutLogGroupDeletionProtection";
        assert!(allowed(&document, Phase::Apply, &[]).to_string().contains(protects));
        assert!(!allowed(&document, Phase::Plan, &[]).to_string().contains(protects));
    }

    #[test]
    fn planning_cannot_write() {
        let document = document(FUNCTION, r#"{"name_prefixes":["/app/"],"tags":{"a":"b"}}"#);
        let policy = allowed(&document, Phase::Plan, &[Feature::GrantInvoke]).to_string();
        for action in ["Put", "Delete", "Add", "Remove", "PassRole"] {
            assert!(!policy.contains(action), "{policy}");
        }
        for action in ["logs:ListLogGroups", "logs:ListTagsForResource", "lambda:GetPolicy"] {
            assert!(policy.contains(action), "{policy}");
        }
        assert!(policy.contains("function:shipper\"") && policy.contains("function:shipper:*\""));
    }

    #[test]
    fn writes_are_to_what_is_selected() {
        let document =
            document(FUNCTION, r#"{"name_prefixes":["/app/"]},{"name_prefixes":["/web"]}"#);
        let policy = allowed(&document, Phase::Apply, &[]);
        let statements = policy["Statement"].as_array().unwrap();
        let writes = statements.iter().find(|it| it["Action"].to_string().contains("Put")).unwrap();
        let groups = "arn:aws:logs:eu-west-1:111122223333:log-group:";
        assert_eq!(
            writes["Resource"],
            json!([format!("{groups}/app/*"), format!("{groups}/web*")])
        );
    }

    #[test]
    fn a_role_is_passed_to_cloudwatch_logs_only() {
        let stream = r#""destination_arn":"arn:aws:kinesis:eu-west-1:111122223333:stream/logs","filter_name":"p",
            "role_arn":"arn:aws:iam::111122223333:role/r","#;
        let document = document(stream, r#"{"names":["/a"]}"#);
        let policy = allowed(&document, Phase::Apply, &[]);
        let passed = policy["Statement"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(passed["Resource"], json!(["arn:aws:iam::111122223333:role/r"]));
        assert_eq!(
            passed["Condition"]["StringEquals"]["iam:PassedToService"],
            "logs.amazonaws.com"
        );
        assert!(!allowed(&document, Phase::Plan, &[]).to_string().contains("PassRole"));
    }

    #[test]
    fn other_partitions_have_arns_of_their_own() {
        assert_eq!(partition("cn-north-1"), "aws-cn");
        assert_eq!(partition("us-gov-west-1"), "aws-us-gov");
        assert_eq!(partition("us-east-1"), "aws");
    }

    #[test]
    fn other_words_are_errors() {
        assert!(
            "destroy".parse::<Phase>().unwrap_err().to_string().contains("\"plan\", \"apply\"")
        );
        assert!("x".parse::<Feature>().unwrap_err().to_string().contains("\"grant_invoke\""));
    }
}
