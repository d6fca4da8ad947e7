use std::io::Write;
use std::process::ExitCode;

use crate::documents::UnreadableDocuments;
use crate::options::{Format, HELP, Options, Request};
use crate::output_file::{OutputFile, Unwritable};
use crate::progress::Progress;
use crate::read::{ReadError, read};
use crate::review::{Outcome, Review};
use crate::visible::visible;
use crate::{csv, documents, html, json, markdown};

/// Drift, with `--detailed-exitcode`, as from `terraform plan -detailed-exitcode`.
const DRIFT: u8 = 2;
/// A report in which something is missing.
const INCOMPLETE: u8 = 3;

/// Reads the arguments, writes the report and prints errors.
pub(crate) async fn run(arguments: lexopt::Parser) -> ExitCode {
    match report(arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", visible(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

async fn report(arguments: lexopt::Parser) -> Result<ExitCode, ReportError> {
    let options = match Options::parse(arguments)? {
        Request::Report(options) => options,
        Request::Help => return print(HELP),
        Request::Version => {
            return print(concat!("logagg-report ", env!("CARGO_PKG_VERSION"), "\n"));
        }
    };
    let input = documents::read(&options.documents)?;
    // Before AWS is read, which can take many minutes.
    let output = OutputFile::open(options.output.clone())?;
    let progress = Progress::default();
    let found = progress.while_running(read(&options, input, &progress)).await?;
    let review = Review::of(options.at, found);
    output.write(&render(options.format, &review)?)?;
    Ok(match review.outcome() {
        _ if !review.is_complete() => ExitCode::from(INCOMPLETE),
        Outcome::Drift if options.detailed_exit_code => ExitCode::from(DRIFT),
        Outcome::Drift | Outcome::Compliant => ExitCode::SUCCESS,
    })
}

fn render(format: Format, review: &Review) -> Result<String, ReportError> {
    let text = match format {
        Format::Html => html::render(review),
        Format::Json => json::render(review)?,
        Format::Csv => csv::render(review)?,
        Format::Markdown => markdown::render(review),
    };
    Ok(visible(&text))
}

fn print(text: &str) -> Result<ExitCode, ReportError> {
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(Unwritable::standard_output)?;
    Ok(ExitCode::SUCCESS)
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("{0}\n\nlogagg-report --help lists the options")]
    Arguments(#[from] lexopt::Error),
    #[error("{0}")]
    Documents(#[from] UnreadableDocuments),
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("{0}")]
    Output(#[from] Unwritable),
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot write the report as CSV: {0}")]
    Csv(#[from] ::csv::Error),
}
