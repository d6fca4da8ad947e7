use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::super::clock::millis;
use super::super::input::{Input, Text};
use super::super::place::Place;
use super::super::refusal::Refusal;
use super::super::world::{Scope, json_body};
use super::group::Group;
use super::{TOKEN, nothing};

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html>
const MAX_CRITERIA_BYTES: usize = 25 * 1_024;
const MAX_DOCUMENT: usize = 30_720;
const TYPES: [&str; 1] = ["SUBSCRIPTION_FILTER_POLICY"];
const NAME: Text = Text::of(1, 256);

/// The subscription policy of an account in a region: it sends every group's lines somewhere,
/// beside the groups' own filters.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountPolicy {
    pub(in super::super) name: String,
    pub(in super::super) document: String,
    pub(in super::super) selection_criteria: Option<String>,
    pub(in super::super) updated_millis: u64,
}

/// A retention policy of an account in a region. It overrides the retention of log groups.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html>
#[derive(Debug, Clone, PartialEq)]
pub struct RetentionPolicy {
    name: String,
    /// `None` if events never expire.
    days: Option<u16>,
    /// Only log groups whose names begin so.
    prefix: String,
    /// Only log groups that were created later; `None` for all.
    new_only_since: Option<SystemTime>,
    /// When it was put. AWS applies it within a day.
    in_force_at: SystemTime,
}

impl RetentionPolicy {
    /// One for all log groups, in force at once; `None` days never expire.
    pub fn named(name: &str, days: Option<u16>) -> Self {
        let (name, prefix) = (name.to_owned(), String::new());
        let in_force_at = SystemTime::UNIX_EPOCH;
        Self { name, days, prefix, new_only_since: None, in_force_at }
    }

    /// For log groups whose names begin so.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..self }
    }

    /// For log groups that are created later (`NEW_ONLY` instead of `RETROACTIVE`).
    #[must_use]
    pub fn new_only(self, since: SystemTime) -> Self {
        Self { new_only_since: Some(since), ..self }
    }

    /// In force from a time on.
    #[must_use]
    pub fn in_force_at(self, time: SystemTime) -> Self {
        Self { in_force_at: time, ..self }
    }

    fn governs(&self, group: &Group, now: SystemTime) -> bool {
        let is_late = |since| group.created.is_some_and(|created| created >= since);
        group.name.starts_with(&self.prefix)
            && self.new_only_since.is_none_or(is_late)
            && now >= self.in_force_at
    }
}

/// The retention that a log group has: that of the longest policy for it, with the policy's name, or
/// else its own.
pub(super) fn effective_retention<'p>(
    policies: &'p [RetentionPolicy],
    group: &Group,
    now: SystemTime,
) -> (Option<u16>, Option<&'p str>) {
    let governing = policies.iter().filter(|policy| policy.governs(group, now));
    let longest = governing.max_by_key(|policy| policy.days.unwrap_or(u16::MAX));
    match longest {
        Some(policy) => (policy.days, Some(&policy.name)),
        None => (group.retention_in_days, None),
    }
}

impl AccountPolicy {
    /// One that sends everything to this destination.
    pub fn named(name: &str, destination_arn: &str) -> Self {
        Self {
            name: name.to_owned(),
            document: json!({"DestinationArn": destination_arn, "FilterPattern": ""}).to_string(),
            selection_criteria: None,
            updated_millis: 0,
        }
    }

    /// All but these log groups.
    #[must_use]
    pub fn except(mut self, groups: &[&str]) -> Self {
        self.selection_criteria = Some(format!("LogGroupName NOT IN {}", json!(groups)));
        self
    }

    fn shown(&self, place: &Place) -> Value {
        let mut shown = json!({
            "policyName": self.name,
            "policyDocument": self.document,
            "policyType": TYPES[0],
            "scope": "ALL",
            "lastUpdatedTime": self.updated_millis,
            "accountId": place.account,
        });
        if let Some(criteria) = &self.selection_criteria {
            shown["selectionCriteria"] = criteria.as_str().into();
        }
        shown
    }
}

pub(super) fn describe(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let kind = input.choice("policyType", &TYPES);
    let name = input.text("policyName", NAME);
    let accounts = input.texts("accountIdentifiers", (0, 20), Text::of(12, 12));
    input.text("nextToken", TOKEN);
    input.finish()?;
    required(kind, "policyType")?;
    let place = scope.place;
    if accounts.iter().flatten().any(|account| *account != place.account) {
        return Err(Refusal::invalid("The simulated account is no monitoring account."));
    }
    let policies = scope.here().logs.account_policies.iter();
    let policies: Vec<_> = policies
        .filter(|policy| name.as_ref().is_none_or(|name| *name == policy.name))
        .map(|policy| policy.shown(place))
        .collect();
    Ok(json_body(&json!({"accountPolicies": policies})))
}

pub(super) fn put(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("policyName", NAME);
    let document = input.required("policyDocument", Text::of(1, MAX_DOCUMENT));
    let kind = input.choice("policyType", &TYPES);
    input.choice("scope", &["ALL"]);
    let selection_criteria = input.text("selectionCriteria", Text::of(1, MAX_CRITERIA_BYTES));
    input.finish()?;
    required(kind, "policyType")?;
    check_document(&document)?;
    if let Some(criteria) = &selection_criteria {
        check_criteria(criteria)?;
    }
    let (now, place) = (scope.now, scope.place);
    let policies = &mut scope.here().logs.account_policies;
    if policies.iter().any(|policy| policy.name != name) {
        return Err(Refusal::bad("LimitExceededException", "Resource limit exceeded."));
    }
    let policy = AccountPolicy { name, document, selection_criteria, updated_millis: millis(now) };
    let shown = policy.shown(place);
    *policies = vec![policy];
    Ok(json_body(&json!({"accountPolicy": shown})))
}

pub(super) fn delete(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("policyName", NAME);
    let kind = input.choice("policyType", &TYPES);
    input.finish()?;
    required(kind, "policyType")?;
    let policies = &mut scope.here().logs.account_policies;
    match policies.extract_if(.., |policy| policy.name == name).next() {
        Some(_) => Ok(nothing()),
        None => Err(Refusal::missing("The specified policy does not exist.")),
    }
}

fn required(given: Option<String>, name: &str) -> Result<String, Refusal> {
    given.ok_or_else(|| {
        Refusal::invalid(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: \
             Member must not be null"
        ))
    })
}

fn check_document(document: &str) -> Result<(), Refusal> {
    const KNOWN: [&str; 4] = ["DestinationArn", "RoleArn", "FilterPattern", "Distribution"];
    let fields: Map<String, Value> = serde_json::from_str(document)
        .map_err(|_| Refusal::invalid("PolicyDocument is not a JSON object"))?;
    for (name, value) in &fields {
        if !KNOWN.contains(&name.as_str()) || !value.is_string() {
            let message = format!("PolicyDocument has an unknown or wrong field: {name}");
            return Err(Refusal::invalid(message));
        }
    }
    match fields.contains_key("DestinationArn") {
        true => Ok(()),
        false => Err(Refusal::invalid("PolicyDocument has no DestinationArn")),
    }
}

/// The one form AWS takes: `LogGroupName NOT IN ["/a", "/b"]`.
fn check_criteria(criteria: &str) -> Result<(), Refusal> {
    let list = criteria.trim().strip_prefix("LogGroupName NOT IN");
    let names = list.map(|list| serde_json::from_str::<Vec<String>>(list.trim()));
    match names {
        Some(Ok(_)) => Ok(()),
        Some(Err(_)) | None => Err(Refusal::invalid("SelectionCriteria is not valid")),
    }
}
