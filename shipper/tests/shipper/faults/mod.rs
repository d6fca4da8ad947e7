//! Every fault of every service in every situation, and every trouble of the storage for undelivered events: the
//! sums hold, nothing is lost, nothing is there twice that was not counted, and the invocation ends
//! before its deadline.
//!
//! Here the library ships, over real connections to the stand-ins, with many cells at once: a process
//! for each would take minutes. That `bootstrap` is no different is tried for single cells by
//! `every_destination` and others.

mod cell;
mod fault;
mod keeping;
pub(crate) mod limited;
mod situation;
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
use keeping::Keeping;
use situation::Situation;

/// So many threads ship.
const THREADS: usize = 2;

/// So many cells are played at once on each: most of the time is spent waiting.
const AT_ONCE: usize = 64;

/// The variable with the name of a file to which everything is written as a table.
const TABLE_VARIABLE: &str = "LOGAGG_FAULTS";

/// Every fault of every service in every situation.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for &contract in ALL {
        for fault in Fault::ALL {
            let keeping = Keeping::WELL;
            cells.extend(Situation::ALL.map(|situation| Cell {
                contract,
                fault,
                situation,
                keeping,
            }));
        }
    }
    cells
}

/// The faults after which everything is left: at once, in the end, and without knowing what was
/// taken.
const LEAVING: [Fault; 3] = [Fault::Status(401), Fault::Status(503), Fault::Hang];

/// Every trouble of the storage, for every service that leaves everything.
fn keeping_cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for &contract in ALL {
        for situation in Situation::KEEPING {
            for keeping in Keeping::all() {
                cells.extend(LEAVING.map(|fault| Cell { contract, fault, situation, keeping }));
            }
        }
    }
    cells
}

/// What came of a cell; one that failed has told why.
struct RecordOutcome {
    cell: Cell,
    counts: Option<Counts>,
}

/// Plays cells, and tells what came of each in their order.
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

/// Plays cells on a runtime like that of the function.
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

/// All that is to be known of the cells is asked at once: they are played but once.
#[test]
fn whatever_fails_everything_adds_up_in_time_and_the_page_says_what_happens() {
    let mut cells = cells();
    let count = cells.len();
    cells.extend(keeping_cells());
    let outcomes = outcomes(cells);
    let (of_services, of_keeping) = outcomes.split_at(count);
    let pages = [table::page(of_services), table::keeping_page(of_keeping)];
    if let Some(file) = std::env::var_os(TABLE_VARIABLE) {
        let tables = [table::all(of_services), table::all_keeping(of_keeping)];
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
