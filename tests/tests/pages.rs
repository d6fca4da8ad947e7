//! All Markdown: every block is parsed by its own tool, and every link resolves.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use logagg_e2e::binaries::Binaries;
use logagg_e2e::terraform::{Installation, Terraform};
use logagg_e2e::workspace;
use logagg_shipper::config::SourceError;

use crate::modules;
use crate::stack::Stack;

/// Blocks that are an excerpt of what some program prints, or of code that is compiled elsewhere.
const EXCERPTS: [&str; 3] = ["", "text", "rust"];

/// Where the repository is read by people.
const REPOSITORY: [&str; 2] =
    ["https://github.com/logagg/logagg/blob/main/", "https://github.com/logagg/logagg/tree/main/"];

/// Programs that are not part of this project.
const PROGRAMS: [&str; 10] =
    ["aws", "cat", "cd", "curl", "export", "gpg", "rustup", "sha256sum", "unzip", "zip"];

/// A command that only newer versions of Terraform than that of `PATH` may have: its pages are played with one.
const OF_NEWER_TERRAFORM: &str = "query";

/// Commands of cargo itself, and of tools that pages install.
const OF_CARGO: [&str; 7] = ["build", "clippy", "deny", "fmt", "fuzz", "install", "test"];

/// What is in a file of the repository.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(workspace::root().join(path)).unwrap()
}

/// What is between the fences of this language on a page, one block after the other.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    let of_it = fenced(page).into_iter().filter(|(found, _)| found == language);
    of_it.map(|(_, block)| block).collect()
}

/// Every block with its language.
fn fenced(page: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        match line.trim_start().strip_prefix("```") {
            Some(language) if !is_open => {
                blocks.push((language.to_owned(), String::new()));
                is_open = true;
            }
            Some(_) => is_open = false,
            None if is_open => {
                let (_, block) = blocks.last_mut().unwrap();
                writeln!(block, "{line}").unwrap();
            }
            None => {}
        }
    }
    assert!(!is_open, "a fence is not closed");
    blocks
}

/// Every page of the repository, less the templates of those that are rendered.
fn pages() -> Vec<String> {
    let root = workspace::root();
    let mut pages = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    for folder in ["docs", "examples", "modules"] {
        pages.extend(workspace::files(folder).unwrap().into_iter().filter(|path| {
            let is_page = path.extension().is_some_and(|extension| extension == "md");
            is_page && !path.starts_with(root.join("docs/templates"))
        }));
    }
    let below = |page: PathBuf| page.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    pages.into_iter().map(below).collect()
}

/// Every block of these languages, with the page it is on.
fn every(languages: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in pages() {
        for (language, block) in fenced(&file(&page)) {
            if languages.contains(&language.as_str()) {
                found.push((page.clone(), block));
            }
        }
    }
    found
}

#[test]
fn every_block_says_what_it_is() {
    let read_here = ["terraform", "hcl", "json", "console", "shell"];
    for page in pages() {
        for (language, block) in fenced(&file(&page)) {
            let is_known =
                EXCERPTS.contains(&language.as_str()) || read_here.contains(&language.as_str());
            assert!(is_known, "{page}: no parser for {language:?}:\n{block}");
        }
    }
}

#[test]
fn every_block_of_terraform_is_formatted_and_valid() {
    let provider = Binaries::shared().provider_dir();
    let formatted = Terraform::new(Installation::Override(provider)).unwrap();
    let blocks = every(&["terraform", "hcl"]);
    assert!(blocks.len() > 10, "{} blocks", blocks.len());
    for (number, (page, block)) in blocks.iter().enumerate() {
        formatted.write(&format!("{}-{number}.tf", page.replace('/', "-")), block).unwrap();
        let stack = Stack::read(block).unwrap_or_else(|error| panic!("{page}: {error}\n{block}"));
        if !stack.is_whole() {
            continue;
        }
        let run = if stack.blocks().any(|block| block.has_ident("module")) {
            modules::validate(&stack.completed())
        } else {
            let terraform = Terraform::new(Installation::Override(provider)).unwrap();
            terraform.write("main.tf", &stack.completed()).unwrap();
            terraform.run(&["validate", "-no-color"]).unwrap()
        };
        assert_eq!(run.code(), 0, "{page}: {run}\n{block}");
    }
    let run = formatted.run(&["fmt", "-check", "-diff"]).unwrap();
    assert_eq!(run.code(), 0, "{run}");
}

#[test]
fn every_block_of_json_is_json() {
    for (page, block) in every(&["json"]) {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&block);
        if let Err(error) = read {
            panic!("{page}: {error}\n{block}");
        }
    }
}

#[test]
fn every_command_on_a_page_exists() {
    let config = file(".cargo/config.toml");
    let help = Command::new(Binaries::shared().provider_dir().join("xtask")).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let terraform = Command::new("terraform").arg("-help").output().unwrap();
    let terraform = String::from_utf8(terraform.stdout).unwrap();
    let has_verb = |help: &str, verb: &str| {
        help.lines().any(|line| line.split_whitespace().next() == Some(verb))
    };
    let report = Command::new(&Binaries::shared().report).arg("--help").output().unwrap();
    let report = String::from_utf8(report.stdout).unwrap();
    let mut seen = BTreeSet::new();
    for (page, block) in every(&["console", "shell"]) {
        let commands = block.lines().filter_map(|line| {
            // In a console's block the rest is output, or goes on with a line above.
            line.strip_prefix("$ ").or_else(|| line.strip_prefix("terraform ").map(|_| line))
        });
        for command in commands {
            let mut words = command
                .split_whitespace()
                .skip_while(|word| word.contains('='))
                .filter(|word| !word.starts_with('+'));
            let (program, verb) = (words.next().unwrap(), words.next().unwrap_or_default());
            let exists = match (program, verb) {
                ("cargo", "xtask") => {
                    let verb = words.next().unwrap_or_default();
                    verb.is_empty() || help.contains(&format!("  cargo xtask {verb}"))
                }
                ("cargo", verb) => {
                    OF_CARGO.contains(&verb) || config.contains(&format!("\n{verb} = \"run "))
                }
                ("terraform", verb) => verb == OF_NEWER_TERRAFORM || has_verb(&terraform, verb),
                ("logagg-report", _) => {
                    let options = command.split_whitespace().filter(|word| word.starts_with("--"));
                    options.into_iter().all(|option| report.contains(option))
                }
                (program, _) => PROGRAMS.contains(&program),
            };
            assert!(exists, "{page}: $ {command}");
            seen.insert(program.to_owned());
        }
    }
    assert!(seen.contains("cargo") && seen.contains("terraform"), "{seen:?}");
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    for page in pages() {
        let text = file(&page);
        for link in links(&text) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let within = REPOSITORY.iter().find_map(|start| target.strip_prefix(start));
            let path = match within {
                Some(path) => workspace::root().join(path),
                None if target.starts_with("http") || target.starts_with("mailto:") => continue,
                None if target.is_empty() => workspace::root().join(&page),
                None => workspace::root().join(&page).parent().unwrap().join(target),
            };
            assert!(path.exists(), "{page} links to {link}, which is not there");
            if !anchor.is_empty() && path.extension().is_some_and(|extension| extension == "md") {
                let headings = anchors(&std::fs::read_to_string(&path).unwrap());
                assert!(headings.contains(anchor), "{page} links to {link}: no such heading");
            }
        }
    }
}

/// What a page's links lead to.
fn links(page: &str) -> Vec<&str> {
    let starts = page.match_indices("](").map(|(at, found)| &page[at + found.len()..]);
    starts.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect()
}

/// The anchors of a page's headings, as they are made of the headings' words.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// What a page has between backquotes, without its blocks.
fn quoted(page: &str) -> Vec<String> {
    let mut is_open = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_open ^= is_fence;
        !is_open && !is_fence
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_source_file_that_a_page_names_exists() {
    let files = workspace::files("").unwrap();
    let mut named = 0;
    for page in pages() {
        for name in quoted(&file(&page)).iter().filter(|name| name.ends_with(".rs")) {
            assert!(files.iter().any(|path| path.ends_with(name)), "{page} names {name}");
            named += 1;
        }
    }
    assert!(named > 100, "{named} files");
}

#[test]
fn the_code_map_names_what_exists_where_it_says() {
    let page = file("docs/architecture.md");
    let (_, map) = page.split_once("\n## Code map\n").unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    let mut named = 0;
    for (cell, _) in rows {
        let names = quoted(&format!("`{cell}"));
        let first = workspace::root().join(&names[0]);
        assert!(first.exists(), "the code map names {}", names[0]);
        for name in &names[1..] {
            let places = [first.with_file_name(name), workspace::root().join(name)];
            let exists = places.iter().any(|path| path.exists());
            assert!(exists, "the code map names {name} of {cell}");
        }
        named += names.len();
    }
    assert!(named > 50, "{named} files and folders");
}

#[test]
fn a_message_about_where_the_configuration_is_is_quoted_as_it_is() {
    let page = file("docs/guides/troubleshooting.md");
    let quotes = quoted(&page);
    for error in [SourceError::NotSet, SourceError::Several(Vec::new())] {
        let message = error.to_string();
        let is_quote = |quote: &String| {
            let start = quote.strip_suffix("...").unwrap_or_default().trim_end();
            !start.is_empty() && message.starts_with(start)
        };
        assert!(quotes.iter().any(is_quote), "the page does not have {message}");
    }
}

#[test]
fn alarms_that_the_modules_pages_name_are_those_of_the_guide() {
    let guide = file("docs/guides/failures.md");
    let headings = ["the shipper", "stack and stream", "the enforcer"];
    let alarms: BTreeSet<String> =
        headings.iter().flat_map(|of| tabled(&guide, &format!("Alarms of {of}"))).collect();
    for module in modules::MODULES {
        let page = file(&format!("{module}/README.md"));
        let paragraphs = page.split("\n\n");
        let entries = paragraphs.flat_map(|paragraph| paragraph.split("\n- "));
        let entries = entries.map(|entry| entry.trim_start_matches("- "));
        let entries = entries.filter(|entry| entry.starts_with("The alarm"));
        for name in entries.flat_map(quoted) {
            assert!(alarms.contains(&name), "{module}: there is no alarm {name}");
        }
    }
}

#[test]
fn every_guide_has_what_a_registry_reads() {
    let guides: Vec<_> =
        pages().into_iter().filter(|page| page.starts_with("docs/guides/")).collect();
    assert!(guides.len() > 5, "{guides:?}");
    for guide in guides {
        let text = file(&guide);
        let front = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let (front, rest) = front.unwrap_or_else(|| panic!("{guide} has no front matter"));
        for field in ["page_title: \"", "subcategory: \"", "description: |-\n  "] {
            assert!(front.contains(field), "{guide} has no {field}");
        }
        assert!(rest.trim_start().starts_with("# "), "{guide} has no heading");
    }
}

/// The actions in the first column of the table below this heading.
fn tabled(page: &str, heading: &str) -> BTreeSet<String> {
    let (_, rest) = page.split_once(&format!("\n### {heading}\n")).expect(heading);
    let section = rest.split("\n#").next().unwrap();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(action, _)| action.to_owned()).collect()
}

#[test]
fn the_roles_of_modules_and_examples_may_do_what_the_guide_gives_a_reason_for_and_nothing_else() {
    let guide = file("docs/guides/security.md");
    for (folder, document, heading) in [
        ("modules/shipper", "shipper", "The shipper"),
        ("modules/enforcer", "enforcer", "The enforcer"),
        ("examples/kinesis", "to_stream", "CloudWatch Logs, to a Kinesis stream"),
        ("examples/kinesis", "read_stream", "The shipper, from a Kinesis stream"),
    ] {
        let actions = Stack::of(folder).actions(document);
        let mut explained = tabled(&guide, heading);
        if folder.starts_with("modules") {
            let page = file(&format!("{folder}/README.md"));
            explained.extend(tabled(&page, "Optional permissions"));
        }
        assert_eq!(actions, explained, "{folder}: {document}");
    }
}

#[test]
fn the_enforcer_of_the_module_may_make_every_call_that_it_makes() {
    // The module's destination is a function.
    const OF_OTHER_DESTINATIONS: [&str; 1] = ["DescribeDestinations"];

    let code =
        file("shipper/src/enforcer/logs.rs") + &file("shipper/src/enforcer/loop_detection.rs");
    let operations: BTreeSet<&str> = code
        .split("CloudWatchLogs, \"")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .filter(|operation| !OF_OTHER_DESTINATIONS.contains(operation))
        .collect();
    assert!(operations.contains("PutSubscriptionFilter"), "{operations:?}");
    let allowed = Stack::of("modules/enforcer").actions("enforcer");
    let tags = file("shipper/src/enforcer/tag_tables.rs");
    for (operation, action) in [
        ("(Service::Tagging, \"GetResources\")", "tag:GetResources"),
        (".object(", "s3:GetObject"),
        (".put_object(", "s3:PutObject"),
    ] {
        assert!(tags.contains(operation) && allowed.contains(action), "{action}");
    }
    for operation in operations {
        assert!(allowed.contains(&format!("logs:{operation}")), "{operation}");
    }
    assert!(code.contains("operation: \"Invoke\""));
    assert!(
        allowed.contains("lambda:InvokeFunction"),
        "a sweep continues by invoking the function"
    );
}
