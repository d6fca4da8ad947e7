//! The record of a platform log event in the JSON format.

use std::borrow::Cow;

use serde::Deserialize;

/// The relevant fields of a platform log event.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct PlatformLine<'a> {
    #[serde(borrow)]
    pub(super) record: PlatformRecord<'a>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlatformRecord<'a> {
    #[serde(borrow)]
    pub(super) request_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) error_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) tenant_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) durable_execution_arn: Option<Cow<'a, str>>,
    /// `on-demand`, `provisioned-concurrency`, `snap-start` or `lambda-managed-instances`.
    #[serde(borrow)]
    pub(super) initialization_type: Option<Cow<'a, str>>,
    pub(super) dropped_records: Option<u64>,
    pub(super) dropped_bytes: Option<u64>,
    pub(super) metrics: Option<PlatformMetrics>,
    #[serde(borrow)]
    pub(super) tracing: Option<PlatformTracing<'a>>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlatformMetrics {
    pub(super) duration_ms: Option<f64>,
    pub(super) billed_duration_ms: Option<f64>,
    #[serde(rename = "memorySizeMB")]
    pub(super) memory_size_mb: Option<u64>,
    #[serde(rename = "maxMemoryUsedMB")]
    pub(super) max_memory_used_mb: Option<u64>,
    pub(super) init_duration_ms: Option<f64>,
    pub(super) restore_duration_ms: Option<f64>,
    pub(super) billed_restore_duration_ms: Option<f64>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlatformTracing<'a> {
    #[serde(borrow)]
    pub(super) span_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) value: Option<Cow<'a, str>>,
}
