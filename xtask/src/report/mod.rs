//! The report's page as people see it: written of an account that is made up, and pictured by a
//! browser on a screen, light and dark, and on paper.

mod account;
mod browser;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::progress;
use logagg_e2e::workspace;

use account::MadeUp;
use browser::Browser;

/// Writes the page and its pictures into a folder beside the build.
pub(crate) fn run() -> anyhow::Result<()> {
    let binaries = Binaries::build(&progress::to_stderr)?;
    let folder = workspace::kept("report")?;
    let page = folder.join("report.html");
    write_page(&binaries.report, &page)?;
    println!("{}", page.display());
    let Some(browser) = Browser::find() else {
        println!("no pictures: neither chromium nor google-chrome is on PATH");
        return Ok(());
    };
    for picture in browser.picture(&page, &folder)? {
        println!("{}", picture.display());
    }
    Ok(())
}

fn write_page(program: &Path, page: &Path) -> anyhow::Result<()> {
    let account = MadeUp::start()?;
    let mut report = Command::new(program)
        .args(["-", "--time", account::NOW, "--requests-per-second"])
        .arg("DescribeSubscriptionFilters=10000")
        .args(["--storage-price", "0.03", "--ingestion-price", "0.50"])
        .arg("--output")
        .arg(page)
        .envs(account.environment())
        .stdin(Stdio::piped())
        .spawn()
        .context("starting logagg-report")?;
    let mut stdin = report.stdin.take().context("writing to logagg-report")?;
    stdin.write_all(account.documents().to_string().as_bytes()).context("writing documents")?;
    drop(stdin);
    let status = report.wait().context("waiting for logagg-report")?;
    ensure!(status.success(), "logagg-report failed ({status})");
    Ok(())
}
