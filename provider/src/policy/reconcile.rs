use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use logagg_policy::{Ownership, Standing, SubscriptionFilter};

use super::private_state::PrivateState;
use super::progress::Progress;
use crate::aws::{Api, CallError, Cause, IN_FLIGHT, Reader, Writer};

/// Brings log groups from how they are to how they should be.
#[derive(Debug)]
pub(super) struct Reconciler {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) wanted: Option<SubscriptionFilter>,
    pub(super) ownership: Ownership,
}

/// One log group, how it is and how it should be.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) log_group: String,
    pub(super) is: Standing,
    pub(super) should: Standing,
    /// Whether the filter has to be put even where the group stands as it should: an argument of
    /// the subscription changed.
    pub(super) subscription: Touch,
    /// The group's filters, where they have just been read.
    pub(super) filters: Option<Vec<SubscriptionFilter>>,
    /// Why the filter must not be put after all: it would close a loop.
    pub(super) barred: Option<String>,
}

/// Whether something that stands as it should is looked at all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    Always,
    IfDifferent,
}

/// What to do for a log group after something failed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// Nothing more, so that a failed first write leaves everything as it was.
    Stop,
    /// The rest of what is due.
    GoOn,
}

/// What became of a log group.
#[derive(Debug)]
pub(super) struct Reconciled {
    pub(super) log_group: String,
    /// How it stands now.
    pub(super) reached: Standing,
    /// Its filters now, where they were looked at.
    pub(super) filters: Option<Vec<SubscriptionFilter>>,
    pub(super) failures: Vec<Failure>,
    /// Whether it no longer exists.
    pub(super) gone: bool,
    pub(super) writes: usize,
}

/// Why a log group is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// A call failed.
    Call(CallError),
    /// A foreign filter that ships to this destination holds our name.
    NameTaken { by: String },
    /// What the group ships would come back to it.
    Loop { why: String },
}

impl Job {
    /// A group whose filters are still to be read, if they matter.
    pub(super) fn of(log_group: String, is: Standing, should: Standing) -> Self {
        Self {
            log_group,
            is,
            should,
            subscription: Touch::IfDifferent,
            filters: None,
            barred: None,
        }
    }

    /// Whether anything may have to be written.
    pub(super) fn is_needed(&self) -> bool {
        self.is != self.should || (self.subscription == Touch::Always && self.subscribes())
    }

    pub(super) fn subscribes(&self) -> bool {
        self.should.subscription.is_some()
    }

    /// Whether our filter may have to be put.
    pub(super) fn puts_filter(&self) -> bool {
        self.subscribes() && self.touches_subscription()
    }

    fn touches_subscription(&self) -> bool {
        self.is.subscription != self.should.subscription
            || (self.subscription == Touch::Always && self.subscribes())
    }
}

impl Reconciled {
    /// A failure that says something about all log groups rather than about this one.
    pub(super) fn barring(&self) -> Option<(&str, &Failure)> {
        let barring = self.failures.iter().find(|failure| match failure {
            Failure::Call(error) => error.cause != Cause::Full,
            Failure::NameTaken { .. } | Failure::Loop { .. } => false,
        });
        barring.map(|failure| (self.log_group.as_str(), failure))
    }

    fn note(&mut self, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => {}
            Err(Failure::Call(error)) if error.cause == Cause::Missing => self.gone = true,
            Err(failure) => self.failures.push(failure),
        }
    }
}

impl Reconciler {
    /// Reconciles several log groups at a time, each of them by one task only.
    pub(super) async fn reconcile_all(&self, jobs: Vec<Job>) -> Vec<Reconciled> {
        let progress = Progress::new("writing log groups", jobs.len());
        stream::iter(jobs)
            .map(|job| async {
                let reconciled = self.reconcile(job, AfterFailure::GoOn).await;
                progress.step();
                reconciled
            })
            .buffer_unordered(IN_FLIGHT)
            .collect()
            .await
    }

    /// Reconciles one log group: reads its filters again before writing, changes only what is ours,
    /// and says how far it came.
    pub(super) async fn reconcile(&self, job: Job, after: AfterFailure) -> Reconciled {
        let mut reconciled = Reconciled {
            log_group: job.log_group.clone(),
            reached: job.is.clone(),
            filters: None,
            failures: Vec::new(),
            gone: false,
            writes: 0,
        };
        let _turn = match self.writer.turn(&job.log_group).await {
            Ok(turn) => turn,
            Err(stopped) => {
                reconciled.failures.push(Failure::Call(stopped));
                return reconciled;
            }
        };
        if let Some(why) = job.barred.clone().filter(|_| job.puts_filter()) {
            reconciled.failures.push(Failure::Loop { why });
        } else if job.touches_subscription() {
            let outcome = self.reconcile_subscription(&job, &mut reconciled).await;
            reconciled.note(outcome);
        }
        let halted = after == AfterFailure::Stop && reconciled.barring().is_some();
        if job.is.retention != job.should.retention && !halted && !reconciled.gone {
            let outcome = self.writer.set_retention(&job.log_group, job.should.retention).await;
            if outcome.is_ok() {
                reconciled.writes += 1;
                reconciled.reached.retention = job.should.retention;
            }
            reconciled.note(outcome.map_err(Failure::Call));
        }
        reconciled
    }

    async fn reconcile_subscription(
        &self,
        job: &Job,
        reconciled: &mut Reconciled,
    ) -> Result<(), Failure> {
        let filters = match &job.filters {
            Some(filters) => filters.clone(),
            None => {
                self.reader.subscription_filters(&job.log_group).await.map_err(Failure::Call)?
            }
        };
        let mut group = Group { log_group: &job.log_group, filters, writes: 0, reconciler: self };
        let outcome = match &self.wanted {
            Some(wanted) if job.subscribes() => group.subscribe(wanted).await,
            _ => group.unsubscribe().await,
        };
        reconciled.writes += group.writes;
        reconciled.reached.subscription = match &self.wanted {
            Some(wanted) if job.subscribes() => {
                Some(self.ownership.examine(&group.filters, wanted))
            }
            _ if outcome.is_ok() => None,
            _ => job.is.subscription.clone(),
        };
        reconciled.filters = Some(group.filters);
        outcome
    }
}

/// One log group while its filters are changed; `filters` follows what was written.
struct Group<'a> {
    log_group: &'a str,
    filters: Vec<SubscriptionFilter>,
    writes: usize,
    reconciler: &'a Reconciler,
}

impl Group<'_> {
    async fn subscribe(&mut self, wanted: &SubscriptionFilter) -> Result<(), Failure> {
        if let Some(foreign) = self.reconciler.ownership.in_the_way(&self.filters, wanted) {
            return Err(Failure::NameTaken { by: foreign.destination_arn.clone() });
        }
        if !self.filters.contains(wanted) {
            match self.put(wanted).await {
                Ok(()) => {}
                Err(full) if full.cause == Cause::Full => {
                    self.put_in_place_of_ours(wanted, full).await?;
                }
                Err(error) => return Err(Failure::Call(error)),
            }
        }
        let ours = self.reconciler.ownership.ours(&self.filters);
        for name in names(ours.filter(|filter| filter.name != wanted.name)) {
            self.delete(&name).await.map_err(Failure::Call)?;
        }
        Ok(())
    }

    /// A rename on a group without a free slot: the old filter makes room for the new one, and
    /// comes back if that fails.
    async fn put_in_place_of_ours(
        &mut self,
        wanted: &SubscriptionFilter,
        full: CallError,
    ) -> Result<(), Failure> {
        let ours = self.reconciler.ownership.ours(&self.filters).cloned().collect::<Vec<_>>();
        let Some(old) = ours.into_iter().find(|filter| filter.name != wanted.name) else {
            return Err(Failure::Call(full));
        };
        self.delete(&old.name).await.map_err(Failure::Call)?;
        let Err(error) = self.put(wanted).await else {
            return Ok(());
        };
        self.put(&old).await.map_err(Failure::Call)?;
        Err(Failure::Call(error))
    }

    async fn unsubscribe(&mut self) -> Result<(), Failure> {
        let made = self.filters.iter().filter(|filter| self.reconciler.ownership.made(filter));
        for name in names(made) {
            self.delete(&name).await.map_err(Failure::Call)?;
        }
        Ok(())
    }

    async fn put(&mut self, filter: &SubscriptionFilter) -> Result<(), CallError> {
        self.reconciler.writer.put_subscription_filter(self.log_group, filter).await?;
        self.writes += 1;
        self.filters.retain(|present| present.name != filter.name);
        self.filters.push(filter.clone());
        Ok(())
    }

    async fn delete(&mut self, name: &str) -> Result<(), CallError> {
        match self.reconciler.writer.delete_subscription_filter(self.log_group, name).await {
            Ok(()) => self.writes += 1,
            // Somebody was faster; whether the group is gone too, the next read will show.
            Err(error) if error.cause == Cause::Missing => {}
            Err(error) => return Err(error),
        }
        self.filters.retain(|present| present.name != name);
        Ok(())
    }
}

fn names<'a>(filters: impl Iterator<Item = &'a SubscriptionFilter>) -> Vec<String> {
    filters.map(|filter| filter.name.clone()).collect()
}

/// The same failure of several log groups, to be told once.
pub(super) fn by_reason(reconciled: &[Reconciled]) -> Vec<(&Failure, Vec<&str>)> {
    let mut reasons: BTreeMap<_, (&Failure, Vec<&str>)> = BTreeMap::new();
    for group in reconciled {
        for failure in &group.failures {
            let (_, groups) = reasons.entry(failure.likeness()).or_insert((failure, Vec::new()));
            groups.push(&group.log_group);
        }
    }
    for (_, groups) in reasons.values_mut() {
        groups.sort_unstable();
    }
    reasons.into_values().collect()
}

/// Keeps in mind the groups that AWS refused another filter.
pub(super) fn remember_full(memory: &mut PrivateState, reconciled: &[Reconciled]) {
    for group in reconciled {
        let full = group.failures.iter().any(|failure| match failure {
            Failure::Call(error) => error.cause == Cause::Full,
            Failure::NameTaken { .. } | Failure::Loop { .. } => false,
        });
        if let Some(filters) = group.filters.as_ref().filter(|_| full) {
            memory.remember_full(&group.log_group, filters);
        }
    }
}

impl Failure {
    /// Whether the group cannot take our filter for what else is on it.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Call(error) => error.cause == Cause::Full,
            Self::NameTaken { .. } => true,
            Self::Loop { .. } => false,
        }
    }

    fn likeness(&self) -> Likeness<'_> {
        match self {
            Self::Call(error) => Likeness::Call(error.likeness()),
            Self::NameTaken { by } => Likeness::NameTaken(by),
            Self::Loop { why } => Likeness::Loop(why),
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Likeness<'a> {
    Call((Api, Cause, &'a str)),
    NameTaken(&'a str),
    Loop(&'a str),
}
