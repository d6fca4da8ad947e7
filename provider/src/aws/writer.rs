use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types;
use logagg_policy::{Retention, SubscriptionFilter};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::effort::Effort;
use super::reader::log_group_turn;
use super::region_clients::RegionClients;
use super::{CallError, Cause, Operation};

/// Writes to CloudWatch Logs, and to the resource policies of functions, in one region, for one
/// operation of Terraform's.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(super) region: Arc<RegionClients>,
    pub(super) stopped: CancellationToken,
    patience: Arc<Patience>,
    /// Cancelled some seconds after `stopped`.
    late: Arc<OnceLock<CancellationToken>>,
}

/// How long a fresh permission is waited for, once an operation.
const PATIENCE: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_secs(3);

/// How long calls that belong together go on after Terraform asks to stop.
const LONGEST_GRACE: Duration = Duration::from_secs(10);

impl Writer {
    pub(super) fn new(region: Arc<RegionClients>, stopped: CancellationToken) -> Self {
        Self { region, stopped, patience: Arc::default(), late: Arc::default() }
    }

    /// The same for calls of which the first must not be the last: they go on for some seconds
    /// after Terraform asks to stop, which it grants.
    pub(crate) fn to_the_end(&self) -> Self {
        let stopped = self.late.get_or_init(|| {
            let (asked, late) = (self.stopped.clone(), CancellationToken::new());
            let cut_off = late.clone();
            tokio::spawn(async move {
                asked.cancelled().await;
                tokio::time::sleep(LONGEST_GRACE).await;
                cut_off.cancel();
            });
            late
        });
        Self { stopped: stopped.clone(), ..self.clone() }
    }

    /// Waits for the turn to write to a log group, whichever policy has it now.
    pub(crate) async fn turn(&self, log_group: &str) -> Result<OwnedMutexGuard<()>, CallError> {
        let operation = Operation::PutSubscriptionFilter;
        self.region.client.turn(operation, &log_group_turn(log_group), &self.stopped).await
    }

    /// Makes a filter, or changes the one of that name in place, without a gap in delivery.
    ///
    /// What the current filter has and the new one lacks is sent as empty, not left out: AWS keeps
    /// the system fields of a filter that is updated without any.
    /// <https://github.com/hashicorp/terraform-provider-aws/pull/45760>
    pub(crate) async fn put_subscription_filter(
        &self,
        log_group: &str,
        filter: &SubscriptionFilter,
        present: Option<&SubscriptionFilter>,
    ) -> Result<(), CallError> {
        let distribution = filter
            .takes_distribution()
            .then(|| types::Distribution::from(filter.distribution.to_string().as_str()));
        let takes_back = |given: fn(&SubscriptionFilter) -> bool| present.is_some_and(given);
        let transformed = filter.apply_on_transformed_logs;
        let transformed = (transformed || takes_back(|present| present.apply_on_transformed_logs))
            .then_some(transformed);
        let criteria = filter.field_selection_criteria.clone();
        let criteria = criteria.or_else(|| {
            takes_back(|present| present.field_selection_criteria.is_some()).then(String::new)
        });
        let system_fields: Vec<_> = filter.emit_system_fields.iter().cloned().collect();
        let system_fields = Some(system_fields).filter(|fields| {
            !fields.is_empty() || takes_back(|present| !present.emit_system_fields.is_empty())
        });
        loop {
            let request = self.call(Operation::PutSubscriptionFilter, || {
                self.region
                    .logs
                    .put_subscription_filter()
                    .log_group_name(log_group)
                    .filter_name(&filter.name)
                    .filter_pattern(&filter.pattern)
                    .destination_arn(&filter.destination_arn)
                    .set_role_arn(filter.role_arn.clone())
                    .set_distribution(distribution.clone())
                    .set_apply_on_transformed_logs(transformed)
                    .set_field_selection_criteria(criteria.clone())
                    .set_emit_system_fields(system_fields.clone())
                    .send()
            });
            let Err(error) = request.await else { return Ok(()) };
            let error = error.about(&filter.destination_arn);
            let may_pass = matches!(error.cause, Cause::NotYetPermitted(_));
            if !may_pass || !self.patience.lasts(Instant::now()) {
                return Err(error);
            }
            tracing::info!(log_group, "waiting for the destination's permission to propagate");
            self.pause(error).await?;
        }
    }

    /// Waits before a retry. If Terraform asks to stop meanwhile, the failure is returned.
    pub(crate) async fn pause(&self, failed: CallError) -> Result<(), CallError> {
        let pause = tokio::time::sleep(BETWEEN_TRIES);
        self.stopped.run_until_cancelled(pause).await.ok_or(failed)
    }

    pub(crate) async fn delete_subscription_filter(
        &self,
        log_group: &str,
        filter_name: &str,
    ) -> Result<(), CallError> {
        let delete = self.call(Operation::DeleteSubscriptionFilter, || {
            self.region
                .logs
                .delete_subscription_filter()
                .log_group_name(log_group)
                .filter_name(filter_name)
                .send()
        });
        delete.await.map(drop)
    }

    pub(crate) async fn set_retention(
        &self,
        log_group: &str,
        retention: Retention,
    ) -> Result<(), CallError> {
        let logs = &self.region.logs;
        match retention {
            Retention::Never => {
                let ask = || logs.delete_retention_policy().log_group_name(log_group).send();
                self.call(Operation::DeleteRetentionPolicy, ask).await.map(drop)
            }
            Retention::Days(days) => {
                let ask = || {
                    let days = i32::from(days);
                    let request = logs.put_retention_policy().log_group_name(log_group);
                    request.retention_in_days(days).send()
                };
                self.call(Operation::PutRetentionPolicy, ask).await.map(drop)
            }
        }
    }

    /// Protects a log group from deletion, or ends that. The call takes the log group's ARN only,
    /// where its page speaks of a name too.
    /// <https://github.com/hashicorp/terraform-provider-aws/pull/45298>
    pub(crate) async fn set_deletion_protection(
        &self,
        log_group_arn: &str,
        protected: bool,
    ) -> Result<(), CallError> {
        let put = self.call(Operation::PutLogGroupDeletionProtection, || {
            self.region
                .logs
                .put_log_group_deletion_protection()
                .log_group_identifier(log_group_arn)
                .deletion_protection_enabled(protected)
                .send()
        });
        put.await.map(drop)
    }

    /// As [`RetryingClient::call`](super::caller::RetryingClient::call).
    pub(super) async fn call<T, E, F>(
        &self,
        operation: Operation,
        attempt: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.region.client.call(operation, &Effort::Needed, &self.stopped, attempt).await
    }
}

/// The one bounded wait for a fresh permission: it begins with the first refusal, and all log
/// groups of the operation share it.
#[derive(Debug, Default)]
struct Patience {
    ends: Mutex<Option<Instant>>,
}

impl Patience {
    fn lasts(&self, now: Instant) -> bool {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        now < *ends.get_or_insert(now + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_is_shared_and_ends() {
        let patience = Patience::default();
        let start = Instant::now();
        assert!(patience.lasts(start));
        assert!(patience.lasts(start + PATIENCE - Duration::from_secs(1)));
        assert!(!patience.lasts(start + PATIENCE));
        assert!(!patience.lasts(start + PATIENCE * 2));
    }
}
