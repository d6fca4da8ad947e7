//! `cargo pack`: everything that is published, made from this checkout.

#![allow(clippy::print_stdout, reason = "a command line program")]

mod command;
mod twice;

use std::process::ExitCode;

use command::Command;

fn main() -> ExitCode {
    let outcome = match Command::parse(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            println!("{}", command::HELP);
            Ok(())
        }
        Ok(command) => command.run(),
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
