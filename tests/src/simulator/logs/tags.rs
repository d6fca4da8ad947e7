use serde_json::json;

use super::super::input::{Input, Text};
use super::super::refusal::Refusal;
use super::super::world::{Scope, json_body};
use super::group::Group;
use super::nothing;

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html>
pub(super) const KEY: Text = Text::of(1, 128).matching(PATTERN, is_of_tag);
pub(super) const VALUE: Text = Text::of(0, 256).matching(PATTERN, is_of_tag);

const PATTERN: &str = "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+)";
pub(super) const ARN: Text =
    Text::of(1, 1011).matching("[\\w+=/:,.@-]*", |c| is_of_tag(c) || "#,*".contains(c));
const MAX_TAGS: usize = 50;

pub(super) fn is_of_tag(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c)
}

pub(super) fn list(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let arn = input.required("resourceArn", ARN);
    input.finish()?;
    let group = named(scope, &arn)?;
    Ok(json_body(&json!({"tags": group.tags})))
}

pub(super) fn tag(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let arn = input.required("resourceArn", ARN);
    let tags = input.map("tags", (1, MAX_TAGS), (KEY, VALUE)).unwrap_or_default();
    input.finish()?;
    let group = named(scope, &arn)?;
    let mut all = group.tags.clone();
    all.extend(tags);
    if all.len() > MAX_TAGS {
        let message = "The maximum number of tags for a resource is 50.";
        return Err(Refusal::bad("TooManyTagsException", message));
    }
    group.tags = all;
    Ok(nothing())
}

pub(super) fn untag(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let arn = input.required("resourceArn", ARN);
    let keys = input.texts("tagKeys", (0, MAX_TAGS), KEY).unwrap_or_default();
    input.finish()?;
    let group = named(scope, &arn)?;
    for key in keys {
        group.tags.remove(&key);
    }
    Ok(nothing())
}

/// The group of an ARN, which must be the one without `:*`.
pub(super) fn named<'a>(scope: &'a mut Scope<'_>, arn: &str) -> Result<&'a mut Group, Refusal> {
    let place = scope.place;
    let name = arn.strip_prefix(&place.arn("logs", "log-group:"));
    let Some(name) = name.filter(|name| !name.contains(':')) else {
        let message = format!("The ARN '{arn}' is not one of a log group here, without ':*'.");
        return Err(Refusal::bad("ValidationException", message));
    };
    let missing = || Refusal::missing("The specified resource does not exist.");
    scope.here().logs.groups.get_mut(name).ok_or_else(missing)
}
