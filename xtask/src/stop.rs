use anyhow::Context;
use logagg_e2e::server;

use crate::kept::Kept;

/// Ends the demo that was left running and removes what it made.
pub(crate) fn run() -> anyhow::Result<()> {
    match Kept::find()? {
        Some(kept) => {
            end(&kept)?;
            println!("The demo is stopped.");
        }
        None => println!("No demo is running."),
    }
    Ok(())
}

/// Ends one.
pub(crate) fn end(kept: &Kept) -> anyhow::Result<()> {
    for guard in &kept.guards {
        server::end(*guard)?;
    }
    if kept.folder.exists() {
        std::fs::remove_dir_all(&kept.folder)
            .with_context(|| format!("removing {}", kept.folder.display()))?;
    }
    kept.remove()
}
