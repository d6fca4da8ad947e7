use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use logagg_policy::{LogGroup, Retention};

/// What CloudWatch Logs asks for storing a gigabyte for a month, in dollars. It differs by region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Price(f64);

/// That of us-east-1. <https://aws.amazon.com/cloudwatch/pricing/>
const USUAL: Price = Price(0.03);

/// As in [`size`](crate::diagnostics::words::size).
const GB: f64 = 1e9;

/// Much more than any region asks for.
const MOST: f64 = 100.0;

const DAY: Duration = Duration::from_hours(24);

impl Price {
    /// What storing so much costs a month.
    pub(super) fn of(self, bytes: u64) -> Dollars {
        Dollars(bytes as f64 / GB * self.0)
    }
}

impl Default for Price {
    fn default() -> Self {
        USUAL
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl FromStr for Price {
    type Err = NoPrice;

    fn from_str(text: &str) -> Result<Self, NoPrice> {
        let price = text.parse().ok().filter(|price| (0.0..=MOST).contains(price));
        price.map(Self).ok_or_else(|| NoPrice { text: text.to_owned() })
    }
}

/// A string that is no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a price from 0 to {MOST} dollars")]
pub(super) struct NoPrice {
    text: String,
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Dollars(f64);

impl Dollars {
    const CENT: f64 = 0.01;

    /// In a sentence.
    pub(super) fn in_words(self) -> String {
        let little = self.0 > 0.0 && self.0 < Self::CENT;
        if little { "less than $0.01".to_owned() } else { format!("about {self}") }
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 0.0 && self.0 < Self::CENT {
            return f.write_str("< $0.01");
        }
        let text = format!("{:.2}", self.0);
        let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
        let mut grouped = String::new();
        for (target, digit) in whole.chars().enumerate() {
            if target > 0 && (whole.len() - target).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        write!(f, "${grouped}.{cents}")
    }
}

/// How much of what a log group holds is older than a retention, and so would be deleted.
///
/// AWS does not report the age of stored data. The estimate assumes that the log group started
/// empty and that its daily volume grew steadily: the old part is then the square of what it is
/// with a constant volume.
pub(super) fn deleted_bytes(group: &LogGroup, desired: Retention, now: SystemTime) -> u64 {
    let (Some(age), Retention::Days(desired)) = (age_in_days(group, now), desired) else {
        return 0;
    };
    let held = match group.retention {
        Retention::Days(days) => age.min(f64::from(days)),
        Retention::Never => age,
    };
    let old = (held - f64::from(desired)).max(0.0);
    if old == 0.0 {
        return 0;
    }
    (group.stored_bytes as f64 * (old / held).powi(2)) as u64
}

/// None if the creation time is missing or in the future.
fn age_in_days(group: &LogGroup, now: SystemTime) -> Option<f64> {
    let created = u64::try_from(group.created_ms).ok().filter(|created| *created > 0)?;
    let age = now.duration_since(SystemTime::UNIX_EPOCH + Duration::from_millis(created)).ok()?;
    Some(age.as_secs_f64() / DAY.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use logagg_policy::LogGroupClass;

    const NOW: Duration = Duration::from_hours(24 * 20_000);

    fn deleted(age_days: u64, current: i64, desired: i64) -> u64 {
        let created = NOW - Duration::from_hours(24 * age_days);
        let group = LogGroup {
            name: "/a".to_owned(),
            class: LogGroupClass::Standard,
            retention: Retention::parse(current).unwrap(),
            arn: String::new(),
            stored_bytes: 1_000,
            created_ms: i64::try_from(created.as_millis()).unwrap(),
        };
        let desired = Retention::parse(desired).unwrap();
        deleted_bytes(&group, desired, SystemTime::UNIX_EPOCH + NOW)
    }

    #[test]
    fn bytes_older_than_the_retention_are_deleted() {
        assert_eq!(deleted(60, 0, 30), 250);
        assert_eq!(deleted(300, 0, 30), 810);
        assert_eq!(deleted(3_000, 60, 30), 250);
    }

    #[test]
    fn a_young_group_and_a_longer_retention_save_nothing() {
        assert_eq!(deleted(30, 0, 30), 0);
        assert_eq!(deleted(7, 0, 30), 0);
        assert_eq!(deleted(3_000, 7, 30), 0);
        assert_eq!(deleted(3_000, 30, 30), 0);
        assert_eq!(deleted(3_000, 30, 0), 0);
    }

    #[test]
    fn a_group_of_unknown_age_saves_nothing() {
        assert_eq!(deleted(20_000, 0, 30), 0);
    }

    #[test]
    fn dollars_have_cents_and_thousands_separators() {
        let check = |bytes: u64, expected: &str| {
            assert_eq!(Price::default().of(bytes).to_string(), expected);
        };
        check(0, "$0.00");
        check(1, "< $0.01");
        assert_eq!(Price::default().of(1).in_words(), "less than $0.01");
        assert_eq!(Price::default().of(1_000_000_000).in_words(), "about $0.03");
        check(1_000_000_000, "$0.03");
        check(41_250_000_000_000, "$1,237.50");
        check(41_250_000_000_000_000, "$1,237,500.00");
    }

    #[test]
    fn a_price_is_a_number_of_dollars() {
        assert_eq!("0.0314".parse::<Price>().unwrap().to_string(), "$0.0314");
        for text in ["", "-1", "NaN", "inf", "101", "3 cents"] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }
}
