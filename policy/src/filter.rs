use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::{Argument, Arn, Destination, Subscription};

/// A subscription filter: as one is wanted, or as one was found on a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Its name, which identifies it within its log group.
    pub name: String,
    /// Where the events go.
    pub destination_arn: String,
    /// Which events go; empty is all.
    pub pattern: String,
    /// The role CloudWatch Logs assumes to deliver.
    pub role_arn: Option<String>,
    /// How events are spread over a stream's shards.
    pub distribution: Distribution,
    /// Whether the pattern is held against events as a transformer left them.
    pub apply_on_transformed_logs: bool,
    /// Which events go, by the log group's fields.
    pub field_selection_criteria: Option<String>,
    /// The fields of CloudWatch Logs' own that go along, as in `@aws.account`.
    pub emit_system_fields: BTreeSet<String>,
}

impl SubscriptionFilter {
    /// One that ships every event, and has nothing but its name and its destination.
    #[must_use]
    pub fn new(name: impl Into<String>, destination_arn: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            destination_arn: destination_arn.into(),
            pattern: String::new(),
            role_arn: None,
            distribution: Distribution::default(),
            apply_on_transformed_logs: false,
            field_selection_criteria: None,
            emit_system_fields: BTreeSet::new(),
        }
    }

    /// Normalizes as CloudWatch Logs does: white space around a pattern or criteria has no meaning,
    /// a blank pattern is none, and only destinations with shards have a distribution. Applied to
    /// desired and current filters, so that another form of the same value is not drift.
    ///
    /// AWS returns `" "` as `""`:
    /// <https://github.com/hashicorp/terraform-provider-aws/issues/26319>. It accepts a
    /// distribution for a Firehose stream, and returns `ByLogStream` for a function that has none:
    /// <https://github.com/hashicorp/terraform-provider-aws/issues/8230>.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.pattern = self.pattern.trim().to_owned();
        let criteria = self.field_selection_criteria.map(|criteria| criteria.trim().to_owned());
        self.field_selection_criteria = criteria.filter(|criteria| !criteria.is_empty());
        self.role_arn = self.role_arn.filter(|role| !role.is_empty());
        if !self.takes_distribution() {
            self.distribution = Distribution::default();
        }
        self
    }

    /// The arguments in which this differs from another of the same name.
    #[must_use]
    pub fn differences(&self, wanted: &Self) -> Vec<Argument> {
        let mut differences = Vec::new();
        let mut note = |argument, differs| {
            if differs {
                differences.push(argument);
            }
        };
        note(Argument::DestinationArn, self.destination_arn != wanted.destination_arn);
        note(Argument::FilterPattern, self.pattern != wanted.pattern);
        note(Argument::RoleArn, self.role_arn != wanted.role_arn);
        note(Argument::Distribution, self.distribution != wanted.distribution);
        note(
            Argument::ApplyOnTransformedLogs,
            self.apply_on_transformed_logs != wanted.apply_on_transformed_logs,
        );
        note(
            Argument::FieldSelectionCriteria,
            self.field_selection_criteria != wanted.field_selection_criteria,
        );
        note(Argument::EmitSystemFields, self.emit_system_fields != wanted.emit_system_fields);
        differences
    }

    /// Whether its destination has shards to spread events over.
    #[must_use]
    pub fn takes_distribution(&self) -> bool {
        let arn = self.destination_arn.parse::<Arn>();
        arn.is_ok_and(|arn| Destination::of(&arn).is_ok_and(|to| to.takes_distribution()))
    }
}

/// How CloudWatch Logs spreads the events of a log group over a stream's shards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// The events of one log stream stay together.
    #[default]
    ByLogStream,
    /// Each event goes anywhere.
    Random,
    /// One that AWS added after this was written; found on filters, never configured.
    Other(String),
}

impl Distribution {
    /// From what AWS reported; absent is the default.
    #[must_use]
    pub fn reported(text: Option<&str>) -> Self {
        text.map_or_else(Self::default, |text| {
            text.parse().unwrap_or_else(|_| Self::Other(text.to_owned()))
        })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByLogStream => "ByLogStream",
            Self::Random => "Random",
            Self::Other(other) => other,
        })
    }
}

impl FromStr for Distribution {
    type Err = UnknownDistribution;

    fn from_str(text: &str) -> Result<Self, UnknownDistribution> {
        match text {
            "ByLogStream" => Ok(Self::ByLogStream),
            "Random" => Ok(Self::Random),
            _ => Err(UnknownDistribution { text: text.to_owned() }),
        }
    }
}

/// A text that names no distribution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a distribution: it must be \"ByLogStream\" or \"Random\"")]
pub struct UnknownDistribution {
    text: String,
}

/// Which filters belong to the policy: those with its filter name that forward to the destination
/// it had under that name, and those that forward to a replaced destination. Every other filter is
/// foreign: never updated and never deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Name and destination of the filters wanted now, and of those the policy had before.
    pub filters: BTreeSet<(String, String)>,
    /// The destinations to replace, whatever the names of the filters that ship there.
    pub replaced: BTreeSet<String>,
}

impl Ownership {
    /// That of a policy with filters of this name and destination.
    #[must_use]
    pub fn of(filter_name: Option<&str>, destination_arn: Option<&str>) -> Self {
        let filter = filter_name.zip(destination_arn);
        let filters = filter.map(|(name, arn)| (name.to_owned(), arn.to_owned()));
        Self { filters: filters.into_iter().collect(), replaced: BTreeSet::new() }
    }

    /// Whether a filter is ours.
    #[must_use]
    pub fn owns(&self, filter: &SubscriptionFilter) -> bool {
        self.made(filter) || self.replaced.contains(&filter.destination_arn)
    }

    /// Whether a filter is of the policy's own making. One that is ours only to be replaced is
    /// left alone where nothing takes its place.
    #[must_use]
    pub fn made(&self, filter: &SubscriptionFilter) -> bool {
        self.filters.contains(&(filter.name.clone(), filter.destination_arn.clone()))
    }

    /// Whether filters of the policy have this name.
    #[must_use]
    pub fn names(&self, filter_name: &str) -> bool {
        self.filters.iter().any(|(name, _)| name == filter_name)
    }

    /// The filters that are ours.
    pub fn ours<'a>(
        &'a self,
        filters: &'a [SubscriptionFilter],
    ) -> impl Iterator<Item = &'a SubscriptionFilter> {
        filters.iter().filter(|filter| self.owns(filter))
    }

    /// The state of the subscription of a log group with these filters.
    #[must_use]
    pub fn examine(
        &self,
        filters: &[SubscriptionFilter],
        wanted: &SubscriptionFilter,
    ) -> Subscription {
        let renamed = self.ours(filters).any(|filter| filter.name != wanted.name);
        let present = filters.iter().find(|filter| filter.name == wanted.name);
        let mut differences = Vec::new();
        if renamed {
            differences.push(Argument::FilterName);
        }
        match present {
            Some(present) => differences.extend(present.differences(wanted)),
            None if !renamed => return Subscription::Missing,
            None => {}
        }
        if differences.is_empty() {
            Subscription::Active
        } else {
            Subscription::Differs(differences)
        }
    }

    /// The foreign filter that holds the name wanted, if there is one.
    #[must_use]
    pub fn in_the_way<'a>(
        &self,
        filters: &'a [SubscriptionFilter],
        wanted: &SubscriptionFilter,
    ) -> Option<&'a SubscriptionFilter> {
        filters.iter().find(|filter| filter.name == wanted.name && !self.owns(filter))
    }
}

/// The name of a subscription filter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilterName(String);

impl FilterName {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FilterName {
    type Err = InvalidFilterName;

    fn from_str(name: &str) -> Result<Self, InvalidFilterName> {
        let characters = name.chars().count();
        if characters == 0 || characters > 512 {
            return Err(InvalidFilterName::Length { characters });
        }
        match name.chars().find(|c| matches!(c, ':' | '*')) {
            Some(character) => {
                Err(InvalidFilterName::Character { name: name.to_owned(), character })
            }
            None => Ok(Self(name.to_owned())),
        }
    }
}

/// A text that cannot be a subscription filter's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilterName {
    /// It stores a character that names do not have.
    #[error(
        "{name:?} is not a valid subscription filter name: it contains {character:?}; : and * are \
         not allowed"
    )]
    Character {
        /// The whole text.
        name: String,
        /// The first one in the way.
        character: char,
    },
    /// It is empty or too long.
    #[error("a subscription filter's name has 1 to 512 characters, and this one has {characters}")]
    Length {
        /// How long it is.
        characters: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(name: &str, destination: &str) -> SubscriptionFilter {
        SubscriptionFilter::new(name, destination)
    }

    fn ownership(filters: &[(&str, &str)]) -> Ownership {
        let filters = filters.iter().map(|(name, arn)| ((*name).to_owned(), (*arn).to_owned()));
        Ownership { filters: filters.collect(), replaced: BTreeSet::new() }
    }

    #[test]
    fn a_filter_is_ours_by_name_and_destination_together() {
        let ours = ownership(&[("logs", "here")]);
        assert!(ours.owns(&filter("logs", "here")));
        assert!(!ours.owns(&filter("logs", "elsewhere")));
        assert!(!ours.owns(&filter("other", "here")));
        let ours = ownership(&[("old", "before"), ("new", "now")]);
        assert!(ours.owns(&filter("old", "before")) && ours.owns(&filter("new", "now")));
        assert!(!ours.owns(&filter("old", "now")), "the policy never had that");
    }

    #[test]
    fn a_filter_pointed_elsewhere_is_foreign_and_in_the_way() {
        let filters = [filter("logs", "elsewhere")];
        let ours = ownership(&[("logs", "here")]);
        let wanted = filter("logs", "here");
        let state = ours.examine(&filters, &wanted);
        assert_eq!(state, Subscription::Differs(vec![Argument::DestinationArn]));
        assert_eq!(ours.in_the_way(&filters, &wanted), Some(&filters[0]));
    }

    #[test]
    fn a_filter_to_a_replaced_destination_is_ours_whatever_its_name() {
        let mut ours = ownership(&[("logs", "here")]);
        ours.replaced.insert("old".into());
        assert!(ours.owns(&filter("datadog-x7f", "old")));
        assert!(!ours.owns(&filter("datadog-x7f", "elsewhere")));
        assert!(!ours.made(&filter("datadog-x7f", "old")));
        let state = ours.examine(&[filter("datadog-x7f", "old")], &filter("logs", "here"));
        assert_eq!(state, Subscription::Differs(vec![Argument::FilterName]));
    }

    #[test]
    fn another_form_of_the_same_value_is_no_difference() {
        let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/logs";
        let firehose = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs";
        let check = |to: &str, change: fn(&mut SubscriptionFilter), expected: &[Argument]| {
            let mut found = filter("logs", to);
            change(&mut found);
            let wanted = filter("logs", to).normalized();
            assert_eq!(found.normalized().differences(&wanted), expected);
        };
        check(stream, |found| found.pattern = " ".into(), &[]);
        check(stream, |found| found.pattern = "\n".into(), &[]);
        check(stream, |found| found.pattern = "error".into(), &[Argument::FilterPattern]);
        check(stream, |found| found.role_arn = Some(String::new()), &[]);
        check(stream, |found| found.field_selection_criteria = Some(String::new()), &[]);
        check(firehose, |found| found.distribution = Distribution::Random, &[]);
        check(stream, |found| found.distribution = Distribution::Random, &[Argument::Distribution]);
    }

    #[test]
    fn case_within_a_pattern_and_blanks_within_it_are_kept() {
        let pattern = |pattern: &str| {
            let filter = SubscriptionFilter { pattern: pattern.into(), ..filter("logs", "here") };
            filter.normalized().pattern
        };
        assert_eq!(pattern(" \"Task timed  out\" -DEBUG\n"), "\"Task timed  out\" -DEBUG");
        assert_eq!(pattern("\" \""), "\" \"");
    }

    #[test]
    fn every_argument_that_differs_is_named() {
        let wanted = filter("logs", "here");
        let found = SubscriptionFilter {
            name: "logs".into(),
            destination_arn: "there".into(),
            pattern: "ERROR".into(),
            role_arn: Some("role".into()),
            distribution: Distribution::Random,
            apply_on_transformed_logs: true,
            field_selection_criteria: Some("@aws.region = \"eu-west-1\"".into()),
            emit_system_fields: BTreeSet::from(["@aws.account".to_owned()]),
        };
        let named: Vec<_> =
            found.differences(&wanted).iter().map(|argument| argument.name()).collect();
        let expected = [
            "destination_arn",
            "filter_pattern",
            "role_arn",
            "distribution",
            "apply_on_transformed_logs",
            "field_selection_criteria",
            "emit_system_fields",
        ];
        assert_eq!(named, expected);
    }

    #[test]
    fn a_filter_of_ours_under_an_old_name_is_a_difference_until_it_is_gone() {
        let ours = ownership(&[("new", "here"), ("old", "here")]);
        let wanted = filter("new", "here");
        let check = |filters: &[SubscriptionFilter], expected: Subscription| {
            assert_eq!(ours.examine(filters, &wanted), expected);
        };
        let renamed = Subscription::Differs(vec![Argument::FilterName]);
        check(&[filter("old", "here")], renamed.clone());
        check(&[filter("old", "here"), filter("new", "here")], renamed);
        check(&[filter("new", "here")], Subscription::Active);
        check(&[filter("old", "elsewhere")], Subscription::Missing);
        check(&[], Subscription::Missing);
    }

    #[test]
    fn an_unknown_distribution_is_not_the_default() {
        assert_eq!(Distribution::reported(None), Distribution::ByLogStream);
        assert_eq!(Distribution::reported(Some("Sticky")), Distribution::Other("Sticky".into()));
        assert!("Sticky".parse::<Distribution>().is_err());
    }

    #[test]
    fn a_name_is_checked_as_aws_does() {
        assert!("lambda to splunk".parse::<FilterName>().is_ok());
        let check = |name: &str, expected: &str| {
            assert_eq!(name.parse::<FilterName>().unwrap_err().to_string(), expected);
        };
        check("", "a subscription filter's name has 1 to 512 characters, and this one has 0");
        check(
            "a:b",
            "\"a:b\" is not a valid subscription filter name: it contains ':'; : and * are not \
             allowed",
        );
    }
}
