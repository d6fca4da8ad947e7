//! What osmem-server holds.

use std::collections::BTreeMap;

use logagg_e2e::search::Search;
use logagg_e2e::wait;

use super::content::LogEvent;

/// Waits until an index has the messages of these events, each once, and nothing else.
pub(super) fn holds(search: &Search, index: &str, events: &[LogEvent]) -> anyhow::Result<()> {
    wait::until("the messages at the search server", || {
        let documents = search.documents(index).map_err(|error| format!("{error:#}"))?;
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        for document in &documents {
            *times.entry(document["message"].as_str().unwrap_or_default()).or_default() += 1;
        }
        let once = events.iter().filter(|event| times.get(&*event.message) == Some(&1)).count();
        if once == events.len() && documents.len() == once {
            Ok(())
        } else {
            Err(format!("{once} of {} are there once", events.len()))
        }
    })
}
