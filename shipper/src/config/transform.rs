//! The configuration of transforms.

use std::collections::BTreeMap;

use boon::Format;
use regex::Regex;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use super::rule::{RuleSettings, regex};
use super::schema::{check_text, names_like, not_beside};
use crate::processing::{Parse, Transform};

/// An entry of `transform`.
#[derive(Deserialize, JsonSchema)]
#[schemars(transform = not_without_a_change)]
pub(super) struct Settings {
    #[serde(flatten)]
    pub(super) rule: RuleSettings,
    parse: Option<Syntax>,
    parse_regex: Option<Groups>,
    #[serde(default)]
    #[schemars(extend("minItems" = 1, "errorMessage" = NO_FIELDS))]
    drop_fields: Vec<Path>,
    #[serde(default)]
    #[schemars(transform = by_path, extend("minProperties" = 1, "errorMessage" = NO_FIELDS))]
    rename_fields: BTreeMap<String, Path>,
    #[serde(default)]
    #[schemars(transform = by_path, extend("minProperties" = 1, "errorMessage" = NO_FIELDS))]
    set_fields: BTreeMap<String, String>,
}

/// The syntax of text messages.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Syntax {
    Logfmt,
}

/// The path of a field.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = PATH, "errorMessage" = NO_PATH))]
struct Path(String);

/// A pattern with named groups.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("format" = GROUPS.name))]
struct Groups(#[schemars(with = "String")] Regex);

/// Names with dots between them.
const PATH: &str = r"^[^.]+(\.[^.]+)*$";
const NO_PATH: &str = "must be the name of a field, or names with dots between them";
const NO_FIELDS: &str = "is empty; remove it, or name at least one field";

/// A regular expression with named groups.
pub(super) const GROUPS: Format =
    Format { name: "named-groups", func: |value| check_text(value, |text| groups(text).map(drop)) };

fn by_path(schema: &mut Schema) {
    names_like(schema, PATH, NO_PATH);
}

fn not_without_a_change(schema: &mut Schema) {
    let changes = ["parse", "parse_regex", "drop_fields", "rename_fields", "set_fields"];
    let schema = schema.ensure_object();
    let any: Vec<Value> = changes.iter().map(|name| json!({"required": [name]})).collect();
    schema.insert("anyOf".to_owned(), json!(any));
    schema.insert(
        "errorMessage".to_owned(),
        json!(
            "changes nothing; set at least one of \"parse\", \"parse_regex\", \"drop_fields\", \
             \"rename_fields\" and \"set_fields\""
        ),
    );
    schema.insert("dependentSchemas".to_owned(), not_beside("parse_regex", "parse"));
}

impl TryFrom<String> for Groups {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        groups(&text).map(Self)
    }
}

impl Settings {
    pub(super) fn transform(self) -> Transform {
        let groups = self.parse_regex.map(|Groups(pattern)| Parse::Groups(pattern));
        let set = self.set_fields.into_iter().map(|(path, value)| {
            (path, to_raw_value(&value).expect("a string is always valid JSON"))
        });
        Transform {
            rule: self.rule.rule(),
            parse: self.parse.map(|Syntax::Logfmt| Parse::Logfmt).or(groups),
            drop: self.drop_fields.into_iter().map(|Path(path)| path).collect(),
            rename: self.rename_fields.into_iter().map(|(from, Path(to))| (from, to)).collect(),
            set: set.collect(),
        }
    }
}

fn groups(text: &str) -> Result<Regex, String> {
    let regex = regex(text)?;
    if regex.capture_names().flatten().next().is_none() {
        return Err(format!(
            "regular expression {text:?} has no named group; name the fields: (?P<field>…)"
        ));
    }
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn config(transform: &str) -> Result<Config, String> {
        let document = format!(
            r#"{{"destinations":{{"x":{{"type":"logzio","token":"t"}}}},"processing":{{"transform":{transform}}}}}"#
        );
        Config::parse(&document).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(transform: &str, errors: &[&str]) {
        let count = errors.len();
        let plural = if count == 1 { "" } else { "s" };
        let list: String =
            errors.iter().map(|error| format!("\n  processing.transform{error}")).collect();
        let expected = format!("LOGAGG_CONFIG has {count} error{plural}:{list}");
        assert_eq!(config(transform).err(), Some(expected), "{transform}");
    }

    #[test]
    fn a_transform_alone_is_processing() {
        let all = r#"[
            {"name":"a","parse":"logfmt","levels":["info"]},
            {"name":"b","parse_regex":"(?P<x>y)","drop_fields":["a.b"],"rename_fields":{"a":"b.c"},"set_fields":{"team":"payments"}}
        ]"#;
        assert!(config(all).unwrap().processing.is_some());
        assert!(config("[]").unwrap().processing.is_none());
    }

    #[test]
    fn errors_name_the_entry_and_the_field() {
        check(
            r#"[{"name":"a"},{"name":"b","drop_fields":[]},{"name":"c","set_fields":{}},{"parse":"csv"}]"#,
            &[
                "[0]: changes nothing; set at least one of \"parse\", \"parse_regex\", \
                 \"drop_fields\", \"rename_fields\" and \"set_fields\"",
                "[1].drop_fields: is empty; remove it, or name at least one field",
                "[2].set_fields: is empty; remove it, or name at least one field",
                "[3].name: is missing",
                "[3].parse: invalid value \"csv\": must be one of \"logfmt\"",
            ],
        );
        check(
            r#"[{"name":"a","parse_regex":"("},{"name":"b","parse_regex":"(x)"},{"name":"c","parse_regex":"(?P<x>y)","parse":"logfmt"}]"#,
            &[
                "[0].parse_regex: invalid regular expression \"(\": unclosed group",
                "[1].parse_regex: regular expression \"(x)\" has no named group; name the fields: \
                 (?P<field>…)",
                "[2].parse_regex: conflicts with \"parse\"; remove one of them",
            ],
        );
        check(
            r#"[{"name":"a","drop_fields":["a..b"],"rename_fields":{"x.":"y","z":".z"}}]"#,
            &[
                "[0].drop_fields[0]: is \"a..b\", must be the name of a field, or names with dots \
                 between them",
                "[0].rename_fields.x.: must be the name of a field, or names with dots between them",
                "[0].rename_fields.z: is \".z\", must be the name of a field, or names with dots \
                 between them",
            ],
        );
        check(
            r#"[{"name":"a","parse":"logfmt"},{"name":"a","parse":"logfmt"},{"name":"email","parse":"logfmt"}]"#,
            &["[2].name: is reserved; choose another name"],
        );
        check(
            r#"[{"name":"a","parse":"logfmt"},{"name":"a","parse":"logfmt"}]"#,
            &["[1].name: duplicate name \"a\": another rule has the same name"],
        );
    }
}
