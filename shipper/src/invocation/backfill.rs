//! Plans a backfill on request: lists log groups, and sends slices of them to the queue, or
//! estimates them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use super::context::{Invocation, instant_before};
use super::ship_error::ShipError;
use super::shipper::Shipper;
use crate::aws::AwsError;
use crate::backfill::plan::{Estimate, LogGroup, Planned, Window};
use crate::backfill::{Backfill, BackfillError, read};
use crate::event::{BackfillRequest, LogGroups, Slice};
use crate::summary::{Backfilled, Summary};
use crate::undelivered::{queue, rfc3339};

/// Nothing begins with less time than this.
const SHORTEST: Duration = Duration::from_secs(2);

/// The time between calls of DescribeLogGroups, which other functions and people call too.
const DESCRIBES_APART: Duration = Duration::from_millis(200);

/// The number of log groups whose log events are measured for an estimate: the largest.
const SAMPLED_GROUPS: usize = 5;
const SAMPLED_EVENTS: u32 = 1_000;

/// The time of the slices of one request, at the quota. A queue keeps messages for 14 days.
const MOST_TIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const TOO_MUCH: &str = "this is more than a request sends at once: slices for 7 days, and \
                        \"continue_after\" for the next request";

/// Time in which a slice is read after its request, where a destination takes no older log events.
const UNTIL_READ: Duration = Duration::from_secs(60 * 60);

/// More names are found in a listing.
const FEW_NAMES: usize = 20;

/// A backfill that is being planned.
struct Planning<'s> {
    shipper: &'s Shipper,
    backfill: &'s Backfill,
    request: &'s BackfillRequest,
    window: Window,
    now: SystemTime,
    until: Instant,
    planned: &'s mut Backfilled,
    /// The largest log groups, with their estimated bytes.
    largest: Vec<(u64, String)>,
}

impl Shipper {
    /// Sends the slices of a backfill to the queue, or estimates them.
    pub(super) async fn backfill(
        &self,
        request: &BackfillRequest,
        invocation: &Invocation<'_>,
        summary: &mut Summary,
    ) -> Result<(), ShipError> {
        let backfill = self.config.backfill.as_ref().ok_or(BackfillError::NotConfigured)?;
        let now = SystemTime::now();
        let window = Window { from: request.from, to: request.to.unwrap_or(now).min(now) };
        if window.from >= window.to {
            let (from, to) = (rfc3339(window.from), rfc3339(window.to));
            return Err(BackfillError::EmptyWindow { from, to }.into());
        }
        self.check_destinations(request, now)?;
        let planned = summary.backfill.insert(Backfilled {
            dry_run: request.dry_run,
            from: rfc3339(window.from),
            to: rfc3339(window.to),
            continue_after: request.after.clone(),
            ..Backfilled::default()
        });
        let until = instant_before(invocation.deadline, self.config.reserve);
        let mut planning = Planning {
            shipper: self,
            backfill,
            request,
            window,
            now,
            until,
            planned,
            largest: Vec::new(),
        };
        let result = planning.plan().await;
        planning.estimate().await;
        let is_too_much = planned.time > MOST_TIME;
        let error = match result {
            Ok(()) if is_too_much && request.dry_run => {
                summary.warn(TOO_MUCH.to_owned());
                return Ok(());
            }
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let (enqueued, continue_after) = (planned.enqueued, planned.continue_after.clone());
        Err(match enqueued {
            0 => error,
            _ => BackfillError::Interrupted { error: Box::new(error), enqueued, continue_after },
        }
        .into())
    }

    /// Checks that the destinations exist and accept log events of this age.
    fn check_destinations(
        &self,
        request: &BackfillRequest,
        now: SystemTime,
    ) -> Result<(), BackfillError> {
        let configured = &self.config.destinations;
        if let Some(name) = request.destinations.iter().find(|name| !configured.contains_key(*name))
        {
            let known: Vec<&str> = configured.keys().map(String::as_str).collect();
            let (name, known) = (name.clone(), known.join(", "));
            return Err(BackfillError::NoDestination { name, known });
        }
        let is_asked = |name: &str| {
            request.destinations.is_empty() || request.destinations.iter().any(|it| it == name)
        };
        let age = now.duration_since(request.from).unwrap_or_default();
        let asked = configured.iter().filter(|(name, _)| is_asked(name));
        let (too_old, accepting): (Vec<_>, Vec<_>) = asked
            .map(|(name, config)| (name.as_str(), config.max_age))
            .partition(|(_, max_age)| max_age.is_some_and(|max_age| age > less_margin(max_age)));
        let Some(youngest) = too_old.iter().filter_map(|(_, max_age)| *max_age).min() else {
            return Ok(());
        };
        let names: Vec<String> = too_old
            .iter()
            .map(|(name, max_age)| {
                format!("\"{name}\" (at most {} h)", max_age.unwrap_or_default().as_secs() / 3_600)
            })
            .collect();
        let takes = if names.len() == 1 { "takes" } else { "take" };
        let possible = rfc3339(now.checked_sub(less_margin(youngest)).unwrap_or(now));
        let others: Vec<String> = accepting.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let or_others = match others.is_empty() {
            true => String::new(),
            false => format!(", or \"destinations\" to [{}]", others.join(", ")),
        };
        Err(BackfillError::TooOld {
            destinations: format!("{} {takes}", names.join(", ")),
            from: rfc3339(request.from),
            advice: format!("set \"from\" to a time after {possible}{or_others}"),
        })
    }
}

impl Planning<'_> {
    async fn plan(&mut self) -> Result<(), BackfillError> {
        match &self.request.log_groups {
            LogGroups::Names(names) => {
                // All of them are checked before the first slice is sent.
                let groups = self.named(names).await?;
                for group in &groups {
                    if self.is_over() || !self.add(group).await? {
                        return Ok(());
                    }
                }
                self.complete();
                Ok(())
            }
            LogGroups::Prefix(prefix) => self.plan_prefix(prefix).await,
        }
    }

    async fn named(&mut self, names: &[String]) -> Result<Vec<LogGroup>, BackfillError> {
        let after = self.request.after.as_deref();
        let names = names.iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
        let names: Vec<&str> = names.map(String::as_str).collect();
        let mut found = self.find_all(&names).await?;
        let mut groups = Vec::new();
        let (mut missing, mut not_readable) = (Vec::new(), Vec::new());
        for name in names {
            match found.remove(name) {
                None => missing.push(format!("\"{name}\"")),
                Some(group) => match self.skip(&group) {
                    Some(skip) => not_readable.push(format!("\"{name}\" {}", skip.why)),
                    None => groups.push(group),
                },
            }
        }
        if !missing.is_empty() {
            return Err(BackfillError::NoLogGroups(missing.join(", ")));
        }
        if !not_readable.is_empty() {
            return Err(BackfillError::NotReadable(not_readable.join(", ")));
        }
        Ok(groups)
    }

    /// The log groups with these names: each by a call of its own, or many from one listing.
    async fn find_all(&self, names: &[&str]) -> Result<BTreeMap<String, LogGroup>, BackfillError> {
        let mut found = BTreeMap::new();
        if names.len() <= FEW_NAMES {
            for name in names {
                found.extend(self.find(name).await?.map(|group| (group.name.clone(), group)));
            }
            return Ok(found);
        }
        let wanted: BTreeSet<&str> = names.iter().copied().collect();
        let mut token = None;
        loop {
            let page = self.page(common_prefix(names), token.as_deref()).await?;
            let named = page.groups.into_iter().filter(|group| wanted.contains(&*group.name));
            found.extend(named.map(|group| (group.name.clone(), group)));
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// A log group by its exact name. Longer names come after it.
    async fn find(&self, name: &str) -> Result<Option<LogGroup>, BackfillError> {
        let mut token = None;
        loop {
            let page = self.page(name, token.as_deref()).await?;
            if let Some(first) = page.groups.into_iter().next() {
                return Ok(Some(first).filter(|group| group.name == name));
            }
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(None),
            }
        }
    }

    async fn plan_prefix(&mut self, prefix: &str) -> Result<(), BackfillError> {
        let mut token = None;
        let mut is_any = false;
        loop {
            if self.is_over() {
                return Ok(());
            }
            let page = self.page(prefix, token.as_deref()).await?;
            is_any |= !page.groups.is_empty();
            for group in page.groups {
                if !self.is_after(&group) {
                    continue;
                }
                if let Some(skip) = self.skip(&group) {
                    *self.planned.skipped.entry(skip.reason).or_default() += 1;
                    self.planned.continue_after = Some(group.name);
                    continue;
                }
                if self.is_over() || !self.add(&group).await? {
                    return Ok(());
                }
            }
            match page.next {
                Some(next) => token = Some(next),
                None if is_any => {
                    self.complete();
                    return Ok(());
                }
                None => return Err(BackfillError::NothingMatches(prefix.to_owned())),
            }
        }
    }

    async fn page(&self, prefix: &str, token: Option<&str>) -> Result<read::Groups, BackfillError> {
        let pace = &self.shipper.describe_pace;
        if self.is_over() || !pace.wait(DESCRIBES_APART, self.until).await {
            return Err(BackfillError::NoTime);
        }
        let groups = read::log_groups(self.shipper.aws(), prefix, token, self.until).await;
        groups.map_err(|error| failed(error, "logs:DescribeLogGroups"))
    }

    /// Sends the slices of a log group. Whether there is time for the next one.
    async fn add(&mut self, group: &LogGroup) -> Result<bool, BackfillError> {
        let destinations = &self.request.destinations;
        let Some(planned) = Planned::of(group, self.window, destinations, self.now) else {
            *self.planned.skipped.entry("created_later").or_default() += 1;
            self.planned.continue_after = Some(group.name.clone());
            return Ok(true);
        };
        if !self.request.dry_run {
            for slices in planned.slices.chunks(queue::MAX_ENTRIES) {
                // A log group whose slices were sent only in part is repeated as a whole.
                let bodies: Vec<String> = slices.iter().map(Slice::message).collect();
                let delay = slices.last().map(|slice| self.delay(slice.to)).unwrap_or_default();
                let (aws, url) = (self.shipper.aws(), &self.backfill.queue_url);
                let sent = queue::send(aws, url, &bodies, delay, self.until).await;
                let not_taken = sent.map_err(|error| failed(error, "sqs:SendMessage"))?;
                self.planned.enqueued += bodies.len() - not_taken;
                if not_taken > 0 {
                    return Err(BackfillError::NotEnqueued(not_taken));
                }
            }
        }
        self.planned.log_groups += 1;
        self.planned.slices += planned.slices.len();
        self.planned.bytes += planned.bytes;
        self.largest.push((planned.bytes, group.name.clone()));
        self.largest.sort_by(|one, other| other.cmp(one));
        self.largest.truncate(SAMPLED_GROUPS);
        self.planned.continue_after = Some(group.name.clone());
        let rate = self.backfill.requests_per_second;
        let estimate = Estimate::of(self.planned.slices, self.planned.bytes, None, rate);
        let is_enough = !self.request.dry_run && estimate.time > MOST_TIME;
        Ok(!is_enough && !self.is_over())
    }

    fn complete(&mut self) {
        self.planned.complete = true;
        self.planned.continue_after = None;
    }

    /// How long a slice waits, so that log events of its window that are on their way are there.
    fn delay(&self, to: SystemTime) -> Duration {
        let ready = to + self.backfill.ingestion_lag;
        ready.duration_since(SystemTime::now()).unwrap_or_default()
    }

    /// Estimates calls, time and log events of what was planned.
    async fn estimate(&mut self) {
        let mut sampled = (0, 0_u64);
        if self.request.dry_run {
            for (_, group) in &self.largest {
                let pace = &self.shipper.filter_pace;
                if !pace.wait(self.backfill.apart, self.until).await || self.is_over() {
                    break;
                }
                let aws = self.shipper.aws();
                let asked = (group.as_str(), self.window);
                let limit = (None, Some(SAMPLED_EVENTS));
                let page = read::log_events(aws, asked, limit, self.until, &mut 0).await;
                // An estimate needs none.
                if let Ok(page) = page {
                    sampled = (sampled.0 + page.log_events, sampled.1 + page.bytes());
                }
            }
        }
        let bytes_per_event = (sampled.0 > 0).then(|| sampled.1 as f64 / sampled.0 as f64);
        let (slices, bytes) = (self.planned.slices, self.planned.bytes);
        let rate = self.backfill.requests_per_second;
        let estimate = Estimate::of(slices, bytes, bytes_per_event, rate);
        self.planned.calls = estimate.calls;
        self.planned.time = estimate.time;
        self.planned.log_events = estimate.log_events;
    }

    fn is_after(&self, group: &LogGroup) -> bool {
        self.request.after.as_ref().is_none_or(|after| group.name > *after)
    }

    fn is_over(&self) -> bool {
        self.until.saturating_duration_since(Instant::now()) < SHORTEST
    }

    fn skip(&self, group: &LogGroup) -> Option<Skip> {
        let is_own = self.shipper.own_log_group.as_deref() == Some(&group.name);
        if is_own || self.backfill.exclude.contains(&group.name) {
            let why = "is the function's own, or in \"exclude_log_groups\"";
            return Some(Skip { reason: "excluded", why });
        }
        // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html>
        (group.class == "INFREQUENT_ACCESS" || group.class == "DELIVERY").then_some(Skip {
            reason: "class",
            why: "is of a class whose log events CloudWatch Logs does not return",
        })
    }
}

/// The age of log events that a destination still takes when their slice is read.
fn less_margin(max_age: Duration) -> Duration {
    max_age.saturating_sub(UNTIL_READ.min(max_age / 4))
}

/// What all these names begin with.
fn common_prefix<'a>(names: &[&'a str]) -> &'a str {
    let (Some(first), Some(last)) = (names.iter().min(), names.iter().max()) else { return "" };
    let length = first.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
    // Names of log groups are ASCII.
    first.get(..length).unwrap_or_default()
}

/// Why a log group is not read.
struct Skip {
    reason: &'static str,
    why: &'static str,
}

fn failed(error: AwsError, action: &'static str) -> BackfillError {
    let advice = match (error.is_denied(), action) {
        (false, _) => "",
        (true, "sqs:SendMessage") => {
            "; grant the function's role sqs:SendMessage on the queue of slices"
        }
        (true, _) => "; grant the function's role logs:DescribeLogGroups on *",
    };
    BackfillError::Aws { error, advice }
}
