use serde::Serialize;

use super::super::clock::millis;
use super::super::iam::RoleFault;
use super::super::input::{Input, Text};
use super::super::lambda;
use super::super::place::Place;
use super::super::refusal::Refusal;
use super::super::settings::{Essentials, InfrequentAccess};
use super::super::token;
use super::super::world::{Scope, json_body};
use super::group::Class;
use super::{FILTER_NAME, GROUP_NAME, TOKEN, destination, no_such_group, nothing, wrong_token};

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeSubscriptionFilters.html>
const PAGE: u16 = 50;
const DISTRIBUTIONS: [&str; 2] = ["Random", "ByLogStream"];
const SYSTEM_FIELDS: [&str; 3] = ["@aws.account", "@aws.region", "@source.log"];
const ARN: Text = Text::of(1, usize::MAX);

/// A subscription filter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// Its name, unique in the group.
    #[serde(rename = "filterName")]
    pub name: String,
    /// Where matching lines go.
    pub destination_arn: String,
    /// Which lines match; empty for all.
    pub filter_pattern: String,
    /// The role CloudWatch Logs works as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// How lines spread over a stream's shards.
    pub distribution: String,
    /// It sees lines as the group's transformer leaves them.
    pub apply_on_transformed_logs: bool,
    /// Which accounts' and regions' lines match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_selection_criteria: Option<String>,
    /// The system fields that go with every line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emit_system_fields: Vec<String>,
    /// When it was made, in milliseconds since 1970.
    pub creation_time: u64,
}

impl Filter {
    /// One for all lines.
    pub fn named(name: &str, destination_arn: &str) -> Self {
        Self {
            name: name.to_owned(),
            destination_arn: destination_arn.to_owned(),
            filter_pattern: String::new(),
            role_arn: None,
            distribution: "ByLogStream".to_owned(),
            apply_on_transformed_logs: false,
            field_selection_criteria: None,
            emit_system_fields: Vec::new(),
            creation_time: 0,
        }
    }

    /// With a pattern.
    #[must_use]
    pub fn pattern(mut self, pattern: &str) -> Self {
        self.filter_pattern = pattern.to_owned();
        self
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    subscription_filters: Vec<Shown<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    log_group_name: &'a str,
    #[serde(flatten)]
    filter: &'a Filter,
}

pub(super) fn describe(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let group_name = input.required("logGroupName", GROUP_NAME);
    let prefix = input.text("filterNamePrefix", FILTER_NAME).unwrap_or_default();
    let limit = input.page("limit", PAGE);
    let token = input.text("nextToken", TOKEN);
    input.finish()?;
    let now = scope.now;
    let listing = format!("filters {} {group_name} {prefix}", scope.place);
    let after = match token {
        Some(token) => Some(token::redeem(&listing, &token, now).ok_or_else(wrong_token)?),
        None => None,
    };
    let (infrequent_access, essentials) =
        (scope.world.settings.infrequent_access, scope.world.settings.essentials);
    let groups = &scope.here().logs.groups;
    let group = groups.get(&group_name).ok_or_else(no_such_group)?;
    match group.class {
        Class::Standard => {}
        Class::InfrequentAccess if infrequent_access == InfrequentAccess::Answers => {}
        Class::Essentials if essentials == Essentials::Refuses => return Err(not_of_essentials()),
        Class::Essentials => {}
        Class::InfrequentAccess | Class::Delivery => return Err(only_standard()),
    }
    let mut matching = group.filters.values().filter(|filter| {
        filter.name.starts_with(&prefix) && after.as_ref().is_none_or(|after| filter.name > *after)
    });
    let shown: Vec<_> = matching.by_ref().take(limit).collect();
    let next_token = match (shown.last(), matching.next()) {
        (Some(last), Some(_)) => Some(token::issue(&listing, &last.name, now)),
        _ => None,
    };
    let subscription_filters =
        shown.into_iter().map(|filter| Shown { log_group_name: &group_name, filter }).collect();
    Ok(json_body(&Page { subscription_filters, next_token }))
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>
pub(super) fn put(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let group_name = input.required("logGroupName", GROUP_NAME);
    let name = input.required("filterName", FILTER_NAME);
    // An empty pattern is one; only none is none.
    let filter_pattern = input.required("filterPattern", Text::of(0, 1_024));
    let destination_arn = input.required("destinationArn", ARN);
    let role_arn = input.text("roleArn", ARN);
    let distribution = input.choice("distribution", &DISTRIBUTIONS);
    let apply_on_transformed_logs = input.flag("applyOnTransformedLogs").unwrap_or_default();
    let field_selection_criteria = input.text("fieldSelectionCriteria", Text::of(0, 2_000));
    let emit_system_fields = input.texts("emitSystemFields", (0, 3), Text::of(1, 256));
    input.finish()?;
    if let Some(unknown) =
        emit_system_fields.iter().flatten().find(|field| !SYSTEM_FIELDS.contains(&field.as_str()))
    {
        return Err(Refusal::invalid(format!("Unsupported system field: {unknown}")));
    }
    if !closed(&filter_pattern) {
        return Err(Refusal::invalid("Invalid filter pattern"));
    }

    let limit = scope.world.settings.filters_per_group;
    let essentials = scope.world.settings.essentials;
    let group = scope.here().logs.groups.get(&group_name).ok_or_else(no_such_group)?;
    match group.class {
        Class::Standard => {}
        Class::Essentials if essentials == Essentials::Takes => {}
        Class::Essentials => return Err(not_of_essentials()),
        Class::InfrequentAccess | Class::Delivery => return Err(only_standard()),
    }
    let before = group.filters.get(&name).cloned();
    let full = before.is_none() && group.filters.len() >= limit;
    usable(scope, &group_name, &destination_arn, role_arn.as_deref())?;
    if full {
        return Err(Refusal::bad("LimitExceededException", "Resource limit exceeded."));
    }

    // A pattern of one blank is returned as an empty one, which means the same.
    // <https://github.com/hashicorp/terraform-provider-aws/issues/26319>
    let filter_pattern = if filter_pattern == " " { String::new() } else { filter_pattern };
    // Fields are taken back by an empty list only.
    // <https://github.com/hashicorp/terraform-provider-aws/pull/45760>
    let emit_system_fields = emit_system_fields
        .or_else(|| before.as_ref().map(|before| before.emit_system_fields.clone()))
        .unwrap_or_default();
    let filter = Filter {
        name: name.clone(),
        destination_arn,
        filter_pattern,
        role_arn,
        distribution: distribution.unwrap_or_else(|| "ByLogStream".to_owned()),
        apply_on_transformed_logs,
        field_selection_criteria,
        emit_system_fields,
        creation_time: before.map_or_else(|| millis(scope.now), |before| before.creation_time),
    };
    let group = scope.here().logs.groups.get_mut(&group_name).ok_or_else(no_such_group)?;
    group.filters.insert(name, filter);
    Ok(nothing())
}

pub(super) fn delete(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let group_name = input.required("logGroupName", GROUP_NAME);
    let name = input.required("filterName", FILTER_NAME);
    input.finish()?;
    let group = scope.here().logs.groups.get_mut(&group_name).ok_or_else(no_such_group)?;
    match group.filters.remove(&name) {
        Some(_) => Ok(nothing()),
        None => Err(Refusal::missing("The specified subscription filter does not exist.")),
    }
}

/// Brackets and quotes of a pattern have their second half.
fn closed(pattern: &str) -> bool {
    let pattern = pattern.trim();
    let ends = |open, close| !pattern.starts_with(open) || pattern.ends_with(close);
    ends('{', '}')
        && ends('[', ']')
        && pattern.replace("\\\"", "").matches('"').count().is_multiple_of(2)
}

fn not_of_essentials() -> Refusal {
    let message = "This operation is not supported on the Essentials log class.";
    Refusal::bad("InvalidOperationException", message)
}

fn only_standard() -> Refusal {
    let message = "This operation is only supported on the Standard log class.";
    Refusal::bad("ValidationException", message)
}

/// CloudWatch Logs can deliver there, which it tries before it takes a filter.
fn usable(
    scope: &mut Scope<'_>,
    group: &str,
    destination_arn: &str,
    role_arn: Option<&str>,
) -> Result<(), Refusal> {
    let parts: Vec<_> = destination_arn.splitn(6, ':').collect();
    let ["arn", _, vendor, region, account, resource] = parts[..] else {
        return Err(Refusal::invalid(format!("destinationArn '{destination_arn}' is no ARN")));
    };
    let place = Place::new(account, region);
    let here = place == *scope.place;
    let without_role = || {
        Refusal::invalid(format!(
            "destinationArn for vendor {vendor} cannot be used without roleArn"
        ))
    };
    match vendor {
        "lambda" => {
            if role_arn.is_some() {
                let message = "destinationArn for vendor lambda cannot be used with roleArn";
                return Err(Refusal::invalid(message));
            }
            let name = resource.strip_prefix("function:").unwrap_or_default();
            lambda_usable(scope, group, name, here)
        }
        "kinesis" => {
            let role = role_arn.ok_or_else(without_role)?;
            let name = resource.strip_prefix("stream/").unwrap_or_default();
            let there = here && scope.here().streams.contains_key(name);
            let message = "Could not deliver test message to specified Kinesis stream. Check if \
                           the given kinesis stream is valid.";
            role_usable(scope, role, there, message)
        }
        "firehose" => {
            let role = role_arn.ok_or_else(without_role)?;
            let name = resource.strip_prefix("deliverystream/").unwrap_or_default();
            let there = here && scope.here().delivery_streams.contains_key(name);
            let message = "Could not deliver test message to specified Firehose stream. Check if \
                           the given Firehose stream is in ACTIVE state.";
            role_usable(scope, role, there, message)
        }
        "logs" if resource.starts_with("destination:") => {
            let name = resource.strip_prefix("destination:").unwrap_or_default();
            destination::usable(scope, &place, name, role_arn)
        }
        other => Err(Refusal::invalid(format!(
            "PutSubscriptionFilter operation cannot work with destinationArn for vendor {other}"
        ))),
    }
}

fn lambda_usable(
    scope: &mut Scope<'_>,
    group: &str,
    name: &str,
    here: bool,
) -> Result<(), Refusal> {
    const NOT_EXECUTED: &str = "Could not execute the lambda function. Make sure you have given \
                                CloudWatch Logs permission to execute your function.";
    let (now, place) = (scope.now, scope.place);
    let (name, qualifier) = match name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (name, None),
    };
    let not_executed = || Refusal::invalid(NOT_EXECUTED);
    let function = match here {
        true => scope.here().lambda.functions.get(name),
        false => None,
    };
    let function = function.filter(|function| function.has(qualifier)).ok_or_else(not_executed)?;
    if function.log_group() == group {
        let message = "The log group provided is reserved for the function logs of the \
                       destination function.";
        return Err(Refusal::invalid(message));
    }
    match function.admits_logs(qualifier, &lambda::Source { place, group }, now) {
        true => Ok(()),
        false => Err(not_executed()),
    }
}

fn role_usable(
    scope: &Scope<'_>,
    role: &str,
    there: bool,
    not_delivered: &str,
) -> Result<(), Refusal> {
    let Place { account, region } = scope.place;
    match scope.world.iam.logs_may_assume(role, account, region, scope.now) {
        Err(RoleFault::Foreign) => Err(Refusal::invalid("Cross-account pass role is not allowed.")),
        Ok(()) if there => Ok(()),
        Ok(()) | Err(RoleFault::Useless) => Err(Refusal::invalid(not_delivered)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_not_closed_is_seen() {
        for pattern in ["", "ERROR", "\"a b\"", "{ $.level = \"x\" }", "[a, b]", "?A ?B"] {
            assert!(closed(pattern), "{pattern}");
        }
        for pattern in ["{ $.level", "[a, b", "\"a"] {
            assert!(!closed(pattern), "{pattern}");
        }
    }
}
