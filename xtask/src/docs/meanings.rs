use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, bail};
use logagg_e2e::workspace;

/// What pages say of the fields of a configuration, in tables of field, default and meaning.
///
/// Such a table describes a section: the page itself, or what the heading of the first column
/// names: ``field of `undelivered` ``, `field of a rule`.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    rows: BTreeMap<(String, String), Row>,
    used: BTreeSet<(String, String)>,
}

#[derive(Debug, PartialEq)]
struct Row {
    page: String,
    default: String,
    meaning: String,
}

impl Meanings {
    /// Of pages, by their names below `docs` without the ending.
    pub(super) fn of(pages: &[String]) -> anyhow::Result<Self> {
        let mut meanings = Self::default();
        for page in pages {
            let path = workspace::root().join("docs").join(format!("{page}.md"));
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            meanings.add(page, &text)?;
        }
        Ok(meanings)
    }

    fn add(&mut self, page: &str, text: &str) -> anyhow::Result<()> {
        let mut section = None;
        for line in text.lines() {
            let Some([field, default, meaning]) = cells(line) else {
                section = section.filter(|_| line.starts_with('|'));
                continue;
            };
            if default == "default" && meaning == "meaning" {
                let of = field.strip_prefix("field").unwrap_or(field).trim_start_matches(" of ");
                let of = of.trim_start_matches("a ").trim_matches('`');
                let page_itself = page.rsplit('/').next().unwrap_or(page);
                section = Some(if of.is_empty() { page_itself } else { of }.to_owned());
                continue;
            }
            let name = field.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
            let name =
                name.filter(|name| !name.contains('`') && !meaning.starts_with("see [the shipper"));
            let (Some(section), Some(name)) = (&section, name) else {
                continue;
            };
            let row =
                Row { page: page.to_owned(), default: plain(default), meaning: sentence(meaning) };
            if self.rows.insert((section.clone(), name.to_owned()), row).is_some() {
                bail!("docs/{page}.md describes {name} of {section}, which is described already");
            }
        }
        Ok(())
    }

    /// What is said of a field in the first of these sections that has it. `default` is what a
    /// reader takes in its place, if it takes any.
    pub(super) fn take(
        &mut self,
        sections: &[&str],
        name: &str,
        is_required: bool,
        default: Option<&str>,
    ) -> anyhow::Result<String> {
        let keys = sections.iter().map(|section| ((*section).to_owned(), name.to_owned()));
        let Some(key) = keys.into_iter().find(|key| self.rows.contains_key(key)) else {
            bail!("nothing is said of {name} in a table about {}", sections.join(" or "));
        };
        let row = &self.rows[&key];
        let said = row.default.split(' ').next().unwrap_or_default();
        if is_required != (said == "required") && !row.default.starts_with("required with") {
            bail!("docs/{}.md is wrong about whether {name} is required", row.page);
        }
        if let Some(default) = default
            && default != said
            && default != row.default
        {
            bail!("docs/{}.md says that {name} is {said} by default; it is {default}", row.page);
        }
        self.used.insert(key);
        Ok(row.meaning.clone())
    }

    /// Fails when something is said of fields that there are not.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        let unused = self.rows.iter().find(|(key, _)| !self.used.contains(key));
        match unused {
            None => Ok(()),
            Some(((section, name), row)) => {
                bail!("docs/{}.md describes {name} of {section}, which there is not", row.page)
            }
        }
    }
}

/// The cells of a row of three.
fn cells(line: &str) -> Option<[&str; 3]> {
    let line = line.strip_prefix("| ")?.strip_suffix('|')?;
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    cells.try_into().ok()
}

/// A default as written in a configuration.
fn plain(cell: &str) -> String {
    cell.replace(['`', '"'], "")
}

/// A meaning as a sentence, with the words of links alone.
fn sentence(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some((before, link)) = rest.split_once('[') {
        text.push_str(before);
        match link.split_once("](").and_then(|(words, after)| {
            let (_, after) = after.split_once(')')?;
            (!words.contains('[')).then_some((words, after))
        }) {
            Some((words, after)) => {
                text.push_str(words);
                rest = after;
            }
            None => {
                text.push('[');
                rest = link;
            }
        }
    }
    text.push_str(rest);
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
| field | default | meaning |
|---|---|---|
| `name` | required | the [name](x.md) of `it` |
| `size` | 5 (five) | how large |

| field of `part` | default | meaning |
|---|---|---|
| `name` | `\"a b\"` | another |

| field | what |
|---|---|
| `other` | not of the configuration |
";

    fn meanings() -> Meanings {
        let mut meanings = Meanings::default();
        meanings.add("things/box", PAGE).unwrap();
        meanings
    }

    #[test]
    fn a_field_is_described_where_its_section_is() {
        let mut meanings = meanings();
        assert_eq!(meanings.take(&["box"], "name", true, None).unwrap(), "The name of `it`.");
        assert_eq!(meanings.take(&["part"], "name", false, Some("a b")).unwrap(), "Another.");
        let size = meanings.take(&["part", "box"], "size", false, Some("5"));
        assert_eq!(size.unwrap(), "How large.");
        meanings.finish().unwrap();
    }

    #[test]
    fn a_page_that_differs_from_the_reader_is_reported() {
        let mut meanings = meanings();
        let mut difference = |name, is_required, default| {
            meanings.take(&["box"], name, is_required, default).unwrap_err().to_string()
        };
        let page = "docs/things/box.md";
        assert_eq!(
            difference("color", false, None),
            "nothing is said of color in a table about box"
        );
        assert_eq!(
            difference("size", false, Some("6")),
            format!("{page} says that size is 5 by default; it is 6")
        );
        assert_eq!(
            difference("size", true, None),
            format!("{page} is wrong about whether size is required")
        );
        let error = meanings.finish().unwrap_err().to_string();
        assert_eq!(error, format!("{page} describes name of box, which there is not"));
    }
}
