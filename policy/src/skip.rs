use std::fmt;

use crate::{LogGroupClass, LoopGuard};

/// Why a selected log group is not subscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The destination or a resource behind it writes to it, by this path: log recursion.
    Loop(String),
    /// Its class has no subscription filters.
    Class(LogGroupClass),
    /// It cannot take our filter, and the policy skips such groups.
    Obstacle(Obstacle),
}

/// What keeps our filter off a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// AWS refused another filter, and the group's filters are still the same.
    Full,
    /// A foreign filter holds our name and ships to this destination.
    NameTaken(String),
    /// The policy may not write to the group, as AWS said in these words.
    Denied(String),
    /// AWS rejected filters for the group's class, in these words.
    Class(String),
}

impl Skip {
    /// Why a group is skipped, if it is.
    #[must_use]
    pub fn of(name: &str, class: &LogGroupClass, guard: &LoopGuard) -> Option<Self> {
        if let Some(why) = guard.why(name) {
            Some(Self::Loop(why.into_owned()))
        } else if class.may_have_filters() {
            None
        } else {
            Some(Self::Class(class.clone()))
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop(why) => write!(f, "loop: {why}"),
            Self::Class(class) => {
                write!(f, "class: subscription filters require STANDARD, and this is {class}")
            }
            Self::Obstacle(Obstacle::Full) => {
                f.write_str("full: the log group is at its quota of subscription filters")
            }
            Self::Obstacle(Obstacle::NameTaken(by)) => {
                write!(f, "name taken: another owner's filter with this name forwards to {by}")
            }
            Self::Obstacle(Obstacle::Denied(why)) => write!(f, "denied: {why}"),
            Self::Obstacle(Obstacle::Class(why)) => write!(f, "class: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Destination;

    #[test]
    fn a_loop_is_the_first_reason() {
        let guard = LoopGuard::by_name(&Destination::Function { name: "shipper".into() });
        let of = |name, class| Skip::of(name, class, &guard).map(|skip| skip.to_string());
        assert_eq!(of("/aws/lambda/checkout", &LogGroupClass::Standard), None);
        assert_eq!(
            of("/aws/lambda/shipper", &LogGroupClass::InfrequentAccess).as_deref(),
            Some("loop: the destination itself writes to this log group")
        );
        assert_eq!(
            of("/aws/lambda/checkout", &LogGroupClass::InfrequentAccess).as_deref(),
            Some("class: subscription filters require STANDARD, and this is INFREQUENT_ACCESS")
        );
    }
}
