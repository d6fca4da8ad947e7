//! The tables that an instance of the shipper has read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::join_all;

use super::bucket::TableBucket;
use super::table::{MAX_TABLE_BYTES, TableError, TagTable, Tags};
use crate::aws::{Aws, AwsError, Problem, retry_until};

/// The time for reading tables that are not known yet.
const FIRST_READ: Duration = Duration::from_secs(3);

/// The time for reading known tables again. The former ones are good enough for not waiting longer.
const LATER_READ: Duration = Duration::from_secs(1);

/// How long after an error a table is read again.
const AFTER_ERROR: Duration = Duration::from_secs(30);

/// The maximum size of all tables as JSON.
const MAX_BYTES: usize = 2 * MAX_TABLE_BYTES;

/// Where the shipper reads tags.
#[derive(Clone, Debug, PartialEq)]
pub struct TagSource {
    /// The bucket of the tables.
    pub bucket: TableBucket,
    /// The accounts that have a table.
    pub accounts: BTreeSet<String>,
    /// The age at which a table is read again.
    pub refresh: Duration,
    /// The keys that routes and templates use.
    pub used_keys: BTreeSet<String>,
}

/// Tables by account, each read at its first use and again when it is old.
#[derive(Debug)]
pub struct TagTables {
    source: TagSource,
    known: Mutex<BTreeMap<String, Known>>,
}

/// What is known of an account's table.
#[derive(Clone, Debug)]
struct Known {
    /// The last good copy, and when it was last known to be current.
    copy: Option<(Arc<Copy>, SystemTime)>,
    tried: SystemTime,
    /// How long after that it is read again.
    wait: Duration,
    /// Why the last read failed.
    problem: Option<String>,
}

#[derive(Debug)]
struct Copy {
    table: TagTable,
    bytes: usize,
    etag: Option<String>,
}

/// Why there is no new copy of a table.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("{0}{advice}", advice = advice(.0))]
    Aws(AwsError),
    #[error("there is no region: {0}")]
    NoRegion(Problem),
    #[error("{0}")]
    Table(TableError),
    #[error("the tables of all accounts have more than {MAX_BYTES} bytes after decompression")]
    TooLarge,
}

impl TagTables {
    /// Nothing is read yet.
    pub fn new(source: TagSource) -> Self {
        Self { source, known: Mutex::default() }
    }

    /// Reads the tables of these accounts as far as they are due, within a part of the time until
    /// `until`. Returns warnings about what is missing or old.
    pub async fn refresh(
        &self,
        aws: &Aws,
        accounts: &BTreeSet<&str>,
        until: Instant,
    ) -> Vec<String> {
        let accounts: Vec<&str> =
            accounts.iter().copied().filter(|it| self.source.accounts.contains(*it)).collect();
        let now = SystemTime::now();
        let known = |account| self.known().get(account).cloned();
        let due = accounts.iter().map(|account| (*account, known(*account)));
        let due = due.filter(|(_, known)| known.as_ref().is_none_or(|known| known.is_due(now)));
        let reads = due.map(async |(account, known)| {
            let before = known.and_then(|known| known.copy);
            let read = self.read(aws, account, before.as_ref().map(|(copy, _)| &**copy), until);
            (account, read.await, before)
        });
        for (account, read, before) in join_all(reads).await {
            self.note(account, read, before, now);
        }
        accounts.iter().flat_map(|account| self.warnings(account, aws, now)).collect()
    }

    /// The tags of an account's log group and function.
    pub fn tags(&self, account: &str, log_group: &str, function: Option<&str>) -> Option<Tags> {
        let (copy, _) = self.known().get(account)?.copy.clone()?;
        copy.table.tags(log_group, function)
    }

    /// Reads a table, unless it is the one that is known: `None`.
    async fn read(
        &self,
        aws: &Aws,
        account: &str,
        before: Option<&Copy>,
        until: Instant,
    ) -> Result<Option<Copy>, ReadError> {
        let region = aws.region().map_err(ReadError::NoRegion)?;
        let longest = if before.is_some() { LATER_READ } else { FIRST_READ };
        // The log events have precedence.
        let time = until.saturating_duration_since(Instant::now()) / 4;
        let until = Instant::now() + time.min(longest);
        let bucket = self.source.bucket.bucket(aws);
        let key = self.source.bucket.key(account, region);
        let etag = before.and_then(|copy| copy.etag.as_deref());
        let object = retry_until(until, longest, async |timeout| {
            bucket.get_changed(&key, etag, MAX_TABLE_BYTES, timeout).await
        });
        let Some(object) = object.await.map_err(ReadError::Aws)? else { return Ok(None) };
        let decoded = TagTable::decode(&object.body, account, region);
        let (table, bytes) = decoded.map_err(ReadError::Table)?;
        Ok(Some(Copy { table, bytes, etag: object.etag }))
    }

    fn note(
        &self,
        account: &str,
        read: Result<Option<Copy>, ReadError>,
        before: Option<(Arc<Copy>, SystemTime)>,
        now: SystemTime,
    ) {
        let mut known = self.known();
        let others = known.iter().filter(|(other, _)| *other != account);
        let others: usize = others.filter_map(|(_, it)| Some(it.copy.as_ref()?.0.bytes)).sum();
        let read = match read {
            Ok(Some(copy)) if others + copy.bytes > MAX_BYTES => Err(ReadError::TooLarge),
            other => other,
        };
        // Jitter, so that instances that started together do not read together.
        let refresh = self.source.refresh.mul_f64(0.9 + 0.2 * fastrand::f64());
        let (copy, wait, problem) = match read {
            Ok(Some(copy)) => (Some((Arc::new(copy), now)), refresh, None),
            Ok(None) => (before.map(|(copy, _)| (copy, now)), refresh, None),
            Err(error) => (before, refresh.min(AFTER_ERROR), Some(error.to_string())),
        };
        known.insert(account.to_owned(), Known { copy, tried: now, wait, problem });
    }

    fn warnings(&self, account: &str, aws: &Aws, now: SystemTime) -> Vec<String> {
        let Some(known) = self.known().get(account).cloned() else { return Vec::new() };
        let bucket = &self.source.bucket;
        let object = bucket.object(&bucket.key(account, aws.region().unwrap_or("?")));
        let mut warnings = Vec::new();
        if let Some(problem) = &known.problem {
            let instead = match &known.copy {
                Some((_, current)) => {
                    let age = now.duration_since(*current).unwrap_or_default().as_secs();
                    format!("the tags of {age} s ago stay in use")
                }
                None => "its log events have no tags".to_owned(),
            };
            warnings.push(format!(
                "could not read the tags of account {account} from {object}: {problem}; {instead}"
            ));
        }
        if let Some((copy, _)) = &known.copy {
            let keys = self.source.used_keys.iter();
            warnings.extend(keys.filter(|key| !copy.table.keys().contains(*key)).map(|key| {
                format!(
                    "{object} has no tags with the key {key:?}, which a route or a name uses; add \
                     it to \"keys\" of the enforcer's \"tag_table\" in account {account}"
                )
            }));
        }
        warnings
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// By a clock that advances while the instance is frozen. If it was set back, the read is due.
    fn is_due(&self, now: SystemTime) -> bool {
        now.duration_since(self.tried).map_or(true, |passed| passed >= self.wait)
    }
}

fn advice(error: &AwsError) -> &'static str {
    if error.is_denied() {
        return "; grant the function's role s3:GetObject on it, and s3:ListBucket on the bucket to \
                distinguish a missing object";
    }
    match error.code() {
        Some("NoSuchKey") => {
            "; there is no such object: the enforcer of the account writes it if its configuration \
             has \"tag_table\""
        }
        _ => "",
    }
}
