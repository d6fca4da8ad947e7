//! The pages a registry shows, made of the provider's own schema and the templates in
//! `docs/templates`.

mod page;
mod reference;
mod schema;

use std::fs;

use anyhow::{Context, bail};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::workspace;

use page::PAGES;
use schema::Schemas;

/// What is done with the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Written where they are not as they should be.
    Write,
    /// Only compared; a page that is stale is an error.
    Check,
}

/// Renders every page.
pub(crate) fn run(pages: Pages) -> anyhow::Result<()> {
    let binaries = Binaries::build(&|_| {})?;
    let schemas = Schemas::of_provider(&binaries)?;
    let mut stale = Vec::new();
    for page in &PAGES {
        let path = workspace::root().join("docs").join(page.path);
        let rendered = page.render(&schemas)?;
        let stands = fs::read_to_string(&path).unwrap_or_default();
        if stands == rendered {
            continue;
        }
        if pages == Pages::Check {
            stale.push(format!("docs/{}", page.path));
            continue;
        }
        fs::write(&path, rendered).with_context(|| format!("writing {}", path.display()))?;
        println!("docs/{}", page.path);
    }
    if !stale.is_empty() {
        bail!(
            "stale: {}; to render schema, templates and examples again run: cargo xtask docs",
            stale.join(", ")
        );
    }
    Ok(())
}
