//! `logagg-report`: what policies find and what their plans would change, as one page of HTML that
//! people review. It reads and plans each policy as Terraform would, and writes nothing at AWS.

// What is asked for.
mod documents;
mod options;

// What there is.
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

/// The program: reads its arguments, makes the report, tells what is wrong.
pub async fn report(arguments: lexopt::Parser) -> ExitCode {
    match made(arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// As `terraform plan -detailed-exitcode` says that something is to be done.
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
    #[error("{0}\n\nlogagg-report --help tells how it is called")]
    Arguments(#[from] lexopt::Error),
    #[error("{0}")]
    Documents(#[from] UnreadableDocuments),
    #[error(
        "the policy {policy:?} is of account {account}, and the credentials in hand are those of \
         {in_hand}; use others, or give a role of that account to assume, as in --role \
         arn:aws:iam::{account}:role/NAME"
    )]
    OtherAccount { policy: String, account: String, in_hand: String },
    #[error(
        "--role {arn}: no policy is of its account; leave it out, or add the policy's document"
    )]
    NeedlessRole { arn: String },
    #[error("{}", told(.0))]
    Refused(Diagnostics),
    #[error("cannot write the report to {}: {source}", .path.display())]
    NotWritten { path: PathBuf, source: std::io::Error },
}

/// The errors among what Terraform's user would be told.
fn told(diagnostics: &Diagnostics) -> String {
    let errors = diagnostics.iter().filter(|it| it.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|it| format!("{}\n\n{}", it.summary, it.detail)).collect();
    errors.join("\n\n")
}
