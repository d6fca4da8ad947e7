use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use logagg_policy::{Arn, Destination, GroupState, Subscription};

use super::discover::{Discovery, Membership};
use super::private_state::PrivateState;
use super::refresh::{BLUR, LATEST, Refresh};

/// Keeps in mind since when log groups may not have been forwarded: since the last refresh that saw
/// the filter which is missing now, or since they were created. `before` is what that refresh saw.
pub(super) fn record_gaps(
    private: &mut PrivateState,
    before: &BTreeMap<String, GroupState>,
    discovery: &Discovery,
    now: &BTreeMap<String, GroupState>,
    refresh: Refresh,
) {
    let last_refresh = private.refreshed_at;
    let known = std::mem::take(&mut private.gaps);
    for (name, observed) in &discovery.groups {
        let is_missing =
            now.get(name).is_some_and(|it| it.subscription == Some(Subscription::Missing));
        if observed.membership != Membership::Selected || !is_missing {
            continue;
        }
        let created = observed.group.created_ms / 1_000;
        let was_active =
            before.get(name).is_some_and(|it| it.subscription == Some(Subscription::Active));
        let since = match (known.get(name), last_refresh) {
            (Some(since), _) => Some(*since),
            (None, Some(seen)) if was_active => Some(seen.max(created)),
            (None, Some(seen)) => (created >= seen).then_some(created),
            (None, None) => None,
        };
        if let Some(since) = since {
            private.gaps.insert(name.clone(), since);
        }
    }
    let margin = match refresh {
        Refresh::Full => BLUR,
        Refresh::Incremental { .. } => BLUR + LATEST,
    };
    let began = discovery.began.and_then(|began| began.checked_sub(margin));
    let since_1970 = began.and_then(|began| began.duration_since(UNIX_EPOCH).ok());
    private.refreshed_at = since_1970.and_then(|since| i64::try_from(since.as_secs()).ok());
}

/// The gaps of log groups that a plan subscribes, by their beginnings; none where the destination
/// is read by no shipper.
pub(super) fn planned_gaps(
    private: &PrivateState,
    destination_arn: &str,
    subscribed: &[String],
) -> BTreeMap<i64, Vec<String>> {
    let arn = destination_arn.parse::<Arn>().ok();
    let destination = arn.and_then(|arn| Destination::of(&arn).ok());
    let mut gaps: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    if matches!(destination, Some(Destination::Function { .. } | Destination::Stream { .. })) {
        for name in subscribed {
            if let Some(since) = private.gaps.get(name) {
                gaps.entry(*since).or_default().push(name.clone());
            }
        }
    }
    gaps
}
