//! Checks of single configured values. The schema calls these with known values, and adds the path
//! of the attribute.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use logagg_policy::{
    Arn, Destination, Distribution, FilterName, LogGroupClass, NameRegex, OnConflict, OnDestroy,
    Retention, RetentionMode, TagFilter, check_log_group_name,
};
use tfplugin::{Attr, Diagnostic};

use crate::diagnostics::invalid;
use crate::policy::RefreshMode;

type Checked = Result<(), Diagnostic>;

/// The longest filter pattern.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>
const MAX_PATTERN_CHARACTERS: usize = 1024;
const MAX_CRITERIA_CHARACTERS: usize = 2000;
const SYSTEM_FIELDS: [&str; 3] = ["@aws.account", "@aws.region", "@source.log"];
/// CloudTrail keeps 90 days of events.
const FULL_REFRESH_AFTER_HOURS: RangeInclusive<i64> = 1..=720;
const MAX_RETRIES: i64 = 1000;
const ACCOUNT_DIGITS: usize = 12;
const SHORTEST_SESSION: Duration = Duration::from_secs(15 * 60);
const LONGEST_SESSION: Duration = Duration::from_secs(12 * 60 * 60);

pub(crate) fn policy_name(name: &str) -> Checked {
    name.parse::<FilterName>().map(drop).map_err(|error| {
        invalid(
            "Invalid name",
            format!(
                "The policy's name is also the name of its filters: \
             {error}."
            ),
        )
    })
}

pub(crate) fn filter_name(name: &str) -> Checked {
    name.parse::<FilterName>()
        .map(drop)
        .map_err(|error| invalid("Invalid filter name", sentence(&error)))
}

pub(crate) fn filter_pattern(pattern: &str) -> Checked {
    let characters = pattern.chars().count();
    if characters <= MAX_PATTERN_CHARACTERS {
        return Ok(());
    }
    let detail = format!(
        "A filter pattern has at most {MAX_PATTERN_CHARACTERS} characters, and this one has \
         {characters}."
    );
    Err(invalid("Filter pattern too long", detail))
}

pub(crate) fn destination_arn(arn: &str) -> Checked {
    let parsed: Arn =
        arn.parse().map_err(|error| invalid("Invalid destination ARN", sentence(&error)))?;
    Destination::of(&parsed)
        .map(drop)
        .map_err(|error| invalid("Unsupported destination", sentence(&error)))
}

pub(crate) fn role_arn(arn: &str) -> Checked {
    let parsed: Arn = arn.parse().map_err(|error| invalid("Invalid role ARN", sentence(&error)))?;
    if parsed.service() == "iam" && is_iam_name(parsed.resource(), "role/") {
        return Ok(());
    }
    let detail = format!(
        "{arn} is not the ARN of an IAM role, for example \
             arn:aws:iam::123456789012:role/NAME."
    );
    Err(invalid("Invalid role ARN", detail))
}

/// A name after its path, as the patterns of IAM's names and paths have them.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>
fn is_iam_name(resource: &str, prefix: &str) -> bool {
    let Some(name) = resource.strip_prefix(prefix) else { return false };
    let is_path = |c: char| ('!'..='~').contains(&c) && !matches!(c, ':' | '*' | '?');
    !name.is_empty() && !name.ends_with('/') && name.chars().all(is_path)
}

pub(crate) fn distribution(text: &str) -> Checked {
    text.parse::<Distribution>()
        .map(drop)
        .map_err(|error| invalid("Invalid distribution", sentence(&error)))
}

pub(crate) fn retention_in_days(days: i64) -> Checked {
    Retention::parse(days).map(drop).map_err(|error| invalid("Invalid retention", sentence(&error)))
}

pub(crate) fn retention_mode(text: &str) -> Checked {
    text.parse::<RetentionMode>()
        .map(drop)
        .map_err(|error| invalid("Invalid retention mode", sentence(&error)))
}

pub(crate) fn on_destroy(argument: &str, text: &str) -> Checked {
    text.parse::<OnDestroy>()
        .map(drop)
        .map_err(|error| invalid(&format!("Invalid {argument}"), sentence(&error)))
}

pub(crate) fn on_conflict(text: &str) -> Checked {
    text.parse::<OnConflict>()
        .map(drop)
        .map_err(|error| invalid("Invalid on_conflict", sentence(&error)))
}

pub(crate) fn field_selection_criteria(criteria: &str) -> Checked {
    let characters = criteria.chars().count();
    let detail = if !(1..=MAX_CRITERIA_CHARACTERS).contains(&characters) {
        format!(
            "The criteria must have 1 to {MAX_CRITERIA_CHARACTERS} characters, and these have \
             {characters}."
        )
    } else if criteria.trim().is_empty() {
        "The criteria are blank. Remove the argument.".to_owned()
    } else {
        return Ok(());
    };
    Err(invalid("Invalid field selection criteria", detail))
}

pub(crate) fn system_field(field: &str) -> Checked {
    if SYSTEM_FIELDS.contains(&field) {
        return Ok(());
    }
    let detail =
        format!("{field:?} is not a system field: it must be one of {}.", SYSTEM_FIELDS.join(", "));
    Err(invalid("Unknown system field", detail))
}

pub(crate) fn log_group_class(class: &str) -> Checked {
    class
        .parse::<LogGroupClass>()
        .map(drop)
        .map_err(|error| invalid("Unknown log group class", sentence(&error)))
}

pub(crate) fn tags(tags: &BTreeMap<String, Attr<String>>) -> Checked {
    if let Some((key, _)) = tags.iter().find(|(_, value)| value.is_null()) {
        let detail = format!(
            "The value of the tag {key:?} is null, which matches no tag. Use \"*\" for any value, \
             or remove the tag."
        );
        return Err(invalid("Invalid tags", detail));
    }
    let known = tags.iter().filter_map(|(key, value)| Some((key.clone(), value.known()?.clone())));
    let known: BTreeMap<_, _> = known.collect();
    if known.is_empty() && !tags.is_empty() {
        return Ok(());
    }
    TagFilter::parse(known).map(drop).map_err(|error| invalid("Invalid tags", sentence(&error)))
}

pub(crate) fn number_of_log_groups(number: i64) -> Checked {
    if number >= 0 {
        return Ok(());
    }
    Err(invalid(
        "Invalid number",
        format!("The number of log groups must be 0 or more, and this is {number}."),
    ))
}

pub(crate) fn log_group_name(name: &str) -> Checked {
    check_log_group_name(name).map_err(|error| invalid("Invalid log group name", sentence(&error)))
}

pub(crate) fn name_prefix(prefix: &str) -> Checked {
    if prefix.is_empty() {
        let detail = "An empty prefix would match every log group. To match every log group on \
                      purpose, set name_regex = \".*\".";
        return Err(invalid("Empty name prefix", detail.to_owned()));
    }
    check_log_group_name(prefix).map_err(|error| {
        invalid("Invalid name prefix", format!("No log group's name can begin with it: {error}."))
    })
}

pub(crate) fn name_regex(pattern: &str) -> Checked {
    pattern.parse::<NameRegex>().map(drop).map_err(|error| {
        invalid("Invalid regular expression", format!("{pattern:?} does not compile:\n\n{error}"))
    })
}

pub(crate) fn refresh(mode: &str) -> Checked {
    mode.parse::<RefreshMode>()
        .map(drop)
        .map_err(|error| invalid("Invalid refresh", sentence(&error)))
}

pub(crate) fn full_refresh_after_hours(hours: i64) -> Checked {
    if FULL_REFRESH_AFTER_HOURS.contains(&hours) {
        return Ok(());
    }
    let (least, most) = (FULL_REFRESH_AFTER_HOURS.start(), FULL_REFRESH_AFTER_HOURS.end());
    let detail =
        format!("A full refresh can be forced after {least} to {most} hours, and this is {hours}.");
    Err(invalid("Invalid number of hours", detail))
}

pub(crate) fn region(region: &str) -> Checked {
    let mut parts = region.split('-');
    let shaped = parts.clone().count() >= 3
        && parts.all(|part| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        });
    if shaped {
        return Ok(());
    }
    Err(invalid(
        "Invalid region",
        format!(
            "{region:?} is not a region's name, for example \
         eu-west-1."
        ),
    ))
}

pub(crate) fn max_retries(retries: i64) -> Checked {
    if (0..=MAX_RETRIES).contains(&retries) {
        return Ok(());
    }
    let detail =
        format!("The number of retries must be from 0 to {MAX_RETRIES}, and this is {retries}.");
    Err(invalid("Invalid number of retries", detail))
}

pub(crate) fn url(url: &str) -> Checked {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_some_and(|host| !host.is_empty()) {
        return Ok(());
    }
    Err(invalid(
        "Invalid URL",
        format!("{url:?} is not a URL that begins with https:// or http://."),
    ))
}

/// An empty string means no proxy.
pub(crate) fn proxy(url: &str) -> Checked {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    if url.is_empty() || (matches!(scheme, "http" | "https") && !rest.is_empty()) {
        return Ok(());
    }
    // It may hold a password, so it is not repeated.
    let detail = "The value is not the URL of a proxy, for example http://proxy.example.com:3128.";
    Err(invalid("Invalid proxy", detail.to_owned()))
}

pub(crate) fn path(path: &str) -> Checked {
    if path.is_empty() {
        return Err(invalid("Empty path", "The path of a file cannot be empty.".to_owned()));
    }
    Ok(())
}

pub(crate) fn given(text: &str) -> Checked {
    if text.is_empty() {
        let detail = "The value is empty. Remove the argument, or set it to null, to use the \
                      environment and the shared files.";
        return Err(invalid("Empty value", detail.to_owned()));
    }
    Ok(())
}

pub(crate) fn retry_mode(mode: &str) -> Checked {
    match mode {
        "standard" => Ok(()),
        "adaptive" => Err(invalid(
            "Unsupported retry mode",
            "The provider limits its rate to AWS's quotas from the first request on instead of \
             adapting after it was throttled, so there is no mode \"adaptive\". Remove retry_mode, \
             and lower requests_per_second if other clients use the same quotas."
                .to_owned(),
        )),
        mode => Err(invalid(
            "Invalid retry mode",
            format!("{mode:?} is not a retry mode: it must be \"standard\"."),
        )),
    }
}

pub(crate) fn account_id(id: &str) -> Checked {
    if id.len() == ACCOUNT_DIGITS && id.chars().all(|c| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(invalid("Invalid account", format!("{id:?} is not an AWS account ID of 12 digits.")))
}

pub(crate) fn session_name(name: &str) -> Checked {
    session_word("Invalid session name", "A session's name", name, 2..=64, "_+=,.@-")
}

pub(crate) fn source_identity(name: &str) -> Checked {
    session_word("Invalid source identity", "A source identity", name, 2..=64, "_+=,.@-")
}

pub(crate) fn external_id(id: &str) -> Checked {
    session_word("Invalid external ID", "An external ID", id, 2..=1224, "_+=,.@:/-")
}

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn session_word(
    summary: &str,
    what: &str,
    text: &str,
    length: RangeInclusive<usize>,
    signs: &str,
) -> Checked {
    let characters = text.chars().count();
    let wrong = text.chars().find(|c| !(c.is_ascii_alphanumeric() || signs.contains(*c)));
    let detail = if !length.contains(&characters) {
        let (least, most) = (length.start(), length.end());
        format!("{what} has {least} to {most} characters, and this one has {characters}.")
    } else if let Some(wrong) = wrong {
        let signs: Vec<_> = signs.chars().map(String::from).collect();
        let signs = signs.join(" ");
        format!("{what} may contain letters, digits and {signs}, and this one contains {wrong:?}.")
    } else {
        return Ok(());
    };
    Err(invalid(summary, detail))
}

pub(crate) fn session_duration(text: &str) -> Checked {
    let duration = humantime::parse_duration(text).map_err(|error| {
        let detail =
            format!("{text:?} is not a duration, for example \"1h\" or \"1h30m\": {error}.");
        invalid("Invalid duration", detail)
    })?;
    if (SHORTEST_SESSION..=LONGEST_SESSION).contains(&duration) {
        return Ok(());
    }
    let detail = format!(
        "The duration of a session must be from 15 minutes to 12 hours, and this \
         is {text}."
    );
    Err(invalid("Invalid duration", detail))
}

pub(crate) fn iam_policy(text: &str) -> Checked {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let detail = format!("The value is not an IAM policy in JSON: {error}.");
            Err(invalid("Invalid policy", detail))
        }
    }
}

pub(crate) fn policy_arn(arn: &str) -> Checked {
    let parsed: Arn =
        arn.parse().map_err(|error| invalid("Invalid policy ARN", sentence(&error)))?;
    if parsed.service() == "iam" && is_iam_name(parsed.resource(), "policy/") {
        return Ok(());
    }
    let detail = format!(
        "{arn} is not the ARN of an IAM policy, for example arn:aws:iam::123456789012:policy/NAME."
    );
    Err(invalid("Invalid policy ARN", detail))
}

pub(crate) fn token(token: &str) -> Checked {
    if token.trim().is_empty() {
        return Err(invalid("Empty token", "A web identity token cannot be empty.".to_owned()));
    }
    Ok(())
}

fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_misspelled_regions_are_rejected() {
        for name in ["eu-west-1", "us-gov-west-1", "ap-southeast-3"] {
            assert!(region(name).is_ok(), "{name}");
        }
        for name in ["", "Ireland", "eu_west_1", "eu-west", "eu--1", "EU-WEST-1"] {
            assert!(region(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_empty_prefix_suggests_a_regex() {
        let error = name_prefix("").unwrap_err();
        assert!(error.detail.contains("name_regex = \".*\""), "{}", error.detail);
    }

    #[test]
    fn a_detail_is_a_sentence() {
        let error = distribution("Sticky").unwrap_err();
        assert_eq!(
            error.detail,
            "\"Sticky\" is not a distribution: it must be \"ByLogStream\" or \"Random\"."
        );
        let error = retention_in_days(31).unwrap_err();
        assert_eq!(
            error.detail,
            "CloudWatch Logs does not support a retention of 31 days; the nearest values are 30 \
             and 60."
        );
    }
}
