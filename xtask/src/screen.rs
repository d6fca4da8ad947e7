use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What the person in front of the terminal sees: a line for each step with the time it took, and
/// while it runs, what it is doing.
pub(crate) struct Screen {
    terminal: bool,
    color: bool,
    current: Mutex<Option<Step>>,
}

/// What was verified: a word for it, and what was seen.
pub(crate) type Finding = (&'static str, String);

struct Step {
    title: String,
    began: Instant,
    /// When the last line of progress was printed, where lines cannot be overwritten.
    printed: Instant,
}

/// Without a terminal, progress is printed in lines, at most this often.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
const WIDTH: usize = 76;

impl Screen {
    /// A screen on standard output.
    pub(crate) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self {
            terminal,
            color: terminal && std::env::var_os("NO_COLOR").is_none(),
            current: Mutex::new(None),
        }
    }

    /// Prints a heading.
    pub(crate) fn heading(&self, text: &str) {
        print(&format!("\n{}\n", self.paint(Paint::Bold, text)));
    }

    /// Prints text as it is, indented and dimmed: what a program said.
    pub(crate) fn quote(&self, text: &str) {
        for line in text.lines() {
            print(&format!("      {}\n", self.paint(Paint::Dim, line)));
        }
    }

    /// Prints a line.
    pub(crate) fn say(&self, line: &str) {
        print(&format!("{line}\n"));
    }

    /// Runs a step and says how it went and how long it took.
    pub(crate) fn step<T>(
        &self,
        title: &str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        *self.current() = Some(Step { title: title.to_owned(), began, printed: began });
        if self.terminal {
            self.overwrite(&format!("  … {title}"));
        }
        let outcome = work();
        *self.current() = None;
        if self.terminal {
            self.overwrite("");
        }
        let mark = match outcome {
            Ok(_) => self.paint(Paint::Green, "✓"),
            Err(_) => self.paint(Paint::Red, "✗"),
        };
        let time = format!("{:.1} s", began.elapsed().as_secs_f64());
        let time = self.paint(Paint::Dim, &format!("{time:>8}"));
        print(&format!("  {mark} {}{time}\n", pad(title, WIDTH - 12)));
        outcome
    }

    /// Says what the running step is doing.
    pub(crate) fn progress(&self, text: &str) {
        let mut current = self.current();
        let Some(step) = current.as_mut() else {
            return;
        };
        if self.terminal {
            let seconds = step.began.elapsed().as_secs();
            let line = format!("  … {} ({seconds} s): {text}", step.title);
            self.overwrite(&line.chars().take(WIDTH + 20).collect::<String>());
        } else if step.printed.elapsed() > BETWEEN_LINES {
            step.printed = Instant::now();
            print(&format!("  … {}: {text}\n", step.title));
        }
    }

    /// Prints the table of what was verified, and what was not so.
    pub(crate) fn table(&self, verified: &[Finding], failure: Option<&str>) {
        self.heading("Verified");
        for (subject, finding) in verified {
            self.say(&format!("  {} {subject:<12} {finding}", self.paint(Paint::Green, "✓")));
        }
        if let Some(failure) = failure {
            self.say(&format!("  {} {failure}", self.paint(Paint::Red, "✗")));
        }
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Red => "31",
            Paint::Green => "32",
        };
        match self.color {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn overwrite(&self, line: &str) {
        print(&format!("\r\x1b[2K{line}"));
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Step>> {
        self.current.lock().expect("nothing panics while it holds the lock")
    }
}

#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Red,
    Green,
}

/// A closed standard output is no reason to stop, and least of all not to clean up.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Fills up to a width in characters, not bytes.
fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}
