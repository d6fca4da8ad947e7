//! A demonstration on this machine: a policy subscribes log groups, the shipper delivers their
//! events, and Terraform shows and corrects drift.

mod arrival;
mod stage;
mod story;

use logagg_e2e::interrupt;

use crate::command::End;
use crate::kept::Kept;
use crate::screen::Screen;
use crate::stop;
use stage::Stage;

/// Runs the demo.
pub(crate) fn run(end: End) -> anyhow::Result<()> {
    #[allow(clippy::exit, reason = "a second Ctrl-C ends the process immediately")]
    interrupt::watch(|| std::process::exit(130))?;
    let screen = Screen::new();
    screen.say("logagg: the real provider and the real shipper on this machine");

    if end == End::KeepRunning
        && let Some(earlier) = Kept::find()?
    {
        screen.step("End the demo that is still running", || stop::end(&earlier))?;
    }

    let mut verified = Vec::new();
    let stage = Stage::set(&screen)?;
    let outcome = story::run(&screen, &stage, &mut verified);
    let failure = outcome.as_ref().err().map(|error| match interrupt::interrupted() {
        true => "interrupted".to_owned(),
        // The whole error is printed at the end.
        false => error.to_string().lines().next().unwrap_or_default().to_owned(),
    });
    screen.table(&verified, failure.as_deref());
    screen.say("");
    match (end, outcome) {
        (End::KeepRunning, Ok(())) => stage.keep(&screen),
        (_, outcome) => {
            screen.step("Clean up", || {
                drop(stage);
                Ok(())
            })?;
            outcome
        }
    }
}
