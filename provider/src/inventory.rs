//! The log groups of a selection's listings, and which of them it selects. Tags are read only if
//! they decide.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use logagg_policy::{Listing, LogGroup, Selection, TagFilter, Tags};

use crate::aws::{CallError, Cause, IN_FLIGHT, Reader};

/// The answer to what a selection asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    /// The listings, and every log group in them, selected or not.
    pub(crate) asked: Vec<Listing>,
    pub(crate) listed: BTreeMap<String, LogGroup>,
    pub(crate) tag_index: TagIndex,
}

/// What is known of the tags of log groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct TagIndex {
    /// The only log groups that can have these tags. An endpoint may name others beside them, so
    /// whether one of these has them, its tags say.
    candidates: BTreeMap<TagFilter, BTreeSet<String>>,
    read: BTreeMap<String, Tags>,
}

/// Those of some log groups that a listing did not have and that there are all the same. What a
/// complete listing covers and does not have is gone, so it is not asked for.
pub(crate) async fn held<'n>(
    reader: &Reader,
    asked: &[Listing],
    listed: &BTreeMap<String, LogGroup>,
    names: impl Iterator<Item = &'n String>,
) -> Result<BTreeMap<String, LogGroup>, CallError> {
    let open = names.filter(|name| !listed.contains_key(*name));
    let open = open.filter(|name| !asked.iter().any(|listing| listing.covers(name)));
    reader.log_groups_among(open.cloned().collect()).await
}

impl Inventory {
    /// Lists the candidates of a selection.
    pub(crate) async fn take(
        reader: &Reader,
        selection: &Selection,
        asked: Vec<Listing>,
    ) -> Result<Self, CallError> {
        // What is to be left out by its tags is looked for after all else, so that a log group
        // which is in the first list was there when the second was made.
        let mut listed = reader.log_groups(&asked).await?;
        let mut tag_index = TagIndex::default();
        for filter in selection.tag_filters() {
            match reader.names_of_tagged(filter).await {
                Ok(names) => {
                    tag_index.candidates.insert(filter.clone(), names);
                }
                // Without a listing by tags the tags of each log group are read.
                Err(error) if error.cause == Cause::Unsupported => {
                    listed.extend(reader.log_groups(&untagged(&asked, filter)).await?);
                }
                Err(error) => return Err(error),
            }
        }
        let unseen = tag_index.unseen(&asked, &listed);
        listed.extend(reader.log_groups_named(&unseen).await?);
        Ok(Self { asked, listed, tag_index })
    }

    /// The log groups that a selection matches; those in `passed_over` are not considered.
    pub(crate) async fn selected(
        &mut self,
        reader: &Reader,
        selection: &Selection,
        passed_over: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, CallError> {
        let mut selected = BTreeSet::new();
        let mut open = Vec::new();
        for (name, group) in &self.listed {
            match self.tag_index.judge(selection, group) {
                _ if passed_over.contains(name) => {}
                Some(true) => {
                    selected.insert(name.clone());
                }
                Some(false) => {}
                None => open.push(group.clone()),
            }
        }
        let read: Vec<_> = stream::iter(open)
            .map(|group| async move { reader.tags(&group).await.map(|tags| (group, tags)) })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        for (group, tags) in read {
            // Without tags to read it has been deleted since it was listed.
            let Some(tags) = tags else { continue };
            if selection.chooses(&group.name, &group.class, &tags) {
                selected.insert(group.name.clone());
            }
            self.tag_index.learn(group.name, tags);
        }
        Ok(selected)
    }
}

/// What to list where what is asked for by these tags cannot be.
fn untagged(asked: &[Listing], filter: &TagFilter) -> Vec<Listing> {
    let asked = asked.iter().filter_map(|listing| match listing {
        Listing::Tagged(tags, prefix) if tags == filter => Some(Listing::Prefix(prefix.clone())),
        _ => None,
    });
    asked.collect()
}

impl TagIndex {
    /// Whether a selection matches a log group; None if that depends on its tags.
    pub(crate) fn judge(&self, selection: &Selection, group: &LogGroup) -> Option<bool> {
        selection.judge(&group.name, &group.class, |filter| self.has(&group.name, filter))
    }

    /// Whether a log group has these tags, as far as that is known.
    pub(crate) fn has(&self, log_group: &str, filter: &TagFilter) -> Option<bool> {
        if let Some(tags) = self.read.get(log_group) {
            return Some(filter.holds_for(tags));
        }
        let candidates = self.candidates.get(filter)?;
        (!candidates.contains(log_group)).then_some(false)
    }

    /// The tags of a log group have been read.
    pub(crate) fn learn(&mut self, log_group: String, tags: Tags) {
        self.read.insert(log_group, tags);
    }

    /// The log groups that were asked for by their tags and have not been listed.
    fn unseen(&self, asked: &[Listing], listed: &BTreeMap<String, LogGroup>) -> Vec<String> {
        let mut unseen = BTreeSet::new();
        for listing in asked {
            let Listing::Tagged(filter, prefix) = listing else { continue };
            let names = self.candidates.get(filter).into_iter().flatten();
            unseen.extend(names.filter(|name| name.starts_with(prefix.as_str())));
        }
        unseen.into_iter().filter(|name| !listed.contains_key(*name)).cloned().collect()
    }
}
