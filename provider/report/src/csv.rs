//! The report as CSV: a row for each log group.

use std::collections::BTreeMap;

use logagg_policy::{GroupState, check_log_group_name};

use crate::group::GroupReview;
use crate::prices::Dollars;
use crate::review::{Review, TargetReview};

const HEADER: [&str; 19] = [
    "account_id",
    "region",
    "log_group",
    "class",
    "policies",
    "state",
    "reason",
    "subscription",
    "desired_subscription",
    "retention_in_days",
    "desired_retention_in_days",
    "deletion_protection",
    "desired_deletion_protection",
    "stored_bytes",
    "ingested_bytes",
    "storage_usd_per_month",
    "ingestion_usd",
    "deletable_bytes",
    "savings_usd_per_month",
];

const UNMANAGED: &str = "unmanaged";

pub(crate) fn render(review: &Review) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for target in &review.targets {
        write(&mut writer, target)?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    // Every field is a string.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(writer: &mut csv::Writer<Vec<u8>>, target: &TargetReview) -> Result<(), csv::Error> {
    let prices = &target.prices;
    // Of several policies that select a log group, the one with the most urgent state.
    let mut selected: BTreeMap<&str, (Vec<&str>, &GroupReview)> = BTreeMap::new();
    for policy in &target.policies {
        for it in policy.found.iter().flat_map(|found| &found.groups) {
            let name = policy.document.name.as_str();
            let (policies, first) =
                selected.entry(&it.usage.group.name).or_insert_with(|| (Vec::new(), it));
            policies.push(name);
            if it.state < first.state {
                *first = it;
            }
        }
    }
    for (name, usage) in target.groups() {
        let (policies, review) = match selected.remove(name) {
            Some((policies, review)) => (policies.join(" "), Some(review)),
            None => (String::new(), None),
        };
        let text = |of: fn(&GroupReview) -> Option<String>| review.and_then(of).unwrap_or_default();
        let savings = review.and_then(|it| prices.savings_of(it.deleted_bytes));
        writer.write_record([
            target.target.account_id.clone(),
            target.target.region.clone(),
            cell(name),
            cell(&usage.group.class.to_string()),
            cell(&policies),
            review.map_or(UNMANAGED, |it| it.state.key()).to_owned(),
            cell(&text(|it| it.reason.clone())),
            text(|it| subscription(&it.current)),
            text(|it| subscription(&it.desired)),
            usage.group.retention.in_days().to_string(),
            text(|it| Some(it.desired.retention.in_days().to_string())),
            usage.group.is_protected.to_string(),
            text(|it| it.desired.deletion_protection.map(|protected| protected.to_string())),
            usage.group.stored_bytes.to_string(),
            usage.ingested_bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            usd(prices.storage_of(usage)),
            usd(prices.ingestion_of(usage)),
            text(|it| Some(it.deleted_bytes.to_string())),
            usd(savings),
        ])?;
    }
    Ok(())
}

fn subscription(state: &GroupState) -> Option<String> {
    state.subscription.as_ref().map(ToString::to_string)
}

fn usd(dollars: Option<Dollars>) -> String {
    dollars.map(|dollars| dollars.rounded().to_string()).unwrap_or_default()
}

/// A spreadsheet takes what begins so for a formula, unless it begins with an apostrophe. No log
/// group's name can be one: a formula needs characters that names do not have.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    match formula && check_log_group_name(text).is_err() {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_text() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("-2+cmd|' /C calc'!A0"), "'-2+cmd|' /C calc'!A0");
        assert_eq!(cell("-app/a"), "-app/a");
        assert_eq!(cell("/app/a"), "/app/a");
    }
}
