use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use lexopt::prelude::*;
use logagg_policy::Arn;

use super::documents::Source;
use super::estimate::Price;
use crate::aws::Operation;

pub(super) const HELP: &str = "\
Reports the state of policies and the changes that their plans would make, as one HTML page. Writes
nothing to AWS.

  logagg-report [OPTIONS] DOCUMENT...

DOCUMENT is a file with logagg_policy.<name>.document: one, a list of them, the enforcer's
configuration, or the output of `terraform show -json`; - is standard input.

  -o, --output FILE             file to write; default: standard output
  --detailed-exitcode           exit with 2 if there is drift
  --role ARN                    role to assume for the policies of its account; repeatable
  --endpoint URL                endpoint for all requests, such as an emulator
  --requests-per-second CALL=N  rate of an API operation, if AWS has raised its quota; repeatable
  --price-per-gb-month DOLLARS  price of stored data; default: 0.03
  --time TIME                   time of the report, for example 2026-11-25T13:00:00Z; default: now
  -h, --help, --version

Credentials come from the environment and the shared configuration files, as in AWS's SDKs
(AWS_PROFILE, AWS_ACCESS_KEY_ID). Exit codes: 0 if the page was written, 1 after an error, 2 as
above.
";

/// What a call of the program asks for.
#[derive(Debug)]
pub(super) enum Asked {
    Report(Options),
    Help,
    Version,
}

/// How a report is to be made.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) documents: Vec<Source>,
    pub(super) output: Option<PathBuf>,
    pub(super) detailed_exit_code: bool,
    /// By account.
    pub(super) roles: BTreeMap<String, String>,
    pub(super) endpoint: Option<String>,
    pub(super) requests_per_second: BTreeMap<String, f64>,
    pub(super) price: Price,
    pub(super) at: SystemTime,
}

impl Options {
    /// # Errors
    /// The first argument that is not understood.
    pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Asked, lexopt::Error> {
        let mut options = Self {
            documents: Vec::new(),
            output: None,
            detailed_exit_code: false,
            roles: BTreeMap::new(),
            endpoint: None,
            requests_per_second: BTreeMap::new(),
            price: Price::default(),
            at: SystemTime::now(),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Asked::Help),
                Long("version") => return Ok(Asked::Version),
                Short('o') | Long("output") => options.output = Some(arguments.value()?.into()),
                Long("detailed-exitcode") => options.detailed_exit_code = true,
                Long("role") => options.role(arguments.value()?.string()?)?,
                Long("endpoint") => {
                    options.endpoint = Some(endpoint(arguments.value()?.string()?)?);
                }
                Long("requests-per-second") => {
                    let (call, rate) = rate(&arguments.value()?.string()?)?;
                    options.requests_per_second.insert(call, rate);
                }
                Long("price-per-gb-month") => {
                    options.price = arguments.value()?.parse_with(str::parse)?;
                }
                Long("time") => options.at = arguments.value()?.parse_with(time)?,
                Value(document) => options.documents.push(Source::of(document)),
                other => return Err(other.unexpected()),
            }
        }
        if options.documents.is_empty() {
            return Err("missing argument DOCUMENT".into());
        }
        Ok(Asked::Report(options))
    }

    fn role(&mut self, role: String) -> Result<(), lexopt::Error> {
        let arn: Arn = role.parse().map_err(|error| format!("--role: {error}"))?;
        let account = arn.account().to_owned();
        if let Some(other) = self.roles.insert(account.clone(), role) {
            return Err(format!("--role: {other} belongs to account {account} too").into());
        }
        Ok(())
    }
}

fn endpoint(url: String) -> Result<String, lexopt::Error> {
    match url.parse::<reqwest::Url>() {
        Ok(parsed) if parsed.has_host() => Ok(url),
        _ => {
            Err(format!("--endpoint: {url:?} is not a URL, for example http://localhost:4566")
                .into())
        }
    }
}

/// The fewest and the most calls a second, as in the provider block.
const RATES: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

fn rate(text: &str) -> Result<(String, f64), lexopt::Error> {
    let wrong = |why: &str| format!("--requests-per-second: {text:?} {why}");
    let (call, rate) = text
        .split_once('=')
        .ok_or_else(|| wrong("is not CALL=N, for example DescribeLogGroups=20"))?;
    if !Operation::ALL.iter().any(|operation| operation.name() == call) {
        return Err(wrong("is not an operation that logagg-report calls").into());
    }
    let rate = rate.parse().ok().filter(|rate| RATES.contains(rate));
    let rate = rate.ok_or_else(|| wrong("has no number from 0.01 to 10000"))?;
    Ok((call.to_owned(), rate))
}

fn time(text: &str) -> Result<SystemTime, String> {
    humantime::parse_rfc3339(text)
        .map_err(|_| format!("{text:?} is not a time, for example 2026-11-25T13:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Asked, String> {
        let format = std::iter::once("logagg-report").chain(line.split_whitespace());
        Options::parse(lexopt::Parser::from_iter(format)).map_err(|error| error.to_string())
    }

    fn options(line: &str) -> Options {
        match parse(line) {
            Ok(Asked::Report(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_is_understood() {
        let all = options(
            "a.json - --output page.html --detailed-exitcode --endpoint http://localhost:4566 \
             --role arn:aws:iam::111122223333:role/audit --requests-per-second \
             DescribeLogGroups=20 --price-per-gb-month 0.05 --time 2026-11-25T13:00:00Z",
        );
        assert_eq!(all.documents, [Source::File("a.json".into()), Source::StandardInput]);
        assert_eq!(all.output, Some("page.html".into()));
        assert!(all.detailed_exit_code);
        assert_eq!(all.endpoint.as_deref(), Some("http://localhost:4566"));
        assert_eq!(all.roles["111122223333"], "arn:aws:iam::111122223333:role/audit");
        assert_eq!(all.requests_per_second["DescribeLogGroups"], 20.0);
        assert_eq!(all.price, "0.05".parse().unwrap());
        assert_eq!(humantime::format_rfc3339(all.at).to_string(), "2026-11-25T13:00:00Z");
        let few = options("a.json");
        assert_eq!((few.output, few.price), (None, Price::default()));
        assert!(!few.detailed_exit_code);
        assert!(matches!(parse("--help"), Ok(Asked::Help)));
        assert!(matches!(parse("--version"), Ok(Asked::Version)));
    }

    #[test]
    fn an_invalid_argument_is_named() {
        let check = |line: &str, expected: &str| {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        };
        check("", "missing argument DOCUMENT");
        check("a --out b", "invalid option '--out'");
        check("a --output", "missing argument for option '--output'");
        check("a --role audit", "--role: ");
        let role = "--role arn:aws:iam::111122223333:role";
        check(&format!("a {role}/a {role}/b"), "role/a belongs to account 111122223333 too");
        check("a --endpoint localhost", "\"localhost\" is not a URL");
        check("a --requests-per-second 5", "\"5\" is not CALL=N");
        check(
            "a --requests-per-second DescribeAlarms=5",
            "is not an operation that logagg-report \
             calls",
        );
        check("a --requests-per-second DescribeLogGroups=0", "has no number from 0.01 to 10000");
        check("a --price-per-gb-month cheap", "cheap");
        check("a --price-per-gb-month -1", "-1");
        check("a --time noon", "\"noon\" is not a time");
    }

    #[test]
    fn every_option_is_in_the_help() {
        for option in [
            "--output",
            "--detailed-exitcode",
            "--role",
            "--endpoint",
            "--requests-per-second",
            "--price-per-gb-month",
            "--time",
            "--help",
            "--version",
        ] {
            assert!(HELP.contains(option), "{option}");
        }
    }
}
