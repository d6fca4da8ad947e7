use std::collections::BTreeMap;

use regex::Regex;

use super::*;
use crate::destination::ReasonCode;
use crate::line::Level;
use crate::log_source::LogSource;
use crate::log_source_value::LogSourceValue;
use crate::processing::Condition;

fn naming(names: &[(NameField, &str)]) -> Naming {
    let templates = names.iter().map(|(field, text)| NameTemplates {
        target: NameTarget::Field(*field),
        templates: vec![Template::parse(text, Allowed::All).unwrap()],
        otherwise: Otherwise::Default,
    });
    Naming::new(templates.collect())
}

fn route(
    name: &str,
    conditions: Vec<Condition>,
    destinations: &[(&str, Naming)],
    then: Then,
) -> Route {
    let destinations =
        destinations.iter().map(|(name, naming)| ((*name).to_owned(), naming.clone()));
    Route {
        rule: Rule { name: ReasonCode::from_service(name), message: None, conditions },
        destinations: destinations.collect(),
        then,
    }
}

fn group(pattern: &str) -> Condition {
    Condition::LogSource(LogSourceValue::LogGroup, vec![Regex::new(pattern).unwrap()])
}

fn router(routes: Vec<Route>) -> Router {
    let own = ["archive", "splunk"].map(|name| (name.to_owned(), Naming::default()));
    Router::new(routes, BTreeMap::from(own))
}

/// Each record as `message/route/index`.
fn sent(router: &Router, records: &[Record<'_>], destination: &str) -> Vec<String> {
    let (routed, _) = router.route(records);
    let described = |record: &Record<'_>| {
        let index = record.names.get(NameField::Index).unwrap_or("-");
        format!("{}/{}/{index}", record.message, record.names.route().unwrap_or("-"))
    };
    routed[destination].records(records).iter().map(described).collect()
}

#[test]
fn without_routes_everything_is_sent_everywhere() {
    let log_source = LogSource::new("1", "/a", "s");
    let records = [Record::of(&log_source, "x"), Record::of(&log_source, "y")];
    let router = router(Vec::new());
    assert!(router.is_needless());
    assert_eq!(router.route(&records).1, 0);
    for destination in ["archive", "splunk"] {
        assert_eq!(sent(&router, &records, destination), ["x/-/-", "y/-/-"]);
    }
}

#[test]
fn the_first_route_decides_unless_it_continues() {
    let (pay, other) = (LogSource::new("1", "/pay", "s"), LogSource::new("1", "/other", "s"));
    let records = [Record::of(&pay, "p"), Record::of(&other, "o")];
    let routes = |then| {
        let index = naming(&[(NameField::Index, "payments")]);
        router(vec![
            route("pay", vec![group("^/pay")], &[("splunk", index)], then),
            route(
                "rest",
                vec![],
                &[("archive", Naming::default()), ("splunk", Naming::default())],
                Then::Stop,
            ),
        ])
    };
    let stops = routes(Then::Stop);
    assert_eq!(sent(&stops, &records, "splunk"), ["p/pay/payments", "o/rest/-"]);
    assert_eq!(sent(&stops, &records, "archive"), ["o/rest/-"]);
    let continues = routes(Then::Continue);
    // Once, by the first route that names the destination.
    assert_eq!(sent(&continues, &records, "splunk"), ["p/pay/payments", "o/rest/-"]);
    assert_eq!(sent(&continues, &records, "archive"), ["p/rest/-", "o/rest/-"]);
}

#[test]
fn what_no_route_matches_is_counted_once() {
    let log_source = LogSource::new("1", "/a", "s");
    let error = r#"{"level":"error"}"#;
    let records = [Record::of(&log_source, error), Record::of(&log_source, "x")];
    let errors = Condition::Levels(vec![Level::Error]);
    let all = [("archive", Naming::default()), ("splunk", Naming::default())];
    let router = router(vec![route("errors", vec![errors], &all, Then::Stop)]);
    let (routed, unmatched) = router.route(&records);
    assert_eq!(unmatched, 1);
    assert_eq!(routed["archive"].records(&records).len(), 1);
    assert_eq!(routed["splunk"].records(&records).len(), 1);
}

#[test]
fn records_with_the_same_names_follow_one_another() {
    let log_source = LogSource::new("1", "/a", "s");
    let messages = ["error", "info", "error", "info"].map(|it| format!(r#"{{"level":"{it}"}}"#));
    let records: Vec<Record<'_>> =
        messages.iter().map(|message| Record::of(&log_source, message)).collect();
    let index = naming(&[(NameField::Index, "{level}")]);
    let router = Router::new(Vec::new(), BTreeMap::from([("splunk".to_owned(), index)]));
    assert!(!router.is_needless());
    let (routed, _) = router.route(&records);
    let routed = routed["splunk"].records(&records);
    let names: Vec<_> = routed.iter().map(|it| it.names.get(NameField::Index).unwrap()).collect();
    assert_eq!(names, ["error", "error", "info", "info"]);
    assert!(ptr::eq(routed[0].names, routed[1].names));
}

#[test]
fn a_name_without_its_value_is_the_destinations_own_and_counted() {
    let log_source = LogSource::new("1", "/a", "s");
    let records = [Record::of(&log_source, "x"), Record::of(&log_source, r#"{"team":"a"}"#)];
    let own = Template::parse("own-{log_group}", Allowed::All).unwrap();
    let set = Template::parse("{field:team}", Allowed::All).unwrap();
    let names = |templates: Vec<Template>, otherwise| {
        let target = NameTarget::Field(NameField::Index);
        let naming = Naming::new(vec![NameTemplates { target, templates, otherwise }]);
        let router = Router::new(Vec::new(), BTreeMap::from([("splunk".to_owned(), naming)]));
        let (routed, _) = router.route(&records);
        (routed["splunk"].incomplete, sent(&router, &records, "splunk"))
    };
    let sent_of = |first: &str| vec![format!("x/-/{first}"), format!("{}/-/a", records[1].message)];
    assert_eq!(names(vec![set.clone(), own], Otherwise::Default), (1, sent_of("own-/a")));
    assert_eq!(names(vec![set.clone()], Otherwise::Default), (1, sent_of("-")));
    assert_eq!(names(vec![set], Otherwise::Unknown), (1, sent_of("unknown")));
}

#[test]
fn a_stored_record_keeps_its_names() {
    let log_source = LogSource::new("1", "/a", "s");
    let records = [Record::of(&log_source, "x"), Record::of(&log_source, "y")];
    let now = naming(&[(NameField::Index, "now")]);
    let router = router(vec![route("rest", vec![], &[("splunk", now)], Then::Stop)]);
    let mut then = Names::of_route(Some("gone"));
    then.set(&NameTarget::Field(NameField::Index), "then".to_owned());
    let routed = router.route_stored(&records, "splunk", &[Some(then.clone()), None]);
    let routed = routed.records(&records);
    assert_eq!(*routed[0].names, then);
    assert_eq!(routed[1].names.get(NameField::Index), Some("now"));
}
