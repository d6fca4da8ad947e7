//! Logs as Terraform takes them from a provider: one JSON object a line on the standard error
//! stream.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::metadata::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::plugin::Lifetime;

/// What is logged of crates that are neither this one nor the provider's: their warnings, and of
/// these the message alone. Such crates log requests, responses and command lines, and who writes
/// them does not know which of their fields hold a secret of the provider's user.
const OTHER_CRATES: LevelFilter = LevelFilter::WARN;

/// Sends what is logged to Terraform, unless the provider has its own subscriber already.
/// `own_crates` are those of the provider.
pub(crate) fn install(
    lifetime: Lifetime,
    own_crates: &'static [&'static str],
    environment: impl Fn(&str) -> Option<String>,
) {
    let level = level(lifetime, environment);
    if level != LevelFilter::OFF {
        // If it cannot be written, no one reads it.
        let write = |line: &str| drop(std::io::stderr().write_all(line.as_bytes()));
        let lines = Lines { level, own_crates, write };
        let subscriber = tracing_subscriber::registry().with(lines);
        // It fails only where the provider has installed its own.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

/// The level that Terraform requests. Without TF_LOG it shows no log, so none is written, except to
/// the terminal of a debugged provider.
fn level(lifetime: Lifetime, environment: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let wanted = ["TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(|name| environment(name).filter(|wanted| !wanted.is_empty()));
    match wanted.map(|wanted| wanted.to_ascii_uppercase()).as_deref() {
        None => match lifetime {
            Lifetime::OneRun => LevelFilter::OFF,
            Lifetime::ManyRuns => LevelFilter::INFO,
        },
        Some("OFF") => LevelFilter::OFF,
        Some("ERROR") => LevelFilter::ERROR,
        Some("WARN") => LevelFilter::WARN,
        Some("INFO") => LevelFilter::INFO,
        Some("DEBUG") => LevelFilter::DEBUG,
        // TRACE, JSON, and as Terraform does, everything else.
        Some(_) => LevelFilter::TRACE,
    }
}

struct Lines<W> {
    level: LevelFilter,
    own_crates: &'static [&'static str],
    write: W,
}

impl<W> Lines<W> {
    /// Whether it comes from this crate or one of the provider's.
    fn is_own(&self, metadata: &Metadata<'_>) -> bool {
        let crate_name = metadata.target().split("::").next().unwrap_or_default();
        crate_name == env!("CARGO_CRATE_NAME") || self.own_crates.contains(&crate_name)
    }
}

/// The fields of a span, for the lines of what happens inside it.
struct Fields(Map<String, Value>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let limit = if self.is_own(metadata) { self.level } else { self.level.min(OTHER_CRATES) };
        *metadata.level() <= limit
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && self.is_own(attributes.metadata())
        {
            let mut fields = Map::new();
            attributes.record(&mut Collect(&mut fields));
            span.extensions_mut().insert(Fields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        if let Some(span) = cx.span(id)
            && let Some(Fields(fields)) = span.extensions_mut().get_mut()
        {
            values.record(&mut Collect(fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut line = Map::new();
        for span in cx.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(Fields(fields)) = span.extensions().get() {
                line.extend(fields.clone());
            }
        }
        event.record(&mut Collect(&mut line));
        if !self.is_own(event.metadata()) {
            line.retain(|name, _| name == "message");
        }
        let message = line.remove("message").unwrap_or_else(|| Value::from(""));
        line.insert("@message".to_owned(), message);
        line.insert("@level".to_owned(), Value::from(name(*event.metadata().level())));
        line.insert("@module".to_owned(), Value::from(event.metadata().target()));
        line.insert("@timestamp".to_owned(), Value::from(now()));
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        (self.write)(&text);
    }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Terraform reads exactly this form, with six digits after the point.
fn now() -> String {
    let now = time::OffsetDateTime::now_utc();
    format!(
        "{}T{:02}:{:02}:{:02}.{:06}Z",
        now.date(),
        now.hour(),
        now.minute(),
        now.second(),
        now.microsecond()
    )
}

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[track_caller]
    fn check(environment: &[(&str, &str)], expected: LevelFilter) {
        let variable = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(level(Lifetime::OneRun, variable), expected, "{environment:?}");
    }

    #[test]
    fn the_level_is_the_one_terraform_shows() {
        check(&[], LevelFilter::OFF);
        check(&[("TF_LOG", "")], LevelFilter::OFF);
        check(&[("TF_LOG", "info")], LevelFilter::INFO);
        check(&[("TF_LOG", "json")], LevelFilter::TRACE);
        check(&[("TF_LOG", "ERROR"), ("TF_LOG_PROVIDER", "Debug")], LevelFilter::DEBUG);
        check(&[("TF_LOG", "TRACE"), ("TF_LOG_PROVIDER", "off")], LevelFilter::OFF);
    }

    #[test]
    fn a_debugged_provider_says_something() {
        assert_eq!(level(Lifetime::ManyRuns, |_| None), LevelFilter::INFO);
    }

    /// The lines of what is logged at the most talkative level by a provider of the crate `own`.
    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let written = Arc::<Mutex<Vec<Value>>>::default();
        let lines = Arc::clone(&written);
        let write = move |line: &str| lines.lock().unwrap().push(line.parse().unwrap());
        let lines = Lines { level: LevelFilter::TRACE, own_crates: &["own"], write };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), work);
        std::mem::take(&mut *written.lock().unwrap())
    }

    #[test]
    fn logs_of_other_crates_with_requests_and_secrets_are_dropped() {
        let lines = lines(|| {
            tracing::info!(target: "aws_config::profile", secret = "s3cret", "loaded {}", "s3cret");
            tracing::trace!(target: "ownership", secret = "s3cret", "not one of ours");
            let span = tracing::warn_span!(target: "aws_config", "load", secret = "s3cret");
            span.in_scope(|| tracing::trace!(target: "own::aws", calls = 1, "called"));
            tracing::warn!(target: "aws_config", secret = "s3cret", "a file was not found");
        });
        let messages: Vec<_> =
            lines.iter().map(|line| line["@message"].as_str().unwrap()).collect();
        assert_eq!(messages, ["called", "a file was not found"]);
        assert_eq!(lines[0]["calls"], 1);
        assert!(!format!("{lines:?}").contains("s3cret"), "{lines:?}");
    }

    #[test]
    fn times_have_the_form_that_terraform_reads() {
        let now = now();
        let shape: String = now.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z");
    }
}
