//! The results of the cells as tables.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::fault::Fault;
use super::situation::Situation;
use super::storage_fault::StorageFault;
use super::{LEAVING, RecordOutcome};
use crate::contract::{ALL, Contract};
use crate::settled::Counts;

/// All cells with their counts, a table for each destination.
pub(super) fn all(outcomes: &[RecordOutcome]) -> String {
    let mut text = String::new();
    let in_row = Situation::ALL.len();
    for (contract, of_contract) in ALL.iter().zip(outcomes.chunks(Fault::ALL.len() * in_row)) {
        let _ = write!(text, "{:<24}", contract.kind());
        for situation in Situation::ALL {
            let _ = write!(text, " {situation:<34}");
        }
        text.push('\n');
        for (fault, row) in Fault::ALL.iter().zip(of_contract.chunks(in_row)) {
            let _ = write!(text, "  {fault:<22}");
            write_counts(row, &mut text);
        }
        text.push('\n');
    }
    text
}

/// All cells about the storage with their counts, a table for each destination and situation.
pub(super) fn all_storage(outcomes: &[RecordOutcome]) -> String {
    let mut text = String::new();
    let storage_faults = StorageFault::all();
    let tables = ALL.iter().flat_map(|contract| Situation::STORAGE_FAULTS.map(|it| (contract, it)));
    let cells = outcomes.chunks(storage_faults.len() * LEAVING.len());
    for ((contract, situation), of_table) in tables.zip(cells) {
        let _ = write!(text, "{:<46}", format!("{}, {situation}", contract.kind()));
        for fault in LEAVING {
            let _ = write!(text, " {fault:<34}");
        }
        text.push('\n');
        for (storage_fault, row) in storage_faults.iter().zip(of_table.chunks(LEAVING.len())) {
            let _ = write!(text, "  {storage_fault:<44}");
            write_counts(row, &mut text);
        }
        text.push('\n');
    }
    text
}

/// The counts of a row, and the end of its line.
fn write_counts(row: &[RecordOutcome], text: &mut String) {
    for outcome in row {
        let counts = outcome.counts.as_ref().map(counted);
        let _ = write!(text, " {:<34}", counts.as_deref().unwrap_or("DOES NOT ADD UP"));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
}

/// Counts in a few words.
fn counted(counts: &Counts) -> String {
    let dispositions = [
        ("delivered", "delivered"),
        ("deduplicated", "there"),
        ("rejected", "rejected"),
        ("stored", "stored"),
        ("returned_to_source", "returned"),
        ("retries", "again"),
        ("possible_duplicates", "duplicated?"),
    ];
    let words = dispositions.iter().filter_map(|(name, word)| {
        let count = counts.get(name);
        (count > 0).then(|| format!("{word} {count}"))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The results, as on a page: a row for a fault and all destinations with the same result.
pub(super) fn page(outcomes: &[RecordOutcome]) -> String {
    let mut text = "| fault | destinations | once | lasting |\n|---|---|---|---|\n".to_owned();
    for fault in Fault::ALL {
        let words = alike(|contract| {
            let word = |situation| {
                let outcome = outcomes.iter().find(|outcome| {
                    let cell = &outcome.cell;
                    cell.contract.kind() == contract.kind()
                        && (cell.fault, cell.situation) == (fault, situation)
                });
                outcome.and_then(|outcome| outcome.counts.as_ref()).map_or_else(String::new, word)
            };
            (word(Situation::OneBatch), word(Situation::NearDeadline))
        });
        for (at, (once, lasting)) in words {
            let _ = writeln!(text, "| {fault} | {at} | {once} | {lasting} |");
        }
    }
    text
}

/// The results for undelivered events, as on a page: a row for each fault of the storage and all
/// destinations with the same result.
pub(super) fn storage_page(outcomes: &[RecordOutcome]) -> String {
    let mut text = "| storage | destinations | undelivered events |\n|---|---|---|\n".to_owned();
    for storage_fault in StorageFault::all() {
        let words = alike(|contract| {
            // What is undelivered at once has no unknown result.
            let outcome = outcomes.iter().find(|outcome| {
                let cell = &outcome.cell;
                cell.contract.kind() == contract.kind()
                    && (cell.storage_fault, cell.fault) == (storage_fault, LEAVING[0])
                    && cell.situation == Situation::Outage
            });
            let counts = outcome.and_then(|outcome| outcome.counts.as_ref());
            counts.map_or_else(String::new, kept_word)
        });
        for (of, word) in words {
            let _ = writeln!(text, "| {storage_fault} | {of} | {word} |");
        }
    }
    text
}

/// The destinations with the same results, largest group first.
fn alike<T: Ord>(described: impl Fn(&dyn Contract) -> T) -> Vec<(String, T)> {
    let mut alike: BTreeMap<T, Vec<&str>> = BTreeMap::new();
    for contract in ALL {
        alike.entry(described(*contract)).or_default().push(contract.kind());
    }
    let mut alike: Vec<_> = alike.into_iter().collect();
    alike.sort_by_key(|(_, kinds)| Reverse(kinds.len()));
    let groups = alike.len();
    let named = alike.into_iter().enumerate().map(|(number, (described, kinds))| {
        let names = match (number, groups) {
            (0, 1) => "all".to_owned(),
            (0, _) if kinds.len() > ALL.len() / 2 => "all others".to_owned(),
            _ => kinds.join(", "),
        };
        (names, described)
    });
    named.collect()
}

/// The result for undelivered events.
fn kept_word(counts: &Counts) -> String {
    let is_stored = counts.get("stored") == counts.get("received");
    let word = if is_stored { "stored" } else { "returned to source" };
    let is_unclear = counts.get("possible_duplicates") > 0;
    format!("{word}{}", if is_unclear { ", may be duplicated" } else { "" })
}

/// The result for the records, in words that are the same in every run.
fn word(counts: &Counts) -> String {
    let get = |name| counts.get(name);
    let all = get("received");
    let word = if get("returned_to_source") == all {
        if counts.reasons("retried").is_empty() { "undelivered" } else { "retried, undelivered" }
    } else if get("rejected") == all {
        "rejected"
    } else if get("rejected") > 0 {
        "malformed ones rejected"
    } else if get("delivered") + get("deduplicated") < all {
        "several dispositions"
    } else if get("requests") == 1 {
        "delivered"
    } else if get("retries") == 0 {
        "split, delivered"
    } else {
        "retried, delivered"
    };
    // The result was unknown after each attempt, not only after the last one, which the deadline
    // may have cut short.
    let tries = if get("returned_to_source") == all { get("requests") } else { get("retries") };
    let is_unclear = 2 * get("possible_duplicates") > all * tries;
    format!("{word}{}", if is_unclear { ", may be duplicated" } else { "" })
}
