//! Schemas generated from configuration types, and the errors of a document by its schema.
//!
//! The keyword `errorMessage` says what a valid value looks like; editors show it too. Patterns
//! without it are for editors only: the `format` next to them checks the same with a more precise
//! error.

use std::fmt;
use std::ops::RangeInclusive;

use boon::{
    CompileError, Compiler, ErrorKind, Format, InstanceToken, SchemaIndex, Schemas, Type,
    ValidationError,
};
use percent_encoding::percent_decode_str;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::secret::SecretArn;

/// Former names of fields, and their current names.
const RENAMED: [(&str, &str); 9] = [
    ("accept", "accepted_risks"),
    ("acknowledgement", "indexer_acknowledgement"),
    ("admit", "processing"),
    ("ids", "document_ids"),
    ("keep", "ratio"),
    ("max_event_bytes", "max_record_bytes"),
    ("max_line_bytes", "max_record_bytes"),
    ("park", "undelivered"),
    ("replay", "undelivered"),
];

/// Former values, and their current names.
const RENAMED_VALUES: [(&str, &str); 5] = [
    ("cut", "truncate"),
    ("little_memory", "low_memory"),
    ("park", "dead_letter"),
    ("plain_http", "insecure_http"),
    ("refuse", "reject"),
];

/// A compiled schema.
pub(crate) struct Validator {
    schema: Value,
    schemas: Schemas,
    index: SchemaIndex,
}

/// The errors of a document by its schema, and the secrets that it refers to.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) errors: Vec<FieldError>,
    /// The paths of invalid values.
    pub(crate) invalid: Vec<FieldPath>,
    pub(crate) secrets: Vec<(SecretArn, FieldPath)>,
}

/// An error in a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FieldError {
    place: String,
    text: String,
}

/// The path of a value in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
}

/// The schema of a type. Objects have no unknown fields, strings are not empty, and optional fields
/// are not null.
pub(crate) fn of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(strict));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn strict(schema: &mut Schema) {
    let Some(schema) = schema.as_object_mut() else { return };
    if let Some(Value::Array(either)) = schema.get_mut("anyOf")
        && let [Value::Object(some), null] = &mut either[..]
        && *null == json!({"type": "null"})
    {
        let mut some = std::mem::take(some);
        schema.remove("anyOf");
        some.append(schema);
        *schema = some;
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &mut types[..] {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    // The variants of an enum, which the schema of the types documents with more detail.
    if let Some(Value::Array(variants)) = schema.get("oneOf")
        && let Some(words) = variants.iter().map(|it| it.get("const").cloned()).collect()
    {
        schema.remove("oneOf");
        schema.insert("type".to_owned(), json!("string"));
        schema.insert("enum".to_owned(), Value::Array(words));
    }
    let nothing = [json!(null), json!([]), json!({})];
    if schema.get("default").is_some_and(|default| nothing.contains(default)) {
        schema.remove("default");
    }
    if let Some(default) = schema.get_mut("default") {
        write_whole(default);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") if schema.contains_key("properties") && !schema.contains_key("allOf") => {
            schema.entry("additionalProperties").or_insert(json!(false));
        }
        Some("string") if !schema.contains_key("enum") && !schema.contains_key("const") => {
            schema.insert("minLength".to_owned(), json!(1));
        }
        // The width of a number.
        Some("integer" | "number") => drop(schema.remove("format")),
        _ => {}
    }
}

/// Makes the fields of an object depend on its `type`, one branch for each, so that errors concern
/// the selected type only.
pub(crate) fn by_type(schema: &mut Schema) {
    let (Some(Value::Array(variants)), common) =
        (schema.remove("oneOf"), schema.remove("properties"))
    else {
        return;
    };
    let mut names = Vec::new();
    let mut branches = Vec::new();
    for mut variant in variants {
        let properties = &mut variant["properties"];
        let name = properties["type"]["const"].clone();
        for (field, of_field) in common.iter().filter_map(Value::as_object).flatten() {
            properties[field] = of_field.clone();
        }
        branches.push(json!({
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": variant,
        }));
        names.push(name);
    }
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), json!({"type": {"type": "string", "enum": names}}));
    schema.insert("required".to_owned(), json!(["type"]));
    schema.insert("allOf".to_owned(), Value::Array(branches));
}

/// Removes the schemas of fields that none of the values has, because compiling them dominates the
/// start. Their names stay.
pub(super) fn keep_fields(schema: &mut Value, values: &[&Value]) {
    for (keyword, inner) in schema.as_object_mut().into_iter().flatten() {
        match (keyword.as_str(), inner) {
            ("properties", Value::Object(fields)) => {
                for (name, field) in fields {
                    let values: Vec<&Value> = values.iter().filter_map(|it| it.get(name)).collect();
                    if values.is_empty() {
                        *field = json!(true);
                    } else {
                        keep_fields(field, &values);
                    }
                }
            }
            // A branch for each type, as `by_type` makes them.
            ("allOf", Value::Array(branches)) => branches.retain_mut(|branch| {
                let of_type = &branch["if"]["properties"]["type"]["const"];
                if of_type.is_null() {
                    return true;
                }
                let has_type = |value: &&&Value| value["type"] == *of_type;
                let values: Vec<&Value> = values.iter().filter(has_type).copied().collect();
                keep_fields(&mut branch["then"], &values);
                !values.is_empty()
            }),
            ("additionalProperties", inner @ Value::Object(_)) => {
                let maps = values.iter().filter_map(|value| value.as_object());
                keep_fields(inner, &maps.flat_map(Map::values).collect::<Vec<_>>());
            }
            ("items", inner) => {
                let lists = values.iter().filter_map(|value| value.as_array());
                keep_fields(inner, &lists.flatten().collect::<Vec<_>>());
            }
            _ => {}
        }
    }
}

/// Restricts the keys of a map to a pattern.
pub(crate) fn names_like(schema: &mut Schema, pattern: &str, message: &str) {
    if let Some(member) = schema.remove("additionalProperties") {
        schema.insert("patternProperties".to_owned(), json!({pattern: member}));
        schema.insert("additionalProperties".to_owned(), never(message));
    }
}

/// A schema that no value matches, with the error.
pub(crate) fn never(message: &str) -> Value {
    json!({"not": {}, "errorMessage": message})
}

/// Makes the first field conflict with the second.
pub(crate) fn not_beside(field: &str, other: &str) -> Value {
    let message = format!("conflicts with {other:?}; remove one of them");
    json!({other: {"properties": {field: never(&message)}}})
}

/// A pattern for a secret, unless it is the ARN of one.
pub(crate) fn like_or_arn(pattern: &str) -> Value {
    json!([{"pattern": pattern}, {"pattern": "^arn:"}])
}

/// A string that is one of these.
pub(crate) fn some_of(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

/// The default of a field, for an attribute.
pub(crate) fn number<const N: u64>() -> u64 {
    N
}

/// Like [`number`], for a size.
pub(crate) fn size<const N: usize>() -> usize {
    N
}

/// Checks a string; the schema covers other types.
pub(crate) fn check_text(
    value: &Value,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Result<(), Box<dyn std::error::Error>> {
    Ok(value.as_str().map_or(Ok(()), check)?)
}

impl Validator {
    /// Compiles a schema with these formats.
    pub(crate) fn new(schema: Value, formats: &[Format]) -> Result<Self, String> {
        // boon does not validate a schema at this host against the metaschema, which would dominate
        // the start. A test of the published schema does.
        const HOME: &str = "https://json-schema.org/logagg";

        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        for format in formats.iter().chain([&SECRET]) {
            compiler.register_format(*format);
        }
        let wrong = |error: CompileError| format!("invalid schema: {error}");
        compiler.add_resource(HOME, schema.clone()).map_err(wrong)?;
        let index = compiler.compile(HOME, &mut schemas).map_err(wrong)?;
        Ok(Self { schema, schemas, index })
    }

    /// Validates a document in which the secrets at the `fetched` paths are already replaced.
    pub(crate) fn check(&self, document: &Value, fetched: &[FieldPath]) -> Checked {
        let mut checked = Checked::default();
        if let Err(error) = self.schemas.validate(document, self.index) {
            self.collect(document, &error, fetched, &mut checked);
        }
        checked.errors.sort();
        checked.errors.dedup();
        checked
    }

    fn collect(
        &self,
        document: &Value,
        error: &ValidationError<'_, '_>,
        fetched: &[FieldPath],
        checked: &mut Checked,
    ) {
        let place = FieldPath::from(&error.instance_location.tokens[..]);
        let value = place.find(document).unwrap_or(&Value::Null);
        let schema = self.part(error.schema_url);
        let message = schema["errorMessage"].as_str();
        let text = match &error.kind {
            ErrorKind::Schema { .. }
            | ErrorKind::Reference { .. }
            | ErrorKind::Group
            | ErrorKind::AllOf => {
                for cause in &error.causes {
                    self.collect(document, cause, fetched, checked);
                }
                return;
            }
            ErrorKind::Required { want } => {
                for name in want {
                    checked.add(place.field(name), "is missing");
                }
                return;
            }
            ErrorKind::DependentRequired { prop, missing } => {
                for name in missing {
                    let text = format!("is missing; {prop:?} requires it");
                    checked.add(place.field(name), text);
                }
                return;
            }
            ErrorKind::AdditionalProperties { got } => {
                for name in got {
                    // The rest of the object is still valid.
                    let place = place.field(name).to_string();
                    checked.errors.push(FieldError::new(place, unknown(name, schema)));
                }
                return;
            }
            ErrorKind::Format { want, .. } if *want == SECRET.name => {
                match SecretArn::parse(value.as_str().unwrap_or_default()) {
                    _ if fetched.contains(&place) => {}
                    Ok(arn) => checked.secrets.push((arn, place)),
                    Err(error) => checked.add(place, error.to_string()),
                }
                return;
            }
            _ if value == "" => "is empty".to_owned(),
            ErrorKind::Type { want, .. } => {
                let wanted: Vec<_> = want.iter().map(kind_of_type).collect();
                // A number in place of a string may be a secret, so it is not shown.
                let is_near = want.contains(Type::Integer) && value.is_number();
                let is = if is_near { value.to_string() } else { kind(value).to_owned() };
                format!("must be {}, is {is}", wanted.join(" or "))
            }
            ErrorKind::Enum { .. } => {
                let words = schema["enum"].as_array().into_iter().flatten();
                choice(value.as_str().unwrap_or_default(), words.filter_map(Value::as_str))
            }
            ErrorKind::Minimum { .. } | ErrorKind::Maximum { .. } => {
                let (least, most) = (&schema["minimum"], &schema["maximum"]);
                format!("invalid value {value}: must be between {least} and {most}")
            }
            ErrorKind::Format { err, .. } => err.to_string(),
            // For editors only.
            ErrorKind::Pattern { .. } | ErrorKind::AnyOf if message.is_none() => return,
            // Secrets have their pattern in `anyOf`, so this value is not a secret.
            ErrorKind::Pattern { .. } => {
                format!("is {value}, {}", message.unwrap_or_default())
            }
            _ => message.unwrap_or("is not allowed").to_owned(),
        };
        checked.add(place, text);
    }

    /// The part of the schema at this URL.
    fn part(&self, url: &str) -> &Value {
        let (_, fragment) = url.split_once('#').unwrap_or_default();
        let pointer = percent_decode_str(fragment).decode_utf8_lossy();
        self.schema.pointer(&pointer).unwrap_or(&Value::Null)
    }
}

/// A secret that is an ARN must be fetched first and does not match.
const SECRET: Format = Format {
    name: "secret",
    func: |value| match value.as_str() {
        Some(text) if SecretArn::is_meant(text) => Err("is to be fetched".into()),
        _ => Ok(()),
    },
};

impl Checked {
    fn add(&mut self, place: FieldPath, text: impl Into<String>) {
        self.errors.push(FieldError::new(place.to_string(), text));
        self.invalid.push(place);
    }

    /// The document without its invalid parts, and with whole numbers in integer notation. A part
    /// is a member of the document or of its `destinations`.
    pub(crate) fn valid_parts(&self, document: &Value) -> Value {
        let mut valid_parts = document.clone();
        write_whole(&mut valid_parts);
        for FieldPath(steps) in &self.invalid {
            let [Step::Field(name), rest @ ..] = &steps[..] else { continue };
            match (valid_parts.get_mut(name), rest) {
                (Some(Value::Object(parts)), [Step::Field(part), ..]) if name == "destinations" => {
                    parts.remove(part);
                }
                _ => drop(valid_parts.as_object_mut().and_then(|parts| parts.remove(name))),
            }
        }
        valid_parts
    }
}

impl FieldError {
    /// An error at a path, which is empty for the whole document.
    pub(crate) fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }

    /// Whether the error concerns the value at a path.
    pub(crate) fn is_at(&self, place: &FieldPath) -> bool {
        self.place == place.to_string()
    }

    /// The same error, relative to a parent path.
    pub(crate) fn below(self, place: &str) -> Self {
        let is_inside = !self.place.is_empty() && !self.place.starts_with('[');
        let dot = if is_inside { "." } else { "" };
        Self { place: format!("{place}{dot}{}", self.place), ..self }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if self.place.is_empty() { "" } else { ": " };
        write!(formatter, "{}{colon}{}", self.place, self.text)
    }
}

impl FieldPath {
    fn field(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Field(name.to_owned()));
        Self(steps)
    }

    fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Item(index) => value.get(index),
        })
    }

    /// The value at this path.
    pub(crate) fn find_mut<'v>(&self, document: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(document, |value, step| match step {
            Step::Field(name) => value.get_mut(name),
            Step::Item(index) => value.get_mut(index),
        })
    }
}

impl From<&[InstanceToken<'_>]> for FieldPath {
    fn from(tokens: &[InstanceToken<'_>]) -> Self {
        let step = |token: &InstanceToken<'_>| match token {
            InstanceToken::Prop(name) => Step::Field(name.clone().into_owned()),
            InstanceToken::Item(index) => Step::Item(*index),
        };
        Self(tokens.iter().map(step).collect())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if index == 0 => formatter.write_str(name)?,
                Step::Field(name) => write!(formatter, ".{name}")?,
                Step::Item(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Writes `5.0` as `5`, because integer types reject it.
fn write_whole(value: &mut Value) {
    const MOST: f64 = 9_007_199_254_740_992.0;

    match value {
        Value::Number(number) => {
            let whole = number.as_f64().filter(|it| it.fract() == 0.0 && (0.0..=MOST).contains(it));
            if let Some(whole) = whole
                && number.is_f64()
            {
                *value = json!(whole as u64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_whole),
        Value::Object(fields) => fields.values_mut().for_each(write_whole),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn unknown(name: &str, schema: &Value) -> String {
    let none = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&none);
    format!("unknown field{}", suggestion(name, &RENAMED, known.keys().map(String::as_str)))
}

fn choice<'a>(text: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    let list: Vec<String> = words.clone().map(|word| format!("{word:?}")).collect();
    let suggestion = suggestion(text, &RENAMED_VALUES, words);
    format!("invalid value {text:?}: must be one of {}{suggestion}", list.join(", "))
}

/// The known name that was called so, or else the most similar one, if there is one.
pub(crate) fn suggestion<'a>(
    name: &str,
    renamed: &[(&str, &str)],
    known: impl Iterator<Item = &'a str>,
) -> String {
    const ALIKE: f64 = 0.8;

    let now = renamed.iter().find(|(earlier, _)| *earlier == name).map(|(_, now)| *now);
    let likeness = |known: &str| match now == Some(known) {
        true => f64::INFINITY,
        false => strsim::jaro_winkler(name, known),
    };
    known
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map_or_else(String::new, |(_, known)| format!("; did you mean {known:?}?"))
}

fn kind_of_type(of: Type) -> &'static str {
    match of {
        Type::Null => "null",
        Type::Boolean => "a boolean",
        Type::Number => "a number",
        Type::Integer => "a whole number",
        Type::String => "a string",
        Type::Array => "a list",
        Type::Object => "an object",
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A number of bytes that another setting bounds; defaults to `by_default` or the bound.
pub(super) fn within(
    field: &str,
    bytes: Option<usize>,
    allowed: RangeInclusive<usize>,
    by_default: usize,
) -> Result<usize, FieldError> {
    let (least, most) = allowed.into_inner();
    match bytes {
        None => Ok(by_default.min(most)),
        Some(bytes) if bytes <= most => Ok(bytes),
        Some(bytes) => Err(FieldError::new(
            field,
            format!("invalid value {bytes}: must be between {least} and {most}"),
        )),
    }
}
