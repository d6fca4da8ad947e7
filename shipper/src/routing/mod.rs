//! Which destinations a log event is sent to, and under which names.
//!
//! [`Router::route`] decides for the records of an invocation; what holds for a whole log source
//! is decided once for each. Everything here is a pure function of records and routes.

mod allowed;
mod names;
mod template;

use std::collections::{BTreeMap, HashMap};
use std::ptr;

use indexmap::IndexSet;

pub use allowed::Allowed;
pub use names::{NameField, NameTarget, Names, StoredName};
pub use template::{DependsOn, Template, TemplateError};

use crate::processing::{AnyPattern, Rule, RuleMatcher};
use crate::record::Record;

/// The routes, and the names of destinations that depend on records.
#[derive(Debug, Default)]
pub struct Router {
    /// In order. Without any, every record is sent to every destination.
    pub routes: Vec<Route>,
    /// By destination: its names without a route.
    pub naming: BTreeMap<String, Naming>,
    any_pattern: AnyPattern,
}

/// A route.
#[derive(Debug)]
pub struct Route {
    /// Its name and conditions.
    pub rule: Rule,
    /// The destinations, by name, each with the names that it is sent under.
    pub destinations: BTreeMap<String, Naming>,
    /// What happens to a record that it matches.
    pub then: Then,
}

/// What happens to a record after a route that matches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// No other route is tried.
    Stop,
    /// The next routes are tried too.
    Continue,
}

/// The names of a destination that depend on records.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    names: Vec<NameTemplates>,
    depends_on: DependsOn,
}

/// The templates of one name.
#[derive(Clone, Debug)]
pub struct NameTemplates {
    /// What they name.
    pub target: NameTarget,
    /// The first whose values a record has applies.
    pub templates: Vec<Template>,
    /// What applies to other records.
    pub otherwise: Otherwise,
}

/// The name of a record that does not have all values of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// The one that the destination gives without a template.
    Default,
    /// That of the last template, with `unknown` for each missing value.
    Unknown,
}

impl Naming {
    /// These templates.
    pub fn new(names: Vec<NameTemplates>) -> Self {
        let templates = names.iter().flat_map(|name| &name.templates);
        let depends_on = templates.map(Template::depends_on).max().unwrap_or_default();
        Self { names, depends_on }
    }

    /// Whether all names are the destination's own.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names that a record must have, since the destination has no default.
    fn required(&self, record: &Record<'_>) -> Names {
        let required = self.names.iter().filter(|name| name.otherwise == Otherwise::Unknown);
        names_by(required, None, record).0
    }
}

/// The names of a record by these templates, and how many of them lack a value.
fn names_by<'n>(
    templates: impl IntoIterator<Item = &'n NameTemplates>,
    route: Option<&str>,
    record: &Record<'_>,
) -> (Names, usize) {
    let mut names = Names::of_route(route);
    let mut incomplete = 0;
    for NameTemplates { target, templates, otherwise } in templates {
        let mut found = templates.iter().map(|template| template.name(record));
        let first = found.next().flatten();
        incomplete += usize::from(first.is_none());
        let last = || match (otherwise, templates.last()) {
            (Otherwise::Unknown, Some(template)) => Some(template.name_or_unknown(record)),
            _ => None,
        };
        if let Some(name) = first.or_else(|| found.flatten().next()).or_else(last) {
            names.set(target, name);
        }
    }
    (names, incomplete)
}

/// The records of one destination.
#[derive(Debug, Default)]
pub struct Routed {
    /// Each record, by its index, with the index of its names. Those with the same names follow one
    /// another.
    pub records: Vec<(usize, usize)>,
    /// The names, each once.
    pub names: IndexSet<Names>,
    /// How many names lacked a value.
    pub incomplete: usize,
}

impl Routed {
    /// The records with their names.
    pub fn records<'r>(&'r self, records: &[Record<'r>]) -> Vec<Record<'r>> {
        let named = |(record, names): &(usize, usize)| {
            Some(Record { names: self.names.get_index(*names)?, ..records.get(*record)?.clone() })
        };
        self.records.iter().filter_map(named).collect()
    }

    /// Puts records with the same names one after another, whatever their routes. What has the same
    /// names stays in order.
    fn sort(&mut self) {
        if self.names.len() < 2 {
            return;
        }
        let mut distinct = IndexSet::new();
        let order: Vec<usize> =
            self.names.iter().map(|it| distinct.insert_full(it.without_route()).0).collect();
        self.records.sort_by_key(|(_, names)| order.get(*names).copied());
    }

    fn intern(&mut self, names: Names) -> usize {
        self.names.insert_full(names).0
    }
}

impl Router {
    /// Decides by these routes.
    pub fn new(routes: Vec<Route>, naming: BTreeMap<String, Naming>) -> Self {
        Self { routes, naming, any_pattern: AnyPattern::default() }
    }

    /// Whether every record is sent to every destination, under the destination's own names.
    pub fn is_needless(&self) -> bool {
        self.routes.is_empty() && self.naming.values().all(Naming::is_empty)
    }

    /// The records for each destination, and the number of records that no route matches.
    pub fn route(&self, records: &[Record<'_>]) -> (BTreeMap<String, Routed>, usize) {
        let mut routed: BTreeMap<String, Routed> =
            self.naming.keys().map(|name| (name.clone(), Routed::default())).collect();
        let mut unmatched = 0;
        let mut matching = self.matching();
        let mut known = Known::default();
        for (index, record) in records.iter().enumerate() {
            let found = matching.destinations(record);
            unmatched += usize::from(!found.is_matched);
            for (destination, route) in found.destinations {
                if let Some(routed) = routed.get_mut(destination) {
                    let (names, incomplete) = known.names(self, destination, route, record, routed);
                    routed.incomplete += incomplete;
                    routed.records.push((index, names));
                }
            }
        }
        routed.values_mut().for_each(Routed::sort);
        (routed, unmatched)
    }

    /// The routes of one record after another.
    pub fn matching(&self) -> Matching<'_> {
        let rules = self.routes.iter().map(|route| &route.rule);
        Matching { router: self, matcher: RuleMatcher::new(rules, &self.any_pattern) }
    }

    /// Stored records of one destination, each with the names that it was stored with. Those
    /// without any have the names of now.
    pub fn route_stored(
        &self,
        records: &[Record<'_>],
        destination: &str,
        stored: &[Option<Names>],
    ) -> Routed {
        let mut routed = Routed::default();
        let mut matching = self.matching();
        let mut known = Known::default();
        for (index, record) in records.iter().enumerate() {
            let names = match stored.get(index) {
                Some(Some(names)) => {
                    let required = self.naming.get(destination);
                    let required = required.map(|naming| naming.required(record));
                    routed.intern(names.clone().or(required.unwrap_or_default()))
                }
                _ => {
                    let mut found = matching.destinations(record).destinations.into_iter();
                    let route = found.find(|(name, _)| *name == destination);
                    let route = route.and_then(|(_, route)| route);
                    let (names, incomplete) =
                        known.names(self, destination, route, record, &mut routed);
                    routed.incomplete += incomplete;
                    names
                }
            };
            routed.records.push((index, names));
        }
        routed.sort();
        routed
    }
}

/// The routes of one record after another.
pub struct Matching<'s> {
    router: &'s Router,
    matcher: RuleMatcher<'s>,
}

/// Where a record is sent.
pub struct Found<'s> {
    /// The destinations, each with the first route that names it.
    pub destinations: Vec<(&'s str, Option<&'s Route>)>,
    /// Whether a route matches, or there are no routes.
    pub is_matched: bool,
}

impl<'s> Matching<'s> {
    /// Where a record is sent.
    pub fn destinations(&mut self, record: &Record<'_>) -> Found<'s> {
        let routes = &self.router.routes;
        if routes.is_empty() {
            let all = self.router.naming.keys().map(|name| (name.as_str(), None));
            return Found { destinations: all.collect(), is_matched: true };
        }
        self.matcher.turn_to(record);
        let mut found = Found { destinations: Vec::new(), is_matched: false };
        let mut from = 0;
        while let Some(place) = self.matcher.first(from..routes.len(), record) {
            found.is_matched = true;
            let route = &routes[place];
            for name in route.destinations.keys() {
                if !found.destinations.iter().any(|(known, _)| known == name) {
                    found.destinations.push((name, Some(route)));
                }
            }
            if route.then == Then::Stop {
                break;
            }
            from = place + 1;
        }
        found
    }
}

/// The indexes of names of log sources that are known already, with the number that lack a value.
#[derive(Default)]
struct Known<'s>(HashMap<KnownBy<'s>, (usize, usize)>);

#[derive(PartialEq, Eq, Hash)]
struct KnownBy<'s> {
    log_source: *const (),
    destination: &'s str,
    route: Option<*const Route>,
}

impl<'s> Known<'s> {
    /// The index of a record's names, and how many of them lack a value.
    fn names(
        &mut self,
        router: &'s Router,
        destination: &'s str,
        route: Option<&'s Route>,
        record: &Record<'_>,
        routed: &mut Routed,
    ) -> (usize, usize) {
        let naming = match route {
            Some(route) => route.destinations.get(destination),
            None => router.naming.get(destination),
        };
        let route_name = route.map(|route| route.rule.name.as_str());
        let Some(naming) = naming else {
            return (routed.intern(Names::of_route(route_name)), 0);
        };
        let mut names = || {
            let (names, incomplete) = names_by(&naming.names, route_name, record);
            (routed.intern(names), incomplete)
        };
        if naming.depends_on == DependsOn::Record {
            return names();
        }
        let by = KnownBy {
            log_source: ptr::from_ref(record.log_source).cast(),
            destination,
            route: route.map(ptr::from_ref),
        };
        *self.0.entry(by).or_insert_with(names)
    }
}

#[cfg(test)]
mod tests;
