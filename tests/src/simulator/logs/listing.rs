use std::ops::Bound;
use std::time::SystemTime;

use serde::Serialize;

use super::super::clock::millis;
use super::super::glob;
use super::super::input::{Input, Text};
use super::super::place::Place;
use super::super::refusal::Refusal;
use super::super::token;
use super::super::world::{Scope, json_body};
use super::account_policy::{RetentionPolicy, effective_retention};
use super::group::{Class, Group};
use super::{GROUP_NAME, TOKEN, is_of_group_name, tags, wrong_token};

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>
const DESCRIBE_PAGE: u16 = 50;
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListLogGroups.html>
const LIST_PAGE: u16 = 1_000;
const LIST_DEFAULT_PAGE: usize = 50;
const MAX_TAG_FILTERS: usize = 5;
const MAX_ALTERNATIVES: usize = 5;
const WANTED_VALUE: Text = Text::of(0, 257)
    .matching("!?([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@*]*)", |c| tags::is_of_tag(c) || "*!".contains(c));

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    log_groups: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// As DescribeLogGroups shows a group. With a pattern, AWS leaves out most of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described<'a> {
    log_group_name: &'a str,
    creation_time: u64,
    arn: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    rest: Option<Rest<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_policy_name: Option<String>,
    metric_filter_count: u32,
    stored_bytes: u64,
    log_group_class: &'static str,
    log_group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<&'a str>,
    deletion_protection_enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    log_group_name: &'a str,
    log_group_arn: String,
    log_group_class: &'static str,
}

pub(super) fn describe(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let prefix = input.text("logGroupNamePrefix", GROUP_NAME);
    let pattern = input.text("logGroupNamePattern", GROUP_NAME);
    let class = input.choice("logGroupClass", &Class::NAMES);
    let names = input.texts("logGroupIdentifiers", (1, 50), Text::of(1, 2048));
    let limit = input.page("limit", DESCRIBE_PAGE);
    let token = input.text("nextToken", TOKEN);
    no_other_accounts(&mut input)?;
    input.finish()?;
    if prefix.is_some() && pattern.is_some() {
        let message = "LogGroup name prefix and LogGroup name pattern are mutually exclusive \
                       parameters.";
        return Err(Refusal::invalid(message));
    }
    if names.is_some() && (prefix.is_some() || pattern.is_some() || class.is_some()) {
        let message = "logGroupIdentifiers cannot be used with other filters.";
        return Err(Refusal::invalid(message));
    }
    let place = scope.place;
    let listing = format!("describe {place} {prefix:?} {pattern:?} {class:?} {names:?}");
    let class = Class::of(class.as_deref());
    let chosen = |group: &Group| {
        class.is_none_or(|class| class == group.class)
            && pattern.as_ref().is_none_or(|pattern| group.name.contains(pattern.as_str()))
            && names.as_ref().is_none_or(|names| names.contains(&group.name))
    };
    let (policies, now) = (scope.here().logs.retention_policies.clone(), scope.now);
    let show = |group| described(group, place, pattern.is_none(), (&policies, now));
    let prefix = prefix.as_deref().unwrap_or_default();
    page(scope, &listing, token, limit, prefix, chosen, show)
}

/// The linked accounts of a monitoring account are not simulated.
fn no_other_accounts(input: &mut Input) -> Result<(), Refusal> {
    if input.flag("includeLinkedAccounts") == Some(true) {
        return Err(Refusal::invalid("The simulated account is no monitoring account."));
    }
    Ok(())
}

fn described<'a>(
    group: &'a Group,
    place: &Place,
    whole: bool,
    (policies, now): (&[RetentionPolicy], SystemTime),
) -> Described<'a> {
    let log_group_arn = group.arn(place);
    let (retention_in_days, by) = effective_retention(policies, group, now);
    Described {
        log_group_name: &group.name,
        creation_time: group.created.map_or(0, millis),
        arn: format!("{log_group_arn}:*"),
        rest: whole.then(|| Rest {
            retention_in_days,
            retention_policy_name: by.map(str::to_owned),
            metric_filter_count: 0,
            stored_bytes: group.stored_bytes,
            log_group_class: group.class.name(),
            log_group_arn,
            kms_key_id: group.kms_key_id.as_deref(),
            deletion_protection_enabled: group.deletion_protection,
        }),
    }
}

pub(super) fn list(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let pattern = input.text("logGroupNamePattern", Text::of(3, 129));
    let class = input.choice("logGroupClass", &Class::NAMES);
    let tags = input.structures("logGroupTags", (1, MAX_TAG_FILTERS), |input| TagFilter {
        key: input.required("key", tags::KEY),
        values: input.texts("values", (0, 20), WANTED_VALUE).unwrap_or_default(),
    });
    let limit = input.number("limit", 1, LIST_PAGE.into());
    let token = input.text("nextToken", TOKEN);
    no_other_accounts(&mut input)?;
    input.finish()?;
    let place = scope.place;
    let listing = format!("list {place} {pattern:?} {class:?} {tags:?}");
    let alternatives = pattern.as_deref().map(alternatives).transpose()?;
    let class = Class::of(class.as_deref());
    let limit = limit.map_or(LIST_DEFAULT_PAGE, |limit| usize::try_from(limit).unwrap_or(1));
    let chosen = |group: &Group| {
        class.is_none_or(|class| class == group.class)
            && alternatives
                .as_ref()
                .is_none_or(|alternatives| alternatives.iter().any(|one| one.fits(&group.name)))
            && tags.iter().flatten().all(|filter| filter.fits(group))
    };
    let show = |group| listed(group, place);
    page(scope, &listing, token, limit, "", chosen, show)
}

fn listed<'a>(group: &'a Group, place: &Place) -> Listed<'a> {
    Listed {
        log_group_name: &group.name,
        log_group_arn: group.arn(place),
        log_group_class: group.class.name(),
    }
}

/// A page of the groups below a prefix. What comes after it is decided by the last name on it, so
/// groups may come and go between two pages.
fn page<'a, T: Serialize>(
    scope: &'a mut Scope<'_>,
    listing: &str,
    token: Option<String>,
    limit: usize,
    prefix: &str,
    chosen: impl Fn(&Group) -> bool,
    show: impl Fn(&'a Group) -> T,
) -> Result<Vec<u8>, Refusal> {
    let now = scope.now;
    let after = match token {
        Some(token) => Some(token::redeem(listing, &token, now).ok_or_else(wrong_token)?),
        None => None,
    };
    let start = match &after {
        Some(after) => Bound::Excluded(after.as_str()),
        None => Bound::Included(prefix),
    };
    let groups = &scope.here().logs.groups;
    let mut matching = groups
        .range::<str, _>((start, Bound::Unbounded))
        .map(|(_, group)| group)
        .take_while(|group| group.name.starts_with(prefix))
        .filter(|group| chosen(group));
    let shown: Vec<_> = matching.by_ref().take(limit).collect();
    let next_token = match (shown.last(), matching.next()) {
        (Some(last), Some(_)) => Some(token::issue(listing, &last.name, now)),
        _ => None,
    };
    let log_groups = shown.into_iter().map(show).collect();
    Ok(json_body(&Page { log_groups, next_token }))
}

#[derive(Debug)]
struct TagFilter {
    key: String,
    values: Vec<String>,
}

impl TagFilter {
    /// No values mean any value. `!` before a value turns it round, `*` in it makes it a pattern
    /// in which case does not matter.
    fn fits(&self, group: &Group) -> bool {
        let Some(value) = group.tags.get(&self.key) else { return false };
        self.values.is_empty()
            || self.values.iter().any(|wanted| match wanted.strip_prefix('!') {
                Some(unwanted) => !value_fits(unwanted, value),
                None => value_fits(wanted, value),
            })
    }
}

fn value_fits(wanted: &str, value: &str) -> bool {
    if wanted.contains('*') {
        return glob::fits(&wanted.to_lowercase(), &value.to_lowercase());
    }
    wanted == value
}

/// One of the alternatives of ListLogGroups' small regular expressions.
struct Alternative<'a> {
    text: &'a str,
    at_start: bool,
}

impl Alternative<'_> {
    fn fits(&self, name: &str) -> bool {
        if self.at_start { name.starts_with(self.text) } else { name.contains(self.text) }
    }
}

fn alternatives(pattern: &str) -> Result<Vec<Alternative<'_>>, Refusal> {
    let alternatives: Vec<_> = pattern
        .split('|')
        .map(|part| match part.strip_prefix('^') {
            Some(text) => Alternative { text, at_start: true },
            None => Alternative { text: part, at_start: false },
        })
        .collect();
    let proper = |one: &Alternative<'_>| {
        (3..=24).contains(&one.text.len()) && one.text.chars().all(is_of_group_name)
    };
    if alternatives.len() > MAX_ALTERNATIVES || !alternatives.iter().all(proper) {
        return Err(Refusal::invalid(format!(
            "1 validation error detected: Value '{pattern}' at 'logGroupNamePattern' failed to \
             satisfy constraint: Member must satisfy regular expression pattern: \
             (\\^?[\\.\\-_\\/#A-Za-z0-9]{{3,24}})(\\|\\^?[\\.\\-_\\/#A-Za-z0-9]{{3,24}}){{0,4}}"
        )));
    }
    Ok(alternatives)
}
