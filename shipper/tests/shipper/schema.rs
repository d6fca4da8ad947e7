//! The published JSON Schema of the configuration agrees with the shipper.
//!
//! Both are tested with the same documents: what the shipper accepts, the schema accepts; and what
//! the shipper rejects because of a type, a range, an unknown or a missing field, the schema
//! rejects. The published schema is generated from the same types, but editors and these tests do
//! not know its formats.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use boon::{Compiler, SchemaIndex, Schemas};
use logagg_shipper::config::{self, Draft};
use logagg_shipper::enforcer::EnforcerConfig;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use crate::documentation;

/// The published schema.
struct Published {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Published {
    fn schema(name: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    fn read(name: &str) -> Self {
        let schema = Self::schema(name);
        let home = schema["$id"].as_str().unwrap().to_owned();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(&home, schema).unwrap();
        let index = compiler.compile(&home, &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn shipper() -> &'static Self {
        static SCHEMA: OnceLock<Published> = OnceLock::new();
        SCHEMA.get_or_init(|| Self::read("shipper.schema.json"))
    }

    fn rejection(&self, document: &Value) -> Option<String> {
        self.schemas.validate(document, self.index).err().map(|error| format!("{error:#}"))
    }
}

/// Checks that the schema accepts a configuration if the shipper does. Every test that starts a
/// shipper calls it with its configuration.
#[track_caller]
pub(crate) fn takes_what_the_reader_takes(document: &str) {
    if let Ok(value) = serde_json::from_str(document)
        && Draft::check(document, None).is_ok()
        && let Some(rejection) = Published::shipper().rejection(&value)
    {
        panic!("the schema rejects what the reader takes: {rejection}\n{document}");
    }
}

/// The shipper's errors for a document, whatever its risks.
fn parser_errors(document: &Value) -> Option<String> {
    let mut document = document.clone();
    // `accepted_risks` is validated unless it is the changed field.
    if document.is_object() && document.get("accepted_risks").is_none() {
        document["accepted_risks"] =
            json!(["no_undelivered_storage", "insecure_http", "low_memory"]);
    }
    let rejection = Draft::check(&document.to_string(), None).err().map(|error| error.to_string());
    let is_read = !rejection.as_ref().is_some_and(|text| text.contains("cannot be read"));
    assert!(is_read, "what passes the schema is not read: {document}");
    rejection
}

/// Configurations that have every field, and those on the pages.
fn configurations() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let read = files.map(|text| serde_json::from_slice(&text).unwrap());
    read.chain(documentation::configurations().into_iter().map(|(_, value)| value)).collect()
}

/// A path in a document, with its part of the schema.
struct Spot {
    pointer: String,
    schema: Value,
    is_required: bool,
    /// Its path in the schema.
    name: String,
}

/// All paths of a document, and its objects.
#[derive(Default)]
struct Spots {
    fields: Vec<Spot>,
    /// Pointers of objects without arbitrary names.
    objects: Vec<String>,
}

/// The schema of the values of a map.
fn member(schema: &Value) -> Option<&Value> {
    let patterns = schema["patternProperties"].as_object().into_iter().flatten();
    let mut members = patterns.map(|(_, member)| member).chain(schema.get("additionalProperties"));
    members.find(|it| it.is_object() && it.get("not").is_none())
}

/// The schemas of an object whose fields depend on its `type`.
fn variants<'s>(schema: &'s Value) -> BTreeMap<&'s str, &'s Value> {
    let branches = schema["allOf"].as_array().into_iter().flatten();
    let variant =
        |it: &'s Value| Some((it["if"]["properties"]["type"]["const"].as_str()?, &it["then"]));
    branches.filter_map(variant).collect()
}

impl Spots {
    fn of(document: &Value, schema: &Value) -> Self {
        let mut spots = Self::default();
        spots.visit(document, schema, "", "");
        spots
    }

    fn visit(&mut self, value: &Value, schema: &Value, at: &str, name: &str) {
        if let Some(variant) = variants(schema).get(value["type"].as_str().unwrap_or_default()) {
            let kind = value["type"].as_str().unwrap();
            return self.visit(value, variant, at, &format!("{name}={kind}"));
        }
        let member = member(schema);
        if value.is_object() && member.is_none() {
            self.objects.push(at.to_owned());
        }
        for (field, value) in value.as_object().into_iter().flatten() {
            let required = schema["required"].as_array();
            let spot = Spot {
                pointer: format!("{at}/{field}"),
                schema: member.unwrap_or(&schema["properties"][field]).clone(),
                is_required: required.is_some_and(|names| names.contains(&json!(field))),
                name: format!("{name}/{}", if member.is_some() { "*" } else { field }),
            };
            self.visit(value, &spot.schema, &spot.pointer, &spot.name);
            self.fields.push(spot);
        }
        for (index, value) in value.as_array().into_iter().flatten().enumerate() {
            self.visit(value, &schema["items"], &format!("{at}/{index}"), name);
        }
    }
}

/// The names of all paths of a schema.
fn every_name(schema: &Value, name: &str, names: &mut BTreeSet<String>) {
    for (kind, variant) in variants(schema) {
        every_name(variant, &format!("{name}={kind}"), names);
    }
    if variants(schema).is_empty() {
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields = fields.map(|(field, schema)| (field.as_str(), schema));
        for (field, schema) in fields.chain(member(schema).map(|member| ("*", member))) {
            let name = format!("{name}/{field}");
            every_name(schema, &name, names);
            names.insert(name);
        }
    }
    if let Some(items) = schema.get("items") {
        every_name(items, name, names);
    }
}

/// The type of a part of a schema.
fn type_of(schema: &Value) -> &str {
    // All references are to a single definition.
    let is_secret = schema["$ref"] == "#/$defs/secret";
    if is_secret { "secret" } else { schema["type"].as_str().unwrap() }
}

/// Whether any string, or any of a format, is valid.
fn accepts_string(schema: &Value) -> bool {
    let is_choice = schema.get("enum").is_some() || schema.get("const").is_some();
    matches!(type_of(schema), "string" | "secret") && !is_choice
}

/// Values that are invalid everywhere with this schema.
fn wrong(schema: &Value) -> Vec<Value> {
    let kinds = [json!(null), json!(true), json!("x"), json!(5), json!([]), json!({})];
    let kind = type_of(schema);
    let is_right = |value: &Value| match kind {
        "string" | "secret" => value.is_string(),
        "integer" | "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "boolean" => value.is_boolean(),
        other => panic!("no value is {other}"),
    };
    let mut values: Vec<Value> = kinds.into_iter().filter(|kind| !is_right(kind)).collect();
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    match kind {
        "string" if !accepts_string(schema) => values.extend([json!(""), json!("another")]),
        "string" => values.push(json!("")),
        "secret" => values.extend([json!(""), json!("arn:aws:s3:::bucket/key")]),
        "integer" => {
            let (least, most) = (least.unwrap(), most.unwrap());
            values.extend([json!(least - 1.0), json!(most + 1.0), json!(-1), json!(least + 0.5)]);
        }
        "number" => values.extend([json!(least.unwrap() - 0.5), json!(most.unwrap() + 0.5)]),
        "array" => {
            values.push(json!([5]));
            if schema["items"].get("enum").is_some() {
                values.push(json!(["another"]));
            }
            if schema.get("minItems").is_some() {
                values.push(json!([]));
            }
        }
        _ => {
            let members = member(schema).into_iter().flat_map(wrong);
            values.extend(members.map(|value| json!({"name": value})));
        }
    }
    values
}

/// The document with another value at the pointer.
fn with(document: &Value, pointer: &str, value: &Value) -> Value {
    let mut changed = document.clone();
    *changed.pointer_mut(pointer).unwrap() = value.clone();
    changed
}

fn object_at<'d>(document: &'d mut Value, pointer: &str) -> &'d mut Map<String, Value> {
    document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap()
}

#[track_caller]
fn both_reject(document: &Value, described: &str) {
    assert!(parser_errors(document).is_some(), "the reader takes {described}: {document}");
    let rejection = Published::shipper().rejection(document);
    assert!(rejection.is_some(), "the schema takes {described}: {document}");
}

#[track_caller]
fn takes_at_least_what_the_reader_takes(document: &Value) {
    if parser_errors(document).is_none()
        && let Some(rejection) = Published::shipper().rejection(document)
    {
        panic!("the schema rejects what the reader takes: {rejection}\n{document}");
    }
}

/// A schema without annotations.
fn bare(mut schema: Value) -> Value {
    match &mut schema {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = bare(item.take())),
        Value::Object(fields) => {
            for words in ["$id", "title", "description"] {
                if fields.get(words).is_some_and(Value::is_string) {
                    fields.remove(words);
                }
            }
            fields.values_mut().for_each(|field| *field = bare(field.take()));
        }
        _ => {}
    }
    schema
}

#[test]
fn the_published_schemas_are_those_in_use() {
    for (published, schema) in [
        ("shipper.schema.json", config::schema()),
        ("enforcer.schema.json", EnforcerConfig::schema()),
    ] {
        assert_eq!(bare(Published::schema(published)), bare(schema), "{published}");
    }
}

#[test]
fn the_schema_accepts_every_documented_or_tested_configuration() {
    for document in configurations() {
        assert_eq!(parser_errors(&document), None, "{document}");
        assert_eq!(Published::shipper().rejection(&document), None, "{document}");
    }
}

#[test]
fn the_tested_configurations_have_every_field() {
    let schema = config::schema();
    let mut open = BTreeSet::new();
    every_name(&schema, "", &mut open);
    assert!(open.len() > 150, "{open:?}");
    for document in configurations() {
        for spot in Spots::of(&document, &schema).fields {
            open.remove(&spot.name);
        }
    }
    assert!(open.is_empty(), "no configuration has {open:?}");
}

#[test]
fn an_invalid_value_is_rejected_by_both() {
    let schema = config::schema();
    for document in configurations() {
        for spot in Spots::of(&document, &schema).fields {
            for value in wrong(&spot.schema) {
                both_reject(&with(&document, &spot.pointer, &value), &spot.name);
            }
        }
    }
}

#[test]
fn unknown_and_missing_fields_are_rejected_by_both() {
    let schema = config::schema();
    for document in configurations() {
        let spots = Spots::of(&document, &schema);
        for object in &spots.objects {
            let mut changed = document.clone();
            object_at(&mut changed, object).insert("unknown_field".to_owned(), json!("x"));
            both_reject(&changed, &format!("an unknown field in {object}"));
        }
        for spot in &spots.fields {
            let (object, field) = spot.pointer.rsplit_once('/').unwrap();
            let mut changed = document.clone();
            object_at(&mut changed, object).remove(field);
            if spot.is_required {
                both_reject(&changed, &format!("no {}", spot.name));
            } else {
                takes_at_least_what_the_reader_takes(&changed);
            }
        }
    }
}

#[test]
fn conflicting_and_missing_fields_are_rejected_by_both() {
    let of = |destination: Value| json!({"destinations": {"x": destination}});
    for (kind, key, other) in [
        ("datadog", "api_key", "site"),
        ("honeycomb", "api_key", "region"),
        ("logzio", "token", "region"),
        ("newrelic", "license_key", "region"),
    ] {
        let mut destination = json!({"type": kind, key: "k", other: "eu", "dataset": "d"});
        if kind != "honeycomb" {
            object_at(&mut destination, "").remove("dataset");
        }
        if other == "site" {
            destination[other] = json!("datadoghq.eu");
        }
        assert_eq!(parser_errors(&of(destination.clone())), None);
        destination["url"] = json!("https://proxy.example");
        both_reject(&of(destination), kind);
    }
    let mut document = of(json!({"type": "logzio", "token": "t"}));
    document["processing"] = json!({"exclude": [{"name": "all"}]});
    both_reject(&document, "a rule about everything");
    both_reject(&json!({"destinations": {}}), "no destination");
}

#[test]
fn the_schema_accepts_both_ends_of_every_range() {
    let schema = config::schema();
    for document in configurations() {
        for spot in Spots::of(&document, &schema).fields {
            for end in ["minimum", "maximum"].iter().filter_map(|end| spot.schema.get(end)) {
                let changed = with(&document, &spot.pointer, end);
                assert_eq!(Published::shipper().rejection(&changed), None, "{changed}");
            }
        }
    }
}

#[test]
fn the_enforcers_schema_agrees_with_its_parser() {
    const POLICY: &str = r#"{"version":1,"name":"logs","region":"eu-west-1","account_id":"123456789012","retention_in_days":30,"select":[{"name_prefixes":["/aws/lambda/"]}]}"#;

    let published = Published::read("enforcer.schema.json");
    let schema = EnforcerConfig::schema();
    let document = json!({
        "$schema": "https://example.com", "policies": [POLICY], "sweep_max_age_hours": 5,
        "requests_per_second": 1.5, "metrics": {"namespace": "shop"},
        "tag_table": {
            "bucket": "tables", "prefix": "logagg/", "region": "eu-west-1",
            "bucket_owner": "123456789012", "keys": ["team"],
        },
        "gap_fill": {
            "queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/backfill",
            "destination_arn": "arn:aws:lambda:eu-west-1:123456789012:function:shipper",
            "margin_s": 60,
        },
    });
    let check = |document: &Value, is_used: bool| {
        let read = EnforcerConfig::parse(&document.to_string());
        assert_eq!(read.is_ok(), is_used, "{read:?} {document}");
        assert_eq!(published.rejection(document).is_none(), is_used, "{document}");
    };
    check(&document, true);
    check(&with(&document, "/policies/0", &serde_json::from_str(POLICY).unwrap()), true);
    let fields = schema["properties"].as_object().unwrap();
    assert_eq!(fields.len(), document.as_object().unwrap().len());
    for spot in Spots::of(&document, &schema).fields {
        for value in wrong(&spot.schema) {
            check(&with(&document, &spot.pointer, &value), false);
        }
        let mut changed = document.clone();
        let (object, field) = spot.pointer.rsplit_once('/').unwrap();
        object_at(&mut changed, object).remove(field);
        check(&changed, !spot.is_required);
    }
    let mut changed = document.clone();
    changed["policy"] = json!(POLICY);
    check(&changed, false);
}

/// A string that is similar to a valid one, or any.
fn text(near: String) -> impl Strategy<Value = String> {
    let change = (any::<Index>(), any::<char>(), "[ -~]", any::<bool>());
    let nearly = prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut letters: Vec<char> = near.chars().collect();
        for (place, any, printable, is_any) in changes {
            let letter = if is_any { any } else { printable.chars().next().unwrap_or(any) };
            let place = place.index(letters.len() + 1);
            match letters.get_mut(place) {
                Some(there) if !is_any => *there = letter,
                Some(_) => letters.insert(place, letter),
                None => letters.push(letter),
            }
        }
        letters.into_iter().collect()
    });
    prop_oneof![3 => nearly, 1 => "[ -~]{0,20}", 1 => any::<String>()]
}

/// A configuration with another string in one place.
fn with_another_text() -> impl Strategy<Value = Value> {
    let schema = config::schema();
    let mut places = Vec::new();
    for document in configurations() {
        for spot in Spots::of(&document, &schema).fields {
            if accepts_string(&spot.schema) {
                places.push((document.clone(), spot.pointer));
            }
        }
    }
    prop::sample::select(places).prop_flat_map(|(document, pointer)| {
        let near = document.pointer(&pointer).and_then(Value::as_str).unwrap().to_owned();
        text(near).prop_map(move |text| with(&document, &pointer, &json!(text)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_accepted_string_is_rejected_by_the_schema(document in with_another_text()) {
        takes_at_least_what_the_reader_takes(&document);
    }
}
