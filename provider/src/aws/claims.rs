//! The policies of one account and region in this process. Terraform runs one process for each
//! provider configuration, and AWS does not show what a policy is about to do: two policies that
//! each select the log group of the other's shipper would create a loop, two with different desired
//! states of one log group would revert each other's changes, and one that is destroyed would
//! delete filters that another has just found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logagg_policy::{
    Claim, Conflict, PolicyId, SubscriptionFilter, Succession, WrittenProtection, WrittenRetention,
};
use tokio::sync::Mutex;

/// What the policies at work claim.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    destinations: BTreeMap<String, BTreeSet<String>>,
    /// What the policies in the state claim by it, be they to stay or to go.
    in_state: BTreeMap<PolicyId, Claim>,
    at_work: BTreeMap<PolicyId, AtWork>,
    /// The policies that are to be destroyed.
    leaving: BTreeMap<PolicyId, Leaving>,
    /// The policies that have been destroyed.
    gone: BTreeSet<PolicyId>,
    /// The filters that a policy has deleted: log group, name and destination.
    released: BTreeSet<[String; 3]>,
    restored: Restored,
    /// What replaced policies wrote, for those that take their places.
    bequeathed: Legacy,
}

/// The log groups whose retention, and those whose deletion protection, a policy has restored, or
/// is about to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restored {
    pub(crate) retentions: BTreeSet<String>,
    pub(crate) protections: BTreeSet<String>,
}

impl Restored {
    /// All of them.
    pub(crate) fn log_groups(&self) -> BTreeSet<&String> {
        self.retentions.union(&self.protections).collect()
    }
}

/// What policies wrote to log groups that another takes over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Legacy {
    pub(crate) retentions: BTreeMap<String, WrittenRetention>,
    pub(crate) protections: BTreeMap<String, WrittenProtection>,
}

#[derive(Debug)]
struct Leaving {
    claim: Claim,
    /// What it is to leave to policies in the state, once that is settled.
    kept: Option<KeptFor>,
}

/// What a policy that is destroyed leaves to others, unless they are destroyed too: the log groups
/// whose filters, retention or deletion protection they have in the state as well.
pub(crate) type KeptFor = BTreeMap<PolicyId, Overlap>;

/// What two policies have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overlap {
    pub(crate) filters: BTreeSet<String>,
    pub(crate) retentions: BTreeSet<String>,
    pub(crate) protections: BTreeSet<String>,
}

#[derive(Debug)]
struct AtWork {
    claim: Claim,
    origin: Origin,
    /// Whether what it gets from others still reaches its state.
    is_open: bool,
    /// What others wrote to log groups of its, and leave to it.
    inherited: Legacy,
}

/// How a policy comes by what it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It has the same filters in the state, so apply may pass it over.
    Existing,
    /// It is created in this run, or gets other filters.
    Created,
}

/// A conflict of two policies.
#[derive(Debug)]
pub(crate) struct ClaimConflict {
    pub(crate) conflict: Conflict,
    pub(crate) log_groups: BTreeSet<String>,
    /// The one that comes second, and the one before it.
    pub(crate) claims: [Claim; 2],
}

/// Filters of a policy that goes, which are those of one that stays.
#[derive(Debug)]
pub(crate) struct HandOver {
    pub(crate) from: Claim,
    pub(crate) to: Claim,
    pub(crate) origin: Origin,
    pub(crate) log_groups: BTreeSet<String>,
}

/// Held while a policy finds out what it may ship and claims it, so that of two policies one sees
/// what the other is about to do.
pub(crate) type SharedClaims = Arc<Mutex<Claims>>;

impl Claims {
    /// These log groups are about to be shipped to this destination.
    pub(crate) fn ship(
        &mut self,
        destination_arn: &str,
        log_groups: impl IntoIterator<Item = String>,
    ) {
        for log_group in log_groups {
            self.destinations.entry(log_group).or_default().insert(destination_arn.to_owned());
        }
    }

    /// Where a log group is about to be shipped.
    pub(crate) fn destinations_of(&self, log_group: &str) -> impl Iterator<Item = &String> {
        self.destinations.get(log_group).into_iter().flatten()
    }

    /// A policy that stays says what it claims, in place of what it claimed before.
    pub(crate) fn claim(&mut self, policy: PolicyId, origin: Origin, claim: Claim) {
        self.leaving.remove(&policy);
        let inherited = self.at_work.remove(&policy).map(|before| before.inherited);
        let inherited = inherited.unwrap_or_default();
        self.at_work.insert(policy, AtWork { claim, origin, is_open: true, inherited });
    }

    /// A policy is in the state with this claim.
    pub(crate) fn found_in_state(&mut self, policy: PolicyId, claim: Claim) {
        self.in_state.insert(policy, claim);
    }

    /// A policy comes to nothing.
    pub(crate) fn withdraw(&mut self, policy: PolicyId) {
        self.at_work.remove(&policy);
        self.leaving.remove(&policy);
    }

    /// A policy is to be destroyed, and claims no more what it claimed.
    pub(crate) fn leave(&mut self, policy: PolicyId, claim: Claim) {
        self.at_work.remove(&policy);
        self.leaving.insert(policy, Leaving { claim, kept: None });
    }

    /// What a policy that is to be destroyed leaves to others in the state. Who comes to be known
    /// after this is left nothing.
    pub(crate) fn settle(&mut self, policy: PolicyId) -> KeptFor {
        let Some(Leaving { claim, .. }) = self.leaving.get(&policy) else { return KeptFor::new() };
        let kept = self.kept_for_others(policy, claim);
        if let Some(leaving) = self.leaving.get_mut(&policy) {
            leaving.kept = Some(kept.clone());
        }
        kept
    }

    /// What of a claim other policies in the state have as well, and are not known to give up.
    pub(crate) fn kept_for_others(&self, policy: PolicyId, claim: &Claim) -> KeptFor {
        let others = self.in_state.iter().filter(|(other, _)| **other != policy);
        let staying = others.filter(|(other, _)| !self.leaving.contains_key(other));
        let overlaps = staying.map(|(other, theirs)| {
            let retentions = claim.retained.intersection(&theirs.retained).cloned().collect();
            let protections = claim.protected.intersection(&theirs.protected).cloned().collect();
            (*other, Overlap { filters: shared(claim, theirs), retentions, protections })
        });
        overlaps.filter(|(_, overlap)| *overlap != Overlap::default()).collect()
    }

    /// A policy is destroyed now.
    pub(crate) fn go(&mut self, policy: PolicyId) {
        self.gone.insert(policy);
    }

    /// The conflicts of a policy with the others at work.
    pub(crate) fn claim_conflicts(&self, policy: PolicyId) -> Vec<ClaimConflict> {
        let Some(AtWork { claim, .. }) = self.at_work.get(&policy) else { return Vec::new() };
        let mut claim_conflicts = Vec::new();
        for (_, other) in self.at_work.iter().filter(|(other, _)| **other != policy) {
            claim_conflicts.extend(claim.conflicts(&other.claim).into_iter().map(
                |(conflict, log_groups)| ClaimConflict {
                    conflict,
                    log_groups,
                    claims: [claim.terms(), other.claim.terms()],
                },
            ));
        }
        claim_conflicts
    }

    /// The filters of policies that are to be destroyed which `policy`, at work or to be destroyed
    /// itself, shares with them.
    pub(crate) fn hand_overs(&self, policy: PolicyId) -> Vec<HandOver> {
        let mut found = Vec::new();
        for (to, at_work) in &self.at_work {
            for (from, leaving) in &self.leaving {
                let log_groups = shared(&leaving.claim, &at_work.claim);
                let settled = match &leaving.kept {
                    Some(kept) => kept.contains_key(to),
                    None => self.in_state.contains_key(to),
                };
                if [to, from].contains(&&policy) && !log_groups.is_empty() && !settled {
                    found.push(HandOver {
                        from: leaving.claim.terms(),
                        to: at_work.claim.terms(),
                        origin: at_work.origin,
                        log_groups,
                    });
                }
            }
        }
        found
    }

    /// Whether a policy other than `policy` needs a filter of a log group. If none does, `policy`
    /// is about to delete it: a policy that claims it after this has to read it again.
    pub(crate) fn keep_or_release(
        &mut self,
        policy: PolicyId,
        kept: &KeptFor,
        log_group: &str,
        filter: &SubscriptionFilter,
    ) -> Kept {
        let others = self.at_work.iter().filter(|(other, _)| **other != policy);
        let mut claims = others.map(|(_, at_work)| &at_work.claim);
        let in_state = self.staying(kept).any(|overlap| overlap.filters.contains(log_group));
        if in_state || claims.any(|claim| claim.needs_filter(log_group, filter)) {
            return Kept::ForAnother;
        }
        self.released.insert(key(log_group, filter));
        Kept::No
    }

    /// Whether another policy has deleted such a filter of a log group, or is about to.
    pub(crate) fn was_released(&self, log_group: &str, filter: &SubscriptionFilter) -> bool {
        self.released.contains(&key(log_group, filter))
    }

    /// Whether a policy other than `policy` sets the retention of a log group, which is then left
    /// to it with what `policy` wrote. If none does, `policy` is about to restore the original
    /// retention.
    pub(crate) fn leave_or_restore(
        &mut self,
        policy: PolicyId,
        kept: &KeptFor,
        log_group: &str,
        written: WrittenRetention,
    ) -> Retained {
        let mut found = self.staying(kept).any(|overlap| overlap.retentions.contains(log_group));
        let others = self.at_work.iter_mut().filter(|(other, _)| **other != policy);
        for (_, other) in others {
            match other.claim.succession(log_group, written) {
                Succession::Inherited if other.is_open => {
                    other.inherited.retentions.insert(log_group.to_owned(), written);
                    return Retained::WithWhatWas;
                }
                Succession::Inherited | Succession::Found => found = true,
                Succession::Nothing => {}
            }
        }
        if found {
            return Retained::ForgettingWhatWas;
        }
        self.restored.retentions.insert(log_group.to_owned());
        Retained::No
    }

    /// The same for a deletion protection. Another policy keeps the one it finds only where it is
    /// as it says, so there is none that it takes for one that it found.
    pub(crate) fn leave_or_restore_protection(
        &mut self,
        policy: PolicyId,
        kept: &KeptFor,
        log_group: &str,
        written: WrittenProtection,
    ) -> Retained {
        let mut found = self.staying(kept).any(|overlap| overlap.protections.contains(log_group));
        let others = self.at_work.iter_mut().filter(|(other, _)| **other != policy);
        for (_, other) in others.filter(|(_, other)| other.claim.protected.contains(log_group)) {
            if other.is_open {
                other.inherited.protections.insert(log_group.to_owned(), written);
                return Retained::WithWhatWas;
            }
            found = true;
        }
        if found {
            return Retained::ForgettingWhatWas;
        }
        self.restored.protections.insert(log_group.to_owned());
        Retained::No
    }

    /// A policy that is replaced leaves a retention of its to the one that takes its place.
    pub(crate) fn bequeath(&mut self, log_group: &str, written: WrittenRetention) {
        self.bequeathed.retentions.insert(log_group.to_owned(), written);
    }

    /// The same for a deletion protection.
    pub(crate) fn bequeath_protection(&mut self, log_group: &str, written: WrittenProtection) {
        self.bequeathed.protections.insert(log_group.to_owned(), written);
    }

    /// What replaced policies have left.
    pub(crate) fn bequeathed(&self) -> &Legacy {
        &self.bequeathed
    }

    /// What a policy has restored, or is about to.
    pub(crate) fn restored(&self) -> &Restored {
        &self.restored
    }

    fn staying<'a>(&'a self, kept: &'a KeptFor) -> impl Iterator<Item = &'a Overlap> {
        kept.iter().filter(|(other, _)| !self.gone.contains(other)).map(|(_, overlap)| overlap)
    }

    /// A policy is about to return its state, with what others have left to it.
    pub(crate) fn close(&mut self, policy: PolicyId) -> Legacy {
        let Some(at_work) = self.at_work.get_mut(&policy) else { return Legacy::default() };
        at_work.is_open = false;
        std::mem::take(&mut at_work.inherited)
    }
}

/// What becomes of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    ForAnother,
    No,
}

/// What becomes of a retention, or a deletion protection, that is to be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retained {
    /// Another policy sets it, and learns what was there before.
    WithWhatWas,
    /// Another policy has it, and does not learn what was there before: it has returned its state
    /// already, or takes the retention for one that it found.
    ForgettingWhatWas,
    No,
}

/// The log groups that are to have one and the same filter by two claims.
fn shared(one: &Claim, other: &Claim) -> BTreeSet<String> {
    let Some(wanted) = &one.wanted else { return BTreeSet::new() };
    let both = one.shipped.iter().filter(|log_group| other.needs_filter(log_group, wanted));
    both.cloned().collect()
}

fn key(log_group: &str, filter: &SubscriptionFilter) -> [String; 3] {
    [log_group.to_owned(), filter.name.clone(), filter.destination_arn.clone()]
}

#[cfg(test)]
mod tests {
    use logagg_policy::{Desired, Retention, RetentionMode};

    use super::*;

    const ONE: u32 = 1;
    const OTHER: u32 = 2;

    fn id(bits: u32) -> PolicyId {
        PolicyId::of(bits)
    }

    fn filter() -> SubscriptionFilter {
        SubscriptionFilter::new("ship", "here")
    }

    fn claim(log_groups: &[&str]) -> Claim {
        let groups: BTreeSet<_> = log_groups.iter().map(|name| (*name).to_owned()).collect();
        Claim {
            wanted: Some(filter()),
            desired: Desired { retention: Some(Retention::Days(30)), ..Desired::default() },
            shipped: groups.clone(),
            retained: groups,
            ..Claim::default()
        }
    }

    fn release(claims: &mut Claims, policy: u32, log_group: &str) -> Kept {
        claims.keep_or_release(id(policy), &KeptFor::new(), log_group, &filter())
    }

    #[test]
    fn a_filter_that_another_policy_claims_is_kept_for_it() {
        let mut claims = Claims::default();
        claims.claim(id(ONE), Origin::Created, claim(&["/a"]));
        assert_eq!(release(&mut claims, OTHER, "/a"), Kept::ForAnother);
        assert_eq!(release(&mut claims, ONE, "/a"), Kept::No, "its own");
        assert_eq!(release(&mut claims, OTHER, "/b"), Kept::No);
        assert!(claims.was_released("/b", &filter()));
        claims.withdraw(id(ONE));
        assert_eq!(release(&mut claims, OTHER, "/a"), Kept::No);
    }

    #[test]
    fn a_retention_is_left_to_a_policy_whose_state_is_still_to_come() {
        let mut claims = Claims::default();
        claims.claim(id(ONE), Origin::Created, claim(&["/a"]));
        let (before, wrote) = (Retention::Days(365), Retention::Days(30));
        let written = WrittenRetention { before, wrote, created_ms: 1 };
        let restore = |claims: &mut Claims, log_group| {
            claims.leave_or_restore(id(OTHER), &KeptFor::new(), log_group, written)
        };
        assert_eq!(restore(&mut claims, "/a"), Retained::WithWhatWas);
        let retentions = BTreeMap::from([("/a".to_owned(), written)]);
        assert_eq!(claims.close(id(ONE)), Legacy { retentions, ..Legacy::default() });
        assert_eq!(restore(&mut claims, "/a"), Retained::ForgettingWhatWas);
        assert_eq!(restore(&mut claims, "/b"), Retained::No);
        assert_eq!(claims.restored().retentions, BTreeSet::from(["/b".to_owned()]));
    }

    #[test]
    fn a_protection_is_left_to_a_policy_that_sets_one() {
        let mut claims = Claims::default();
        let protecting = Claim { protected: BTreeSet::from(["/a".to_owned()]), ..claim(&[]) };
        claims.claim(id(ONE), Origin::Created, protecting);
        let written = WrittenProtection { before: false, wrote: true, created_ms: 1 };
        let restore = |claims: &mut Claims, log_group, kept: &KeptFor| {
            claims.leave_or_restore_protection(id(OTHER), kept, log_group, written)
        };
        let nothing = KeptFor::new();
        assert_eq!(restore(&mut claims, "/a", &nothing), Retained::WithWhatWas);
        let protections = BTreeMap::from([("/a".to_owned(), written)]);
        assert_eq!(claims.close(id(ONE)), Legacy { protections, ..Legacy::default() });
        assert_eq!(restore(&mut claims, "/a", &nothing), Retained::ForgettingWhatWas);
        assert_eq!(restore(&mut claims, "/b", &nothing), Retained::No);
        assert_eq!(claims.restored().protections, BTreeSet::from(["/b".to_owned()]));
        let overlap =
            Overlap { protections: BTreeSet::from(["/c".to_owned()]), ..Overlap::default() };
        let kept = KeptFor::from([(id(ONE), overlap)]);
        assert_eq!(restore(&mut claims, "/c", &kept), Retained::ForgettingWhatWas);
    }

    #[test]
    fn a_policy_for_what_is_unset_is_left_a_retention_only_where_it_would_set_one() {
        let mut claims = Claims::default();
        let mut unset = claim(&["/a", "/b"]);
        unset.desired.retention = Some(Retention::Days(60));
        unset.desired.mode = RetentionMode::IfUnset;
        claims.claim(id(ONE), Origin::Existing, unset);
        let mut restore = |log_group, before| {
            let written = WrittenRetention { before, wrote: Retention::Days(30), created_ms: 1 };
            claims.leave_or_restore(id(OTHER), &KeptFor::new(), log_group, written)
        };
        assert_eq!(restore("/a", Retention::Days(7)), Retained::No);
        assert_eq!(restore("/b", Retention::Never), Retained::ForgettingWhatWas);
        assert_eq!(claims.restored().retentions, BTreeSet::from(["/a".to_owned()]));
        assert_eq!(claims.close(id(ONE)), Legacy::default(), "it would change them as its own");
    }

    #[test]
    fn of_two_in_the_state_with_one_filter_the_last_that_goes_takes_it_along() {
        let mut claims = Claims::default();
        for policy in [ONE, OTHER] {
            claims.found_in_state(id(policy), claim(&["/a"]));
        }
        claims.leave(id(ONE), claim(&["/a", "/b"]));
        let kept = claims.settle(id(ONE));
        let take = |claims: &mut Claims, policy, kept: &KeptFor, log_group| {
            claims.keep_or_release(id(policy), kept, log_group, &filter())
        };
        assert_eq!(take(&mut claims, ONE, &kept, "/a"), Kept::ForAnother);
        assert_eq!(take(&mut claims, ONE, &kept, "/b"), Kept::No);
        claims.go(id(ONE));
        // The other knows that the first is to go.
        claims.leave(id(OTHER), claim(&["/a"]));
        let kept = claims.settle(id(OTHER));
        assert_eq!(kept, KeptFor::new());
        assert_eq!(take(&mut claims, OTHER, &kept, "/a"), Kept::No);
    }

    #[test]
    fn a_hand_over_is_seen_from_both_sides_whichever_comes_first() {
        let (from, to) = (id(ONE), id(OTHER));
        let going = |claims: &mut Claims| claims.leave(from, claim(&["/a", "/b"]));
        let coming = |claims: &mut Claims| claims.claim(to, Origin::Created, claim(&["/b", "/c"]));
        for order in [[&going as &dyn Fn(&mut Claims), &coming], [&coming, &going]] {
            let mut claims = Claims::default();
            order.iter().for_each(|step| step(&mut claims));
            for policy in [from, to] {
                let [hand_over] = &claims.hand_overs(policy)[..] else { panic!("one") };
                assert_eq!(hand_over.log_groups, BTreeSet::from(["/b".to_owned()]));
            }
            assert!(claims.claim_conflicts(to).is_empty());
        }
    }

    #[test]
    fn a_policy_that_is_destroyed_conflicts_with_none() {
        let mut claims = Claims::default();
        claims.claim(id(ONE), Origin::Existing, claim(&["/a"]));
        claims.claim(id(OTHER), Origin::Created, claim(&["/c"]));
        assert_eq!(claims.claim_conflicts(id(OTHER)).len(), 1, "one filter name");
        claims.leave(id(ONE), claim(&["/a"]));
        assert!(claims.claim_conflicts(id(OTHER)).is_empty());
    }
}
