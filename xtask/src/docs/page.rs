use std::fs;

use anyhow::{Context, bail};
use logagg_e2e::workspace;

use super::reference;
use super::schema::{Block, Schemas, Subject};

/// A page of the registry.
#[derive(Debug)]
pub(super) struct Page {
    /// Below `docs`, and below `docs/templates` with the page's words.
    pub(super) path: &'static str,
    subject: Subject,
}

/// Every page that is rendered.
pub(super) const PAGES: [Page; 3] = [
    Page { path: "index.md", subject: Subject::Provider },
    Page { path: "resources/policy.md", subject: Subject::Resource("logagg_policy") },
    Page { path: "data-sources/log_groups.md", subject: Subject::DataSource("logagg_log_groups") },
];

impl Page {
    /// The template, with what the schema and the examples say in place of its marks.
    pub(super) fn render(&self, schemas: &Schemas) -> anyhow::Result<String> {
        let template = read(&format!("docs/templates/{}", self.path))?;
        let block = schemas.block(self.subject)?;
        fill(&template, block).with_context(|| format!("rendering docs/{}", self.path))
    }
}

/// A mark is a line of its own: `{{ description }}`, `{{ reference }}` or `{{ example FILE }}`.
fn fill(template: &str, block: &Block) -> anyhow::Result<String> {
    let mut page = String::new();
    for line in template.lines() {
        let mark = line.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let text = match mark.map(|mark| mark.split_whitespace().collect::<Vec<_>>()).as_deref() {
            None => line.to_owned(),
            Some(["description"]) => block.description.clone(),
            Some(["reference"]) => reference::render(block)?,
            Some(["example", file]) => example(file)?,
            Some(_) => bail!("nothing is known of {line}"),
        };
        page.push_str(text.trim_end());
        page.push('\n');
    }
    Ok(page)
}

fn example(file: &str) -> anyhow::Result<String> {
    let language = if file.ends_with(".sh") { "shell" } else { "terraform" };
    let text = read(&format!("examples/{file}"))?;
    Ok(format!("```{language}\n{}\n```", text.trim_end()))
}

fn read(file: &str) -> anyhow::Result<String> {
    let path = workspace::root().join(file);
    fs::read_to_string(&path).with_context(|| format!("reading {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> anyhow::Result<String> {
        let block = serde_json::json!({"description": "What it is."});
        fill(template, &serde_json::from_value(block)?)
    }

    #[test]
    fn marks_are_replaced_and_all_else_stays() {
        let page = filled("# Page\n\n{{ description }}\n\nSee `{{ that }}`.\n").unwrap();
        assert_eq!(page, "# Page\n\nWhat it is.\n\nSee `{{ that }}`.\n");
    }

    #[test]
    fn an_unknown_mark_is_an_error_that_names_it() {
        let error = filled("{{ desciption }}\n").unwrap_err();
        assert_eq!(error.to_string(), "nothing is known of {{ desciption }}");
    }

    #[test]
    fn a_missing_example_is_an_error_that_names_it() {
        let error = filled("{{ example no/such.tf }}\n").unwrap_err();
        assert_eq!(error.to_string(), "reading examples/no/such.tf");
    }
}
