//! Sweeps all young log groups, because EventBridge delivers events on a best-effort basis.
//!
//! A sweep reads the listings page by page until the time is over, and invokes the function again
//! to continue. Lambda's recursive loop detection stops chains of about 16 invocations that carry
//! the trace header of AWS's SDKs; this client does not send it, and the limit is [`MOST_PARTS`].

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use logagg_policy::{Document, Listing, LogGroup};
use serde_json::json;

use super::config::EnforcerConfig;
use super::event::{Cursor, SweepRequest};
use super::io::CallError;
use super::logs::{Logs, Page};
use super::reconcile::Absence;
use super::state::Enforcer;
use super::summary::{SweepCounts, SweepEnd, Warnings};

/// No further page or log group begins with less time than this.
const SHORTEST_LOOK: Duration = Duration::from_secs(3);

/// The time reserved for invoking the next part.
const TO_CONTINUE: Duration = Duration::from_secs(2);

/// The maximum number of invocations of one sweep. At the default rate and a minute each, 10,000
/// young log groups take about 90.
pub(super) const MOST_PARTS: u32 = 300;

/// Events usually arrive within this time after the call.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(15 * 60);

/// One listing of a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Scan {
    region: String,
    /// The prefix of names, or the exact name.
    prefix: String,
    is_name: bool,
}

/// Where a part ended.
enum Stop {
    At(Cursor),
    Finished,
}

impl Enforcer {
    /// Reconciles the young log groups of all policies until the time is over, and invokes the
    /// function with this ARN for the rest.
    pub(super) async fn sweep(
        &self,
        request: &SweepRequest,
        config: &EnforcerConfig,
        function_arn: Option<&str>,
        until: Instant,
        warnings: &mut Warnings,
    ) -> SweepCounts {
        let mut request = request.clone();
        if request.cursor.is_none() {
            // Continues where an earlier sweep of this instance stopped.
            request.cursor = self.unfinished.lock().await.take();
        }
        let mut sweep = SweepCounts { part: request.part, ..SweepCounts::default() };
        let end = until.checked_sub(TO_CONTINUE).unwrap_or(until);
        // A part may be needed for the tags alone.
        let mut has_written_tags = false;
        if request.part == 1 {
            sweep.tag_tables = self.write_tag_tables(config, end, warnings).await;
            has_written_tags = sweep.tag_tables.is_some();
        }
        match self.part(&request, config, end, &mut sweep, warnings).await {
            Stop::Finished => {}
            Stop::At(cursor) => {
                let moved = has_written_tags || request.cursor.as_ref() != Some(&cursor);
                match self.invoke_next_part(&request, &cursor, moved, function_arn, until).await {
                    Ok(()) => sweep.end = SweepEnd::Continued,
                    Err(why) => {
                        warnings.warn(format!("the sweep stopped early: {why}"));
                        sweep.end = SweepEnd::Unfinished;
                        *self.unfinished.lock().await = Some(cursor);
                    }
                }
            }
        }
        sweep
    }

    async fn part(
        &self,
        request: &SweepRequest,
        config: &EnforcerConfig,
        until: Instant,
        sweep: &mut SweepCounts,
        warnings: &mut Warnings,
    ) -> Stop {
        let mut from = request.cursor.clone();
        for scan in scans(&config.policies) {
            let (mut token, mut after) = (None, None);
            if let Some(cursor) = &from {
                let (this, asked) =
                    ((&scan.region, &scan.prefix), (&cursor.region, &cursor.prefix));
                if this < asked {
                    continue;
                }
                if this == asked {
                    (token, after) = (cursor.token.clone(), cursor.after.clone());
                }
                from = None;
            }
            loop {
                let cursor = scan.cursor(token.clone(), after.clone());
                let logs = self.logs(&scan.region, until);
                if logs.time_left() < SHORTEST_LOOK {
                    return Stop::At(cursor);
                }
                let page = match scan.page(&logs, token.as_deref()).await {
                    Ok(page) => page,
                    // A token is valid for a day. Log groups that were evaluated already are
                    // skipped by name.
                    Err(error)
                        if token.is_some() && error.code() == Some("InvalidParameterException") =>
                    {
                        token = None;
                        continue;
                    }
                    Err(error) if error.is_no_time() || error.is_retryable() => {
                        warnings.warn(format!("listing {:?}: {error}", scan.prefix));
                        return Stop::At(cursor);
                    }
                    Err(error) => {
                        sweep.failed_listings += 1;
                        warnings
                            .warn(format!("listing {:?} in {}: {error}", scan.prefix, scan.region));
                        break;
                    }
                };
                let groups = page.groups.into_iter();
                let groups: Vec<LogGroup> = groups
                    .filter(|group| after.as_ref().is_none_or(|after| group.name > *after))
                    .collect();
                let all = groups.len();
                for (index, group) in groups.into_iter().enumerate() {
                    let name = group.name.clone();
                    let remaining = all - index;
                    // A log group that takes the whole time of a part is skipped by the next one.
                    let is_first =
                        request.cursor == Some(scan.cursor(token.clone(), after.clone()));
                    let policies = config.policies_for(&scan.region, &group);
                    let is_young = self.is_younger(&group, config.sweep_max_age);
                    if is_young && !policies.is_empty() {
                        if logs.time_left() < SHORTEST_LOOK {
                            sweep.counts.remaining += remaining;
                            return Stop::At(scan.cursor(token, after));
                        }
                        let was_announced = self.is_younger(&group, ANNOUNCED_WITHIN);
                        let counts = (&mut sweep.counts, &mut *warnings);
                        let limits = (Absence::Deleted, until);
                        let reconciled =
                            self.reconcile(&policies, &name, Some(group), limits, counts).await;
                        if reconciled.changed && !was_announced {
                            sweep.find_unannounced(&name);
                        }
                        if reconciled.out_of_time && !is_first {
                            sweep.counts.remaining += remaining - 1;
                            return Stop::At(scan.cursor(token, after));
                        }
                    }
                    after = Some(name);
                }
                match page.next {
                    Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                    _ => break,
                }
            }
        }
        Stop::Finished
    }

    /// Invokes this function for the rest.
    async fn invoke_next_part(
        &self,
        request: &SweepRequest,
        cursor: &Cursor,
        has_moved: bool,
        function_arn: Option<&str>,
        until: Instant,
    ) -> Result<(), String> {
        if request.part >= MOST_PARTS {
            return Err(format!("it reached the limit of {MOST_PARTS} invocations"));
        }
        if !has_moved {
            return Err(
                "no time left for any log group; increase the function's timeout".to_owned()
            );
        }
        let arn = function_arn.ok_or("the invocation does not contain the function's ARN")?;
        let region = arn.split(':').nth(3).unwrap_or_default();
        let payload = json!(request.continued_at(cursor.clone())).to_string();
        self.logs(region, until).invoke(arn, &payload).await.map_err(|error| {
            let advice = if error.is_denied() {
                "; grant the function's role lambda:InvokeFunction on the function itself"
            } else {
                ""
            };
            format!("{error}{advice}")
        })
    }

    fn is_younger(&self, group: &LogGroup, age: Duration) -> bool {
        let since_1970 = Duration::from_millis(group.created_ms.try_into().unwrap_or_default());
        let created = SystemTime::UNIX_EPOCH + since_1970;
        self.io.date().checked_sub(age).is_none_or(|oldest| created >= oldest)
    }
}

impl EnforcerConfig {
    /// The policies that may select a log group.
    fn policies_for(&self, region: &str, group: &LogGroup) -> Vec<&Document> {
        let may_select = |policy: &&Document| {
            policy.region == region
                && policy.selection.judge(&group.name, &group.class, |_| None) != Some(false)
        };
        self.policies.iter().filter(may_select).collect()
    }
}

impl Scan {
    fn cursor(&self, token: Option<String>, after: Option<String>) -> Cursor {
        Cursor { region: self.region.clone(), prefix: self.prefix.clone(), token, after }
    }

    async fn page(&self, logs: &Logs<'_>, token: Option<&str>) -> Result<Page, CallError> {
        if self.is_name {
            let group = logs.log_group(&self.prefix).await?;
            return Ok(Page { groups: group.into_iter().collect(), next: None });
        }
        logs.page(&self.prefix, token).await
    }

    fn covers(&self, other: &Self) -> bool {
        !self.is_name && self.region == other.region && other.prefix.starts_with(&self.prefix)
    }
}

/// Listings that cover the log groups of all policies, each log group once.
fn scans(policies: &[Document]) -> Vec<Scan> {
    let all: BTreeSet<Scan> = policies
        .iter()
        .flat_map(|policy| {
            policy.selection.listings().into_iter().map(|listing| Scan {
                region: policy.region.clone(),
                prefix: listing.text().to_owned(),
                is_name: matches!(listing, Listing::Name(_)),
            })
        })
        .collect();
    let covered = |scan: &Scan| all.iter().any(|other| other != scan && other.covers(scan));
    all.iter().filter(|scan| !covered(scan)).cloned().collect()
}
