use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How long a log group keeps its events. It is serialized in days, 0 for never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "i64", into = "i64")]
pub enum Retention {
    /// Events never expire: the default of a new log group.
    Never,
    /// Deleted after this many days: one of the values CloudWatch Logs takes.
    Days(u16),
}

/// The days CloudWatch Logs takes.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const DAYS: [u16; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl Retention {
    /// From the number in a configuration, where 0 is never expire, as in the AWS provider.
    ///
    /// # Errors
    /// When CloudWatch Logs does not take the number; the error names the nearest that it takes.
    pub fn parse(days: i64) -> Result<Self, InvalidRetention> {
        if days == 0 {
            return Ok(Self::Never);
        }
        DAYS.iter()
            .find(|allowed| i64::from(**allowed) == days)
            .map(|allowed| Self::Days(*allowed))
            .ok_or(InvalidRetention { days })
    }

    /// From what AWS reported: absent is never. A number that is not in our list is believed,
    /// since AWS may have added one.
    #[must_use]
    pub fn reported(days: Option<i32>) -> Self {
        match days.map(u16::try_from) {
            Some(Ok(days)) if days > 0 => Self::Days(days),
            _ => Self::Never,
        }
    }

    /// The number as a configuration writes it: 0 for never.
    #[must_use]
    pub fn in_days(self) -> i64 {
        match self {
            Self::Never => 0,
            Self::Days(days) => i64::from(days),
        }
    }
}

/// As [`Retention::reported`].
impl From<i64> for Retention {
    fn from(days: i64) -> Self {
        Self::reported(i32::try_from(days).ok())
    }
}

impl From<Retention> for i64 {
    fn from(retention: Retention) -> Self {
        retention.in_days()
    }
}

/// How a policy's retention stands to what a log group has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetentionMode {
    /// Every group keeps its events for exactly so long.
    #[default]
    Exact,
    /// A group that keeps them longer is left alone.
    AtLeast,
    /// A group that keeps them for less is left alone.
    AtMost,
    /// Only a log group that never expires is changed.
    IfUnset,
}

impl RetentionMode {
    /// The retention that a policy with `says` wants for a log group that has `current`.
    #[must_use]
    pub fn desired(self, says: Retention, current: Retention) -> Retention {
        let leave = match self {
            Self::Exact => false,
            Self::AtLeast => current >= says,
            Self::AtMost => current <= says,
            Self::IfUnset => current != Retention::Never,
        };
        if leave { current } else { says }
    }
}

impl fmt::Display for RetentionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
            Self::IfUnset => "if_unset",
        })
    }
}

impl FromStr for RetentionMode {
    type Err = UnknownRetentionMode;

    fn from_str(text: &str) -> Result<Self, UnknownRetentionMode> {
        match text {
            "exact" => Ok(Self::Exact),
            "at_least" => Ok(Self::AtLeast),
            "at_most" => Ok(Self::AtMost),
            "if_unset" => Ok(Self::IfUnset),
            _ => Err(UnknownRetentionMode { text: text.to_owned() }),
        }
    }
}

/// A text that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a retention mode: it must be \"exact\", \"at_least\", \"at_most\" or \
     \"if_unset\""
)]
pub struct UnknownRetentionMode {
    text: String,
}

/// What becomes of a property of a log group, such as its retention, when a policy lets the group
/// go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDestroy {
    /// It stays as the policy set it.
    #[default]
    Keep,
    /// It becomes what it was before the policy's first write, if it is still the policy's.
    Restore,
}

impl FromStr for OnDestroy {
    type Err = UnknownOnDestroy;

    fn from_str(text: &str) -> Result<Self, UnknownOnDestroy> {
        match text {
            "keep" => Ok(Self::Keep),
            "restore" => Ok(Self::Restore),
            _ => Err(UnknownOnDestroy { text: text.to_owned() }),
        }
    }
}

/// A text that does not say that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} must be \"keep\" or \"restore\"")]
pub struct UnknownOnDestroy {
    text: String,
}

/// A retention is less than another if events are gone sooner.
impl Ord for Retention {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Never, Self::Never) => Ordering::Equal,
            (Self::Never, Self::Days(_)) => Ordering::Greater,
            (Self::Days(_), Self::Never) => Ordering::Less,
            (Self::Days(a), Self::Days(b)) => a.cmp(b),
        }
    }
}

impl PartialOrd for Retention {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never expire"),
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
        }
    }
}

/// A number of days that CloudWatch Logs does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRetention {
    days: i64,
}

impl fmt::Display for InvalidRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.days;
        let below = DAYS.iter().rev().find(|allowed| i64::from(**allowed) < days);
        let above = DAYS.iter().find(|allowed| i64::from(**allowed) > days);
        write!(f, "CloudWatch Logs does not support a retention of {days} days; ")?;
        match (below, above) {
            (Some(below), Some(above)) => write!(f, "the nearest values are {below} and {above}"),
            (None, Some(above)) => {
                write!(f, "the shortest is {above}, and 0 means never expire")
            }
            (Some(below), None) => {
                write!(f, "the longest is {below}, and 0 means never expire")
            }
            (None, None) => f.write_str("0 means never expire"),
        }
    }
}

impl std::error::Error for InvalidRetention {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_never_expire() {
        assert_eq!(Retention::parse(0), Ok(Retention::Never));
        assert_eq!(Retention::Never.in_days(), 0);
    }

    #[test]
    fn accepts_only_the_retentions_of_aws() {
        for days in -10..4000 {
            let taken = Retention::parse(days).is_ok();
            let allowed = days == 0 || DAYS.iter().any(|allowed| i64::from(*allowed) == days);
            assert_eq!(taken, allowed, "{days}");
        }
    }

    #[test]
    fn an_error_names_the_neighbors() {
        let check = |days, expected: &str| {
            let error = Retention::parse(days).unwrap_err().to_string();
            assert_eq!(error, expected);
        };
        check(
            31,
            "CloudWatch Logs does not support a retention of 31 days; the nearest values are 30 \
             and 60",
        );
        check(
            -1,
            "CloudWatch Logs does not support a retention of -1 days; the shortest is 1, and 0 \
             means never expire",
        );
        check(
            4000,
            "CloudWatch Logs does not support a retention of 4000 days; the longest is 3653, and 0 \
             means never expire",
        );
    }

    #[test]
    fn modes_keep_retentions_that_satisfy_them() {
        let (week, month) = (Retention::Days(7), Retention::Days(30));
        let never = Retention::Never;
        let check = |mode: &str, expected: [Retention; 3]| {
            let mode: RetentionMode = mode.parse().unwrap();
            assert_eq!(
                [week, month, never].map(|current| mode.desired(month, current)),
                expected,
                "{mode:?}"
            );
        };
        check("exact", [month, month, month]);
        check("at_least", [month, month, never]);
        check("at_most", [week, month, month]);
        check("if_unset", [week, month, month]);
        assert_eq!(RetentionMode::AtMost.desired(never, month), month);
        assert_eq!(RetentionMode::AtLeast.desired(never, month), never);
        assert!("sometimes".parse::<RetentionMode>().is_err());
    }

    #[test]
    fn believes_a_number_that_aws_reports() {
        assert_eq!(Retention::reported(None), Retention::Never);
        assert_eq!(Retention::reported(Some(30)), Retention::Days(30));
        assert_eq!(Retention::reported(Some(4000)), Retention::Days(4000));
    }
}
