use std::path::PathBuf;

use lexopt::prelude::*;

use crate::docs::Pages;
use crate::outage::Outage;
use crate::third_party;

/// What the programs are and how they are called.
pub(crate) const HELP: &str = "\
Development tasks of logagg.

  cargo demo [--keep]           run the provider and the shipper on this machine
                                --keep: keep everything running afterwards
  cargo xtask log GROUP LINE    write a log event to a log group of the kept demo
  cargo xtask deploy FUNCTION KEY=VALUE
                                deploy a function with a tag to the kept demo
  cargo xtask configure FUNCTION FILE
                                give a function of the kept demo another configuration
  cargo xtask invoke FUNCTION EVENT
                                invoke a function of the kept demo, and print its response
  cargo xtask stop              stop the kept demo
  cargo xtask backfill [GROUPS [DAYS]]
                                slices, requests, invocations and time of a backfill, under AWS's quotas
  cargo xtask docs [--check]    render the registry's pages from the provider's schema and
                                docs/templates, the JSON schemas of the functions' configurations,
                                and the tables of the modules' pages
                                --check: only report which are stale
  cargo xtask faults            render the outcome of every failure of every destination
  cargo xtask fields            what each field of a document costs when it is sent, in compressed bytes
  cargo xtask figures           size of the programs and start time of the provider, of a release build
  cargo xtask install [--into FOLDER]
                                install the provider where terraform init finds it, or in a folder of
                                a filesystem_mirror
  cargo xtask lines             lines of each crate's source
  cargo xtask outage [HOURS [EVENTS_PER_SECOND [EVENTS_PER_OBJECT [CONCURRENCY]]]]
                                objects, messages, requests and time to drain of an outage of a
                                destination, under AWS's quotas
  cargo xtask report            logagg-report's page of a sample account, with screenshots if Chromium
                                is installed
  cargo xtask scale [GROUPS...] requests, time under AWS's quotas, CPU and memory of a policy for
                                100, 1000 and 10000 log groups, or for these numbers
  cargo xtask speed             CPU, memory and start time of the shipper, compared with a baseline
  cargo xtask third-party [--list] [--only NAME]... [--available] [--record]
                                run the shipper, the provider and the mock servers of the tests against
                                third-party servers, which it builds (requires Java, Maven and Go)
                                --available: skip suites whose compiler is missing
                                --record: record the exchanges again";

/// One call of the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Demo(End),
    Log { group: String, line: String },
    Deploy { function: String, tag: String },
    Configure { function: String, file: PathBuf },
    Invoke { function: String, event: String },
    Backfill { log_groups: u32, days: u32 },
    Stop,
    Docs(Pages),
    Faults,
    Fields,
    Figures,
    Install { into: Option<PathBuf> },
    Lines,
    Outage(Outage),
    Report,
    Scale { sizes: Vec<usize> },
    Speed,
    ThirdParty(third_party::Options),
    Help,
}

/// What becomes of the demo once it has shown everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    CleanUp,
    KeepRunning,
}

impl Command {
    /// Reads the command line.
    pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut words = Vec::new();
        let mut end = End::CleanUp;
        let mut pages = Pages::Write;
        let mut suites = third_party::Options::default();
        let mut into = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Self::Help),
                Long("check") if words == ["docs"] => pages = Pages::Check,
                Long("keep") if words == ["demo"] => end = End::KeepRunning,
                Long("available") if words == ["third-party"] => suites.available = true,
                Long("into") if words == ["install"] => into = Some(arguments.value()?.into()),
                Long("list") if words == ["third-party"] => suites.list = true,
                Long("record") if words == ["third-party"] => suites.record = true,
                Long("only") if words == ["third-party"] => {
                    suites.only.push(arguments.value()?.string()?);
                }
                Value(word) => words.push(word.string()?),
                other => return Err(other.unexpected()),
            }
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["demo"] => Ok(Self::Demo(end)),
            ["log", group, line] => {
                Ok(Self::Log { group: group.to_owned(), line: line.to_owned() })
            }
            ["deploy", function, tag] => {
                Ok(Self::Deploy { function: function.to_owned(), tag: tag.to_owned() })
            }
            ["configure", function, file] => {
                Ok(Self::Configure { function: function.to_owned(), file: file.into() })
            }
            ["invoke", function, event] => {
                Ok(Self::Invoke { function: function.to_owned(), event: event.to_owned() })
            }
            ["backfill", ref numbers @ ..] => backfill(numbers),
            ["stop"] => Ok(Self::Stop),
            ["docs"] => Ok(Self::Docs(pages)),
            ["faults"] => Ok(Self::Faults),
            ["fields"] => Ok(Self::Fields),
            ["figures"] => Ok(Self::Figures),
            ["install"] => Ok(Self::Install { into }),
            ["lines"] => Ok(Self::Lines),
            ["outage", ref numbers @ ..] => Ok(Self::Outage(outage(numbers)?)),
            ["report"] => Ok(Self::Report),
            ["scale", ref sizes @ ..] => Ok(Self::Scale { sizes: numbers(sizes)? }),
            ["speed"] => Ok(Self::Speed),
            ["third-party"] => Ok(Self::ThirdParty(suites)),
            [] => Ok(Self::Help),
            _ => Err(format!("not understood: {}", words.join(" ")).into()),
        }
    }
}

/// An outage, as far as it is given.
fn outage(words: &[&str]) -> Result<Outage, lexopt::Error> {
    let mut outage = Outage::default();
    let fields = [
        &mut outage.hours,
        &mut outage.events_per_second,
        &mut outage.events_per_object,
        &mut outage.concurrency,
    ];
    if words.len() > fields.len() {
        return Err(format!("not understood: {}", words.join(" ")).into());
    }
    for (field, word) in fields.into_iter().zip(words) {
        *field = number(word, 1_000_000)?.into();
    }
    Ok(outage)
}

/// A backfill, as far as it is given.
fn backfill(words: &[&str]) -> Result<Command, lexopt::Error> {
    let mut given = [1_000, 30];
    if words.len() > given.len() {
        return Err(format!("not understood: {}", words.join(" ")).into());
    }
    for (field, word) in given.iter_mut().zip(words) {
        *field = number(word, 100_000)?;
    }
    let [log_groups, days] = given;
    Ok(Command::Backfill { log_groups, days })
}

/// A number from 1 to this one.
fn number(word: &str, most: u32) -> Result<u32, lexopt::Error> {
    let number = word.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("not a number from 1 to {most}: {word}").into())
}

/// How many log groups, or the numbers that are usual.
fn numbers(words: &[&str]) -> Result<Vec<usize>, lexopt::Error> {
    if words.is_empty() {
        return Ok(vec![100, 1_000, 10_000]);
    }
    let number = |word: &&str| word.parse().map_err(|_| format!("not a number: {word}").into());
    words.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        let words = std::iter::once("xtask").chain(line.split(' ').filter(|word| !word.is_empty()));
        Command::parse(lexopt::Parser::from_iter(words)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_verb_is_understood() {
        assert_eq!(parse("demo"), Ok(Command::Demo(End::CleanUp)));
        assert_eq!(parse("demo --keep"), Ok(Command::Demo(End::KeepRunning)));
        assert_eq!(parse("stop"), Ok(Command::Stop));
        assert_eq!(parse("docs"), Ok(Command::Docs(Pages::Write)));
        assert_eq!(parse("docs --check"), Ok(Command::Docs(Pages::Check)));
        assert_eq!(parse("faults"), Ok(Command::Faults));
        assert_eq!(parse("figures"), Ok(Command::Figures));
        assert_eq!(parse("report"), Ok(Command::Report));
        assert_eq!(parse("outage"), Ok(Command::Outage(Outage::default())));
        let outage = Outage { hours: 72, events_per_second: 50, ..Outage::default() };
        assert_eq!(parse("outage 72 50"), Ok(Command::Outage(outage)));
        assert_eq!(parse("scale 7 80"), Ok(Command::Scale { sizes: vec![7, 80] }));
        assert_eq!(parse("fields"), Ok(Command::Fields));
        assert_eq!(parse("speed"), Ok(Command::Speed));
        let suites = |only: &[&str], available, list, record| {
            let only = only.iter().map(|name| (*name).to_owned()).collect();
            Ok(Command::ThirdParty(third_party::Options { only, available, list, record }))
        };
        assert_eq!(parse("third-party --list"), suites(&[], false, true, false));
        let line = "third-party --only a --only=b --record --available";
        assert_eq!(parse(line), suites(&["a", "b"], true, false, true));
        assert_eq!(parse(""), Ok(Command::Help));
        let log = Command::Log { group: "/a".to_owned(), line: "b".to_owned() };
        assert_eq!(parse("log /a b"), Ok(log));
        let configure = Command::Configure { function: "f".to_owned(), file: "a.json".into() };
        assert_eq!(parse("configure f a.json"), Ok(configure));
        let invoke = Command::Invoke { function: "f".to_owned(), event: "{}".to_owned() };
        assert_eq!(parse("invoke f {}"), Ok(invoke));
        let deploy = Command::Deploy { function: "a".to_owned(), tag: "b=c".to_owned() };
        assert_eq!(parse("deploy a b=c"), Ok(deploy));
        assert_eq!(parse("backfill"), Ok(Command::Backfill { log_groups: 1_000, days: 30 }));
        assert_eq!(parse("backfill 7 2"), Ok(Command::Backfill { log_groups: 7, days: 2 }));
    }

    #[test]
    fn anything_else_is_an_error_that_names_it() {
        assert_eq!(parse("dmeo"), Err("not understood: dmeo".to_owned()));
        assert_eq!(parse("stop --keep"), Err("invalid option '--keep'".to_owned()));
        assert_eq!(parse("log /a"), Err("not understood: log /a".to_owned()));
        assert_eq!(parse("scale all"), Err("not a number: all".to_owned()));
        assert_eq!(parse("outage 0"), Err("not a number from 1 to 1000000: 0".to_owned()));
    }
}
