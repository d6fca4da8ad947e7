//! A look at all young log groups: events are delivered at best effort, and some never come.

use std::time::{Duration, Instant, SystemTime};

use logagg_policy::{Document, LogGroup};

use super::config::EnforcerConfig;
use super::enforce::Enforcer;
use super::summary::Summary;
use crate::aws::AwsError;

/// With less time than this no further log group is begun.
const SHORTEST_LOOK: Duration = Duration::from_secs(3);

impl Enforcer {
    /// Gives the young log groups of all policies what they lack, as many as there is time for. It
    /// begins where the last sweep of this instance stopped, or else anywhere, so that under
    /// too many groups each has its turn.
    pub(super) async fn sweep(
        &self,
        config: &EnforcerConfig,
        until: Instant,
        summary: &mut Summary,
    ) {
        let born_after = SystemTime::now().checked_sub(config.sweep_max_age);
        let mut young: Vec<(LogGroup, &Document)> = Vec::new();
        for policy in &config.policies {
            match self.list(policy, until).await {
                Ok(groups) => {
                    let groups = groups
                        .into_iter()
                        .filter(|group| born_after.is_none_or(|after| born(group) >= after));
                    young.extend(groups.map(|group| (group, policy)));
                }
                Err(error) => summary.fail(format!("listing for {}: {error}", policy.name)),
            }
        }
        young.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let mut resume_after = self.resume_after.lock().await;
        rotate(&mut young, resume_after.as_deref());
        let all = young.len();
        for (index, (group, policy)) in young.into_iter().enumerate() {
            if until.saturating_duration_since(Instant::now()) < SHORTEST_LOOK {
                summary.left += all - index;
                return;
            }
            let name = group.name.clone();
            self.look_at(policy, &name, Some(group), until, summary).await;
            *resume_after = Some(name);
        }
    }

    async fn list(&self, policy: &Document, until: Instant) -> Result<Vec<LogGroup>, AwsError> {
        let logs = self.logs(policy, until);
        let mut groups = Vec::new();
        for listing in policy.selection.listings() {
            let listed = logs.log_groups(&listing).await?;
            groups.extend(listed.into_iter().filter(|group| {
                policy.selection.judge(&group.name, &group.class, |_| None) != Some(false)
            }));
        }
        Ok(groups)
    }
}

fn born(group: &LogGroup) -> SystemTime {
    let since_1970 = Duration::from_millis(group.created_ms.try_into().unwrap_or_default());
    SystemTime::UNIX_EPOCH + since_1970
}

/// Puts what comes after a name first; without a name, anything may come first.
fn rotate(groups: &mut [(LogGroup, &Document)], after: Option<&str>) {
    let first = match after {
        Some(after) => groups.partition_point(|(group, _)| group.name.as_str() <= after),
        None => fastrand::usize(..groups.len().max(1)),
    };
    groups.rotate_left(first.min(groups.len()));
}
