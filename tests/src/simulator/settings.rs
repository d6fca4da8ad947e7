//! What a test decides before the simulator starts, and may change while it runs.

use std::time::{Duration, SystemTime};

use super::quota::Quotas;

/// The rules of the simulated AWS.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) quotas: Quotas,
    pub(super) filters_per_group: usize,
    pub(super) propagation: Duration,
    pub(super) event_delay: (Duration, Duration),
    pub(super) latency: (Duration, Duration),
    pub(super) infrequent_access: InfrequentAccess,
    pub(super) essentials: Essentials,
    pub(super) data_points_per_page: usize,
    pub(super) speed: f64,
    pub(super) start: Option<SystemTime>,
}

/// What DescribeSubscriptionFilters does for a group of class `INFREQUENT_ACCESS`: both have been
/// reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfrequentAccess {
    /// It is refused.
    Refuses,
    /// It answers that there are none.
    Answers,
}

/// What a log group of class `ESSENTIALS` does with subscription filters. No page says which, and none has
/// the words of a refusal: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Essentials {
    /// Neither are they shown nor created.
    Refuses,
    /// It answers that there are none, and creates none.
    Answers,
    /// As one of class `STANDARD`.
    Takes,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            quotas: Quotas::off(),
            filters_per_group: 2,
            propagation: Duration::ZERO,
            event_delay: (Duration::ZERO, Duration::ZERO),
            latency: (Duration::ZERO, Duration::ZERO),
            infrequent_access: InfrequentAccess::Refuses,
            essentials: Essentials::Refuses,
            data_points_per_page: 100_800,
            speed: 1.0,
            start: None,
        }
    }
}
