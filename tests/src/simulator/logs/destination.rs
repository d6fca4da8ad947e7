use std::ops::Bound;

use serde_json::{Value, json};

use super::super::clock::millis;
use super::super::iam::RoleFault;
use super::super::input::{Input, Text};
use super::super::place::Place;
use super::super::refusal::Refusal;
use super::super::token;
use super::super::world::{Scope, json_body};
use super::{FILTER_NAME, TOKEN, nothing, wrong_token};

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeDestinations.html>
const PAGE: u16 = 50;
const ARN: Text = Text::of(1, usize::MAX);

/// A CloudWatch Logs destination: a stream that other accounts may send to.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    pub(in super::super) name: String,
    pub(in super::super) target_arn: String,
    pub(in super::super) role_arn: String,
    /// Who may send to it, as an IAM policy.
    pub(in super::super) access_policy: Option<String>,
    pub(in super::super) created_millis: u64,
}

impl Destination {
    /// One that only its own account may send to.
    pub fn named(name: &str, target_arn: &str, role_arn: &str) -> Self {
        Self {
            name: name.to_owned(),
            target_arn: target_arn.to_owned(),
            role_arn: role_arn.to_owned(),
            access_policy: None,
            created_millis: 0,
        }
    }

    /// These accounts may send to it.
    #[must_use]
    pub fn open_to(mut self, accounts: &[&str]) -> Self {
        self.access_policy = Some(
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"AWS": accounts},
                    "Action": "logs:PutSubscriptionFilter",
                    "Resource": "*",
                }],
            })
            .to_string(),
        );
        self
    }

    /// Every account of an organization may send to it, with a role.
    #[must_use]
    pub fn open_to_organization(mut self, id: &str) -> Self {
        self.access_policy = Some(
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "logs:PutSubscriptionFilter",
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:PrincipalOrgID": [id]}},
                }],
            })
            .to_string(),
        );
        self
    }

    fn shown(&self, place: &Place) -> Value {
        let mut shown = json!({
            "destinationName": self.name,
            "targetArn": self.target_arn,
            "roleArn": self.role_arn,
            "arn": place.arn("logs", format_args!("destination:{}", self.name)),
            "creationTime": self.created_millis,
        });
        if let Some(policy) = &self.access_policy {
            shown["accessPolicy"] = policy.as_str().into();
        }
        shown
    }

    fn access(&self, account: &str) -> Access {
        let policy: Value = match &self.access_policy {
            Some(policy) => serde_json::from_str(policy).unwrap_or_default(),
            None => return Access::Closed,
        };
        let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
        let admits = |statement: &&Value| {
            let principal = &statement["Principal"];
            let named = principal.get("AWS").unwrap_or(principal);
            let is = |named: &Value| {
                let named = named.as_str().unwrap_or_default();
                named == "*" || named == account || named.split(':').nth(4) == Some(account)
            };
            statement["Effect"] == "Allow"
                && named.as_array().map_or_else(|| is(named), |all| all.iter().any(is))
        };
        match statements.iter().find(admits) {
            None => Access::Closed,
            Some(statement) if statement["Condition"].is_object() => Access::WithRole,
            Some(_) => Access::Open,
        }
    }
}

enum Access {
    Closed,
    Open,
    WithRole,
}

/// The caller may send to a destination, wherever it is.
pub(super) fn usable(
    scope: &mut Scope<'_>,
    place: &Place,
    name: &str,
    role_arn: Option<&str>,
) -> Result<(), Refusal> {
    let Place { account, region } = scope.place;
    let Some(destination) = scope.world.at(place).logs.destinations.get(name) else {
        return Err(Refusal::missing("The specified destination does not exist."));
    };
    let own = place.account == *account;
    match destination.access(account) {
        Access::Closed if !own => {
            let message = format!(
                "User with accountId: {account} is not authorized to perform \
                 logs:PutSubscriptionFilter on resource: {}",
                place.arn("logs", format_args!("destination:{name}"))
            );
            return Err(Refusal::bad("AccessDeniedException", message));
        }
        Access::WithRole if role_arn.is_none() => {
            let message = "Role ARN is required when creating subscription filter against \
                           destination with Organization access policy";
            return Err(Refusal::invalid(message));
        }
        _ => {}
    }
    let Some(role) = role_arn else { return Ok(()) };
    match scope.world.iam.logs_may_assume(role, account, region, scope.now) {
        Ok(()) => Ok(()),
        Err(RoleFault::Foreign) => Err(Refusal::invalid("Cross-account pass role is not allowed.")),
        Err(RoleFault::Useless) => Err(Refusal::invalid(
            "Could not deliver test message to specified destination. Check if the destination \
             is valid.",
        )),
    }
}

pub(super) fn describe(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let prefix = input.text("DestinationNamePrefix", FILTER_NAME).unwrap_or_default();
    let limit = input.page("limit", PAGE);
    let token = input.text("nextToken", TOKEN);
    input.finish()?;
    let (now, place) = (scope.now, scope.place);
    let listing = format!("destinations {place} {prefix}");
    let after = match token {
        Some(token) => Some(token::redeem(&listing, &token, now).ok_or_else(wrong_token)?),
        None => None,
    };
    let start = match &after {
        Some(after) => Bound::Excluded(after.as_str()),
        None => Bound::Included(prefix.as_str()),
    };
    let all = &scope.here().logs.destinations;
    let mut matching = all
        .range::<str, _>((start, Bound::Unbounded))
        .map(|(_, destination)| destination)
        .take_while(|destination| destination.name.starts_with(&prefix));
    let shown: Vec<_> = matching.by_ref().take(limit).collect();
    let destinations: Vec<_> = shown.iter().map(|one| one.shown(place)).collect();
    let mut answer = json!({"destinations": destinations});
    if let (Some(last), Some(_)) = (shown.last(), matching.next()) {
        answer["nextToken"] = token::issue(&listing, &last.name, now).into();
    }
    Ok(json_body(&answer))
}

pub(super) fn put(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("destinationName", FILTER_NAME);
    let target_arn = input.required("targetArn", ARN);
    let role_arn = input.required("roleArn", ARN);
    input.finish()?;
    let (now, place) = (scope.now, scope.place);
    let stream = target_arn.strip_prefix(&place.arn("kinesis", "stream/"));
    let delivery = target_arn.strip_prefix(&place.arn("firehose", "deliverystream/"));
    let here = scope.here();
    let there = stream.is_some_and(|name| here.streams.contains_key(name))
        || delivery.is_some_and(|name| here.delivery_streams.contains_key(name));
    let Place { account, region } = place;
    if !there || scope.world.iam.logs_may_assume(&role_arn, account, region, now).is_err() {
        let message = "Could not deliver test message to specified destination. Check if the \
                       destination is valid.";
        return Err(Refusal::invalid(message));
    }
    let destinations = &mut scope.here().logs.destinations;
    let before = destinations.remove(&name);
    let destination = Destination {
        access_policy: before.as_ref().and_then(|before| before.access_policy.clone()),
        created_millis: before.map_or_else(|| millis(now), |before| before.created_millis),
        ..Destination::named(&name, &target_arn, &role_arn)
    };
    let shown = destination.shown(place);
    destinations.insert(name, destination);
    Ok(json_body(&json!({"destination": shown})))
}

pub(super) fn put_policy(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("destinationName", FILTER_NAME);
    let policy = input.required("accessPolicy", Text::of(1, 5_120));
    input.flag("forceUpdate");
    input.finish()?;
    if serde_json::from_str::<Value>(&policy).is_err() {
        return Err(Refusal::invalid("Access policy is not valid JSON"));
    }
    let missing = || Refusal::missing("The specified destination does not exist.");
    let destination = scope.here().logs.destinations.get_mut(&name).ok_or_else(missing)?;
    destination.access_policy = Some(policy);
    Ok(nothing())
}
