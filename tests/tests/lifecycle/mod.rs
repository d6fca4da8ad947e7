//! Lifecycles: policies are created, renamed, replaced, split, merged and destroyed, others act
//! meanwhile, and Terraform is interrupted or killed. After every step an oracle that knows only
//! configuration, state and AWS holds what is there against what is promised.

mod configuration;
mod operation;
mod oracle;
mod run;
mod state;
mod world;

use std::fmt::Write;
use std::ops::Range;
use std::sync::Mutex;

/// How many lifecycles there are, unless this variable says otherwise: a long run takes hundreds,
/// or goes on where another ended (`400..1000`).
const LIFECYCLES: u64 = 24;
const LIFECYCLES_VARIABLE: &str = "LOGAGG_LIFECYCLES";

/// Seeds that failed once.
const REGRESSIONS: [u64; 0] = [];

/// Lifecycles at the same time.
const AT_ONCE: usize = 4;

fn seeds() -> Range<u64> {
    let Ok(lifecycles) = std::env::var(LIFECYCLES_VARIABLE) else { return 0..LIFECYCLES };
    let (from, to) = lifecycles.split_once("..").unwrap_or(("0", &lifecycles));
    let number =
        |text: &str| text.parse().expect("a number of lifecycles, or of two seeds: 400..1000");
    number(from)..number(to)
}

#[test]
fn every_promise_holds_through_the_lives_of_policies() {
    let seeds = Mutex::new(REGRESSIONS.into_iter().chain(seeds()));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = { seeds.lock().unwrap().next() } {
                    let life = run::play(seed);
                    if !life.broken.is_empty() {
                        failures.lock().unwrap().push((seed, life));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let mut summary = String::new();
    for (seed, life) in &failures {
        eprintln!("seed {seed}, step by step:\n{}", life.story);
        for broken in &life.broken {
            let run::Broken { operation, violation } = broken;
            let (promise, why) = (violation.promise, &violation.why);
            let _ = write!(summary, "\nseed {seed}: {promise:?} after {operation:?}: {why}");
        }
    }
    assert!(failures.is_empty(), "{} lifecycles broke promises:{summary}", failures.len());
}
