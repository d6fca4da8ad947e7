//! `logagg-report`: what policies select, what their plans would change, and what the log groups
//! cost, as a page for review or as data. It reads and plans each policy as the provider does, and
//! changes nothing at AWS.

// The arguments and the input.
mod documents;
mod options;
mod output_file;
mod policy;
mod prices;
mod terraform;

// What AWS has.
mod ingestion;
mod progress;
mod read;
mod target;

// What that means.
mod group;
mod review;
mod savings;

// The formats.
mod console;
mod csv;
mod html;
mod json;
mod markdown;
mod visible;

mod program;

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    program::run(lexopt::Parser::from_env()).await
}
