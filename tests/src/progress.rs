//! Telling the person who waits what is being done.

use std::io::Write;

/// Called with one line whenever something slow begins or moves on.
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// Writes each line to standard error itself, past the capture of the test runner: the first run
/// shows what it is waiting for.
pub fn to_stderr(line: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr(), "logagg-e2e: {line}");
}
