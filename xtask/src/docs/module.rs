use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};
use logagg_e2e::workspace;

/// The modules whose pages have tables.
pub(super) const MODULES: [&str; 3] = ["shipper", "enforcer", "stack"];

/// The markers around the tables, which terraform-docs uses too.
const BEGIN: &str = "<!-- BEGIN_TF_DOCS -->\n";
const END: &str = "<!-- END_TF_DOCS -->\n";

/// Where a module's page is.
pub(super) fn path(module: &str) -> String {
    format!("modules/{module}/README.md")
}

/// A module's page with tables of what its files declare.
pub(super) fn render(module: &str) -> anyhow::Result<String> {
    let page = workspace::root().join(path(module));
    let text = fs::read_to_string(&page).with_context(|| format!("reading {}", page.display()))?;
    let tables = Tables::of(&declarations(page.parent().unwrap_or(Path::new(".")))?)?;
    between(&text, &tables.to_string()).with_context(|| format!("rendering {}", path(module)))
}

/// The page with this between the marks.
fn between(page: &str, tables: &str) -> anyhow::Result<String> {
    let (head, rest) = page.split_once(BEGIN).context("there is no BEGIN_TF_DOCS")?;
    let (_, tail) = rest.split_once(END).context("there is no END_TF_DOCS")?;
    Ok(format!("{head}{BEGIN}{tables}{END}{tail}"))
}

/// Everything that the files of a folder declare, by the names of the files.
fn declarations(folder: &Path) -> anyhow::Result<Body> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<PathBuf>>>()
        .with_context(|| format!("reading {}", folder.display()))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "tf"));
    files.sort();
    let mut all = Body::new();
    for file in files {
        let text = fs::read_to_string(&file);
        let text = text.with_context(|| format!("reading {}", file.display()))?;
        let body: Body = text.parse().with_context(|| format!("reading {}", file.display()))?;
        for structure in body {
            all.push(structure);
        }
    }
    Ok(all)
}

/// What a module needs, takes and gives.
#[derive(Debug, Default)]
struct Tables {
    requirements: Vec<[String; 2]>,
    inputs: Vec<[String; 4]>,
    outputs: Vec<[String; 2]>,
}

impl Tables {
    fn of(body: &Body) -> anyhow::Result<Self> {
        let mut tables = Self::default();
        for block in body.blocks() {
            let name = block.labels.first().map_or("", |label| label.as_str());
            match block.ident.as_str() {
                "terraform" => tables.require(&block.body),
                "variable" => tables.inputs.push(input(name, block)?),
                "output" => tables.outputs.push([name.to_owned(), description(name, block)?]),
                _ => {}
            }
        }
        tables.inputs.sort();
        // What has no default comes first.
        tables.inputs.sort_by_key(|[_, _, default, _]| default != "required");
        tables.outputs.sort();
        Ok(tables)
    }

    fn require(&mut self, settings: &Body) {
        let version = |of: &str, value: &Expression| [of.to_owned(), literal(value)];
        if let Some(required) = settings.get_attribute("required_version") {
            self.requirements.push(version("Terraform", &required.value));
        }
        for providers in settings.get_blocks("required_providers") {
            for provider in providers.body.attributes() {
                let fields = provider.value.as_object().into_iter().flat_map(|it| it.iter());
                let mut versions = fields.filter(|(key, _)| {
                    key.as_ident().is_some_and(|name| name.as_str() == "version")
                });
                if let Some((_, value)) = versions.next() {
                    let name = format!("provider `{}`", provider.key.as_str());
                    self.requirements.push(version(&name, value.expr()));
                }
            }
        }
    }
}

impl std::fmt::Display for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("## Requirements\n\n| name | version |\n|---|---|\n")?;
        for [name, version] in &self.requirements {
            writeln!(f, "| {name} | {version} |")?;
        }
        f.write_str("\n## Inputs\n\n| name | type | default | description |\n|---|---|---|---|\n")?;
        for [name, kind, default, description] in &self.inputs {
            writeln!(f, "| `{name}` | {kind} | {default} | {description} |")?;
        }
        f.write_str("\n## Outputs\n\n| name | description |\n|---|---|\n")?;
        for [name, description] in &self.outputs {
            writeln!(f, "| `{name}` | {description} |")?;
        }
        f.write_char('\n')
    }
}

fn input(name: &str, block: &Block) -> anyhow::Result<[String; 4]> {
    let Some(kind) = block.body.get_attribute("type") else { bail!("{name} has no type") };
    let default = block.body.get_attribute("default");
    let default = default.map_or("required".to_owned(), |default| code(&default.value));
    Ok([name.to_owned(), code(&kind.value), default, description(name, block)?])
}

fn description(name: &str, block: &Block) -> anyhow::Result<String> {
    let description = block.body.get_attribute("description");
    let Some(description) = description.and_then(|it| it.value.as_str()) else {
        bail!("{name} has no description");
    };
    Ok(description.replace('|', "\\|"))
}

/// The text of an expression that is one.
fn literal(expression: &Expression) -> String {
    expression.as_str().map_or_else(|| one_line(expression), str::to_owned)
}

/// An expression in a cell.
fn code(expression: &Expression) -> String {
    format!("`{}`", one_line(expression).replace('|', "\\|"))
}

/// An expression without the lines that it has in a file.
fn one_line(expression: &Expression) -> String {
    let text = expression.to_string();
    let mut line = String::new();
    for part in
        text.trim().lines().map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
    {
        let opens = line.is_empty() || line.ends_with(['{', '[', '(']);
        let closes = part.starts_with(['}', ']', ')']);
        match (opens, closes) {
            (true, true) => {}
            (true, false) if line.is_empty() => {}
            (true, false) | (false, true) => line.push(' '),
            (false, false) => line.push_str(", "),
        }
        line.push_str(part.trim_end_matches(','));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(text: &str) -> anyhow::Result<String> {
        Ok(Tables::of(&text.parse().unwrap())?.to_string())
    }

    #[test]
    fn a_table_has_what_is_declared_and_what_is_required_first() {
        let text = r#"
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.8"
    }
  }
}

variable "archive" {
  description = "The archive."
  type = object({
    path = optional(string)
    tags = optional(map(string), {})
  })
  default = null
}

variable "name" {
  description = "One of `a|b`."
  type        = string
}

output "arn" {
  description = "The ARN."
  value       = 1
}
"#;
        let expected = "## Requirements\n\n| name | version |\n|---|---|\n| Terraform | >= 1.9 |\n\
                        | provider `aws` | ~> 6.8 |\n\n## Inputs\n\n\
                        | name | type | default | description |\n|---|---|---|---|\n\
                        | `name` | `string` | required | One of `a\\|b`. |\n\
                        | `archive` | `object({ path = optional(string), tags = optional(map(string), {}) })` \
                        | `null` | The archive. |\n\n## Outputs\n\n| name | description |\n|---|---|\n\
                        | `arn` | The ARN. |\n\n";
        assert_eq!(tables(text).unwrap(), expected);
    }

    #[test]
    fn what_has_no_description_is_an_error_that_names_it() {
        let error = tables("variable \"name\" {\n  type = string\n}\n").unwrap_err();
        assert_eq!(error.to_string(), "name has no description");
        let error = tables("output \"arn\" {\n  value = 1\n}\n").unwrap_err();
        assert_eq!(error.to_string(), "arn has no description");
    }

    #[test]
    fn tables_replace_the_content_between_the_markers() {
        let page = format!("# Page\n\n{BEGIN}old\n{END}rest\n");
        let rendered = between(&page, "new\n").unwrap();
        assert_eq!(rendered, format!("# Page\n\n{BEGIN}new\n{END}rest\n"));
        assert!(between("# Page\n", "new\n").is_err());
    }
}
