//! Which log groups must not be shipped, because what is shipped would come back to them: the
//! destination is followed to whoever works behind it, to the log groups they write to, to where
//! those are shipped themselves, and so on until nothing new is found.

use std::collections::{BTreeSet, VecDeque};

use logagg_policy::{Arn, Destination, LoopGuard};
use tfplugin::Context;

use crate::aws::{Api, CallError, Cause, Claims, Reader};
use crate::diagnostics;
use crate::provider::Client;

/// The most places that are looked at behind one destination.
const MOST_PLACES: usize = 100;

/// The loops that a destination closes, as far as they could be found.
#[derive(Debug, Default)]
pub(super) struct Loops {
    pub(super) guard: LoopGuard,
    unseen: Unseen,
}

/// What kept us from following a destination to its end.
#[derive(Debug, Default)]
pub(crate) struct Unseen {
    /// The calls that the credentials in hand may not make.
    pub(crate) denied: BTreeSet<Api>,
    /// There is more behind the destination than is looked at.
    pub(crate) more: bool,
}

/// Where each log group is shipped, as far as that is known without asking.
pub(super) trait Shipping {
    /// The destinations of a log group; none where there is no such group.
    fn destinations_of(&self, log_group: &str) -> Option<Vec<String>>;
}

/// The surroundings of a policy.
pub(super) struct Surroundings<'a> {
    pub(super) reader: &'a Reader,
    pub(super) region: &'a str,
    pub(super) account_id: &'a str,
    pub(super) claims: &'a Claims,
}

impl Loops {
    /// Follows a destination.
    pub(super) async fn behind<S: Shipping + Sync>(
        destination_arn: &str,
        around: &Surroundings<'_>,
        known: &S,
    ) -> Result<Self, CallError> {
        let mut walk = Walk { around, known, loops: Self::default(), places: VecDeque::new() };
        walk.places.push_back(Place { arn: destination_arn.to_owned(), way: Vec::new() });
        let mut seen = BTreeSet::new();
        while let Some(place) = walk.places.pop_front() {
            if seen.contains(&place.arn) {
                continue;
            }
            if seen.len() == MOST_PLACES {
                walk.loops.unseen.more = true;
                break;
            }
            seen.insert(place.arn.clone());
            Box::pin(walk.visit(place)).await?;
        }
        Ok(walk.loops)
    }

    /// Warns of what could not be seen, once.
    pub(super) fn tell(&self, cx: &Context<Client>) {
        if !self.unseen.denied.is_empty() || self.unseen.more {
            cx.report(diagnostics::loops_unseen(&self.unseen));
        }
    }
}

/// Somewhere that what is shipped comes to.
struct Place {
    arn: String,
    /// How it comes there: destinations and log groups in turn, the policy's destination first.
    way: Vec<String>,
}

struct Walk<'a, S> {
    around: &'a Surroundings<'a>,
    known: &'a S,
    loops: Loops,
    places: VecDeque<Place>,
}

impl<S: Shipping + Sync> Walk<'_, S> {
    async fn visit(&mut self, Place { arn: text, mut way }: Place) -> Result<(), CallError> {
        let Ok(arn) = text.parse::<Arn>() else { return Ok(()) };
        let Ok(destination) = Destination::of(&arn) else { return Ok(()) };
        // What works elsewhere logs elsewhere.
        if arn.region() != self.around.region || arn.account() != self.around.account_id {
            return Ok(());
        }
        way.push(destination.to_string());
        let usual = destination.usual_log_group();
        if let Some(log_group) = &usual {
            self.loops.guard.written_by(log_group, &way);
        }
        let mut log_groups: BTreeSet<String> = usual.into_iter().collect();
        let reader = self.around.reader;
        match &destination {
            Destination::Function { .. } => {
                match reader.log_group_of_function(&text).await {
                    Ok(log_group) => log_groups.extend(log_group),
                    // Nobody works there, so nobody logs.
                    Err(error) if error.cause == Cause::Missing => return Ok(()),
                    Err(error) => self.unseen(error)?,
                }
            }
            Destination::Stream { .. } => {
                let mut sources = vec![text.clone()];
                sources.extend(self.seen(reader.stream_consumers(&text).await)?);
                for source in sources {
                    let functions = self.seen(reader.functions_reading(&source).await)?;
                    self.go_on(functions, &way);
                }
            }
            Destination::Firehose { name } => {
                let stream = self.seen(reader.delivery_stream(name).await)?;
                log_groups.extend(stream.log_groups);
                self.go_on(stream.function_arns, &way);
            }
            Destination::Logical { name } => {
                let target = self.seen(reader.target_of_destination(name).await)?;
                self.go_on(target, &way);
            }
        }
        for log_group in log_groups {
            self.loops.guard.written_by(&log_group, &way);
            self.follow(&log_group, &way).await?;
        }
        Ok(())
    }

    /// On to where a log group is shipped, or is about to be.
    async fn follow(&mut self, log_group: &str, way: &[String]) -> Result<(), CallError> {
        let destinations = match self.known.destinations_of(log_group) {
            Some(destinations) => destinations,
            None => match self.around.reader.subscription_filters(log_group).await {
                Ok(filters) => filters.into_iter().map(|filter| filter.destination_arn).collect(),
                Err(error) if error.cause == Cause::Class => Vec::new(),
                Err(error) => {
                    self.unseen(error)?;
                    Vec::new()
                }
            },
        };
        let way = [way, &[log_group.to_owned()]].concat();
        self.go_on(destinations, &way);
        self.go_on(self.around.claims.destinations_of(log_group).cloned(), &way);
        Ok(())
    }

    fn go_on(&mut self, arns: impl IntoIterator<Item = String>, way: &[String]) {
        let places = arns.into_iter().map(|arn| Place { arn, way: way.to_vec() });
        self.places.extend(places);
    }

    /// What AWS shows, or nothing where it shows nothing to us.
    fn seen<T: Default>(&mut self, answer: Result<T, CallError>) -> Result<T, CallError> {
        answer.or_else(|error| self.unseen(error).map(|()| T::default()))
    }

    /// What does not exist has nothing behind it; what may not be looked at is kept in mind.
    fn unseen(&mut self, error: CallError) -> Result<(), CallError> {
        match error.cause {
            Cause::Missing => Ok(()),
            Cause::Denied => {
                self.loops.unseen.denied.insert(error.api);
                Ok(())
            }
            _ => Err(error),
        }
    }
}
