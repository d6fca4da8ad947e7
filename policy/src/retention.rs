use std::fmt;

/// How long a log group keeps its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retention {
    /// Kept for ever, which is what a log group is born with.
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
        write!(f, "CloudWatch Logs does not keep events for {days} days; ")?;
        match (below, above) {
            (Some(below), Some(above)) => write!(f, "the nearest it takes are {below} and {above}"),
            (None, Some(above)) => {
                write!(f, "the shortest it takes is {above}, and 0 means never expire")
            }
            (Some(below), None) => {
                write!(f, "the longest it takes is {below}, and 0 means never expire")
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
    fn takes_what_aws_takes_and_nothing_else() {
        for days in -10..4000 {
            let taken = Retention::parse(days).is_ok();
            let allowed = days == 0 || DAYS.iter().any(|allowed| i64::from(*allowed) == days);
            assert_eq!(taken, allowed, "{days}");
        }
    }

    #[test]
    fn an_error_names_the_neighbours() {
        let check = |days, expected: &str| {
            let error = Retention::parse(days).unwrap_err().to_string();
            assert_eq!(error, expected);
        };
        check(
            31,
            "CloudWatch Logs does not keep events for 31 days; the nearest it takes are 30 and 60",
        );
        check(
            -1,
            "CloudWatch Logs does not keep events for -1 days; the shortest it takes is 1, and 0 means never expire",
        );
        check(
            4000,
            "CloudWatch Logs does not keep events for 4000 days; the longest it takes is 3653, and 0 means never expire",
        );
    }

    #[test]
    fn believes_a_number_that_aws_reports() {
        assert_eq!(Retention::reported(None), Retention::Never);
        assert_eq!(Retention::reported(Some(30)), Retention::Days(30));
        assert_eq!(Retention::reported(Some(4000)), Retention::Days(4000));
    }
}
