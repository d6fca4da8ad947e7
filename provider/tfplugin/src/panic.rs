//! Panics where the user sees them.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::PanicHookInfo;

/// Writes panics to the standard error stream the way Terraform looks for them: it shows the user
/// everything from a line on that starts with `panic: `.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|info| {
        // If even this fails, there is no way to report it.
        let _ = std::io::stderr().write_all(report(info).as_bytes());
    }));
}

/// What a panic said.
pub(crate) fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}

fn report(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("(no message)");
    let location = info.location().map(|place| format!("\n\nat {place}")).unwrap_or_default();
    let backtrace = Backtrace::capture();
    let backtrace = match backtrace.status() {
        BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => "\n(RUST_BACKTRACE=1 in the environment of Terraform adds a backtrace)".to_owned(),
    };
    format!("panic: {message}{location}{backtrace}\n")
}
