//! Lambda: what a function logs to, what it reads, and whom it lets invoke it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde_json::{Value, json};

use super::glob;
use super::input::{Input, Text};
use super::place::Place;
use super::refusal::Refusal;
use super::world::{Scope, json_body};

/// <https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html>
const MAX_POLICY_BYTES: usize = 20_480;
const NAME: Text = Text::of(1, 140);
const LATEST: &str = "$LATEST";
const STATEMENT_ID: Text = Text::of(1, 100)
    .matching("([a-zA-Z0-9-_]+)", |c| c.is_ascii_alphanumeric() || "-_".contains(c));
const ANY: Text = Text::of(1, usize::MAX);

/// The functions of one account in one region.
#[derive(Debug, Default)]
pub(super) struct Lambda {
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) mappings: Vec<Mapping>,
}

/// A function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    pub(super) name: String,
    log_group: Option<String>,
    aliases: BTreeSet<String>,
    variables: BTreeMap<String, String>,
    pub(super) statements: Vec<Statement>,
    revision: u64,
}

/// A statement of a function's resource policy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    id: String,
    /// The version or alias whose policy it is in.
    qualifier: Option<String>,
    json: Value,
    /// The end of its propagation time.
    known_from: SystemTime,
}

/// A stream that a function reads.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mapping {
    pub(super) source_arn: String,
    pub(super) function_arn: String,
}

/// The log group on whose behalf CloudWatch Logs invokes.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) place: &'a Place,
    pub(super) group: &'a str,
}

impl Function {
    /// One that logs to `/aws/lambda/<name>`, without permission to invoke it.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            log_group: None,
            aliases: BTreeSet::new(),
            variables: BTreeMap::new(),
            statements: Vec::new(),
            revision: 1,
        }
    }

    /// It logs to this group instead.
    #[must_use]
    pub fn logging_to(mut self, group: &str) -> Self {
        self.log_group = Some(group.to_owned());
        self
    }

    /// It has this alias, which has a policy of its own.
    #[must_use]
    pub fn alias(mut self, name: &str) -> Self {
        self.aliases.insert(name.to_owned());
        self
    }

    /// It has this variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn log_group(&self) -> String {
        self.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{}", self.name))
    }

    /// CloudWatch Logs may invoke it, or its version or alias, for this group.
    pub(super) fn admits_logs(
        &self,
        qualifier: Option<&str>,
        source: &Source<'_>,
        now: SystemTime,
    ) -> bool {
        self.statements_of(qualifier)
            .any(|statement| statement.known_from <= now && statement.admits(source))
    }

    pub(super) fn has(&self, qualifier: Option<&str>) -> bool {
        qualifier.is_none_or(|qualifier| qualifier == LATEST || self.aliases.contains(qualifier))
    }

    fn statements_of(&self, qualifier: Option<&str>) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |statement| statement.qualifier.as_deref() == qualifier)
    }

    fn policy(&self, qualifier: Option<&str>) -> String {
        let statements: Vec<_> = self.statements_of(qualifier).map(|one| &one.json).collect();
        json!({"Version": "2012-10-17", "Id": "default", "Statement": statements}).to_string()
    }

    fn revision(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.revision)
    }
}

impl Statement {
    /// All groups of a region may have the function invoked.
    pub(super) fn for_logs(function_arn: &str, place: &Place, known_from: SystemTime) -> Self {
        let source = Restriction {
            principal: "logs.amazonaws.com".to_owned(),
            source_arn: Some(place.arn("logs", "log-group:*:*")),
            source_account: Some(place.account.clone()),
        };
        let id = "cloudwatch-logs".to_owned();
        let json = statement_json(&id, "lambda:InvokeFunction", &source, function_arn);
        Self { id, qualifier: None, json, known_from }
    }

    fn admits(&self, source: &Source<'_>) -> bool {
        let Source { place, group } = source;
        let principal = self.json["Principal"]["Service"].as_str().unwrap_or_default();
        let regional = format!("logs.{}.amazonaws.com", place.region);
        let action = self.json["Action"].as_str().unwrap_or_default();
        let condition = &self.json["Condition"];
        let arn = place.arn("logs", format_args!("log-group:{group}:*"));
        let fits = |wanted: &Value, fits: &dyn Fn(&str) -> bool| match wanted {
            Value::Null => true,
            wanted => wanted.as_str().is_some_and(fits),
        };
        (principal == "logs.amazonaws.com" || principal == regional)
            && glob::fits(action, "lambda:InvokeFunction")
            && fits(&condition["ArnLike"]["AWS:SourceArn"], &|like| glob::fits_arn(like, &arn))
            && fits(&condition["StringEquals"]["AWS:SourceAccount"], &|account| {
                account == place.account
            })
    }
}

/// Whom a statement lets in, and for what.
struct Restriction {
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
}

fn statement_json(id: &str, action: &str, to: &Restriction, function_arn: &str) -> Value {
    let principal = match to.principal.contains(".amazonaws.com") {
        true => json!({"Service": to.principal}),
        false => json!({"AWS": to.principal}),
    };
    let mut statement = json!({
        "Sid": id,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": function_arn,
    });
    if let Some(account) = &to.source_account {
        statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = account.as_str().into();
    }
    if let Some(arn) = &to.source_arn {
        statement["Condition"]["ArnLike"]["AWS:SourceArn"] = arn.as_str().into();
    }
    statement
}

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "GetFunctionConfiguration" => get_configuration(scope, input),
        "GetPolicy" => get_policy(scope, input),
        "AddPermission" => add_permission(scope, input),
        "RemovePermission" => remove_permission(scope, input),
        "ListEventSourceMappings" => list_mappings(scope, input),
        other => unreachable!("{other} is no operation of Lambda"),
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>
fn get_configuration(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let (name, qualifier) = named(&mut input);
    input.finish()?;
    let place = scope.place;
    let function = function(scope, &name, qualifier.as_deref())?;
    Ok(json_body(&json!({
        "FunctionName": function.name,
        "FunctionArn": arn(place, &function.name),
        "Runtime": "provided.al2023",
        "Role": format!("arn:aws:iam::{}:role/{}", place.account, function.name),
        "Handler": "bootstrap",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Version": "$LATEST",
        "RevisionId": function.revision(),
        "Environment": {"Variables": function.variables},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": function.log_group()},
    })))
}

fn get_policy(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let (name, qualifier) = named(&mut input);
    let qualifier = qualifier.as_deref();
    input.finish()?;
    let function = function(scope, &name, qualifier)?;
    if function.statements_of(qualifier).next().is_none() {
        return Err(not_found("The resource you requested does not exist."));
    }
    let answer = json!({"Policy": function.policy(qualifier), "RevisionId": function.revision()});
    Ok(json_body(&answer))
}

fn add_permission(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let (name, qualifier) = named(&mut input);
    let id = input.required("StatementId", STATEMENT_ID);
    let action = input.required("Action", ANY);
    let principal = input.required("Principal", ANY);
    let source_arn = input.text("SourceArn", ANY);
    let source_account = input.text("SourceAccount", Text::of(12, 12));
    let revision = input.text("RevisionId", ANY);
    input.finish()?;
    let (now, place) = (scope.now, scope.place);
    let known_from = now + scope.world.settings.propagation;
    let function = function(scope, &name, qualifier.as_deref())?;
    check_revision(function, revision.as_deref())?;
    if function.statements_of(qualifier.as_deref()).any(|statement| statement.id == id) {
        let message = format!(
            "The statement id ({id}) provided already exists. Please provide a new statement id, \
             or remove the existing statement."
        );
        return Err(Refusal::new(409, "ResourceConflictException", message));
    }
    let to = Restriction { principal, source_arn, source_account };
    let arn = match &qualifier {
        Some(qualifier) => format!("{}:{qualifier}", arn(place, &function.name)),
        None => arn(place, &function.name),
    };
    let json = statement_json(&id, &action, &to, &arn);
    let text = json.to_string();
    function.statements.push(Statement { id, qualifier: qualifier.clone(), json, known_from });
    let size = function.policy(qualifier.as_deref()).len();
    if size > MAX_POLICY_BYTES {
        function.statements.pop();
        let message = format!(
            "The final policy size ({size}) is bigger than the limit ({MAX_POLICY_BYTES})."
        );
        return Err(Refusal::bad("PolicyLengthExceededException", message));
    }
    function.revision += 1;
    Ok(json_body(&json!({"Statement": text})))
}

fn remove_permission(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let (name, qualifier) = named(&mut input);
    let id = input.required("StatementId", STATEMENT_ID);
    let revision = input.text("RevisionId", ANY);
    input.finish()?;
    let function = function(scope, &name, qualifier.as_deref())?;
    check_revision(function, revision.as_deref())?;
    let before = function.statements.len();
    function.statements.retain(|statement| statement.id != id || statement.qualifier != qualifier);
    if function.statements.len() == before {
        return Err(not_found(&format!("Statement {id} is not found in resource policy.")));
    }
    function.revision += 1;
    Ok(Vec::new())
}

fn check_revision(function: &Function, given: Option<&str>) -> Result<(), Refusal> {
    match given {
        Some(given) if given != function.revision() => {
            let message = "The RevisionId provided does not match the latest RevisionId. Call the \
                           GetFunction/GetAlias API to retrieve the latest RevisionId.";
            Err(Refusal::new(412, "PreconditionFailedException", message))
        }
        _ => Ok(()),
    }
}

/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>
fn list_mappings(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    const PAGE: usize = 100;
    let source = input.text("EventSourceArn", ANY);
    let name = input.text("FunctionName", NAME);
    let size = input.text("MaxItems", Text::of(1, 5));
    let marker = input.text("Marker", ANY);
    input.finish()?;
    let wrong = |name: &str, value: &str| {
        let message = format!("Invalid {name}: {value}");
        Refusal::bad("InvalidParameterValueException", message)
    };
    let size = match size {
        Some(size) => size
            .parse::<usize>()
            .ok()
            .filter(|size| (1..=10_000).contains(size))
            .ok_or_else(|| wrong("MaxItems", &size))?
            .min(PAGE),
        None => PAGE,
    };
    let start = match marker {
        Some(marker) => marker.parse::<usize>().map_err(|_| wrong("Marker", &marker))?,
        None => 0,
    };
    let name = name.map(|name| bare(&name).to_owned());
    let all = &scope.here().lambda.mappings;
    let mut matching = all.iter().enumerate().skip(start).filter(|(_, mapping)| {
        source.as_ref().is_none_or(|source| *source == mapping.source_arn)
            && name.as_ref().is_none_or(|name| bare(&mapping.function_arn) == name)
    });
    let shown: Vec<_> = matching
        .by_ref()
        .take(size)
        .map(|(n, mapping)| {
            json!({
                "UUID": format!("00000000-0000-4000-8000-{n:012x}"),
                "EventSourceArn": mapping.source_arn,
                "FunctionArn": mapping.function_arn,
                "State": "Enabled",
                "BatchSize": 100,
            })
        })
        .collect();
    let mut answer = json!({"EventSourceMappings": shown});
    if let Some((next, _)) = matching.next() {
        answer["NextMarker"] = next.to_string().into();
    }
    Ok(json_body(&answer))
}

/// The ARN of a function here.
pub(super) fn arn(place: &Place, name: &str) -> String {
    place.arn("lambda", format_args!("function:{name}"))
}

/// A function's name out of its ARN, with or without a version, or out of itself.
fn bare(name: &str) -> &str {
    let name = name.split_once(":function:").map_or(name, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}

/// A function, and its version or alias: a parameter of its own or a suffix of the name.
fn named(input: &mut Input) -> (String, Option<String>) {
    let name = input.required("FunctionName", NAME);
    let qualifier = input.text("Qualifier", ANY);
    let behind = name.split_once(":function:").map_or(name.as_str(), |(_, name)| name);
    let behind = behind.split_once(':').map(|(_, qualifier)| qualifier.to_owned());
    (name, qualifier.or(behind))
}

fn function<'a>(
    scope: &'a mut Scope<'_>,
    name: &str,
    qualifier: Option<&str>,
) -> Result<&'a mut Function, Refusal> {
    let place = scope.place;
    let bare = bare(name);
    let behind = qualifier.map_or_else(String::new, |qualifier| format!(":{qualifier}"));
    let missing = || not_found(&format!("Function not found: {}{behind}", arn(place, bare)));
    let foreign = name.starts_with("arn:") && !name.starts_with(&arn(place, ""));
    let function = scope.here().lambda.functions.get_mut(bare);
    function.filter(|function| !foreign && function.has(qualifier)).ok_or_else(missing)
}

fn not_found(message: &str) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", message)
}
