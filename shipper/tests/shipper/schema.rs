//! The JSON Schema of the configuration says what the reader says.
//!
//! Both are tried with the same documents: what the reader takes, the schema takes; and what the reader
//! refuses for a type, a range, an unknown or a missing field, the schema refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use boon::{Compiler, SchemaIndex, Schemas};
use logagg_shipper::config::{self, Draft, Form, Object, Presence};
use logagg_shipper::enforcer::EnforcerConfig;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use crate::documentation;

/// A schema, read from the page it is published on.
struct Published {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Published {
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
        let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
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

    fn refusal(&self, document: &Value) -> Option<String> {
        self.schemas.validate(document, self.index).err().map(|error| format!("{error:#}"))
    }
}

/// Checks that the schema takes a configuration if the shipper does. Every test that starts a shipper
/// does so with what it starts it with.
#[track_caller]
pub(crate) fn takes_what_the_reader_takes(document: &str) {
    if let Ok(value) = serde_json::from_str(document)
        && Draft::check(document, None).is_ok()
        && let Some(refusal) = Published::shipper().refusal(&value)
    {
        panic!("the schema refuses what the reader takes: {refusal}\n{document}");
    }
}

/// What the reader says of a document, whatever it risks.
fn reader_refuses(document: &Value) -> Option<String> {
    let mut document = document.clone();
    // Whoever leaves `accept` as it is has what it says read too.
    if document.is_object() && document.get("accept").is_none() {
        document["accept"] = json!(["no_undelivered_storage", "plain_http", "little_memory"]);
    }
    Draft::check(&document.to_string(), None).err().map(|error| error.to_string())
}

/// Configurations that have every field there is, and those on the pages.
fn configurations() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configurations");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let read = files.map(|text| serde_json::from_slice(&text).unwrap());
    read.chain(documentation::configurations().into_iter().map(|(_, value)| value)).collect()
}

/// A place in a document, with what may stand there.
struct Spot<'s> {
    pointer: String,
    form: &'s Form,
    presence: Presence,
    /// The places of it in the shape, for whatever document.
    name: String,
}

/// All places of a document, and the objects at them.
#[derive(Default)]
struct Spots<'s> {
    fields: Vec<Spot<'s>>,
    /// Pointers of objects that take no names but those they know.
    objects: Vec<String>,
}

impl<'s> Spots<'s> {
    fn of(document: &Value, shape: &'s Object) -> Self {
        let mut spots = Self::default();
        spots.object(document, shape, "", "");
        spots
    }

    fn object(&mut self, value: &Value, shape: &'s Object, at: &str, name: &str) {
        self.objects.push(at.to_owned());
        for (field, value) in value.as_object().into_iter().flatten() {
            let known = &shape.fields[field];
            let (at, name) = (format!("{at}/{field}"), format!("{name}/{field}"));
            self.fields.push(Spot {
                pointer: at.clone(),
                form: &known.form,
                presence: known.presence,
                name: name.clone(),
            });
            self.form(value, &known.form, &at, &name);
        }
    }

    fn form(&mut self, value: &Value, form: &'s Form, at: &str, name: &str) {
        match form {
            Form::Object(object) => self.object(value, object, at, name),
            Form::Variants(variants) => {
                let kind = value["type"].as_str().unwrap();
                self.object(value, &variants[kind], at, &format!("{name}={kind}"));
            }
            Form::Map { member, .. } => {
                for (key, value) in value.as_object().unwrap() {
                    let (at, name) = (format!("{at}/{key}"), format!("{name}/*"));
                    let spot = Spot {
                        pointer: at.clone(),
                        form: member,
                        presence: Presence::Optional,
                        name: name.clone(),
                    };
                    self.fields.push(spot);
                    self.form(value, member, &at, &name);
                }
            }
            Form::List(object) => {
                for (index, value) in value.as_array().unwrap().iter().enumerate() {
                    self.object(value, object, &format!("{at}/{index}"), name);
                }
            }
            _ => {}
        }
    }
}

/// The names of all places of a shape.
fn every_name(object: &Object, name: &str, names: &mut BTreeSet<String>) {
    for (field, known) in &object.fields {
        let name = format!("{name}/{field}");
        names.insert(name.clone());
        let mut form = (&known.form, name);
        if let (Form::Map { member, .. }, name) = form {
            let name = format!("{name}/*");
            names.insert(name.clone());
            form = (member, name);
        }
        match form {
            (Form::Object(object) | Form::List(object), name) => every_name(object, &name, names),
            (Form::Variants(variants), name) => {
                for (kind, object) in variants {
                    every_name(object, &format!("{name}={kind}"), names);
                }
            }
            _ => {}
        }
    }
}

/// Values that no place with this form takes.
fn wrong(form: &Form) -> Vec<Value> {
    let kinds = [json!(null), json!(true), json!("x"), json!(5), json!([]), json!({})];
    let is_right = |value: &Value| match form {
        Form::Text { .. } | Form::Secret { .. } | Form::Choice { .. } => value.is_string(),
        Form::Whole { .. } | Form::Real { .. } => value.is_number(),
        Form::Choices(_) | Form::List(_) | Form::Documents => value.is_array(),
        Form::Object(_) | Form::Variants(_) | Form::Map { .. } => value.is_object(),
    };
    let mut values: Vec<Value> = kinds.into_iter().filter(|kind| !is_right(kind)).collect();
    match form {
        Form::Text { .. } => values.push(json!("")),
        Form::Secret { .. } => values.extend([json!(""), json!("arn:aws:s3:::bucket/key")]),
        Form::Choice { .. } => values.extend([json!(""), json!("another")]),
        Form::Choices(_) => values.extend([json!(["another"]), json!([5])]),
        Form::Whole { least, most, .. } => {
            values.extend([
                json!(least - 1),
                json!(most + 1),
                json!(-1),
                json!(*least as f64 + 0.5),
            ]);
        }
        Form::Real { least, most, .. } => values.extend([json!(least - 0.5), json!(most + 0.5)]),
        Form::List(_) => values.push(json!([5])),
        Form::Documents => values.extend([json!([]), json!([5])]),
        Form::Map { member, .. } => {
            values.extend(wrong(member).into_iter().map(|value| json!({"name": value})));
        }
        Form::Object(_) | Form::Variants(_) => {}
    }
    values
}

/// The document with another value there.
fn with(document: &Value, pointer: &str, value: &Value) -> Value {
    let mut changed = document.clone();
    *changed.pointer_mut(pointer).unwrap() = value.clone();
    changed
}

fn object_at<'d>(document: &'d mut Value, pointer: &str) -> &'d mut Map<String, Value> {
    document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap()
}

#[track_caller]
fn both_refuse(document: &Value, told: &str) {
    assert!(reader_refuses(document).is_some(), "the reader takes {told}: {document}");
    let refusal = Published::shipper().refusal(document);
    assert!(refusal.is_some(), "the schema takes {told}: {document}");
}

#[track_caller]
fn takes_at_least_what_the_reader_takes(document: &Value) {
    if reader_refuses(document).is_none()
        && let Some(refusal) = Published::shipper().refusal(document)
    {
        panic!("the schema refuses what the reader takes: {refusal}\n{document}");
    }
}

#[test]
fn the_schema_takes_every_configuration_that_is_shown_or_tried() {
    for document in configurations() {
        assert_eq!(reader_refuses(&document), None, "{document}");
        assert_eq!(Published::shipper().refusal(&document), None, "{document}");
    }
}

#[test]
fn what_is_tried_here_has_every_field_there_is() {
    let shape = config::shape();
    let mut open = BTreeSet::new();
    every_name(&shape, "", &mut open);
    assert!(open.len() > 150, "{open:?}");
    for document in configurations() {
        for spot in Spots::of(&document, &shape).fields {
            open.remove(&spot.name);
        }
    }
    assert!(open.is_empty(), "no configuration has {open:?}");
}

#[test]
fn a_wrong_type_or_word_or_number_is_refused_by_both() {
    let shape = config::shape();
    for document in configurations() {
        for spot in Spots::of(&document, &shape).fields {
            for value in wrong(spot.form) {
                both_refuse(&with(&document, &spot.pointer, &value), &spot.name);
            }
        }
    }
}

#[test]
fn an_unknown_field_is_refused_by_both_and_so_is_one_that_is_missing() {
    let shape = config::shape();
    for document in configurations() {
        let spots = Spots::of(&document, &shape);
        for object in &spots.objects {
            let mut changed = document.clone();
            object_at(&mut changed, object).insert("unknown_field".to_owned(), json!("x"));
            both_refuse(&changed, &format!("an unknown field in {object}"));
        }
        for spot in &spots.fields {
            let (object, field) = spot.pointer.rsplit_once('/').unwrap();
            let mut changed = document.clone();
            object_at(&mut changed, object).remove(field);
            match spot.presence {
                Presence::Required => both_refuse(&changed, &format!("no {}", spot.name)),
                Presence::Optional => takes_at_least_what_the_reader_takes(&changed),
            }
        }
    }
}

#[test]
fn fields_that_cannot_stand_together_or_must_not_all_be_missing_are_refused_by_both() {
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
        assert_eq!(reader_refuses(&of(destination.clone())), None);
        destination["url"] = json!("https://proxy.example");
        both_refuse(&of(destination), kind);
    }
    let mut document = of(json!({"type": "logzio", "token": "t"}));
    document["admit"] = json!({"exclude": [{"name": "all"}]});
    both_refuse(&document, "a rule about everything");
    both_refuse(&json!({"destinations": {}}), "no destination");
}

#[test]
fn the_schema_takes_both_ends_of_every_range() {
    let shape = config::shape();
    for document in configurations() {
        for spot in Spots::of(&document, &shape).fields {
            let ends = match spot.form {
                Form::Whole { least, most, .. } => [json!(least), json!(most)],
                Form::Real { least, most, .. } => [json!(least), json!(most)],
                _ => continue,
            };
            for end in ends {
                let changed = with(&document, &spot.pointer, &end);
                assert_eq!(Published::shipper().refusal(&changed), None, "{changed}");
            }
        }
    }
}

#[test]
fn the_enforcers_schema_says_what_its_reader_says() {
    const POLICY: &str = r#"{"version":1,"name":"logs","region":"eu-west-1","account_id":"123456789012","retention_in_days":30,"select":[{"name_prefixes":["/aws/lambda/"]}]}"#;

    let published = Published::read("enforcer.schema.json");
    let shape = EnforcerConfig::shape();
    let document = json!({
        "$schema": "https://example.com", "policies": [POLICY], "sweep_max_age_hours": 5,
        "requests_per_second": 1.5, "metrics": {"namespace": "shop"},
    });
    let check = |document: &Value, is_taken: bool| {
        let read = EnforcerConfig::parse(&document.to_string());
        assert_eq!(read.is_ok(), is_taken, "{read:?} {document}");
        assert_eq!(published.refusal(document).is_none(), is_taken, "{document}");
    };
    check(&document, true);
    check(&with(&document, "/policies/0", &serde_json::from_str(POLICY).unwrap()), true);
    assert_eq!(shape.fields.len(), document.as_object().unwrap().len());
    for spot in Spots::of(&document, &shape).fields {
        for value in wrong(spot.form) {
            check(&with(&document, &spot.pointer, &value), false);
        }
        let mut changed = document.clone();
        object_at(&mut changed, "").remove(spot.pointer.trim_start_matches('/'));
        check(&changed, spot.presence == Presence::Optional);
    }
    let mut changed = document.clone();
    changed["policy"] = json!(POLICY);
    check(&changed, false);
}

/// A text that is nearly one that stands in a configuration, or any.
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

/// A configuration with another text in one of the places for texts.
fn with_another_text() -> impl Strategy<Value = Value> {
    let shape = config::shape();
    let mut places = Vec::new();
    for document in configurations() {
        for spot in Spots::of(&document, &shape).fields {
            if matches!(spot.form, Form::Text { .. } | Form::Secret { .. }) {
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
    fn no_text_that_the_reader_takes_is_refused_by_the_schema(document in with_another_text()) {
        takes_at_least_what_the_reader_takes(&document);
    }
}
