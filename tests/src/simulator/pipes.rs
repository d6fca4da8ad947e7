//! EventBridge Pipes: what a pipe reads, what enriches its events, and where they go.

use serde_json::{Value, json};

use super::input::{Input, Text};
use super::place::Place;
use super::refusal::Refusal;
use super::token;
use super::world::{Scope, json_body};

const NAME: Text = Text::of(1, 64)
    .matching("[\\.\\-_A-Za-z0-9]+", |c| c.is_ascii_alphanumeric() || "_.-".contains(c));
const ARN: Text = Text::of(1, 1_600);
const PAGE: u16 = 100;

/// A pipe.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipe {
    pub(super) name: String,
    source: String,
    target: String,
    enrichment: Option<String>,
    log_group_arn: Option<String>,
}

impl Pipe {
    /// One from a source to a target, both ARNs, without enrichment and logging.
    pub fn between(name: &str, source_arn: &str, target_arn: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: source_arn.to_owned(),
            target: target_arn.to_owned(),
            enrichment: None,
            log_group_arn: None,
        }
    }

    /// This enriches its events.
    #[must_use]
    pub fn enriched_by(mut self, arn: &str) -> Self {
        self.enrichment = Some(arn.to_owned());
        self
    }

    /// It logs to the group of this ARN.
    #[must_use]
    pub fn logging_to(mut self, log_group_arn: &str) -> Self {
        self.log_group_arn = Some(log_group_arn.to_owned());
        self
    }

    /// What a listing shows.
    /// <https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_Pipe.html>
    fn listed(&self, place: &Place) -> Value {
        let mut pipe = json!({
            "Arn": arn(place, &self.name),
            "Name": self.name,
            "Source": self.source,
            "Target": self.target,
            "DesiredState": "RUNNING",
            "CurrentState": "RUNNING",
            "CreationTime": 1_767_225_600.0,
            "LastModifiedTime": 1_767_225_600.0,
        });
        if let Some(enrichment) = &self.enrichment {
            pipe["Enrichment"] = enrichment.as_str().into();
        }
        pipe
    }

    /// <https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_DescribePipe.html>
    fn described(&self, place: &Place) -> Value {
        let mut pipe = self.listed(place);
        pipe["RoleArn"] = format!("arn:aws:iam::{}:role/{}", place.account, self.name).into();
        if let Some(log_group_arn) = &self.log_group_arn {
            pipe["LogConfiguration"] = json!({
                "CloudwatchLogsLogDestination": {"LogGroupArn": log_group_arn},
                "Level": "TRACE",
            });
        }
        pipe
    }
}

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "DescribePipe" => describe(scope, input),
        "ListPipes" => list(scope, input),
        other => unreachable!("{other} is no operation of Pipes"),
    }
}

fn describe(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("Name", NAME);
    input.finish()?;
    let place = scope.place;
    let missing = || {
        let message = format!("Pipe {name} does not exist.");
        Refusal::new(404, "NotFoundException", message)
    };
    let pipe = scope.here().pipes.get(&name).ok_or_else(missing)?;
    Ok(json_body(&pipe.described(place)))
}

/// <https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_ListPipes.html>
fn list(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let prefix = input.text("SourcePrefix", ARN).unwrap_or_default();
    let token = input.text("NextToken", Text::of(1, 2_048));
    input.finish()?;
    let (now, place) = (scope.now, scope.place);
    let listing = format!("pipes {prefix}");
    let invalid = || Refusal::bad("ValidationException", "NextToken is not valid.");
    let after = match token {
        Some(token) => token::redeem(&listing, &token, now).ok_or_else(invalid)?,
        None => String::new(),
    };
    let pipes = scope.here().pipes.values();
    let mut matching =
        pipes.filter(|pipe| pipe.name > after && pipe.source.starts_with(prefix.as_str()));
    let page: Vec<_> = matching.by_ref().take(PAGE.into()).collect();
    let shown: Vec<_> = page.iter().map(|pipe| pipe.listed(place)).collect();
    let mut answer = json!({"Pipes": shown});
    if let Some(last) = page.last().filter(|_| matching.next().is_some()) {
        answer["NextToken"] = token::issue(&listing, &last.name, now).into();
    }
    Ok(json_body(&answer))
}

/// The ARN of a pipe here.
pub(super) fn arn(place: &Place, name: &str) -> String {
    place.arn("pipes", format_args!("pipe/{name}"))
}
