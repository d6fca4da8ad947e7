//! The report as JSON, whose fields docs/report.md documents.

use logagg_policy::{GroupState, Retention};
use serde::Serialize;
use tfplugin::Severity;

use crate::group::{GroupReview, Usage};
use crate::ingestion::days_before;
use crate::prices::{DEFAULTS_DATE, DEFAULTS_SOURCE, Dollars, Price, PriceSource, RegionPrices};
use crate::review::{IngestionStatus, PolicyReview, Review, TargetReview, Totals};

/// The minor number grows with new fields, the major one with other changes.
const FORMAT_VERSION: &str = "1.1";

#[derive(Serialize)]
struct Report<'a> {
    format_version: &'static str,
    time: String,
    complete: bool,
    drift: bool,
    totals: JsonTotals,
    accounts: Vec<JsonAccount<'a>>,
    unknown_policies: &'a [String],
}

#[derive(Serialize)]
struct JsonTotals {
    log_groups: usize,
    selected_log_groups: usize,
    drifted_log_groups: usize,
    never_expiring_log_groups: usize,
    stored_bytes: u64,
    never_expiring_bytes: u64,
    deletable_bytes: u64,
    ingested_bytes: Option<u64>,
    storage_usd_per_month: Option<f64>,
    ingestion_usd: Option<f64>,
    savings_usd_per_month: Option<f64>,
    regions_without_price: Vec<String>,
}

#[derive(Serialize)]
struct JsonAccount<'a> {
    account_id: &'a str,
    regions: Vec<JsonRegion<'a>>,
}

#[derive(Serialize)]
struct JsonRegion<'a> {
    region: &'a str,
    error: Option<&'a str>,
    storage_price: Option<JsonPrice>,
    ingestion_price: Option<JsonPrice>,
    ingestion: JsonIngestion<'a>,
    policies: Vec<JsonPolicy<'a>>,
    unmanaged_log_groups: Vec<Unmanaged<'a>>,
}

#[derive(Serialize)]
struct JsonPrice {
    usd_per_gb: f64,
    source: String,
}

#[derive(Serialize)]
struct JsonIngestion<'a> {
    start: String,
    end: String,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonPolicy<'a> {
    name: &'a str,
    destination_arn: Option<&'a str>,
    retention_in_days: Option<i64>,
    deletion_protection: Option<bool>,
    error: Option<&'a str>,
    diagnostics: Vec<JsonDiagnostic<'a>>,
    log_groups: Vec<Selected<'a>>,
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    severity: &'static str,
    summary: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct JsonUsage<'a> {
    name: &'a str,
    class: String,
    deletion_protection: bool,
    stored_bytes: u64,
    ingested_bytes: Option<u64>,
    storage_usd_per_month: Option<f64>,
    ingestion_usd: Option<f64>,
    console_url: Option<&'a str>,
}

#[derive(Serialize)]
struct Selected<'a> {
    #[serde(flatten)]
    usage: JsonUsage<'a>,
    state: &'static str,
    reason: Option<&'a str>,
    current: JsonState,
    desired: JsonState,
    deletable_bytes: u64,
    savings_usd_per_month: Option<f64>,
}

#[derive(Serialize)]
struct JsonState {
    subscription: Option<String>,
    retention_in_days: i64,
    deletion_protection: Option<bool>,
}

#[derive(Serialize)]
struct Unmanaged<'a> {
    #[serde(flatten)]
    usage: JsonUsage<'a>,
    retention_in_days: i64,
}

pub(crate) fn render(review: &Review) -> Result<String, serde_json::Error> {
    let mut accounts: Vec<JsonAccount<'_>> = Vec::new();
    for target in &review.targets {
        let account_id = target.target.account_id.as_str();
        let region = JsonRegion::of(target, review);
        match accounts.last_mut().filter(|account| account.account_id == account_id) {
            Some(account) => account.regions.push(region),
            None => accounts.push(JsonAccount { account_id, regions: vec![region] }),
        }
    }
    let report = Report {
        format_version: FORMAT_VERSION,
        time: humantime::format_rfc3339_seconds(review.at).to_string(),
        complete: review.is_complete(),
        drift: review.outcome() == crate::review::Outcome::Drift,
        totals: JsonTotals::of(&review.totals),
        accounts,
        unknown_policies: &review.unknown,
    };
    let mut text = serde_json::to_string_pretty(&report)?;
    text.push('\n');
    Ok(text)
}

fn usd(dollars: Option<Dollars>) -> Option<f64> {
    dollars.map(Dollars::rounded)
}

impl JsonTotals {
    fn of(totals: &Totals) -> Self {
        Self {
            log_groups: totals.groups,
            selected_log_groups: totals.selected,
            drifted_log_groups: totals.drifted,
            never_expiring_log_groups: totals.never_expire,
            stored_bytes: totals.bytes,
            never_expiring_bytes: totals.never_expiring_bytes,
            deletable_bytes: totals.deleted_bytes,
            ingested_bytes: totals.ingested_bytes,
            storage_usd_per_month: usd(totals.storage),
            ingestion_usd: usd(totals.ingestion),
            savings_usd_per_month: usd(totals.savings),
            regions_without_price: totals.without_price.iter().cloned().collect(),
        }
    }
}

impl<'a> JsonRegion<'a> {
    fn of(target: &'a TargetReview, review: &Review) -> Self {
        let TargetReview { prices, policies, unmanaged, ingestion, .. } = target;
        let (start, end) = days_before(review.at);
        let time = |at| humantime::format_rfc3339_seconds(at).to_string();
        let unmanaged_log_groups = unmanaged.iter().flatten().map(|usage| Unmanaged {
            usage: JsonUsage::of(usage, prices),
            retention_in_days: usage.group.retention.in_days(),
        });
        Self {
            region: &target.target.region,
            error: unmanaged.as_ref().err().map(String::as_str),
            storage_price: prices.storage.map(JsonPrice::of),
            ingestion_price: prices.ingestion.map(JsonPrice::of),
            ingestion: JsonIngestion {
                start: time(start),
                end: time(end),
                error: match ingestion {
                    IngestionStatus::Failed(why) => Some(why),
                    IngestionStatus::Read | IngestionStatus::Skipped => None,
                },
            },
            policies: policies.iter().map(|policy| JsonPolicy::of(policy, prices)).collect(),
            unmanaged_log_groups: unmanaged_log_groups.collect(),
        }
    }
}

impl JsonPrice {
    fn of(price: Price) -> Self {
        let source = match price.source {
            PriceSource::Option => "option".to_owned(),
            PriceSource::Default => format!("{DEFAULTS_SOURCE}, {DEFAULTS_DATE}"),
        };
        Self { usd_per_gb: price.per_gb(), source }
    }
}

impl<'a> JsonPolicy<'a> {
    fn of(policy: &'a PolicyReview, prices: &RegionPrices) -> Self {
        let PolicyReview { document, found } = policy;
        let (found, error) = match found {
            Ok(found) => (Some(found), None),
            Err(why) => (None, Some(why.as_str())),
        };
        let diagnostics = found.into_iter().flat_map(|found| found.diagnostics.iter());
        let groups = found.into_iter().flat_map(|found| &found.groups);
        Self {
            name: &document.name,
            destination_arn: document.wanted.as_ref().map(|it| it.destination_arn.as_str()),
            retention_in_days: document.desired.retention.map(Retention::in_days),
            deletion_protection: document.desired.deletion_protection,
            error,
            diagnostics: diagnostics
                .map(|it| JsonDiagnostic {
                    severity: match it.severity {
                        Severity::Error => "error",
                        Severity::Warning => "warning",
                    },
                    summary: &it.summary,
                    detail: &it.detail,
                })
                .collect(),
            log_groups: groups.map(|it| Selected::of(it, prices)).collect(),
        }
    }
}

impl<'a> JsonUsage<'a> {
    fn of(usage: &'a Usage, prices: &RegionPrices) -> Self {
        let Usage { group, ingested_bytes, link } = usage;
        Self {
            name: &group.name,
            class: group.class.to_string(),
            deletion_protection: group.is_protected,
            stored_bytes: group.stored_bytes,
            ingested_bytes: *ingested_bytes,
            storage_usd_per_month: usd(prices.storage_of(usage)),
            ingestion_usd: usd(prices.ingestion_of(usage)),
            console_url: link.as_deref(),
        }
    }
}

impl<'a> Selected<'a> {
    fn of(it: &'a GroupReview, prices: &RegionPrices) -> Self {
        let state = |state: &GroupState| JsonState {
            subscription: state.subscription.as_ref().map(ToString::to_string),
            retention_in_days: state.retention.in_days(),
            deletion_protection: state.deletion_protection,
        };
        Self {
            usage: JsonUsage::of(&it.usage, prices),
            state: it.state.key(),
            reason: it.reason.as_deref(),
            current: state(&it.current),
            desired: state(&it.desired),
            deletable_bytes: it.deleted_bytes,
            savings_usd_per_month: usd(prices.savings_of(it.deleted_bytes)),
        }
    }
}
