//! The bucket for undelivered events and dead letters.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, IF_NONE_MATCH};

use super::object_key::{Folder, ObjectName};
use super::stored_event::{self, StoredEvent, Undecodable};
use crate::aws::{Aws, AwsError, Bucket, Listing, Problem, retry_until};
use crate::destination::{Ambiguity, ReasonCode};

/// The timeout of an attempt.
pub(super) const LONGEST_ATTEMPT: Duration = Duration::from_secs(5);

/// A bucket, and the prefix of stored events.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// The bucket's name.
    pub bucket: String,
    /// Its region, if not the function's.
    pub region: Option<String>,
    /// The expected owner of the bucket.
    pub bucket_owner: Option<String>,
    /// The prefix of all keys: a path that ends with a slash.
    pub prefix: String,
}

/// Why an event could not be stored.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct NotStored {
    /// The last error.
    pub error: AwsError,
    /// Whether it may be stored nevertheless.
    pub is_unclear: bool,
}

impl Storage {
    /// The bucket.
    pub fn bucket<'a>(&'a self, aws: &'a Aws) -> Bucket<'a> {
        Bucket {
            aws,
            name: &self.bucket,
            region: self.region.as_deref(),
            owner: self.bucket_owner.as_deref(),
        }
    }

    /// The prefix of a folder.
    pub fn folder(&self, folder: Folder) -> String {
        format!("{}{}", self.prefix, folder.name())
    }

    /// The key of records of a destination.
    pub fn key(&self, folder: Folder, destination: &str, name: &ObjectName) -> String {
        format!("{}{destination}/{name}", self.folder(folder))
    }

    /// Stores records before `until`. A retry overwrites what an earlier attempt wrote.
    pub async fn store(
        &self,
        aws: &Aws,
        folder: Folder,
        name: &ObjectName,
        event: &StoredEvent<'_>,
        until: Instant,
    ) -> Result<(), NotStored> {
        let key = self.key(folder, event.destination, name);
        self.put(aws, &key, event.document(SystemTime::now()).into(), until).await
    }

    /// Stores the unchanged data of an event that cannot be decoded.
    pub async fn store_undecodable(
        &self,
        aws: &Aws,
        data: &str,
        arrived: SystemTime,
        reason: &ReasonCode,
        until: Instant,
    ) -> Result<(), NotStored> {
        let name = ObjectName::of_bytes(data.as_bytes(), arrived);
        let document = Undecodable::of_event(data, reason, SystemTime::now()).document();
        self.put_undecodable(aws, &name, document, until).await
    }

    /// Stores an unchanged object that cannot be decoded.
    pub async fn store_undecodable_object(
        &self,
        aws: &Aws,
        key: &str,
        object: &[u8],
        reason: &ReasonCode,
        until: Instant,
    ) -> Result<(), NotStored> {
        let now = SystemTime::now();
        let name = ObjectName::of_bytes(&[key.as_bytes(), object].concat(), now);
        let document = Undecodable::of_object(key, object, reason, now).document();
        self.put_undecodable(aws, &name, document, until).await
    }

    async fn put_undecodable(
        &self,
        aws: &Aws,
        name: &ObjectName,
        document: Vec<u8>,
        until: Instant,
    ) -> Result<(), NotStored> {
        let key = format!("{}{name}", self.folder(Folder::Undecodable));
        self.put(aws, &key, document.into(), until).await
    }

    /// Writes an object unconditionally.
    pub async fn put(
        &self,
        aws: &Aws,
        key: &str,
        body: Bytes,
        until: Instant,
    ) -> Result<(), NotStored> {
        let bucket = self.bucket(aws);
        let mut is_unclear = false;
        let put = retry_until(until, LONGEST_ATTEMPT, async |timeout| {
            let put = bucket.put(key, body.clone(), headers(), timeout).await;
            is_unclear |= put.as_ref().is_err_and(|error| error.ambiguity() == Ambiguity::Unclear);
            put
        });
        match put.await {
            Ok(_) => Ok(()),
            Err(error) => Err(NotStored { error, is_unclear }),
        }
    }

    /// Reads an object, if it exists.
    pub async fn get(
        &self,
        aws: &Aws,
        key: &str,
        until: Instant,
    ) -> Result<Option<Bytes>, AwsError> {
        let bucket = self.bucket(aws);
        let got =
            retry_until(until, LONGEST_ATTEMPT, async |timeout| bucket.get(key, timeout).await)
                .await;
        match got {
            Ok(object) => Ok(Some(object.body)),
            // If the bucket does not exist, the object's content is unknown.
            Err(error) if status(&error) == Some(404) && error.code() != Some("NoSuchBucket") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes an object.
    pub async fn delete(&self, aws: &Aws, key: &str, until: Instant) -> Result<(), AwsError> {
        let bucket = self.bucket(aws);
        retry_until(until, LONGEST_ATTEMPT, async |timeout| bucket.delete(key, timeout).await).await
    }

    /// Overwrites an object with a mark that its event was delivered.
    pub async fn mark_delivered(
        &self,
        aws: &Aws,
        key: &str,
        until: Instant,
    ) -> Result<(), NotStored> {
        self.put(aws, key, stored_event::delivered(SystemTime::now()).into(), until).await
    }

    /// Records that the event of an object is being delivered, if a second delivery would cause
    /// duplicates. Returns `false` if that was recorded before: another invocation is delivering
    /// it, or was killed meanwhile.
    pub async fn note_delivery(
        &self,
        aws: &Aws,
        key: &str,
        until: Instant,
    ) -> Result<bool, AwsError> {
        let bucket = self.bucket(aws);
        let note = self.note(key);
        let mut headers = headers();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        // After a lost response, the retry finds the note: one delivery too many is counted.
        let put = retry_until(until, LONGEST_ATTEMPT, async |timeout| {
            bucket.put(&note, Bytes::new(), headers.clone(), timeout).await
        });
        match put.await {
            Ok(_) => Ok(true),
            // 409: another invocation is writing it at the same time.
            Err(error) if matches!(status(&error), Some(409 | 412)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the note of [`Self::note_delivery`].
    pub async fn delete_note(&self, aws: &Aws, key: &str, until: Instant) -> Result<(), AwsError> {
        self.delete(aws, &self.note(key), until).await
    }

    fn note(&self, key: &str) -> String {
        format!("{}delivering/{:032x}", self.prefix, xxhash_rust::xxh3::xxh3_128(key.as_bytes()))
    }

    /// Lists at most `most` stored events after a key.
    pub async fn list(
        &self,
        aws: &Aws,
        prefix: &str,
        after: Option<&str>,
        most: u16,
        until: Instant,
    ) -> Result<Listing, AwsError> {
        let bucket = self.bucket(aws);
        retry_until(until, LONGEST_ATTEMPT, async |timeout| {
            bucket.list_after(prefix, after, most, timeout).await
        })
        .await
    }
}

fn status(error: &AwsError) -> Option<u16> {
    match &error.problem {
        Problem::Rejected { status, .. } => Some(*status),
        _ => None,
    }
}

/// The headers of a compressed document, without `Content-Encoding`, so that a download is the file
/// that its name says.
fn headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/gzip"))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_folder_the_destination_and_the_date() {
        let storage = Storage {
            bucket: "b".to_owned(),
            region: None,
            bucket_owner: None,
            prefix: "logs/".to_owned(),
        };
        let name = ObjectName::of_bytes(b"x", SystemTime::UNIX_EPOCH);
        let file = format!("1970/01/01/{:032x}.json.gz", xxhash_rust::xxh3::xxh3_128(b"x"));
        assert_eq!(
            storage.key(Folder::Undelivered, "search", &name),
            format!("logs/undelivered/search/{file}")
        );
        assert_eq!(
            storage.key(Folder::Rejected, "search", &name),
            format!("logs/rejected/search/{file}")
        );
    }
}
