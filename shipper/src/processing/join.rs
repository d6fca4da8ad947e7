//! Joins the log events of a stack trace, where each line is a log event.
//!
//! The forms of lines are those of the runtimes' own output:
//! <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Throwable.html#printStackTrace()>,
//! <https://docs.python.org/3/library/traceback.html>, <https://nodejs.org/api/errors.html#errorstack>,
//! <https://learn.microsoft.com/en-us/dotnet/api/system.exception.stacktrace>,
//! <https://pkg.go.dev/runtime/debug#Stack>, <https://docs.ruby-lang.org/en/3.3/Exception.html>. The rules of
//! <https://github.com/GoogleCloudPlatform/fluent-plugin-detect-exceptions> are similar.

use std::ops::Range;
use std::ptr;

use crate::line::{Kind, Level};
use crate::record::Record;

/// The bounds of a joined record.
#[derive(Clone, Copy, Debug)]
pub struct JoinLines {
    /// The most log events in a record.
    pub max_lines: usize,
    /// The largest message.
    pub max_bytes: usize,
}

/// Records that become one, and their message.
#[derive(Debug, PartialEq)]
pub struct Joined {
    records: Range<usize>,
    message: String,
}

impl JoinLines {
    /// The stack traces among consecutive records.
    pub fn join(self, records: &[Record<'_>]) -> Vec<Joined> {
        let mut joined = Vec::new();
        let mut current: Option<Group> = None;
        for (index, record) in records.iter().enumerate() {
            let text = record.message.trim_end_matches(['\n', '\r']);
            let is_text = is_text(record);
            let mut state = State::begin(text);
            if let Some(group) = &mut current
                && is_text
                && records.get(group.start).is_some_and(|first| belong_together(first, record))
            {
                let next = group.state.next(text);
                let fits = index - group.start < self.max_lines
                    && group.bytes + record.message.len() < self.max_bytes;
                match next {
                    Next::Continues(next) if fits => {
                        group.state = next;
                        group.end = index + 1;
                        group.bytes += record.message.len() + 1;
                        continue;
                    }
                    Next::Blank if fits => {
                        group.bytes += record.message.len() + 1;
                        continue;
                    }
                    // The rest of a long trace is another record.
                    Next::Continues(next) => state = next,
                    Next::Blank | Next::Ends => {}
                }
            }
            joined.extend(current.take().and_then(|group| group.joined(records)));
            current = is_text.then_some(Group {
                start: index,
                end: index + 1,
                bytes: record.message.len() + 1,
                state,
            });
        }
        joined.extend(current.and_then(|group| group.joined(records)));
        joined
    }
}

/// Replaces the records of each stack trace by one: the first, with the joined message. Returns the
/// number of records that are a part of another now.
pub fn put_joined<'r>(records: &mut Vec<Record<'r>>, joined: &'r [Joined]) -> usize {
    let before = records.len();
    let mut rest = joined.iter().peekable();
    let mut index = 0;
    records.retain_mut(|record| {
        let place = index;
        index += 1;
        while rest.next_if(|joined| joined.records.end <= place).is_some() {}
        let Some(joined) = rest.peek().filter(|joined| joined.records.contains(&place)) else {
            return true;
        };
        if place > joined.records.start {
            return false;
        }
        record.message = &joined.message;
        record.escaped = None;
        record.line.level = record.line.level.or(Some(Level::Error));
        true
    });
    before - records.len()
}

/// Log events that may become one record.
struct Group {
    start: usize,
    end: usize,
    bytes: usize,
    state: State,
}

impl Group {
    fn joined(self, records: &[Record<'_>]) -> Option<Joined> {
        let range = self.start..self.end;
        let records = records.get(range.clone()).filter(|records| records.len() > 1)?;
        let mut message = String::with_capacity(self.bytes);
        let mut needs_break = false;
        for record in records {
            if needs_break {
                message.push('\n');
            }
            message.push_str(record.message);
            needs_break = !record.message.ends_with('\n');
        }
        Some(Joined { records: range, message })
    }
}

/// Whether a log event is text of a function, and not JSON or a platform log event.
fn is_text(record: &Record<'_>) -> bool {
    let line = &record.line;
    line.kind == Kind::Application && line.json.is_none() && line.flow.is_none()
}

/// Whether two log events are of one log stream and one request.
fn belong_together(first: &Record<'_>, other: &Record<'_>) -> bool {
    ptr::eq(first.log_source, other.log_source) && first.line.request_id == other.line.request_id
}

/// What a stack trace has had so far.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// A message, after which frames may follow.
    Message,
    /// Frames of Java, Node, .NET or Ruby.
    Frames,
    /// The beginning of a Python traceback.
    Traceback,
    /// The exception at the end of a Python traceback, after which a chained one may follow.
    Exception,
    /// The sentence before a chained traceback.
    Chain,
    /// A panic of Go, or its goroutines.
    Goroutine,
}

/// What a line is after others.
enum Next {
    Continues(State),
    /// An empty line, which belongs to the trace if more of it follows.
    Blank,
    Ends,
}

impl State {
    fn begin(text: &str) -> Self {
        if is_traceback(text) {
            Self::Traceback
        } else if is_goroutine(text)
            || ["panic: ", "fatal error: "].iter().any(|it| text.starts_with(it))
        {
            Self::Goroutine
        } else {
            Self::Message
        }
    }

    fn next(self, text: &str) -> Next {
        let is_indented = text.starts_with([' ', '\t']);
        match self {
            Self::Message | Self::Frames if is_frame(text) => Next::Continues(Self::Frames),
            Self::Message | Self::Frames => Next::Ends,
            Self::Traceback if is_indented => Next::Continues(Self::Traceback),
            Self::Traceback if is_exception(text) => Next::Continues(Self::Exception),
            Self::Exception if is_chain(text) => Next::Continues(Self::Chain),
            Self::Chain if is_traceback(text) => Next::Continues(Self::Traceback),
            Self::Goroutine if is_of_goroutine(text) => Next::Continues(Self::Goroutine),
            Self::Exception | Self::Chain | Self::Goroutine if text.trim().is_empty() => {
                Next::Blank
            }
            _ => Next::Ends,
        }
    }
}

/// A frame of Java, Node, .NET or Ruby, or a line among frames.
fn is_frame(text: &str) -> bool {
    let trimmed = text.trim_start();
    if trimmed.starts_with("Caused by: ") || trimmed.starts_with("--- End of ") {
        return true;
    }
    let is_more = || {
        let rest = trimmed.strip_prefix("... ")?;
        let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit());
        Some(rest == " more" || rest == " common frames omitted")
    };
    trimmed.len() < text.len()
        && (trimmed.starts_with("at ")
            || trimmed.starts_with("Suppressed: ")
            || trimmed.starts_with("---> ")
            || trimmed.starts_with("from ") && trimmed.contains(":in ")
            || is_more().unwrap_or_default())
}

fn is_traceback(text: &str) -> bool {
    text.ends_with("Traceback (most recent call last):")
}

/// `KeyError: 'sku'`, `botocore.exceptions.ClientError: …`, or only a name.
fn is_exception(text: &str) -> bool {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    let is_of_name = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.');
    name.starts_with(|it: char| it.is_alphabetic() || it == '_') && name.chars().all(is_of_name)
}

fn is_chain(text: &str) -> bool {
    text == "During handling of the above exception, another exception occurred:"
        || text == "The above exception was the direct cause of the following exception:"
}

fn is_goroutine(text: &str) -> bool {
    text.starts_with("goroutine ") && text.ends_with("]:")
}

fn is_of_goroutine(text: &str) -> bool {
    let is_file = || text.starts_with('\t') && text.contains(".go:");
    let is_call = || {
        let name = text.split_once('(').map_or("", |(name, _)| name);
        text.ends_with(')') && name.contains('.') && !name.contains(' ')
    };
    is_goroutine(text)
        || is_file()
        || is_call()
        || ["created by ", "[signal ", "\tpanic: "].iter().any(|it| text.starts_with(it))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log_source::LogSource;

    const BOUNDS: JoinLines = JoinLines { max_lines: 100, max_bytes: 65_536 };

    /// The messages after joining.
    fn joined(bounds: JoinLines, lines: &[impl AsRef<str>]) -> Vec<String> {
        let log_source = LogSource::new("1", "g", "s");
        let mut records: Vec<Record<'_>> =
            lines.iter().map(|line| Record::of(&log_source, line.as_ref())).collect();
        let joined = bounds.join(&records);
        let count = put_joined(&mut records, &joined);
        assert_eq!(records.len() + count, lines.len());
        records.iter().map(|record| record.message.to_owned()).collect()
    }

    /// Joins traces that stand between other lines, each of which remains alone.
    #[track_caller]
    fn check(trace: &str) {
        let lines: Vec<&str> =
            ["before"].into_iter().chain(trace.lines()).chain(["after"]).collect();
        assert_eq!(joined(BOUNDS, &lines), ["before", trace, "after"]);
    }

    #[test]
    fn a_stack_trace_is_one_record() {
        // <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Throwable.html>
        check(
            "HighLevelException: MidLevelException: LowLevelException\n\tat Junk.a(Junk.java:13)\n\tat Junk.main(Junk.java:4)\nCaused by: MidLevelException: LowLevelException\n\tat Junk.c(Junk.java:23)\n\t... 1 more\nCaused by: LowLevelException\n\tat Junk.e(Junk.java:30)\n\t... 3 more",
        );
        check(
            "Exception in thread \"main\" java.lang.Exception: Something happened\n\tat Foo.bar(Foo.java:10)\n\tSuppressed: Resource$CloseFailException: Resource ID = 2\n\t\tat Resource.close(Resource.java:26)\n\t\t... 4 more",
        );
        // <https://docs.python.org/3/tutorial/errors.html>
        check(
            "Traceback (most recent call last):\n  File \"<stdin>\", line 2, in <module>\n    func()\nConnectionError\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"<stdin>\", line 4, in <module>\n    raise RuntimeError('Failed to open database') from exc\nRuntimeError: Failed to open database",
        );
        // <https://nodejs.org/api/errors.html>
        check(
            "Error: Things keep happening!\n   at /home/gbusey/file.js:525:2\n   at Frobnicator.refrobulate (/home/gbusey/business-logic.js:424:21)\n   at increaseSynergy (/home/gbusey/actors.js:701:6)",
        );
        // <https://learn.microsoft.com/en-us/dotnet/api/system.exception.innerexception>
        check(
            "AppException: Error in CatchInner caused by calling the ThrowInner method.\n ---> AppException: Exception in ThrowInner method.\n   at Example.ThrowInner() in C:\\Example.cs:line 48\n   --- End of inner exception stack trace ---\n   at Example.CatchInner() in C:\\Example.cs:line 58",
        );
        // <https://gobyexample.com/panic> and <https://go.dev/blog/defer-panic-and-recover>
        check(
            "panic: a problem\n\ngoroutine 1 [running]:\nmain.main()\n\t/tmp/sandbox/panic.go:12 +0x47",
        );
        check(
            "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 18 [running]:\nmain.(*shop).order(0x0, {0xc000012345, 0x3})\n\t/src/main.go:9 +0x1d\ncreated by main.main in goroutine 1\n\t/src/main.go:20 +0x5f",
        );
        // <https://docs.ruby-lang.org/en/3.3/Exception.html>
        check(
            "t.rb:2:in `foo': Boom (RuntimeError)\n\tfrom t.rb:6:in `bar'\n\tfrom t.rb:9:in `<main>'",
        );
    }

    #[test]
    fn other_lines_stay_apart() {
        for lines in [
            vec!["an order", "another order"],
            vec!["a list:", "  first", "  second"],
            vec!["{\"a\":1}", "\tat Junk.a(Junk.java:13)"],
            vec!["panic: out of stock", "", "an order"],
            vec!["Traceback (most recent call last):", "2023-11-06 an order"],
        ] {
            assert_eq!(joined(BOUNDS, &lines), lines);
        }
    }

    #[test]
    fn a_trace_never_reaches_across_requests_platform_lines_or_log_streams() {
        const A: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
        let sources = [LogSource::new("1", "g", "s"), LogSource::new("1", "g", "other")];
        let frame = "\tat Junk.a(Junk.java:13)";
        let end = format!("END RequestId: {A}");
        let check = |first: Record<'_>, other: Record<'_>| {
            assert_eq!(BOUNDS.join(&[first, other]), []);
        };
        check(Record::of(&sources[0], "Error"), Record::of(&sources[1], frame));
        check(Record::of(&sources[0], &end), Record::of(&sources[0], frame));
        let mut of_request = Record::of(&sources[0], frame);
        of_request.line.request_id = Some(A.into());
        check(Record::of(&sources[0], "Error"), of_request);
    }

    #[test]
    fn a_long_trace_is_several_bounded_records() {
        let lines = ["Error", "\tat a.b(c)", "\tat d.e(f)", "\tat g.h(i)", "\tat j.k(l)"];
        let bounds = JoinLines { max_lines: 2, ..BOUNDS };
        assert_eq!(
            joined(bounds, &lines),
            ["Error\n\tat a.b(c)", "\tat d.e(f)\n\tat g.h(i)", lines[4]]
        );
        let bounds = JoinLines { max_bytes: 20, ..BOUNDS };
        assert!(joined(bounds, &lines).iter().all(|message| message.len() <= 20));
    }

    #[test]
    fn a_joined_record_is_the_first_with_its_level_or_error() {
        let log_source = LogSource::new("1", "g", "s");
        let frame = "\tat Junk.a(Junk.java:13)\n";
        for (first, level) in [("[WARN] slow\n", Level::Warn), ("Boom\n", Level::Error)] {
            let mut records = vec![
                Record { id: "first", ..Record::of(&log_source, first) },
                Record { id: "second", ..Record::of(&log_source, frame) },
            ];
            let joined = BOUNDS.join(&records);
            assert_eq!(put_joined(&mut records, &joined), 1);
            assert_eq!((records[0].id, records[0].line.level), ("first", Some(level)));
            assert_eq!(records[0].message, format!("{first}{frame}"));
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost(
            lines in prop::collection::vec(prop::sample::select(vec![
                "text", "", "\n", "Error: x\n", "    at f (x.js:1:2)", "\tat a.b(C.java:1)\n", "Caused by: X", "\t... 2 more",
                "Traceback (most recent call last):", "  File \"x\"", "KeyError: 'x'", "panic: x", "goroutine 1 [running]:",
                "main.main()", "\t/x/main.go:1", "{\"a\":1}", "START RequestId: 8f507cfc-1234-4697-b07a-ac58fc914c95 Version: 1",
                "During handling of the above exception, another exception occurred:",
            ]), 0..30),
            max_lines in 2..6_usize, max_bytes in 10..200_usize,
        ) {
            let bounds = JoinLines { max_lines, max_bytes };
            let found = joined(bounds, &lines);
            let ended = |text: &str| {
                if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
            };
            let all: String = lines.iter().map(|line| ended(line)).collect();
            prop_assert_eq!(found.iter().map(|message| ended(message)).collect::<String>(), all);
            let longest = lines.iter().map(|line| line.len()).max().unwrap_or_default();
            prop_assert!(found.iter().all(|message| message.len() <= max_bytes.max(longest)));
        }
    }
}
