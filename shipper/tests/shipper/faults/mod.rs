//! Every fault of every destination in every situation, and every fault of the storage for
//! undelivered events: the sums are right, nothing is lost, every duplicate is counted, and the
//! invocation ends before its deadline.
//!
//! The library runs here, over real connections to the mock servers, with many cells concurrently:
//! a process for each would take minutes. `every_destination` and others test the same with
//! `bootstrap` for single cells.

mod cell;
mod fault;
pub(crate) mod limited;
mod situation;
mod storage_fault;
mod table;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::thread;

use futures_util::{FutureExt, StreamExt, stream};
use logagg_shipper::delivery::Client;

use crate::contract::ALL;
use crate::settled::Counts;
use cell::Cell;
use fault::Fault;
use situation::Situation;
use storage_fault::StorageFault;

/// The number of threads.
const THREADS: usize = 2;

/// The number of concurrent cells per thread: they mostly wait.
const AT_ONCE: usize = 64;

/// The variable with the name of a file to which the results are written as a table.
const TABLE_VARIABLE: &str = "LOGAGG_FAULTS";

/// Every fault of every destination in every situation.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for &contract in ALL {
        for fault in Fault::ALL {
            let storage_fault = StorageFault::WELL;
            cells.extend(Situation::ALL.map(|situation| Cell {
                contract,
                fault,
                situation,
                storage_fault,
            }));
        }
    }
    cells
}

/// Faults that leave everything undelivered: at once, at the deadline, and with an unknown result.
const LEAVING: [Fault; 3] = [Fault::Status(401), Fault::Status(503), Fault::Hang];

/// Every fault of the storage, for every destination with undelivered events.
fn storage_cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for &contract in ALL {
        for situation in Situation::STORAGE_FAULTS {
            for storage_fault in StorageFault::all() {
                cells.extend(LEAVING.map(|fault| Cell {
                    contract,
                    fault,
                    situation,
                    storage_fault,
                }));
            }
        }
    }
    cells
}

/// The result of a cell; a failed one has printed why.
struct RecordOutcome {
    cell: Cell,
    counts: Option<Counts>,
}

/// Runs cells, and returns their results in order.
fn outcomes(cells: Vec<Cell>) -> Vec<RecordOutcome> {
    let mut shares = vec![Vec::new(); THREADS];
    for (number, cell) in cells.into_iter().enumerate() {
        shares[number % THREADS].push((number, cell));
    }
    let mut outcomes: Vec<(usize, RecordOutcome)> = thread::scope(|scope| {
        let playing: Vec<_> = shares.into_iter().map(|share| scope.spawn(|| play(share))).collect();
        playing.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    outcomes.sort_unstable_by_key(|(number, _)| *number);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Runs cells on a runtime like that of the function.
fn play(cells: Vec<(usize, Cell)>) -> Vec<(usize, RecordOutcome)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::default();
        let playing = cells.into_iter().map(async |(number, cell)| {
            let counts = AssertUnwindSafe(cell.play(&client)).catch_unwind().await.ok();
            if counts.is_none() {
                eprintln!("the cell that failed: {cell}");
            }
            (number, RecordOutcome { cell, counts })
        });
        stream::iter(playing).buffer_unordered(AT_ONCE).collect().await
    })
}

/// All assertions on the cells are in one test, so that they run only once.
#[test]
fn counts_add_up_before_the_deadline_whatever_fails_and_the_page_documents_it() {
    let mut cells = cells();
    let count = cells.len();
    cells.extend(storage_cells());
    let outcomes = outcomes(cells);
    let (of_services, of_storage_fault) = outcomes.split_at(count);
    let pages = [table::page(of_services), table::storage_page(of_storage_fault)];
    if let Some(file) = std::env::var_os(TABLE_VARIABLE) {
        let tables = [table::all(of_services), table::all_storage(of_storage_fault)];
        std::fs::write(file, [tables.concat(), pages.join("\n")].concat()).unwrap();
    }
    let failed = outcomes.iter().filter(|outcome| outcome.counts.is_none());
    let failed: Vec<String> = failed.map(|outcome| outcome.cell.to_string()).collect();
    assert!(failed.is_empty(), "{} of {} cells: {failed:#?}", failed.len(), outcomes.len());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/destinations/failures.md");
    let stands = std::fs::read_to_string(path).unwrap();
    for page in pages {
        assert!(stands.contains(&page), "docs/destinations/failures.md should say:\n\n{page}");
    }
}
