//! Third-party servers test the shipper, the provider and the mock servers of the tests: `cargo
//! xtask third-party`. A suite builds its server where that is missing, starts it on free ports of
//! this machine, checks what it is there for, and stops it.

mod case;
mod checks;
mod collector;
mod content;
mod elasticmq;
mod exchange;
mod lambda_emulator;
mod nginx;
mod opensearch;
mod opentofu;
mod rotel;
mod search;
mod shipper;
mod victorialogs;

use std::time::Instant;

use anyhow::{bail, ensure};
use logagg_e2e::interrupt;

pub(crate) use case::Recorded;
pub(crate) use checks::Checks;
pub(crate) use shipper::Shipper;

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Names of suites; none for all of them.
    pub(crate) only: Vec<String>,
    /// Leave out, with the reason, what this machine lacks the compiler or runtime for.
    pub(crate) available: bool,
    /// Only print what suites there are.
    pub(crate) list: bool,
    /// Record the exchanges again instead of comparing with them.
    pub(crate) record: bool,
}

/// One server and what is checked with it.
struct Suite {
    name: &'static str,
    /// What it is and what it is built with, for `--list`.
    about: &'static str,
    /// Says what this machine lacks to build and run it.
    needs: fn() -> anyhow::Result<()>,
    run: fn(&Shipper, &mut Checks) -> anyhow::Result<()>,
}

const SUITES: [Suite; 9] = [
    Suite {
        name: "opensearch-2",
        about: "OpenSearch 2, by elasticsearch; Maven and Java 17, a minute",
        needs: || opensearch::needs("opensearch-2"),
        run: opensearch::run,
    },
    Suite {
        name: "opensearch-3",
        about: "OpenSearch 3, by elasticsearch; Maven and Java 21, a minute",
        needs: || opensearch::needs("opensearch-3"),
        run: opensearch::run,
    },
    Suite {
        name: "collector",
        about: "OpenTelemetry Collector, by otlp, splunk_hec and datadog; from the Go module proxy",
        needs: logagg_e2e::third_party::collector::needs,
        run: collector::run,
    },
    Suite {
        name: "victorialogs",
        about: "VictoriaLogs, by six destinations; from the Go module proxy",
        needs: logagg_e2e::third_party::victorialogs::needs,
        run: victorialogs::run,
    },
    Suite {
        name: "elasticmq",
        about: "ElasticMQ, an SQS, with one queue; Maven and Java 17",
        needs: logagg_e2e::third_party::elasticmq::needs,
        run: elasticmq::run,
    },
    Suite {
        name: "opentofu",
        about: "OpenTofu, which runs the provider; from the Go module proxy",
        needs: logagg_e2e::third_party::opentofu::needs,
        run: opentofu::run,
    },
    Suite {
        name: "rotel",
        about: "an OpenTelemetry collector, by otlp; from PyPI",
        needs: nothing,
        run: rotel::run,
    },
    Suite {
        name: "nginx",
        about: "TLS, HTTP/2 and limits in front of osmem-server; from PATH",
        needs: nginx::needs,
        run: nginx::run,
    },
    Suite {
        name: "lambda-emulator",
        about: "aws-lambda-rie, which invokes the shipper as Lambda does; from PyPI",
        needs: nothing,
        run: lambda_emulator::run,
    },
];

/// Runs the suites, and fails if one of them could not run or found something.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.list {
        for Suite { name, about, .. } in &SUITES {
            println!("{name:14} {about}");
        }
        return Ok(());
    }
    if let Some(unknown) =
        options.only.iter().find(|name| SUITES.iter().all(|suite| suite.name != **name))
    {
        bail!(
            "there is no suite {unknown}; `cargo xtask third-party --list` names those there are"
        );
    }
    let asked = |suite: &&Suite| {
        options.only.is_empty() || options.only.iter().any(|name| name == suite.name)
    };
    interrupt::watch(|| std::process::abort())?;
    let shipper = Shipper::new();
    let mut failed = Vec::new();
    for suite in SUITES.iter().filter(asked) {
        if let Err(missing) = (suite.needs)() {
            if options.available {
                println!("{}\n  left out: {missing:#}", suite.name);
            } else {
                println!("{}\n  FAILED: {missing:#}", suite.name);
                failed.push(suite.name);
            }
            continue;
        }
        let begin = Instant::now();
        let mut checks = Checks::new(suite.name, options.record);
        println!("{}", suite.name);
        if let Err(error) = (suite.run)(&shipper, &mut checks) {
            checks.failed("the suite", &error);
        }
        interrupt::check()?;
        let seconds = begin.elapsed().as_secs();
        match checks.end() {
            Ok(passed) => println!("  passed: {passed} in {seconds} s"),
            Err(error) => {
                println!("  FAILED in {seconds} s: {error:#}");
                failed.push(suite.name);
            }
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Of a server for which Python is enough, as for the tests.
#[expect(clippy::unnecessary_wraps, reason = "other servers do need something")]
fn nothing() -> anyhow::Result<()> {
    Ok(())
}

/// What takes its time, for who waits.
pub(crate) fn progress(what: &str) {
    eprintln!("  … {what}");
}
