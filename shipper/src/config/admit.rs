//! The configuration of what is sent.

use std::collections::BTreeSet;

use regex::Regex;

use super::fields::Fields;
use crate::admit::{
    Admission, Condition, NOT_INCLUDED, Named, Pattern, Redaction, Rule, Share, Wording,
};
use crate::counts::OWN_LOG_GROUP;
use crate::destination::Class;
use crate::line::{Kind, Level};

/// Whether a rule may be about all lines.
#[derive(Clone, Copy, PartialEq)]
enum Reach {
    All,
    Some,
}

/// Reads `admit`.
pub(super) fn read(root: &mut Fields<'_, '_>) -> Option<Admission> {
    let mut fields = root.optional_object("admit")?;
    let mut names = BTreeSet::new();
    let include = fields.each("include", |fields| rule(fields, &mut names, Reach::Some));
    let exclude = fields.each("exclude", |fields| rule(fields, &mut names, Reach::Some));
    let sample = fields.each("sample", |fields| {
        let rule = rule(fields, &mut names, Reach::All);
        let share = fields.share("keep");
        Some((rule?, Share::new(share?)))
    });
    let named = fields.choices("redact", &Named::ALL.map(Named::name));
    let own = fields.each("redact_patterns", |fields| pattern(fields, &mut names));
    let named = Named::ALL.into_iter().filter(|known| named.contains(&known.name()));
    // Own patterns come first: they know better what they mean.
    let redaction = Redaction::new(own.into_iter().chain(named.map(Pattern::named)).collect());
    fields.finish();
    Admission::new(include, exclude, sample, redaction)
}

fn rule(fields: &mut Fields<'_, '_>, names: &mut BTreeSet<String>, reach: Reach) -> Option<Rule> {
    let name = name(fields, names);
    let message = optional_pattern(fields, "message", Wording::new);
    let log_group = optional_pattern(fields, "log_group", Regex::new);
    let kinds = fields.choices("kinds", &Kind::ALL.map(Kind::name));
    let levels = fields.choices("levels", &Level::ALL.map(Level::name));
    let mut conditions = Vec::new();
    if !kinds.is_empty() {
        let kinds = Kind::ALL.into_iter().filter(|kind| kinds.contains(&kind.name()));
        conditions.push(Condition::Kinds(kinds.collect()));
    }
    if !levels.is_empty() {
        let levels = Level::ALL.into_iter().filter(|level| levels.contains(&level.name()));
        conditions.push(Condition::Levels(levels.collect()));
    }
    conditions.extend(log_group.map(Condition::LogGroup));
    if reach == Reach::Some {
        fields.at_least_one_of(
            &["message", "log_group", "kinds", "levels"],
            "is about every line; give at least one of \"message\", \"log_group\", \"kinds\" and \
             \"levels\"",
        );
    }
    Some(Rule { name: name?, message, conditions })
}

fn pattern(fields: &mut Fields<'_, '_>, names: &mut BTreeSet<String>) -> Option<Pattern> {
    let name = name(fields, names);
    let text = fields.text("pattern");
    let regex = text.and_then(|text| compile(fields, "pattern", text, Regex::new));
    let replacement = fields.optional_text("replacement");
    let regex = regex?;
    if regex.is_match("") {
        fields.mistake_in("pattern", "matches an empty text, and so everywhere");
        return None;
    }
    Some(Pattern::own(name?, regex, replacement))
}

/// Reads a name, which is counted under and so must be one of its own.
fn name(fields: &mut Fields<'_, '_>, names: &mut BTreeSet<String>) -> Option<Class> {
    const LONGEST: usize = 40;

    let name = fields.like("^[a-z0-9_]{1,40}$").text("name")?;
    let has_the_form = name.len() <= LONGEST
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let is_ours = [NOT_INCLUDED.as_str(), OWN_LOG_GROUP.as_str()].contains(&name)
        || Named::ALL.map(Named::name).contains(&name);
    if !has_the_form {
        fields.mistake_in(
            "name",
            &format!("is {name:?}, must be at most {LONGEST} of a to z, 0 to 9 and _"),
        );
    } else if is_ours {
        fields.mistake_in("name", &format!("is {name:?}, which means something else already"));
    } else if !names.insert(name.to_owned()) {
        fields.mistake_in("name", &format!("is {name:?}, as another rule's is already"));
    } else {
        return Some(Class::from_service(name));
    }
    None
}

fn optional_pattern<T>(
    fields: &mut Fields<'_, '_>,
    name: &str,
    make: impl FnOnce(&str) -> Result<T, regex::Error>,
) -> Option<T> {
    let text = fields.optional_text(name)?;
    compile(fields, name, text, make)
}

/// Makes of a regular expression what is needed, or says what is wrong with it.
fn compile<T>(
    fields: &mut Fields<'_, '_>,
    name: &str,
    text: &str,
    make: impl FnOnce(&str) -> Result<T, regex::Error>,
) -> Option<T> {
    match make(text) {
        Ok(made) => Some(made),
        Err(error) => {
            // The last line says what is wrong, those before it show where.
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            fields.mistake_in(
                name,
                &format!("is {text:?}, which is no regular expression: {reason}"),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn config(admit: &str) -> Result<Config, String> {
        let document = format!(
            r#"{{"destinations":{{"x":{{"type":"logzio","token":"t"}}}},"admit":{admit}}}"#
        );
        Config::parse(&document).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check(admit: &str, mistakes: &[&str]) {
        let count = mistakes.len();
        let plural = if count == 1 { "" } else { "s" };
        let list: String = mistakes.iter().map(|mistake| format!("\n  admit{mistake}")).collect();
        let expected = format!("LOGAGG_CONFIG has {count} mistake{plural}:{list}");
        assert_eq!(config(admit).err(), Some(expected), "{admit}");
    }

    #[test]
    fn everything_can_be_said() {
        let admission = config(
            r#"{"include":[{"name":"shop","log_group":"^/aws/lambda/shop-"}],
                "exclude":[{"name":"noise","kinds":["start","end"]},{"name":"debug","levels":["trace","debug"],"message":"x"}],
                "sample":[{"name":"few","keep":0.1}],
                "redact":["email","card_number"],
                "redact_patterns":[{"name":"order","pattern":"order-[0-9]+","replacement":"order-…"}]}"#,
        );
        let admission = admission.unwrap().admission.unwrap();
        assert_eq!((admission.include.len(), admission.exclude.len()), (1, 2));
        assert_eq!(admission.sample.len(), 1);
        assert!(!admission.redaction.is_empty());
        assert!(config("{}").unwrap().admission.is_none());
    }

    #[test]
    fn mistakes_name_the_rule_and_the_field() {
        check(r#"{"exclude":{}}"#, &[".exclude: must be a list, is an object"]);
        check(
            r#"{"exclude":[{"name":"all"},{"name":"all","message":"("},{"name":"A","kinds":["starts"]},{"message":"x","a":1}]}"#,
            &[
                ".exclude[0]: is about every line; give at least one of \"message\", \"log_group\", \"kinds\" and \"levels\"",
                ".exclude[1].name: is \"all\", as another rule's is already",
                ".exclude[1].message: is \"(\", which is no regular expression: unclosed group",
                ".exclude[2].name: is \"A\", must be at most 40 of a to z, 0 to 9 and _",
                ".exclude[2].kinds[0]: is \"starts\", must be one of \"application\", \"init_start\", \"start\", \"end\", \"report\", \"timeout\", \"crash\", \"extension\", \"platform\"; did you mean \"start\"?",
                ".exclude[3].name: is missing",
                ".exclude[3].a: is not known",
            ],
        );
        check(
            r#"{"sample":[{"name":"few","keep":2},{"name":"fewer"}]}"#,
            &[".sample[0].keep: is 2, must be a number from 0 to 1", ".sample[1].keep: is missing"],
        );
        check(
            r#"{"redact":["mail"]}"#,
            &[
                ".redact[0]: is \"mail\", must be one of \"email\", \"ipv4\", \"ipv6\", \"bearer_token\", \"aws_access_key\", \"aws_secret_key\", \"card_number\"; did you mean \"email\"?",
            ],
        );
        check(
            r#"{"redact_patterns":[{"name":"email","pattern":"x*"}]}"#,
            &[
                ".redact_patterns[0].name: is \"email\", which means something else already",
                ".redact_patterns[0].pattern: matches an empty text, and so everywhere",
            ],
        );
    }
}
