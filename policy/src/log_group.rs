use std::fmt;
use std::str::FromStr;

use crate::Retention;

/// A log group as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    /// As in `/aws/lambda/checkout`.
    pub name: String,
    /// What the group can do.
    pub class: LogGroupClass,
    /// How long it keeps its events.
    pub retention: Retention,
    /// The account-level retention policy that sets its retention, by name. Its own retention has
    /// no effect then, and is not reported.
    pub governed_by: Option<String>,
    /// Whether CloudWatch Logs refuses to delete it.
    pub is_protected: bool,
    /// Its ARN, without the `:*` that some operations append.
    pub arn: String,
    /// What it holds, in bytes before compression.
    pub stored_bytes: u64,
    /// When it was created, in milliseconds since 1970: distinguishes it from a recreated log group
    /// of the same name.
    pub created_ms: i64,
}

/// The class of a log group, set when it is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogGroupClass {
    /// Everything.
    Standard,
    /// Cheaper to write to, and without subscription filters.
    InfrequentAccess,
    /// For AWS's own delivery: retention is forced and calls are rejected.
    Delivery,
    /// Cheaper, with fewer features. AWS does not say whether subscription filters are among them.
    Essentials,
    /// One that AWS added after this was written.
    Other(String),
}

impl LogGroupClass {
    /// From what AWS reported; absent is the standard class.
    #[must_use]
    pub fn reported(class: Option<&str>) -> Self {
        match class {
            None | Some("STANDARD") => Self::Standard,
            Some("INFREQUENT_ACCESS") => Self::InfrequentAccess,
            Some("DELIVERY") => Self::Delivery,
            Some("ESSENTIALS") => Self::Essentials,
            Some(other) => Self::Other(other.to_owned()),
        }
    }

    /// Whether a group of this class may have subscription filters.
    #[must_use]
    pub fn may_have_filters(&self) -> bool {
        matches!(self, Self::Standard | Self::Essentials)
    }

    /// Whether AWS may reject them for the class: only the call shows it.
    #[must_use]
    pub fn may_reject_filters(&self) -> bool {
        matches!(self, Self::Essentials)
    }

    /// Whether a group of this class takes a retention and a deletion protection of ours.
    #[must_use]
    pub fn is_changeable(&self) -> bool {
        !matches!(self, Self::Delivery)
    }
}

impl fmt::Display for LogGroupClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "STANDARD",
            Self::InfrequentAccess => "INFREQUENT_ACCESS",
            Self::Delivery => "DELIVERY",
            Self::Essentials => "ESSENTIALS",
            Self::Other(other) => other,
        })
    }
}

impl FromStr for LogGroupClass {
    type Err = UnknownLogGroupClass;

    fn from_str(text: &str) -> Result<Self, UnknownLogGroupClass> {
        match Self::reported(Some(text)) {
            Self::Other(text) => Err(UnknownLogGroupClass { text }),
            known => Ok(known),
        }
    }
}

/// A text that names no class.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a log group class: it must be one of STANDARD, INFREQUENT_ACCESS, DELIVERY, \
     ESSENTIALS"
)]
pub struct UnknownLogGroupClass {
    text: String,
}

/// The longest name a log group can have.
const MAX_NAME_CHARACTERS: usize = 512;

/// Says whether a text can be a log group's name, or the beginning of one.
///
/// # Errors
/// When no log group can have it, with the character that is in the way.
pub fn check_log_group_name(name: &str) -> Result<(), InvalidLogGroupName> {
    if name.is_empty() {
        return Err(InvalidLogGroupName::Empty);
    }
    let wrong = name
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#')));
    if let Some(character) = wrong {
        return Err(InvalidLogGroupName::Character { name: name.to_owned(), character });
    }
    if name.len() > MAX_NAME_CHARACTERS {
        return Err(InvalidLogGroupName::Long { characters: name.len() });
    }
    Ok(())
}

/// A text that cannot be a log group's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogGroupName {
    /// There is none.
    #[error("a log group's name cannot be empty")]
    Empty,
    /// It stores a character that names do not have.
    #[error(
        "{name:?} is not a valid log group name: it contains {character:?}, and names consist of \
         letters, digits and . - _ / #"
    )]
    Character {
        /// The whole text.
        name: String,
        /// The first one in the way.
        character: char,
    },
    /// It is too long.
    #[error("a log group's name has at most 512 characters, and this one has {characters}")]
    Long {
        /// How long it is.
        characters: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_error_names_the_invalid_character() {
        assert_eq!(check_log_group_name("/aws/lambda/a_b-c.d#1"), Ok(()));
        let error = check_log_group_name("/aws/lambda/*").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"/aws/lambda/*\" is not a valid log group name: it contains '*', and names consist \
             of letters, digits and . - _ / #"
        );
    }

    #[test]
    fn a_name_has_one_to_512_characters() {
        assert_eq!(check_log_group_name(""), Err(InvalidLogGroupName::Empty));
        assert_eq!(check_log_group_name(&"a".repeat(512)), Ok(()));
        assert_eq!(
            check_log_group_name(&"a".repeat(513)),
            Err(InvalidLogGroupName::Long { characters: 513 })
        );
    }

    #[test]
    fn a_class_that_is_not_known_keeps_its_name() {
        assert_eq!(LogGroupClass::reported(None), LogGroupClass::Standard);
        assert_eq!(LogGroupClass::reported(Some("GLACIAL")).to_string(), "GLACIAL");
    }
}
