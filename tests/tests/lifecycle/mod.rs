//! Lifecycles: policies are created, renamed, replaced, split, merged and destroyed, others act
//! meanwhile, and Terraform is interrupted or killed. After every step an oracle that knows only
//! configuration, state and AWS holds what is there against what is promised.

mod configuration;
mod driver;
mod operation;
mod oracle;
mod protocol;
mod run;
mod state;
mod terraform;
mod world;

use std::fmt::Write;
use std::ops::Range;
use std::sync::Mutex;

use driver::Make;
use logagg_e2e::cli::Cli;

/// How many lifecycles there are, unless this variable says otherwise: a long run takes hundreds,
/// or goes on where another ended (`400..1000`).
const LIFECYCLES: u64 = 24;
const LIFECYCLES_VARIABLE: &str = "LOGAGG_LIFECYCLES";

/// The same without a Terraform. Most of their time is the provider's, so a long run of thousands
/// wants one that is optimized: `cargo test --release`.
const PROTOCOL_LIFECYCLES: u64 = 24;
const PROTOCOL_LIFECYCLES_VARIABLE: &str = "LOGAGG_PROTOCOL_LIFECYCLES";

/// Seeds that failed once, and with a fix taken back still do.
const REGRESSIONS: [u64; 0] = [];
const PROTOCOL_REGRESSIONS: [u64; 9] = [49, 84, 150, 335, 384, 702, 1237, 1398, 2104];

/// Those with deletion protection beside them.
const PROTECTING_LIFECYCLES: u64 = 8;

/// Lifecycles at the same time.
const AT_ONCE: usize = 4;

fn seeds(usual: u64, variable: &str) -> Range<u64> {
    let Ok(lifecycles) = std::env::var(variable) else { return 0..usual };
    let (from, to) = lifecycles.split_once("..").unwrap_or(("0", &lifecycles));
    let number =
        |text: &str| text.parse().expect("a number of lifecycles, or of two seeds: 400..1000");
    number(from)..number(to)
}

#[test]
fn every_promise_holds_through_the_lives_of_policies() {
    play_with(&Cli::of_path(), LIFECYCLES);
}

/// Plays so many lifecycles with a program, or as many as the variable says.
pub(crate) fn play_with(cli: &Cli, lifecycles: u64) {
    let seeds = seeds(lifecycles, LIFECYCLES_VARIABLE);
    play(REGRESSIONS.into_iter().chain(seeds), &|aws, _| {
        Box::new(terraform::ByTerraform::new(cli, aws))
    });
}

#[test]
fn every_promise_holds_over_the_protocol_alone() {
    let seeds = seeds(PROTOCOL_LIFECYCLES, PROTOCOL_LIFECYCLES_VARIABLE);
    let protecting = run::PROTECTING..run::PROTECTING + PROTECTING_LIFECYCLES;
    let seeds = PROTOCOL_REGRESSIONS.into_iter().chain(protecting).chain(seeds);
    play(seeds, &|aws, seed| Box::new(protocol::OverProtocol::new(aws, seed)));
}

fn play(seeds: impl Iterator<Item = u64> + Send, make: &Make<'_>) {
    let seeds = Mutex::new(seeds);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = { seeds.lock().unwrap().next() } {
                    let life = run::play(seed, make);
                    if !life.broken.is_empty() {
                        // At once, so that a long run that is ended early has reported it.
                        eprintln!("seed {seed}, step by step:\n{}", life.story);
                        failures.lock().unwrap().push((seed, life));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let mut summary = String::new();
    for (seed, life) in &failures {
        for broken in &life.broken {
            let run::Broken { operation, violation } = broken;
            let (promise, why) = (violation.promise, &violation.why);
            let _ = write!(summary, "\nseed {seed}: {promise:?} after {operation:?}: {why}");
        }
    }
    assert!(failures.is_empty(), "{} lifecycles broke promises:{summary}", failures.len());
}
