//! The configuration of routes.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use super::loki;
use super::names::{LABELS, Templates, allowed_in, place, template};
use super::rule::{KindNames, LevelNames, Message, NONE, Name, NamePattern, conditions};
use super::schema::{FieldError, suggestion};
use crate::destination::ReasonCode;
use crate::destination::loki::MAX_OWN_LABELS;
use crate::log_source_value::LogSourceValue;
use crate::processing::{Condition, Rule};
use crate::routing::{
    Allowed, NameField, NameTarget, NameTemplates, Naming, Otherwise, Route, Router, Template, Then,
};
use crate::source_service::SourceService;

/// A route.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    name: Name,
    #[serde(default, rename = "match")]
    matches: Match,
    #[schemars(extend(
        "minItems" = 1,
        "uniqueItems" = true,
        "errorMessage" = "must name at least one destination, each once",
    ))]
    destinations: Vec<String>,
    #[serde(default, rename = "continue")]
    continues: bool,
    #[serde(default)]
    set: Set,
}

/// Conditions, all of which must hold.
#[derive(Default, Deserialize, JsonSchema)]
struct Match {
    message: Option<Message>,
    log_group: Option<NamePattern>,
    log_stream: Option<NamePattern>,
    #[serde(default)]
    #[schemars(transform = some)]
    accounts: Vec<String>,
    #[serde(default)]
    #[schemars(transform = some)]
    regions: Vec<String>,
    #[serde(default)]
    #[schemars(transform = some)]
    functions: Vec<String>,
    #[serde(default)]
    #[schemars(transform = some)]
    services: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    kinds: KindNames,
    #[serde(default)]
    levels: LevelNames,
}

/// The names that a route gives.
#[derive(Clone, Default, Deserialize, JsonSchema)]
struct Set {
    host: Option<String>,
    source: Option<String>,
    sourcetype: Option<String>,
    index: Option<String>,
    service: Option<String>,
    tags: Option<String>,
    dataset: Option<String>,
    category: Option<String>,
    name: Option<String>,
    prefix: Option<String>,
    tenant: Option<String>,
    partition_key: Option<String>,
    #[serde(default)]
    #[schemars(transform = loki::labels)]
    labels: BTreeMap<String, String>,
}

fn some(schema: &mut Schema) {
    schema.insert("minItems".to_owned(), json!(1));
    schema.insert("errorMessage".to_owned(), json!(NONE));
}

/// What routes need of a destination.
pub(super) struct Target {
    /// Its type and its own names.
    pub(super) templates: Templates,
    /// The names of its own labels.
    pub(super) labels: BTreeSet<String>,
}

/// A tag that a route or a name uses.
pub(super) struct UsedTag {
    /// Its key.
    pub(super) key: String,
    /// The path of the field.
    place: String,
    /// What a log event without the tag lacks.
    need: Need,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing: there is a default.
    Optional,
    /// The name.
    InName,
    /// The match of the route.
    InMatch,
}

impl UsedTag {
    fn of(template: &Template, place: &str) -> impl Iterator<Item = Self> {
        template.tags().map(move |(key, default)| Self {
            key: key.to_owned(),
            place: place.to_owned(),
            need: if default.is_some() { Need::Optional } else { Need::InName },
        })
    }

    /// The error if there are no tags at all.
    pub(super) fn without_tags(&self) -> Option<FieldError> {
        let key = &self.key;
        let text = match self.need {
            Need::Optional => return None,
            Need::InName => format!(
                "uses the tag {key:?}, but no tags are read: configure \"tags\", or give it a \
                 default, as in {{tag:{key}|none}}"
            ),
            Need::InMatch => format!(
                "can never match: it requires the tag {key:?}, but no tags are read; configure \
                 \"tags\""
            ),
        };
        Some(FieldError::new(&self.place, text))
    }
}

/// The tags that routes and names use.
pub(super) fn used_tags(routes: &[Settings], targets: &BTreeMap<String, Target>) -> Vec<UsedTag> {
    let mut used = Vec::new();
    for (name, target) in targets {
        for names in &target.templates.names {
            let place = format!("destinations.{name}.{}", place(&names.target));
            used.extend(names.templates.iter().flat_map(|it| UsedTag::of(it, &place)));
        }
    }
    for (index, route) in routes.iter().enumerate() {
        used.extend(route.matches.tags.keys().map(|key| UsedTag {
            key: key.clone(),
            place: format!("routes[{index}].match.tags.{key}"),
            need: Need::InMatch,
        }));
        for (target, text) in route.set.names() {
            // What is not allowed at a destination is another error.
            if let Ok(template) = Template::parse(text, Allowed::All) {
                let place = format!("routes[{index}].set.{}", place(&target));
                used.extend(UsedTag::of(&template, &place));
            }
        }
    }
    used
}

/// The router, and errors with their paths. Destinations that are invalid are not in `targets`, but
/// in `names`.
pub(super) fn router(
    routes: Option<Vec<Settings>>,
    targets: &BTreeMap<String, Target>,
    names: &[&String],
) -> (Router, Vec<FieldError>) {
    let mut errors = Vec::new();
    let naming: BTreeMap<String, Naming> = targets
        .iter()
        .map(|(name, target)| (name.clone(), Naming::new(target.templates.names.clone())))
        .collect();
    let Some(routes) = routes else {
        return (Router::new(Vec::new(), naming), errors);
    };
    let mut known = BTreeSet::new();
    let mut ends: Option<usize> = None;
    let mut built = Vec::new();
    for (index, settings) in routes.into_iter().enumerate() {
        let place = format!("routes[{index}]");
        if !known.insert(settings.name.0.clone()) {
            errors.push(FieldError::new(
                format!("{place}.name"),
                format!("duplicate name {:?}: another route has the same name", settings.name.0),
            ));
        }
        if let Some(end) = ends {
            errors.push(FieldError::new(
                &place,
                format!(
                    "can never match: routes[{end}] matches every log event and does not \
                     continue; move this route before it, or set \"continue\" there"
                ),
            ));
        }
        if settings.matches.is_everything() && !settings.continues {
            ends.get_or_insert(index);
        }
        for (at, name) in settings.destinations.iter().enumerate() {
            if !names.contains(&name) {
                let known = names.iter().map(|name| name.as_str());
                errors.push(FieldError::new(
                    format!("{place}.destinations[{at}]"),
                    format!("unknown destination {name:?}{}", suggestion(name, &[], known)),
                ));
            }
        }
        errors.extend(settings.matches.unknown_services().map(|error| error.below(&place)));
        let (route, found) = settings.route(targets);
        errors.extend(found.into_iter().map(|error| error.below(&place)));
        built.push(route);
    }
    for name in names {
        if !built.iter().any(|route| route.destinations.contains_key(*name))
            && targets.contains_key(*name)
        {
            errors.push(FieldError::new(
                format!("destinations.{name}"),
                "no route names this destination, so nothing would be sent to it; add it to the \
                 \"destinations\" of a route, or remove it",
            ));
        }
    }
    (Router::new(built, naming), errors)
}

impl Settings {
    /// The prefix that it sets at this destination.
    pub(super) fn prefix_at(&self, destination: &str) -> Option<&str> {
        let is_here = self.destinations.iter().any(|name| name == destination);
        self.set.prefix.as_deref().filter(|_| is_here)
    }

    fn route(self, targets: &BTreeMap<String, Target>) -> (Route, Vec<FieldError>) {
        let mut errors = self.set.needless(&self.destinations, targets);
        let mut destinations = BTreeMap::new();
        for name in &self.destinations {
            if let Some(target) = targets.get(name) {
                let naming = self.set.naming(target);
                let naming = naming.map_err(|error| errors.push(error.below("set")));
                destinations.insert(name.clone(), naming.unwrap_or_default());
            }
        }
        errors.sort();
        errors.dedup();
        let rule = Rule {
            name: ReasonCode::from_service(&self.name.0),
            conditions: self.matches.conditions(),
            message: self.matches.message.map(|Message(pattern)| pattern),
        };
        let then = if self.continues { Then::Continue } else { Then::Stop };
        (Route { rule, destinations, then }, errors)
    }
}

impl Match {
    fn is_everything(&self) -> bool {
        self.message.is_none() && self.conditions().is_empty()
    }

    /// An error for every service that there is not.
    fn unknown_services(&self) -> impl Iterator<Item = FieldError> {
        let known = || SourceService::ALL.map(SourceService::name);
        let services = self.services.iter().enumerate();
        services.filter_map(move |(at, name)| {
            let pattern = wildcard(name);
            (!known().iter().any(|known| pattern.is_match(known))).then(|| {
                let list = known().map(|name| format!("{name:?}")).join(", ");
                let suggestion = suggestion(name, &[], known().into_iter());
                FieldError::new(
                    format!("match.services[{at}]"),
                    format!("unknown service {name:?}: must be one of {list}{suggestion}"),
                )
            })
        })
    }

    fn conditions(&self) -> Vec<Condition> {
        let mut found = conditions(&self.kinds, &self.levels);
        let patterns = [
            (LogSourceValue::LogGroup, &self.log_group),
            (LogSourceValue::LogStream, &self.log_stream),
        ];
        for (value, pattern) in patterns {
            if let Some(NamePattern(pattern)) = pattern {
                found.push(Condition::LogSource(value, vec![pattern.clone()]));
            }
        }
        let lists = [
            (LogSourceValue::Account, &self.accounts),
            (LogSourceValue::Region, &self.regions),
            (LogSourceValue::Function, &self.functions),
            (LogSourceValue::Service, &self.services),
        ];
        for (value, list) in lists {
            if !list.is_empty() {
                found.push(Condition::LogSource(
                    value,
                    list.iter().map(|name| wildcard(name)).collect(),
                ));
            }
        }
        for (key, value) in &self.tags {
            let tag = LogSourceValue::Tag(key.clone());
            found.push(Condition::LogSource(tag, vec![wildcard(value)]));
        }
        found
    }
}

/// A name in which `*` stands for any characters.
#[expect(clippy::expect_used, reason = "an escaped text with .* is a regular expression")]
fn wildcard(name: &str) -> Regex {
    let pattern = regex::escape(name).replace(r"\*", ".*");
    Regex::new(&format!("^(?s:{pattern})$")).expect("an escaped text is a regular expression")
}

impl Set {
    fn names(&self) -> impl Iterator<Item = (NameTarget, &str)> {
        let value = |field| match field {
            NameField::Host => &self.host,
            NameField::Source => &self.source,
            NameField::Sourcetype => &self.sourcetype,
            NameField::Index => &self.index,
            NameField::Service => &self.service,
            NameField::Tags => &self.tags,
            NameField::Dataset => &self.dataset,
            NameField::Category => &self.category,
            NameField::Name => &self.name,
            NameField::Prefix => &self.prefix,
            NameField::Tenant => &self.tenant,
            NameField::PartitionKey => &self.partition_key,
        };
        let name = move |field| Some((NameTarget::Field(field), value(field).as_deref()?));
        let labels = self.labels.iter();
        let labels = labels.map(|(name, text)| (NameTarget::Label(name.clone()), text.as_str()));
        NameField::ALL.into_iter().filter_map(name).chain(labels)
    }

    /// An error for every name that none of the destinations has.
    fn needless(
        &self,
        destinations: &[String],
        targets: &BTreeMap<String, Target>,
    ) -> Vec<FieldError> {
        let types: Vec<&str> = destinations
            .iter()
            .filter_map(|name| Some(targets.get(name)?.templates.destination_type.as_str()))
            .collect();
        if types.len() < destinations.len() {
            return Vec::new();
        }
        let error = |target| {
            let key = match target {
                NameTarget::Field(field) => field.key(),
                NameTarget::Label(_) => LABELS,
            };
            let text = "none of the destinations of this route has this name; remove it";
            FieldError::new(format!("set.{key}"), text)
        };
        let is_needless =
            |target: &NameTarget| types.iter().all(|it| allowed_in(it, target).is_none());
        let needless = self.names().map(|(target, _)| target).filter(is_needless);
        needless.map(error).collect()
    }

    /// The names at a destination: those of the route, and its own.
    fn naming(&self, target: &Target) -> Result<Naming, FieldError> {
        let Templates { destination_type, names } = &target.templates;
        let mut names = names.clone();
        let labels: BTreeSet<&String> = target.labels.iter().chain(self.labels.keys()).collect();
        if !target.labels.is_empty() && labels.len() > MAX_OWN_LABELS {
            let text = format!(
                "has too many labels: at most {MAX_OWN_LABELS} with those of the destination"
            );
            return Err(FieldError::new(LABELS, text));
        }
        for (target, text) in self.names() {
            let Some(allowed) = allowed_in(destination_type, &target) else {
                continue;
            };
            let template = template(&target, text, allowed)?;
            match names.iter_mut().find(|known| known.target == target) {
                Some(own) => own.templates.insert(0, template),
                None => names.push(NameTemplates {
                    target,
                    templates: vec![template],
                    otherwise: Otherwise::Default,
                }),
            }
        }
        Ok(Naming::new(names))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::wildcard;
    use crate::config::Config;
    use crate::routing::Then;

    fn config(routes: &Value) -> Result<Config, String> {
        let document = json!({
            "destinations": {
                "archive": {"type": "s3", "bucket": "logs", "region": "eu-west-1"},
                "search": {"type": "elasticsearch", "url": "https://s.example", "index": "logs"},
            },
            "undelivered": {"bucket": "kept", "prefix": "logagg/"},
            "routes": routes,
        });
        Config::parse(&document.to_string()).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(routes: &Value, errors: &[&str]) {
        let plural = if errors.len() == 1 { "" } else { "s" };
        let list: String = errors.iter().map(|error| format!("\n  {error}")).collect();
        let expected = format!("LOGAGG_CONFIG has {} error{plural}:{list}", errors.len());
        assert_eq!(config(routes).err(), Some(expected), "{routes}");
    }

    #[test]
    fn every_setting_can_be_set() {
        let config = config(&json!([
            {
                "name": "payments",
                "match": {
                    "log_group": "^/aws/lambda/pay-", "log_stream": "x", "message": "x",
                    "accounts": ["1*"], "regions": ["eu-*"], "functions": ["pay-*"],
                    "services": ["lambda"], "kinds": ["application"], "levels": ["error"],
                },
                "destinations": ["search"],
                "set": {"index": "payments-{level|none}"},
                "continue": true,
            },
            {"name": "rest", "destinations": ["archive", "search"]},
        ]));
        let router = config.unwrap_or_else(|error| panic!("{error}")).router;
        assert_eq!(router.routes.len(), 2);
        assert_eq!(router.routes[0].then, Then::Continue);
        assert_eq!(router.routes[0].rule.conditions.len(), 8);
        assert!(!router.routes[0].destinations["search"].is_empty());
        assert!(router.routes[1].destinations["search"].is_empty());
    }

    #[test]
    fn a_route_writes_nothing_among_stored_events() {
        let document = json!({
            "destinations": {
                "archive": {"type": "s3", "bucket": "kept", "region": "eu-west-1"},
            },
            "undelivered": {"bucket": "kept", "prefix": "logagg/"},
            "routes": [{"name": "all", "destinations": ["archive"],
                "set": {"prefix": "logagg/undelivered/archive/"}}],
        });
        let error = Config::parse(&document.to_string()).err().map(|error| error.to_string());
        let error = error.unwrap_or_default();
        assert!(error.contains("overlaps the prefix of the destination \"archive\""), "{error}");
    }

    #[test]
    fn a_service_that_there_is_not_is_an_error() {
        let error = config(&json!([
            {"name": "one", "match": {"services": ["Lambda", "e*"]},
             "destinations": ["archive", "search"]},
        ]));
        let error = error.err().unwrap_or_default();
        assert!(
            error.contains("routes[0].match.services[0]: unknown service \"Lambda\""),
            "{error}"
        );
        assert!(!error.contains("services[1]"), "{error}");
    }

    #[test]
    fn a_route_that_can_never_match_is_an_error() {
        check(
            &json!([
                {"name": "all", "destinations": ["archive", "search"]},
                {"name": "more", "match": {"message": "x"}, "destinations": ["search"]},
            ]),
            &["routes[1]: can never match: routes[0] matches every log event and does not \
               continue; move this route before it, or set \"continue\" there"],
        );
    }

    #[test]
    fn errors_name_the_route_and_the_field() {
        check(
            &json!([]),
            &["routes: is empty, so nothing would be sent; remove it to send \
            everything to every destination"],
        );
        check(
            &json!([{"name": "one", "destinations": ["archive"]}]),
            &["destinations.search: no route names this destination, so nothing would be sent to \
               it; add it to the \"destinations\" of a route, or remove it"],
        );
        check(
            &json!([
                {"name": "one", "match": {"message": "x"}, "destinations": ["archive"],
                 "set": {"index": "logs", "labels": {"a": "b"}}},
                {"name": "one", "destinations": ["serch", "search", "archive"],
                 "set": {"index": "Logs"}},
            ]),
            &[
                "routes[0].set.index: none of the destinations of this route has this name; \
                 remove it",
                "routes[0].set.labels: none of the destinations of this route has this name; \
                 remove it",
                "routes[1].destinations[0]: unknown destination \"serch\"; did you mean \
                 \"search\"?",
                "routes[1].name: duplicate name \"one\": another route has the same name",
                "routes[1].set.index: has \"Logs\", which is not allowed in this name; \"logs\" is",
            ],
        );
        check(
            &json!([{"name": "one", "destinations": ["archive", "search"],
                "match": {"kinds": []}, "set": {"prefix": "{tag}/"}}]),
            &["routes[0].match.kinds: is empty, which would match every log event; remove it, or \
               list at least one value"],
        );
    }

    #[test]
    fn an_asterisk_stands_for_any_characters() {
        assert!(wildcard("pay-*").is_match("pay-out"));
        assert!(!wildcard("pay-*").is_match("repay-out"));
        assert!(wildcard("*").is_match(""));
        assert!(!wildcard("a.b").is_match("axb"));
    }
}
