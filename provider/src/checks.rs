//! Looks at one configured value at a time. The schema calls these with what is known, and adds
//! the path of the attribute.

use logagg_policy::{Arn, Destination, Distribution, FilterName, Retention, check_log_group_name};
use tfplugin::Diagnostic;

use crate::diagnostics::invalid;

type Checked = Result<(), Diagnostic>;

/// The longest filter pattern.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html>
const MAX_PATTERN_CHARACTERS: usize = 1024;
const MAX_RETRIES: i64 = 1000;

pub(crate) fn policy_name(name: &str) -> Checked {
    name.parse::<FilterName>().map(drop).map_err(|error| {
        invalid("Invalid name", format!("The policy's name is also its filters' name: {error}."))
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
        "A filter pattern has at most {MAX_PATTERN_CHARACTERS} characters, and this has {characters}."
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
    if parsed.service() == "iam" && parsed.resource().starts_with("role/") {
        return Ok(());
    }
    let detail =
        format!("{arn} is not the ARN of an IAM role, as in arn:aws:iam::123456789012:role/NAME.");
    Err(invalid("Invalid role ARN", detail))
}

pub(crate) fn distribution(text: &str) -> Checked {
    text.parse::<Distribution>()
        .map(drop)
        .map_err(|error| invalid("Invalid distribution", sentence(&error)))
}

pub(crate) fn retention_in_days(days: i64) -> Checked {
    Retention::parse(days).map(drop).map_err(|error| invalid("Invalid retention", sentence(&error)))
}

pub(crate) fn log_group_name(name: &str) -> Checked {
    check_log_group_name(name).map_err(|error| invalid("Invalid log group name", sentence(&error)))
}

pub(crate) fn name_prefix(prefix: &str) -> Checked {
    if prefix.is_empty() {
        let detail = "Every name begins with nothing, so this would choose every log group. To do that \
                      on purpose write name_regex = \".*\".";
        return Err(invalid("Empty name prefix", detail.to_owned()));
    }
    check_log_group_name(prefix).map_err(|error| {
        invalid("Invalid name prefix", format!("No log group's name begins so: {error}."))
    })
}

pub(crate) fn name_regex(pattern: &str) -> Checked {
    logagg_policy::name_regex(pattern).map(drop).map_err(|error| {
        invalid("Invalid regular expression", format!("{pattern:?} does not compile:\n\n{error}"))
    })
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
    Err(invalid("Invalid region", format!("{region:?} is not a region's name, as in eu-west-1.")))
}

pub(crate) fn max_retries(retries: i64) -> Checked {
    if (0..=MAX_RETRIES).contains(&retries) {
        return Ok(());
    }
    let detail =
        format!("A call can be made again 0 to {MAX_RETRIES} times, and this is {retries}.");
    Err(invalid("Invalid number of retries", detail))
}

pub(crate) fn url(url: &str) -> Checked {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_some_and(|host| !host.is_empty()) {
        return Ok(());
    }
    Err(invalid(
        "Invalid URL",
        format!("{url:?} is not an address that begins with https:// or http://."),
    ))
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
    fn regions_are_told_from_zones_and_typing_errors() {
        for name in ["eu-west-1", "us-gov-west-1", "ap-southeast-3"] {
            assert!(region(name).is_ok(), "{name}");
        }
        for name in ["", "Ireland", "eu_west_1", "eu-west", "eu--1", "EU-WEST-1"] {
            assert!(region(name).is_err(), "{name}");
        }
    }

    #[test]
    fn everything_on_purpose_is_a_regex() {
        let error = name_prefix("").unwrap_err();
        assert!(error.detail.contains("name_regex = \".*\""), "{}", error.detail);
    }

    #[test]
    fn a_detail_is_a_sentence() {
        let error = distribution("Sticky").unwrap_err();
        assert_eq!(
            error.detail,
            "\"Sticky\" is not a distribution: it is \"ByLogStream\" or \"Random\"."
        );
        let error = retention_in_days(31).unwrap_err();
        assert_eq!(
            error.detail,
            "CloudWatch Logs does not keep events for 31 days; the nearest it takes are 30 and 60."
        );
    }
}
