//! The shape of a configuration: which fields there are, and what each takes.
//!
//! Nobody writes it down. The readers are run over documents that have one field more each time, and
//! what they ask for is noted; so the shape is theirs, whatever they are changed to.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::fields::Findings;

/// The fields of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// By their names.
    pub fields: BTreeMap<String, Field>,
    /// What holds between them.
    pub rules: Vec<Rule>,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Whether it must be there.
    pub presence: Presence,
    /// What it takes.
    pub form: Form,
}

/// Whether a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It may be left out.
    Optional,
}

/// What holds between the fields of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One of the two at most may be there.
    Exclusive(&'static str, &'static str),
    /// One of these at least must be there.
    AtLeastOneOf(&'static [&'static str]),
    /// So many fields must be there, whatever their names.
    Count(RangeInclusive<usize>),
}

/// What a field takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// A text that is not empty.
    Text {
        /// A regular expression that it matches.
        pattern: Option<&'static str>,
        /// What it is where it is left out.
        default: Option<String>,
    },
    /// A secret, or the ARN under which it is kept.
    Secret {
        /// A regular expression that the secret itself matches.
        pattern: Option<&'static str>,
    },
    /// One of some words.
    Choice {
        /// The words.
        of: Vec<&'static str>,
        /// Which it is where it is left out.
        default: Option<&'static str>,
    },
    /// A list of some words.
    Choices(Vec<&'static str>),
    /// A whole number.
    Whole {
        /// The least that is ever taken.
        least: u64,
        /// The most that is ever taken.
        most: u64,
        /// What it is where it is left out, unless that depends on other fields.
        default: Option<u64>,
    },
    /// A number.
    Real {
        /// The least that is taken.
        least: f64,
        /// The most that is taken.
        most: f64,
        /// What it is where it is left out.
        default: Option<f64>,
    },
    /// An object.
    Object(Object),
    /// An object that has other fields for each `type`.
    Variants(BTreeMap<&'static str, Object>),
    /// An object with names of the user's own.
    Map {
        /// How many there may be.
        count: Option<RangeInclusive<usize>>,
        /// What each takes.
        member: Box<Form>,
    },
    /// A list of objects.
    List(Object),
    /// A list of documents with a shape of their own, as text or as objects; at least one.
    Documents,
}

/// What a reader has asked for.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// A field.
    Field(String, Presence, Form),
    /// All fields, whatever their names.
    Names,
    /// Something that holds between fields.
    Rule(Rule),
}

/// Notes with the path of the object they are about.
pub(crate) type Notes = Vec<(String, Note)>;

/// Runs a reader over a document, for what it asks.
type Reader = for<'v> fn(&'v Value, &mut Findings<'v>);

/// The name that is tried where any will do.
const ANY: &str = "name";

/// The field by which an object is of one shape or another.
const TYPE: &str = "type";

/// What a reader makes of documents.
pub(crate) fn of(reader: Reader) -> Object {
    match explore(reader, &json!({}), &[]) {
        Form::Object(object) => object,
        other => unreachable!("a document is an object, and not {other:?}"),
    }
}

/// A step on the way to an object within a document.
#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    First(&'a str),
}

/// Finds the form of the object at the end of a way, which is in the document already.
fn explore(reader: Reader, document: &Value, way: &[Step<'_>]) -> Form {
    let asked = ask(reader, document, way);
    if asked.iter().any(|note| matches!(note, Note::Names)) {
        return map(reader, document, way, &asked);
    }
    let types = asked.iter().find_map(|note| match note {
        Note::Field(name, Presence::Required, Form::Choice { of, .. }) if name == TYPE => Some(of),
        _ => None,
    });
    let Some(types) = types else {
        return Form::Object(object(reader, document, way));
    };
    let of_type = |name: &&'static str| {
        let document = with(document, way, TYPE, json!(name));
        let mut object = object(reader, &document, way);
        let only = Form::Choice { of: vec![*name], default: None };
        object.fields.insert(TYPE.to_owned(), Field { presence: Presence::Required, form: only });
        (*name, object)
    };
    Form::Variants(types.iter().map(of_type).collect())
}

fn map(reader: Reader, document: &Value, way: &[Step<'_>], asked: &[Note]) -> Form {
    let count = asked.iter().find_map(|note| match note {
        Note::Rule(Rule::Count(count)) => Some(count.clone()),
        _ => None,
    });
    let document = with(document, way, ANY, json!({}));
    let member = ask(reader, &document, way).into_iter().find_map(|note| match note {
        Note::Field(name, _, form) if name == ANY => Some(form),
        _ => None,
    });
    let member = match member {
        Some(Form::Object(_)) => {
            let way: Vec<_> = way.iter().copied().chain([Step::Field(ANY)]).collect();
            explore(reader, &document, &way)
        }
        Some(form) => form,
        None => unreachable!("whoever reads names reads what they stand for"),
    };
    Form::Map { count, member: Box::new(member) }
}

fn object(reader: Reader, document: &Value, way: &[Step<'_>]) -> Object {
    let mut object = Object::default();
    for note in ask(reader, document, way) {
        match note {
            Note::Field(name, presence, form) => {
                object.fields.entry(name).or_insert(Field { presence, form });
            }
            Note::Rule(rule) => object.rules.push(rule),
            Note::Names => {}
        }
    }
    widen(reader, document, way, &mut object);
    for (name, field) in &mut object.fields {
        let (step, value) = match &field.form {
            Form::Object(_) => (Step::Field(name), json!({})),
            Form::List(_) => (Step::First(name), json!([{}])),
            _ => continue,
        };
        let document = with(document, way, name, value);
        let way: Vec<_> = way.iter().copied().chain([step]).collect();
        field.form = match (explore(reader, &document, &way), step) {
            (Form::Object(object), Step::First(_)) => Form::List(object),
            (form, _) => form,
        };
    }
    object
}

/// Tries each number at both ends, since the ranges and defaults of others may depend on it.
fn widen(reader: Reader, document: &Value, way: &[Step<'_>], object: &mut Object) {
    let ends = object.fields.iter().filter_map(|(name, field)| match field.form {
        Form::Whole { least, most, .. } => Some((name.clone(), [least, most])),
        _ => None,
    });
    for (name, ends) in ends.collect::<Vec<_>>() {
        for end in ends {
            let document = with(document, way, &name, json!(end));
            for note in ask(reader, &document, way) {
                let Note::Field(name, _, Form::Whole { least, most, default }) = note else {
                    continue;
                };
                let known = object.fields.get_mut(&name).map(|field| &mut field.form);
                if let Some(Form::Whole { least: low, most: high, default: usual }) = known {
                    *low = least.min(*low);
                    *high = most.max(*high);
                    *usual = usual.filter(|usual| Some(*usual) == default);
                }
            }
        }
    }
}

/// What is asked of the object at the end of a way; of what is asked twice, the first.
fn ask(reader: Reader, document: &Value, way: &[Step<'_>]) -> Vec<Note> {
    let mut path = String::new();
    for step in way {
        if !path.is_empty() {
            path.push('.');
        }
        match step {
            Step::Field(name) => path.push_str(name),
            Step::First(name) => path.push_str(&format!("{name}[0]")),
        }
    }
    let mut findings = Findings::noting();
    reader(document, &mut findings);
    let notes = findings.notes.into_iter().flatten();
    notes.filter(|(at, _)| *at == path).map(|(_, note)| note).collect()
}

/// The document with one field more in the object at the end of a way.
fn with(document: &Value, way: &[Step<'_>], name: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let mut at = &mut changed;
    for step in way {
        at = match step {
            Step::Field(name) => &mut at[*name],
            Step::First(name) => &mut at[*name][0],
        };
    }
    at.as_object_mut().unwrap_or(&mut Map::new()).insert(name.to_owned(), value);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fields::Fields;

    /// Reads a name, a size with a part of it, and things of two types.
    fn read<'v>(value: &'v Value, findings: &mut Findings<'v>) {
        let mut root = Fields::root(value, findings).unwrap();
        root.like("^[a-z]+$").text("name");
        let size = root.number("size", 10..=100, 50);
        root.number("part", 1..=size, size);
        let Some(mut things) = root.optional_object("things") else {
            return;
        };
        for name in things.names() {
            let mut thing = things.object(&name).unwrap();
            match thing.choice("type", &["round", "square"]) {
                Some("round") => drop(thing.secret("key")),
                Some(_) => drop(thing.choice_or_first("side", &["left", "right"])),
                None => {}
            }
        }
    }

    #[test]
    fn what_a_reader_asks_for_is_found_behind_types_and_names_and_at_both_ends_of_numbers() {
        let field = |presence, form| Field { presence, form };
        let only = |name| field(Presence::Required, Form::Choice { of: vec![name], default: None });
        let shape = of(read);
        let text = Form::Text { pattern: Some("^[a-z]+$"), default: None };
        assert_eq!(shape.fields["name"], field(Presence::Required, text));
        let size = Form::Whole { least: 10, most: 100, default: Some(50) };
        assert_eq!(shape.fields["size"], field(Presence::Optional, size));
        let part = Form::Whole { least: 1, most: 100, default: None };
        assert_eq!(shape.fields["part"], field(Presence::Optional, part));
        let Form::Map { member, count: None } = &shape.fields["things"].form else {
            panic!("{shape:?}");
        };
        let side = Form::Choice { of: vec!["left", "right"], default: Some("left") };
        let variants = [
            ("round", "key", field(Presence::Required, Form::Secret { pattern: None })),
            ("square", "side", field(Presence::Optional, side)),
        ];
        let variants = variants.map(|(name, other, of_it)| {
            let fields = [(TYPE.to_owned(), only(name)), (other.to_owned(), of_it)];
            (name, Object { fields: fields.into(), rules: Vec::new() })
        });
        assert_eq!(**member, Form::Variants(variants.into()));
    }
}
