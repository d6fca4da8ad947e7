//! Parking in S3: an object for each event and destination.

use std::time::Instant;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::{Death, Name, Shelf, Unkept, keep};
use crate::aws::{Aws, Bucket};

/// What stands in a key in place of a destination, for what is for all of them.
pub(crate) const FOR_ALL: &str = "_all";

/// A bucket, and where in it leftovers are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketPlace {
    /// The bucket's name.
    pub bucket: String,
    /// Its region, unless it is the function's.
    pub region: Option<String>,
    /// What all keys begin with: nothing, or a path that ends with a slash.
    pub prefix: String,
}

impl BucketPlace {
    /// The bucket.
    pub fn bucket<'a>(&'a self, aws: &'a Aws) -> Bucket<'a> {
        Bucket { aws, name: &self.bucket, region: self.region.as_deref() }
    }

    /// The key of what is kept on a shelf under a name.
    pub fn key(&self, shelf: Shelf, destination: Option<&str>, name: &Name) -> String {
        let destination = destination.unwrap_or(FOR_ALL);
        match shelf {
            Shelf::Parked => format!("{}{destination}/{name}.json", self.parked()),
            Shelf::Dead(death) => self.dead(death, destination, &format!("{name}.json")),
        }
    }

    /// The key of something that is not to be sent again.
    pub(crate) fn dead(&self, death: Death, destination: &str, file: &str) -> String {
        format!("{}dead/{}/{destination}/{file}", self.prefix, death.name())
    }

    /// What the keys of everything begin with that is to be sent again.
    pub fn parked(&self) -> String {
        format!("{}parked/", self.prefix)
    }

    /// The key of the lease.
    pub fn lease(&self) -> String {
        format!("{}lease.json", self.prefix)
    }

    /// Writes an object, whatever was there.
    pub async fn put(
        &self,
        aws: &Aws,
        key: &str,
        body: Bytes,
        until: Instant,
    ) -> Result<(), Unkept> {
        let bucket = self.bucket(aws);
        keep(until, async |timeout| {
            bucket.put(key, body.clone(), json_headers(), timeout).await.map(drop)
        })
        .await
        .map(|((), _)| ())
    }
}

/// The headers of an object that is JSON.
pub(crate) fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn keys_have_the_shelf_the_destination_and_the_name() {
        let place =
            BucketPlace { bucket: "b".to_owned(), region: None, prefix: "logs/".to_owned() };
        let name = Name::of_raw("x", SystemTime::UNIX_EPOCH);
        let key = |shelf, destination| place.key(shelf, destination, &name);
        assert_eq!(key(Shelf::Parked, Some("search")), format!("logs/parked/search/{name}.json"));
        assert_eq!(
            key(Shelf::Dead(Death::Refused), Some("search")),
            format!("logs/dead/refused/search/{name}.json")
        );
        assert_eq!(
            key(Shelf::Dead(Death::Undecodable), None),
            format!("logs/dead/undecodable/_all/{name}.json")
        );
    }
}
