use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use logagg_policy::{Arn, Destination, GroupState, Subscription};

use super::discover::{Discovery, Membership};
use super::private_state::PrivateState;
use super::refresh::{LATEST, Refresh};

/// A log event may be ingested so long after it was written, by a clock that may differ: filters
/// deliver what is ingested, and a backfill reads by the time of log events.
const LAG: Duration = Duration::from_mins(15);

/// So long CloudTrail and the listing before the first filter may take.
const INCREMENTAL: Duration = Duration::from_mins(30);

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
        let had_filter = before.get(name).is_some_and(|it| {
            matches!(it.subscription, Some(Subscription::Active | Subscription::Differs(_)))
        });
        let since = since(known.get(name).copied(), last_refresh, had_filter, created);
        if let Some(since) = since {
            private.gaps.insert(name.clone(), since);
        }
    }
    let margin = match refresh {
        Refresh::Full => LAG,
        Refresh::Incremental { .. } => LAG + LATEST + INCREMENTAL,
    };
    let began = discovery.began.and_then(|began| began.checked_sub(margin));
    let since_1970 = began.and_then(|began| began.duration_since(UNIX_EPOCH).ok());
    private.refreshed_at = since_1970.and_then(|since| i64::try_from(since.as_secs()).ok());
}

/// The gaps of these log groups, or of all, by their beginnings; none where the destination is read
/// by no shipper.
pub(super) fn gaps(
    private: &PrivateState,
    destination_arn: &str,
    log_groups: Option<&[String]>,
) -> BTreeMap<i64, Vec<String>> {
    let arn = destination_arn.parse::<Arn>().ok();
    let destination = arn.and_then(|arn| Destination::of(&arn).ok());
    let mut gaps: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    if matches!(destination, Some(Destination::Function { .. } | Destination::Stream { .. })) {
        let asked = |name: &String| log_groups.is_none_or(|names| names.contains(name));
        for (name, since) in private.gaps.iter().filter(|(name, _)| asked(name)) {
            gaps.entry(*since).or_default().push(name.clone());
        }
    }
    gaps
}

/// Since when a log group without its filter may not have been forwarded, in seconds since 1970.
/// None for one that never had it and is older than the last refresh: the policy has not been applied
/// to it yet.
fn since(
    known: Option<i64>,
    last_refresh: Option<i64>,
    had_filter: bool,
    created: i64,
) -> Option<i64> {
    let found = || {
        let seen = last_refresh?;
        (had_filter || created >= seen).then_some(seen)
    };
    known.or_else(found).map(|since| since.max(created))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_begins_where_the_filter_was_seen_or_the_log_group_created() {
        // The filter was there at the last refresh.
        assert_eq!(since(None, Some(100), true, 50), Some(100));
        // A later refresh does not make the gap shorter.
        assert_eq!(since(Some(100), Some(200), false, 50), Some(100));
        // The log group was created since, or again.
        assert_eq!(since(None, Some(100), false, 150), Some(150));
        assert_eq!(since(Some(100), Some(200), true, 150), Some(150));
        // It has never had it, or nothing is known.
        assert_eq!(since(None, Some(100), false, 50), None);
        assert_eq!(since(None, None, true, 50), None);
    }

    #[test]
    fn gaps_are_of_destinations_that_a_shipper_reads() {
        let mut private = PrivateState::default();
        private.gaps = [("/a".to_owned(), 5), ("/b".to_owned(), 5), ("/c".to_owned(), 7)].into();
        let shipper = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";
        let found = gaps(&private, shipper, Some(&["/a".to_owned(), "/c".to_owned()]));
        assert_eq!(found, [(5, vec!["/a".to_owned()]), (7, vec!["/c".to_owned()])].into());
        assert_eq!(gaps(&private, shipper, None).len(), 2);
        let firehose = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs";
        assert!(gaps(&private, firehose, None).is_empty());
    }
}
