//! What users read is in the words of the field: `words.toml` has those that are not, and the exceptions.

use std::collections::BTreeSet;
use std::path::Path;

use logagg_e2e::workspace;
use proc_macro2::{TokenStream, TokenTree};
use regex::{Regex, RegexBuilder};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::source::without_tests;

/// The source folders whose messages users read.
const PROGRAMS: [&str; 4] = ["policy/src/", "provider/", "release/src/", "shipper/src/"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    words: Vec<Word>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    #[serde(deserialize_with = "pattern")]
    word: Regex,
    write: String,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    #[serde(deserialize_with = "pattern")]
    phrase: Regex,
    reason: String,
    #[serde(default)]
    path: String,
}

fn pattern<'de, D: Deserializer<'de>>(text: D) -> Result<Regex, D::Error> {
    let text = String::deserialize(text)?;
    RegexBuilder::new(&text).case_insensitive(true).build().map_err(D::Error::custom)
}

impl Word {
    /// Where a text of a file has the word outside every exception.
    fn found_in(&self, path: &str, text: &str, used: &mut BTreeSet<String>) -> Vec<String> {
        const AROUND: usize = 40;

        let mut found = Vec::new();
        for hit in self.word.find_iter(text) {
            let covering = self.exceptions.iter().find(|exception| {
                let mut phrases = exception.phrase.find_iter(text);
                path.starts_with(&exception.path)
                    && phrases.any(|it| it.start() <= hit.start() && hit.end() <= it.end())
            });
            if let Some(exception) = covering {
                used.insert(exception.key());
                continue;
            }
            let start = text.floor_char_boundary(hit.start().saturating_sub(AROUND));
            let end = text.ceil_char_boundary(hit.end() + AROUND);
            let around = text[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
            found.push(format!("{path}: {around:?}: write {}", self.write));
        }
        found
    }
}

impl Exception {
    fn key(&self) -> String {
        format!("{} in {}", self.phrase, self.path)
    }
}

/// The strings of a program.
fn messages(tokens: TokenStream, messages: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    messages.push_str(&text.replace("\\n", " "));
                    messages.push('\n');
                }
            }
            TokenTree::Group(group) => self::messages(group.stream(), messages),
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// What users read of a file.
fn read(path: &str) -> Option<String> {
    let text = || std::fs::read_to_string(workspace::root().join(path)).ok();
    let is_program = PROGRAMS.iter().any(|program| path.starts_with(program));
    match Path::new(path).extension()?.to_str()? {
        "md" | "tf" | "hcl" | "tfvars" | "yml" => text(),
        "svg" if path.starts_with("docs/") => text(),
        "json" if path.starts_with("docs/") => text(),
        "rs" if is_program && !path.contains("/tests") => {
            let mut found = String::new();
            messages(without_tests(text()?.parse().unwrap()), &mut found);
            Some(found)
        }
        _ => None,
    }
}

#[test]
fn users_read_the_words_of_the_field() {
    let list = std::fs::read_to_string(workspace::root().join("tests/words.toml")).unwrap();
    let Words { words } = toml::from_str(&list).unwrap();
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for file in workspace::files("").unwrap() {
        let path = file.strip_prefix(workspace::root()).unwrap().to_str().unwrap();
        let Some(text) = read(path) else { continue };
        for word in &words {
            wrong.extend(word.found_in(path, &text, &mut used));
        }
    }
    assert!(wrong.is_empty(), "{} places:\n{}", wrong.len(), wrong.join("\n"));
    for exception in words.iter().flat_map(|word| &word.exceptions) {
        assert!(!exception.reason.is_empty(), "{}: no reason", exception.key());
        assert!(used.contains(&exception.key()), "{}: no text has it any more", exception.key());
    }
}

#[test]
fn a_word_is_found_in_text_and_in_messages_and_not_in_exceptions_and_tests() {
    let word: Word = toml::from_str(
        r#"
            word = '\bmend(s|ed)?\b'
            write = "correct"
            exceptions = [{ phrase = "mended fence", path = "docs/", reason = "a fence" }]
        "#,
    )
    .unwrap();
    let found = |path, text| word.found_in(path, text, &mut BTreeSet::new()).len();
    assert_eq!(found("docs/a.md", "It mends a Mended fence, and mended it."), 2);
    assert_eq!(found("README.md", "a mended fence"), 1);
    let mut strings = String::new();
    let program = r#"
        /// mend
        #[error("mend {0}")]
        fn a() { format!("a mend b {}", 1); }
        #[cfg(test)]
        mod tests { const A: &str = "mend"; }
    "#;
    messages(without_tests(program.parse().unwrap()), &mut strings);
    assert_eq!(word.found_in("a.rs", &strings, &mut BTreeSet::new()).len(), 2, "{strings}");
}
