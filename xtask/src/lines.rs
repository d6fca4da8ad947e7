//! How many lines the source of each crate has.

use anyhow::Context;
use logagg_e2e::workspace;

/// The source folders that are counted.
const SOURCES: [&str; 5] =
    ["policy/src", "provider/src", "provider/report/src", "provider/tfplugin/src", "shipper/src"];

/// Where a file's own tests begin.
const TESTS: &str = "#[cfg(test)]\nmod tests {";

/// Lines of a folder.
#[derive(Debug, Default, PartialEq)]
struct Lines {
    files: usize,
    all: usize,
    tests: usize,
}

/// Prints the lines of each source folder.
pub(crate) fn run() -> anyhow::Result<()> {
    println!("{:<24}{:>8}{:>10}{:>16}", "", "files", "lines", "of them tests");
    for source in SOURCES {
        let mut lines = Lines::default();
        for path in workspace::files(source)? {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("reading {}", path.display()))?;
                let is_test = path.components().any(|part| part.as_os_str() == "tests")
                    || path.file_name().is_some_and(|name| name == "tests.rs");
                lines.add(&text, is_test);
            }
        }
        println!("{source:<24}{:>8}{:>10}{:>16}", lines.files, lines.all, lines.tests);
    }
    Ok(())
}

impl Lines {
    fn add(&mut self, text: &str, is_test: bool) {
        let code = if is_test { "" } else { text.split(TESTS).next().unwrap_or_default() };
        self.files += 1;
        self.all += text.lines().count();
        self.tests += text.lines().count() - code.lines().count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_a_file_are_counted_apart() {
        let mut lines = Lines::default();
        lines.add("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n", false);
        lines.add("fn c() {}\n", true);
        assert_eq!(lines, Lines { files: 2, all: 7, tests: 5 });
    }
}
