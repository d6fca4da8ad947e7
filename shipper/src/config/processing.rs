//! The configuration of filtering, sampling and redaction.

use std::collections::BTreeSet;

use boon::Format;
use regex::Regex;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use super::rule::{Name, RuleSettings, has, regex};
use super::schema::{FieldError, check_text, size, some_of};
use super::transform;
use crate::destination::ReasonCode;
use crate::processing::{JoinLines, Named, Pattern, Processing, Ratio, Redaction, Transforms};

/// The fields of `processing`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    join_lines: Option<Join>,
    #[serde(default)]
    #[schemars(transform = not_about_everything)]
    include: Vec<RuleSettings>,
    #[serde(default)]
    #[schemars(transform = not_about_everything)]
    exclude: Vec<RuleSettings>,
    #[serde(default)]
    sample: Vec<Sample>,
    #[serde(default)]
    transform: Vec<transform::Settings>,
    #[serde(default)]
    #[schemars(extend("items" = some_of(&Named::ALL.map(Named::name))))]
    redact: Vec<String>,
    #[serde(default)]
    redact_patterns: Vec<PatternSettings>,
}

/// The bounds of joined log events.
#[derive(Deserialize, JsonSchema)]
struct Join {
    #[serde(default = "size::<100>")]
    #[schemars(range(min = 2, max = 10_000))]
    max_lines: usize,
    #[serde(default = "size::<65_536>")]
    #[schemars(range(min = 1_024, max = 1_048_576))]
    max_bytes: usize,
}

#[derive(Deserialize, JsonSchema)]
struct Sample {
    #[serde(flatten)]
    rule: RuleSettings,
    #[schemars(range(min = 0, max = 1))]
    ratio: f64,
}

#[derive(Deserialize, JsonSchema)]
struct PatternSettings {
    name: Name,
    pattern: Taken,
    replacement: Option<String>,
}

/// A pattern to redact in messages.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("format" = PATTERN.name))]
struct Taken(#[schemars(with = "String")] Regex);

fn not_about_everything(schema: &mut Schema) {
    let conditions = ["message", "log_group", "kinds", "levels"];
    let rule = &mut schema.ensure_object()["items"];
    rule["anyOf"] = conditions.iter().map(|name| json!({"required": [name]})).collect();
    rule["errorMessage"] = json!(
        "matches every log event; set at least one of \"message\", \"log_group\", \"kinds\" and \
         \"levels\""
    );
}

/// A regular expression for redaction.
pub(super) const PATTERN: Format = Format {
    name: "redact-pattern",
    func: |value| check_text(value, |text| pattern(text).map(drop)),
};

impl TryFrom<String> for Taken {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        pattern(&text).map(Self)
    }
}

impl Settings {
    /// An error for every rule whose name is used by another.
    pub(super) fn repeated_names(&self) -> Vec<FieldError> {
        let Self { include, exclude, sample, transform, redact_patterns, .. } = self;
        let rules = [("include", include), ("exclude", exclude)];
        let rules = rules.iter().flat_map(|(list, rules)| {
            rules.iter().enumerate().map(move |(index, rule)| (*list, index, &rule.name))
        });
        let sample = sample.iter().enumerate().map(|(index, it)| ("sample", index, &it.rule.name));
        let transform = transform.iter().enumerate();
        let transform = transform.map(|(index, it)| ("transform", index, &it.rule.name));
        let patterns = redact_patterns.iter().enumerate();
        let patterns = patterns.map(|(index, it)| ("redact_patterns", index, &it.name));
        let mut names = BTreeSet::new();
        let all = rules.chain(sample).chain(transform).chain(patterns);
        let repeated = all.filter(|(_, _, Name(name))| !names.insert(name));
        let error = |(list, index, Name(name)): (&str, usize, &Name)| {
            let text = format!("duplicate name {name:?}: another rule has the same name");
            FieldError::new(format!("processing.{list}[{index}].name"), text)
        };
        repeated.map(error).collect()
    }

    pub(super) fn processing(self) -> Option<Processing> {
        let rules = |rules: Vec<RuleSettings>| rules.into_iter().map(RuleSettings::rule).collect();
        let sample = self.sample.into_iter().map(|it| (it.rule.rule(), Ratio::new(it.ratio)));
        let own = self.redact_patterns.into_iter().map(|it| {
            let Taken(regex) = it.pattern;
            Pattern::own(ReasonCode::from_service(&it.name.0), regex, it.replacement.as_deref())
        });
        let named = Named::ALL.into_iter().filter(|it| has(&self.redact, it.name()));
        // User-defined patterns come first, because they are more specific.
        let redaction = Redaction::new(own.chain(named.map(Pattern::named)).collect());
        let transforms = self.transform.into_iter().map(transform::Settings::transform);
        let join = |Join { max_lines, max_bytes }| JoinLines { max_lines, max_bytes };
        Processing {
            join_lines: self.join_lines.map(join),
            include: rules(self.include),
            exclude: rules(self.exclude),
            sample: sample.collect(),
            transforms: Transforms::new(transforms.collect()),
            redaction,
            ..Processing::default()
        }
        .if_any()
    }
}

fn pattern(text: &str) -> Result<Regex, String> {
    let regex = regex(text)?;
    if regex.is_match("") {
        return Err("matches the empty string, and therefore every message".to_owned());
    }
    Ok(regex)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn config(processing: &str) -> Result<Config, String> {
        let document = format!(
            r#"{{"destinations":{{"x":{{"type":"logzio","token":"t"}}}},"processing":{processing}}}"#
        );
        Config::parse(&document).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(processing: &str, errors: &[&str]) {
        let count = errors.len();
        let plural = if count == 1 { "" } else { "s" };
        let list: String = errors.iter().map(|error| format!("\n  processing{error}")).collect();
        let expected = format!("LOGAGG_CONFIG has {count} error{plural}:{list}");
        assert_eq!(config(processing).err(), Some(expected), "{processing}");
    }

    #[test]
    fn every_setting_can_be_set() {
        let processing = config(
            r#"{"include":[{"name":"shop","log_group":"^/aws/lambda/shop-"}],
                "exclude":[{"name":"noise","kinds":["start","end"]},{"name":"debug","levels":["trace","debug"],"message":"x"}],
                "sample":[{"name":"few","ratio":0.1}],
                "redact":["email","card_number"],
                "redact_patterns":[{"name":"order","pattern":"order-[0-9]+","replacement":"order-…"}]}"#,
        );
        let processing = processing.unwrap().processing.unwrap();
        assert_eq!((processing.include.len(), processing.exclude.len()), (1, 2));
        assert_eq!(processing.sample.len(), 1);
        assert!(!processing.redaction.is_empty());
        assert!(config("{}").unwrap().processing.is_none());
    }

    #[test]
    fn errors_name_the_rule_and_the_field() {
        check(r#"{"exclude":{}}"#, &[".exclude: must be a list, is an object"]);
        check(
            r#"{"exclude":[{"name":"all"},{"name":"all","message":"("},{"name":"A","kinds":["starts"]},{"message":"x","a":1}]}"#,
            &[
                ".exclude[0]: matches every log event; set at least one of \"message\", \
                 \"log_group\", \"kinds\" and \"levels\"",
                ".exclude[1].message: invalid regular expression \"(\": unclosed group",
                ".exclude[2].kinds[0]: invalid value \"starts\": must be one of \"application\", \
                 \"init_start\", \"start\", \"end\", \"report\", \"timeout\", \"crash\", \
                 \"extension\", \"platform\"; did you mean \"start\"?",
                ".exclude[2].name: is \"A\", must be at most 40 characters of a to z, 0 to 9 and \
                 _",
                ".exclude[3].a: unknown field",
                ".exclude[3].name: is missing",
            ],
        );
        check(
            r#"{"exclude":[{"name":"all","message":"x"},{"name":"all","message":"y"}],"sample":[{"name":"all","ratio":0.5}]}"#,
            &[
                ".exclude[1].name: duplicate name \"all\": another rule has the same name",
                ".sample[0].name: duplicate name \"all\": another rule has the same name",
            ],
        );
        check(
            r#"{"sample":[{"name":"few","ratio":2},{"name":"fewer"}]}"#,
            &[
                ".sample[0].ratio: invalid value 2: must be between 0 and 1",
                ".sample[1].ratio: is missing",
            ],
        );
        check(
            r#"{"redact":["mail"]}"#,
            &[".redact[0]: invalid value \"mail\": must be one of \"email\", \"ipv4\", \
                 \"ipv6\", \"bearer_token\", \"aws_access_key\", \"aws_secret_key\", \
                 \"card_number\"; did you mean \"email\"?"],
        );
        check(
            r#"{"redact_patterns":[{"name":"email","pattern":"x*"}]}"#,
            &[
                ".redact_patterns[0].name: is reserved; choose another name",
                ".redact_patterns[0].pattern: matches the empty string, and therefore every \
                 message",
            ],
        );
    }
}
