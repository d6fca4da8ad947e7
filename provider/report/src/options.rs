use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use lexopt::prelude::*;
use logagg_policy::Arn;
use terraform_provider_logagg::engine;

use crate::documents::Source;
use crate::prices::Prices;

pub(crate) const HELP: &str = "\
Report of what policies select, their drift and their cost. Nothing is changed at AWS.

  logagg-report [OPTIONS] INPUT...

INPUT is a file, or - for standard input, with the document of a logagg_policy, a list of
documents, the enforcer's configuration, a state file, or what `terraform output -json` or
`terraform show -json`, also of a saved plan, prints.

  -f, --format FORMAT           html, json, csv or markdown (default html)
  -o, --output FILE             the file to write (default standard output)
  --detailed-exitcode           exit with 2 if there is drift
  --role ARN                    a role to assume for the policies of its account; repeatable
  --storage-price [REGION=]USD  price of storing a GB for a month, for all regions or one;
                                repeatable
  --ingestion-price [REGION=]USD
                                price of ingesting a GB, for all regions or one; repeatable
  --skip-ingestion              do not read ingested bytes (cloudwatch:GetMetricData)
  --endpoint URL                an endpoint for all calls, such as an emulator's
  --requests-per-second CALL=N  rate of an API operation whose quota AWS has raised; repeatable
  --time TIME                   time of the report, as in 2026-11-25T13:00:00Z (default now)
  -h, --help, --version

Credentials come from the environment and the shared configuration files, as in AWS's SDKs.

Exit codes: 0 the report is written; 1 error, no report; 2 drift, with --detailed-exitcode;
3 the report is written, and an account, region or policy could not be read.
";

/// What the arguments ask for.
#[derive(Debug)]
pub(crate) enum Request {
    Report(Box<Options>),
    Help,
    Version,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Html,
    Json,
    Csv,
    Markdown,
}

impl Format {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "html" => Ok(Self::Html),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "markdown" => Ok(Self::Markdown),
            _ => Err(format!("{name:?} is not a format: it is one of html, json, csv, markdown")),
        }
    }
}

/// Whether ingested bytes are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReadIngestion {
    #[default]
    Yes,
    Skip,
}

/// The options of a report.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) documents: Vec<Source>,
    pub(crate) format: Format,
    pub(crate) output: Option<PathBuf>,
    pub(crate) detailed_exit_code: bool,
    /// By account.
    pub(crate) roles: BTreeMap<String, String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) requests_per_second: BTreeMap<String, f64>,
    pub(crate) prices: Prices,
    pub(crate) ingestion: ReadIngestion,
    pub(crate) at: SystemTime,
}

impl Options {
    /// # Errors
    /// The first argument that is not valid.
    pub(crate) fn parse(mut arguments: lexopt::Parser) -> Result<Request, lexopt::Error> {
        let mut options = Self {
            documents: Vec::new(),
            format: Format::default(),
            output: None,
            detailed_exit_code: false,
            roles: BTreeMap::new(),
            endpoint: None,
            requests_per_second: BTreeMap::new(),
            prices: Prices::default(),
            ingestion: ReadIngestion::Yes,
            at: SystemTime::now(),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Request::Help),
                Long("version") => return Ok(Request::Version),
                Short('f') | Long("format") => {
                    options.format = arguments.value()?.parse_with(Format::named)?;
                }
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
                Long("storage-price") => {
                    let add = |text: &str| options.prices.storage.add(text);
                    arguments.value()?.parse_with(add)?;
                }
                Long("ingestion-price") => {
                    let add = |text: &str| options.prices.ingestion.add(text);
                    arguments.value()?.parse_with(add)?;
                }
                Long("skip-ingestion") => options.ingestion = ReadIngestion::Skip,
                Long("time") => options.at = arguments.value()?.parse_with(time)?,
                Value(document) => options.documents.push(Source::of(document)),
                other => return Err(other.unexpected()),
            }
        }
        if options.documents.is_empty() {
            return Err("no input is given".into());
        }
        Ok(Request::Report(Box::new(options)))
    }

    fn role(&mut self, role: String) -> Result<(), lexopt::Error> {
        let arn: Arn = role.parse().map_err(|error| format!("--role: {error}"))?;
        let account = arn.account().to_owned();
        if let Some(other) = self.roles.insert(account.clone(), role) {
            return Err(format!("--role: {other} is also of account {account}").into());
        }
        Ok(())
    }
}

fn endpoint(url: String) -> Result<String, lexopt::Error> {
    match url.parse::<reqwest::Url>() {
        Ok(parsed) if parsed.has_host() => Ok(url),
        _ => Err(format!("--endpoint: {url:?} is not a URL, as in http://localhost:4566").into()),
    }
}

/// The lowest and the highest rate, as in the provider block.
const RATES: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

fn rate(text: &str) -> Result<(String, f64), lexopt::Error> {
    let wrong = |why: &str| format!("--requests-per-second: {text:?} {why}");
    let (call, rate) =
        text.split_once('=').ok_or_else(|| wrong("is not CALL=N, as in DescribeLogGroups=20"))?;
    if !engine::operations().any(|operation| operation == call) {
        return Err(wrong("names no API operation of the report").into());
    }
    let rate = rate.parse().ok().filter(|rate| RATES.contains(rate));
    let rate = rate.ok_or_else(|| wrong("has no number from 0.01 to 10000"))?;
    Ok((call.to_owned(), rate))
}

fn time(text: &str) -> Result<SystemTime, String> {
    humantime::parse_rfc3339(text)
        .map_err(|_| format!("{text:?} is not a time as in 2026-11-25T13:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Request, String> {
        let format = std::iter::once("logagg-report").chain(line.split_whitespace());
        Options::parse(lexopt::Parser::from_iter(format)).map_err(|error| error.to_string())
    }

    fn options(line: &str) -> Box<Options> {
        match parse(line) {
            Ok(Request::Report(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_option_is_parsed() {
        let all = options(
            "a.json - --format json --output page.html --detailed-exitcode --skip-ingestion \
             --endpoint http://localhost:4566 --role arn:aws:iam::111122223333:role/audit \
             --requests-per-second DescribeLogGroups=20 --storage-price 0.05 \
             --storage-price eu-west-1=0.06 --ingestion-price 0.5 --time 2026-11-25T13:00:00Z",
        );
        assert_eq!(all.documents, [Source::File("a.json".into()), Source::StandardInput]);
        assert_eq!((all.format, all.output), (Format::Json, Some("page.html".into())));
        assert!(all.detailed_exit_code);
        assert_eq!(all.ingestion, ReadIngestion::Skip);
        assert_eq!(all.endpoint.as_deref(), Some("http://localhost:4566"));
        assert_eq!(all.roles["111122223333"], "arn:aws:iam::111122223333:role/audit");
        assert_eq!(all.requests_per_second["DescribeLogGroups"], 20.0);
        assert_eq!(all.prices.in_region("eu-west-1").storage.unwrap().per_gb(), 0.06);
        assert_eq!(all.prices.in_region("eu-west-2").storage.unwrap().per_gb(), 0.05);
        assert_eq!(all.prices.in_region("eu-west-2").ingestion.unwrap().per_gb(), 0.5);
        assert_eq!(humantime::format_rfc3339(all.at).to_string(), "2026-11-25T13:00:00Z");
        let few = options("a.json");
        assert_eq!((few.format, few.output, few.prices), (Format::Html, None, Prices::default()));
        assert!(!few.detailed_exit_code);
        assert_eq!(few.ingestion, ReadIngestion::Yes);
        for (name, format) in [("html", Format::Html), ("csv", Format::Csv)] {
            assert_eq!(options(&format!("-f {name} a")).format, format);
        }
        assert_eq!(options("--format markdown a").format, Format::Markdown);
        assert!(matches!(parse("--help"), Ok(Request::Help)));
        assert!(matches!(parse("--version"), Ok(Request::Version)));
    }

    #[test]
    fn an_invalid_argument_is_named() {
        let check = |line: &str, expected: &str| {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        };
        check("", "no input is given");
        check("a --out b", "invalid option '--out'");
        check("a --output", "missing argument for option '--output'");
        check("a --role audit", "--role: ");
        let role = "--role arn:aws:iam::111122223333:role";
        check(&format!("a {role}/a {role}/b"), "role/a is also of account 111122223333");
        check("a --endpoint localhost", "\"localhost\" is not a URL");
        check("a --requests-per-second 5", "\"5\" is not CALL=N");
        check("a --requests-per-second DescribeAlarms=5", "names no API operation of the report");
        check("a --requests-per-second DescribeLogGroups=0", "has no number from 0.01 to 10000");
        check("a --storage-price cheap", "cheap");
        check("a --ingestion-price -1", "-1");
        check("a --format pdf", "\"pdf\" is not a format: it is one of html, json, csv, markdown");
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
            "--format",
            "--storage-price",
            "--ingestion-price",
            "--skip-ingestion",
            "--time",
            "--help",
            "--version",
        ] {
            assert!(HELP.contains(option), "{option}");
        }
    }
}
