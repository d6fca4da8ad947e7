//! Where tag tables are.

use crate::aws::{Aws, Bucket};

/// The bucket of tag tables, and the prefix of their keys.
#[derive(Clone, Debug, PartialEq)]
pub struct TableBucket {
    /// The bucket's name.
    pub bucket: String,
    /// Its region, if not the function's.
    pub region: Option<String>,
    /// The expected owner of the bucket.
    pub bucket_owner: Option<String>,
    /// The prefix of all keys: a path that ends with a slash.
    pub prefix: String,
}

impl TableBucket {
    /// The bucket.
    pub fn bucket<'a>(&'a self, aws: &'a Aws) -> Bucket<'a> {
        Bucket {
            aws,
            name: &self.bucket,
            region: self.region.as_deref(),
            owner: self.bucket_owner.as_deref(),
        }
    }

    /// The key of the table of an account and region.
    pub fn key(&self, account_id: &str, region: &str) -> String {
        format!("{}tags/{account_id}/{region}.json.gz", self.prefix)
    }

    /// The object with this key, for messages.
    pub fn object(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}
