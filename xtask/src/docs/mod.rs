//! The pages a registry shows, made of the provider's own schema and the templates in
//! `docs/templates`; the schemas of the functions' configurations, made of their types and of
//! the tables on their pages; and the tables on the modules' pages, made of their files.

mod json_schema;
mod meanings;
mod module;
mod page;
mod reference;
mod schema;
mod tested_with;

use std::fs;

use anyhow::{Context, bail};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::workspace;
use logagg_shipper::config;

use json_schema::SCHEMAS;
use module::MODULES;
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

/// Renders every page and schema.
pub(crate) fn run(pages: Pages) -> anyhow::Result<()> {
    let mut rendered = Vec::new();
    let of_types = config::schema();
    rendered.push((
        "shipper/src/config/schema.json".to_owned(),
        serde_json::to_string(&of_types)? + "\n",
    ));
    for schema in SCHEMAS {
        rendered.push((format!("docs/{}", schema.path()), schema.render()?));
    }
    let binaries = Binaries::build(&|_| {})?;
    let schemas = Schemas::of_provider(&binaries)?;
    for page in &PAGES {
        rendered.push((format!("docs/{}", page.path), page.render(&schemas)?));
    }
    rendered.push((format!("docs/{}", tested_with::PATH), tested_with::render()?));
    for name in MODULES {
        rendered.push((module::path(name), module::render(name)?));
    }
    let mut stale = Vec::new();
    for (name, rendered) in rendered {
        let path = workspace::root().join(&name);
        let stands = fs::read_to_string(&path).unwrap_or_default();
        if stands == rendered {
            continue;
        }
        if pages == Pages::Check {
            stale.push(name);
            continue;
        }
        fs::write(&path, rendered).with_context(|| format!("writing {}", path.display()))?;
        println!("{name}");
    }
    if !stale.is_empty() {
        bail!(
            "stale: {}; to render schemas, templates, examples and tables again run: cargo xtask docs",
            stale.join(", ")
        );
    }
    Ok(())
}
