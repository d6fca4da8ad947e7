//! Programs for people who work on logagg: `cargo xtask VERB`. `cargo demo` is `cargo xtask demo`.

#![allow(clippy::print_stdout, reason = "command line programs")]

mod backfill;
mod command;
mod demo;
mod docs;
mod faults;
mod figures;
mod functions;
mod install;
mod kept;
mod lines;
mod log;
mod outage;
mod process;
mod release;
mod report;
mod scale;
mod screen;
mod speed;
mod stop;
mod third_party;

use std::process::ExitCode;

use command::Command;

fn main() -> ExitCode {
    let outcome = match Command::parse(lexopt::Parser::from_env()) {
        Ok(Command::Demo(end)) => demo::run(end),
        Ok(Command::Log { group, line }) => log::run(&group, &line),
        Ok(Command::Deploy { function, tag }) => functions::deploy(&function, &tag),
        Ok(Command::Configure { function, file }) => functions::configure(&function, &file),
        Ok(Command::Invoke { function, event }) => functions::invoke(&function, &event),
        Ok(Command::Backfill { log_groups, days }) => backfill::run(log_groups, days),
        Ok(Command::Stop) => stop::run(),
        Ok(Command::Docs(pages)) => docs::run(pages),
        Ok(Command::Faults) => faults::run(),
        Ok(Command::Figures) => figures::run(),
        Ok(Command::Install { into }) => install::run(into),
        Ok(Command::Lines) => lines::run(),
        Ok(Command::Outage(outage)) => outage::run(outage),
        Ok(Command::Report) => report::run(),
        Ok(Command::Scale { sizes }) => scale::run(&sizes),
        Ok(Command::Fields) => speed::fields::run(),
        Ok(Command::Speed) => speed::run(),
        Ok(Command::ThirdParty(options)) => third_party::run(&options),
        Ok(Command::Help) => {
            println!("{}", command::HELP);
            Ok(())
        }
        Err(error) => {
            eprintln!("{error}\n\n{}", command::HELP);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
