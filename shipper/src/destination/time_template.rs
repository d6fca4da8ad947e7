//! Names with date fields: of daily indices and hourly objects.

use std::time::{Duration, SystemTime};

use super::json;

/// A name with date fields in braces: `logs-{yyyy.MM.dd}`, `{yyyy}/{MM}/{dd}/{HH}/`. Times are
/// those of log events, in UTC.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Year,
    Month,
    Day,
    Hour,
}

/// Why a template is invalid.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TimeTemplateError {
    /// A brace is not closed or not opened.
    #[error("has an unmatched brace")]
    Unbalanced,
    /// A field in braces is unknown.
    #[error("has the unknown time field {{{0}}}: use yyyy, MM, dd and HH, as in {{yyyy.MM.dd}}")]
    Unknown(String),
}

impl TimeTemplate {
    /// Parses a template.
    pub fn parse(name: &str) -> Result<Self, TimeTemplateError> {
        let mut parts = Vec::new();
        let mut rest = name;
        while let Some(brace) = rest.find(['{', '}']) {
            let (text, after) = rest.split_at(brace);
            push(text, &mut parts);
            let inside = after.strip_prefix('{').ok_or(TimeTemplateError::Unbalanced)?;
            let (inside, after) = inside.split_once('}').ok_or(TimeTemplateError::Unbalanced)?;
            times(inside, &mut parts)?;
            rest = after;
        }
        push(rest, &mut parts);
        Ok(Self(parts))
    }

    /// The name, if it has no date fields.
    pub fn constant(&self) -> Option<&str> {
        match &self.0[..] {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The name at the beginning of 1970, for validation by a destination's rules.
    pub fn at_1970(&self) -> String {
        self.at(SystemTime::UNIX_EPOCH)
    }

    /// The name at a time.
    pub(crate) fn at(&self, time: SystemTime) -> String {
        let mut name = Vec::new();
        self.write(time, &mut name);
        String::from_utf8_lossy(&name).into_owned()
    }

    /// Appends the name at a time.
    pub(super) fn write(&self, time: SystemTime, name: &mut Vec<u8>) {
        let mut date = Vec::with_capacity(32);
        json::time(time, &mut date);
        // `2023-11-06T10:00:00.123Z`; no log event has a year after 9999.
        let part = |start: usize, end: usize| date.get(start..end).unwrap_or_default();
        for piece in &self.0 {
            name.extend_from_slice(match piece {
                Part::Text(text) => text.as_bytes(),
                Part::Year => part(0, 4),
                Part::Month => part(5, 7),
                Part::Day => part(8, 10),
                Part::Hour => part(11, 13),
            });
        }
    }
}

/// Whether two times have the same name in any template.
pub(super) fn same_hour(one: SystemTime, other: SystemTime) -> bool {
    let hour = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        since.as_secs() / 3_600
    };
    hour(one) == hour(other)
}

fn push(text: &str, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// Parses the content of braces: date fields, and the separators between them.
fn times(inside: &str, parts: &mut Vec<Part>) -> Result<(), TimeTemplateError> {
    static TIMES: [(&str, Part); 4] =
        [("yyyy", Part::Year), ("MM", Part::Month), ("dd", Part::Day), ("HH", Part::Hour)];

    let unknown = || TimeTemplateError::Unknown(inside.to_owned());
    let mut rest = inside;
    if rest.is_empty() {
        return Err(unknown());
    }
    while !rest.is_empty() {
        let found = TIMES.iter().find_map(|(name, part)| Some((part, rest.strip_prefix(name)?)));
        if let Some((part, after)) = found {
            parts.push(part.clone());
            rest = after;
        } else if let Some(after) = rest.strip_prefix(['.', '-', '_', '/']) {
            push(&rest[..1], parts);
            rest = after;
        } else {
            return Err(unknown());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str) -> String {
        let mut written = Vec::new();
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_699_264_800_123);
        TimeTemplate::parse(name).unwrap().write(time, &mut written);
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn braces_contain_date_fields() {
        assert_eq!(written("logs-{yyyy.MM.dd}"), "logs-2023.11.06");
        assert_eq!(written("logs/year={yyyy}/{MM}-{dd}/{HH}/"), "logs/year=2023/11-06/10/");
        assert_eq!(written("{yyyyMMddHH}x"), "2023110610x");
        assert_eq!(written("plain"), "plain");
        assert_eq!(TimeTemplate::parse("plain").unwrap().constant(), Some("plain"));
        assert_eq!(TimeTemplate::parse("").unwrap().constant(), Some(""));
        assert_eq!(TimeTemplate::parse("a{dd}").unwrap().constant(), None);
    }

    #[test]
    fn an_unknown_date_field_is_an_error() {
        for name in ["{", "a}", "{yyyy", "yyyy}", "{dd}}"] {
            assert_eq!(TimeTemplate::parse(name), Err(TimeTemplateError::Unbalanced), "{name}");
        }
        for inside in ["", "YYYY", "yyyy MM", "ss", "{dd"] {
            let error = TimeTemplate::parse(&format!("a-{{{inside}}}"));
            assert_eq!(error, Err(TimeTemplateError::Unknown(inside.to_owned())), "{inside}");
        }
    }

    #[test]
    fn same_hour_compares_clock_hours() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(same_hour(at(3_600), at(7_199)));
        assert!(!same_hour(at(3_599), at(3_600)));
    }
}
