//! `logagg-report`: the state of policies and the changes that their plans would make, as one HTML
//! page for review. It reads and plans each policy with the provider's code, and writes nothing to
//! AWS.

// Input.
mod documents;
mod options;

// Data.
mod ask;
mod estimate;
mod group;
mod review;
mod target;

mod page;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tfplugin::{Diagnostics, Severity};

use documents::UnreadableDocuments;
use options::{Asked, HELP, Options};
use review::{Outcome, Review};

/// The program: reads its arguments, writes the report, prints errors.
pub async fn report(arguments: lexopt::Parser) -> ExitCode {
    match made(arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The exit code of `terraform plan -detailed-exitcode` for changes.
const DIFFERS: u8 = 2;

async fn made(arguments: lexopt::Parser) -> Result<ExitCode, ReportError> {
    let options = match Options::parse(arguments)? {
        Asked::Report(options) => options,
        Asked::Help => return written(None, HELP).map(|()| ExitCode::SUCCESS),
        Asked::Version => {
            let version = concat!("logagg-report ", env!("CARGO_PKG_VERSION"), "\n");
            return written(None, version).map(|()| ExitCode::SUCCESS);
        }
    };
    let documents = documents::read(&options.documents)?;
    let answers = ask::ask(&options, documents).await?;
    let review = Review::of(options.at, options.price, answers);
    written(options.output.as_deref(), &page::render(&review))?;
    Ok(match review.outcome() {
        Outcome::Differs if options.detailed_exit_code => ExitCode::from(DIFFERS),
        Outcome::Differs | Outcome::AsItShouldBe => ExitCode::SUCCESS,
    })
}

fn written(output: Option<&Path>, text: &str) -> Result<(), ReportError> {
    let done = match output {
        Some(path) => std::fs::write(path, text),
        None => std::io::stdout().lock().write_all(text.as_bytes()),
    };
    let path = output.unwrap_or(Path::new("standard output"));
    done.map_err(|source| ReportError::NotWritten { path: path.to_owned(), source })
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("{0}\n\nSee logagg-report --help.")]
    Arguments(#[from] lexopt::Error),
    #[error("{0}")]
    Documents(#[from] UnreadableDocuments),
    #[error(
        "the policy {policy:?} belongs to account {account}, and the current credentials belong to \
         {in_hand}; use credentials of account {account}, or --role with the ARN of a role in it"
    )]
    OtherAccount { policy: String, account: String, in_hand: String },
    #[error(
        "--role {arn}: no policy belongs to its account; remove the option, or add the policy's \
         document"
    )]
    NeedlessRole { arn: String },
    #[error("{}", error_text(.0))]
    Refused(Diagnostics),
    #[error("cannot write the report to {}: {source}", .path.display())]
    NotWritten { path: PathBuf, source: std::io::Error },
}

/// The errors among the diagnostics of the policies.
fn error_text(diagnostics: &Diagnostics) -> String {
    let errors = diagnostics.iter().filter(|it| it.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|it| format!("{}\n\n{}", it.summary, it.detail)).collect();
    errors.join("\n\n")
}
