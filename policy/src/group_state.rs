use std::fmt;
use std::str::FromStr;

use crate::{Argument, Retention};

/// How a log group stands, or how it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupState {
    /// None where nothing is shipped from the group: it is skipped, or the policy ships nothing.
    pub subscription: Option<Subscription>,
    /// A retention.
    pub retention: Retention,
    /// Whether it is protected from deletion; None where the policy does not say whether it is to
    /// be.
    pub deletion_protection: Option<bool>,
}

/// How the subscription of a log group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// The filter is there, as wanted.
    Active,
    /// There is no such filter.
    Missing,
    /// There is one, and these arguments are not as wanted.
    Differs(Vec<Argument>),
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("active"),
            Self::Missing => f.write_str("missing"),
            Self::Differs(arguments) => {
                let names: Vec<_> = arguments.iter().map(|argument| argument.name()).collect();
                write!(f, "differs ({})", names.join(", "))
            }
        }
    }
}

impl FromStr for Subscription {
    type Err = UnknownSubscription;

    fn from_str(text: &str) -> Result<Self, UnknownSubscription> {
        let unknown = || UnknownSubscription { text: text.to_owned() };
        match text {
            "active" => Ok(Self::Active),
            "missing" => Ok(Self::Missing),
            _ => {
                let names = text.strip_prefix("differs (").and_then(|rest| rest.strip_suffix(')'));
                let arguments: Option<Vec<_>> =
                    names.ok_or_else(unknown)?.split(", ").map(Argument::named).collect();
                arguments.map(Self::Differs).ok_or_else(unknown)
            }
        }
    }
}

/// A text that no version of this wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the state of a subscription")]
pub struct UnknownSubscription {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_reads_back_as_it_was_written() {
        for (subscription, text) in [
            (Subscription::Active, "active"),
            (Subscription::Missing, "missing"),
            (
                Subscription::Differs(vec![Argument::DestinationArn, Argument::FilterPattern]),
                "differs (destination_arn, filter_pattern)",
            ),
        ] {
            assert_eq!(subscription.to_string(), text);
            assert_eq!(text.parse(), Ok(subscription));
        }
    }

    #[test]
    fn an_unknown_state_is_rejected() {
        for text in ["", "Active", "differs ()", "differs (color)", "differs (role_arn"] {
            assert!(text.parse::<Subscription>().is_err(), "{text}");
        }
    }
}
