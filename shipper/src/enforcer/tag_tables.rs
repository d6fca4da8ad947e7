//! Writes the tags of log groups and functions to S3, where the shipper reads them.
//!
//! A table is written after a complete listing only, so that one that failed never removes tags.

use std::collections::BTreeSet;
use std::ops::ControlFlow::Continue;
use std::time::Instant;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::config::{EnforcerConfig, TagTableConfig};
use super::io::CallError;
use super::logs::{Logs, pages, with_token};
use super::state::Enforcer;
use super::summary::{TagTableCounts, Warnings};
use crate::aws::Service;
use crate::tags::{TableError, TagTable};

/// The maximum page size of GetResources.
///
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
const RESOURCES_PER_PAGE: usize = 100;

/// The types of the listed resources.
const TYPES: [&str; 2] = ["logs:log-group", "lambda:function"];

/// A page of resources.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resources {
    #[serde(default)]
    resource_tag_mapping_list: Vec<Resource>,
    pagination_token: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(default, rename = "Tags")]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// Why a table was not written.
#[derive(Debug, thiserror::Error)]
enum NotWritten {
    #[error("{error}{}", .error.advice("tag:GetResources"))]
    NotListed { error: CallError },
    #[error("{0}")]
    Table(TableError),
    #[error("{error}{}", .error.advice(&format!("s3:PutObject on {object}")))]
    NotPut { error: CallError, object: String },
}

/// What happened to a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It was written.
    Changed,
    /// The object is equal already.
    Unchanged,
}

impl Enforcer {
    /// Writes the tables of all regions of the policies, if tables are configured.
    pub(super) async fn write_tag_tables(
        &self,
        config: &EnforcerConfig,
        until: Instant,
        warnings: &mut Warnings,
    ) -> Option<TagTableCounts> {
        let tables = config.tag_table.as_ref()?;
        let places: BTreeSet<(&str, &str)> = config
            .policies
            .iter()
            .map(|policy| (policy.account_id.as_str(), policy.region.as_str()))
            .collect();
        let mut counts = TagTableCounts::default();
        for (account_id, region) in places {
            let logs = self.logs(region, until);
            match logs.write_tag_table(tables, account_id).await {
                Ok((table, written)) => {
                    let (log_groups, functions) = table.sizes();
                    counts.log_groups += log_groups;
                    counts.functions += functions;
                    match written {
                        Written::Changed => counts.written += 1,
                        Written::Unchanged => counts.unchanged += 1,
                    }
                }
                Err(error) => {
                    counts.failed += 1;
                    warnings.warn(format!(
                        "the tags of {region} could not be written, the former table stays: {error}"
                    ));
                }
            }
        }
        Some(counts)
    }
}

impl Logs<'_> {
    async fn write_tag_table(
        &self,
        tables: &TagTableConfig,
        account_id: &str,
    ) -> Result<(TagTable, Written), NotWritten> {
        let table = self.tag_table(account_id, &tables.keys).await;
        let table = table.map_err(|error| NotWritten::NotListed { error })?;
        let document = Bytes::from(table.encode().map_err(NotWritten::Table)?);
        let key = tables.bucket.key(account_id, self.region);
        // Each write is a new version, which shippers read.
        if self.object(&tables.bucket, &key).await.is_ok_and(|present| present == document) {
            return Ok((table, Written::Unchanged));
        }
        match self.put_object(&tables.bucket, &key, document).await {
            Ok(()) => Ok((table, Written::Changed)),
            Err(error) => Err(NotWritten::NotPut { error, object: tables.bucket.object(&key) }),
        }
    }

    /// The tags of the region. If the token expires, the listing begins again, once.
    async fn tag_table(&self, account_id: &str, keys: &[String]) -> Result<TagTable, CallError> {
        match self.listed_tags(account_id, keys).await {
            Err(error) if error.code() == Some("PaginationTokenExpiredException") => {
                self.listed_tags(account_id, keys).await
            }
            listed => listed,
        }
    }

    async fn listed_tags(&self, account_id: &str, keys: &[String]) -> Result<TagTable, CallError> {
        let (service, operation) = (Service::Tagging, "GetResources");
        let input = json!({"ResourceTypeFilters": TYPES, "ResourcesPerPage": RESOURCES_PER_PAGE});
        let ask = async |token: Option<String>| {
            self.call(service, operation, with_token(&input, "PaginationToken", token)).await
        };
        let mut table = TagTable::new(account_id, self.region, keys);
        pages(service, operation, ask, |page: Resources| {
            for Resource { arn, tags } in page.resource_tag_mapping_list {
                table.add(&arn, tags.into_iter().map(|tag| (tag.key, tag.value)));
            }
            Continue(page.pagination_token)
        })
        .await?;
        Ok(table)
    }
}

impl CallError {
    /// What to do.
    fn advice(&self, permission: &str) -> String {
        if self.is_denied() {
            return format!("; grant the function's role {permission}");
        }
        if self.is_no_time() || self.is_retryable() {
            return "; the next sweep tries again. If this continues, increase the function's \
                    timeout or \"requests_per_second\""
                .to_owned();
        }
        String::new()
    }
}
