//! Which log groups must not be shipped, because what is shipped would come back to them.
//! [`LoopWalk`] says what has to be asked; this asks.

use std::collections::BTreeSet;

use logagg_policy::{Answer, LoopGuard, LoopWalk, Question};
use tfplugin::Context;

use crate::aws::{Api, CallError, Cause, Claims, Reader};
use crate::diagnostics;
use crate::provider::Client;

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
        let mut unseen = Unseen::default();
        let mut walk = LoopWalk::behind(destination_arn, around.region, around.account_id);
        while let Some(question) = walk.next() {
            let answer = match around.ask(&question, known).await {
                Ok(answer) => answer,
                Err(error) if error.cause == Cause::Missing => Answer::Missing,
                Err(error) if error.cause == Cause::Denied => {
                    unseen.denied.insert(error.api);
                    around.claimed(&question).unwrap_or(Answer::Unseen)
                }
                Err(error) => return Err(error),
            };
            walk.answer(answer);
        }
        let (guard, more) = walk.end();
        unseen.more = more;
        Ok(Self { guard, unseen })
    }

    /// Warns of what could not be seen, once.
    pub(super) fn tell(&self, cx: &Context<Client>) {
        if !self.unseen.denied.is_empty() || self.unseen.more {
            cx.report(diagnostics::loops_unseen(&self.unseen));
        }
    }
}

impl Surroundings<'_> {
    async fn ask<S: Shipping + Sync>(
        &self,
        question: &Question,
        known: &S,
    ) -> Result<Answer, CallError> {
        Ok(match question {
            Question::LogGroupOfFunction { arn } => {
                Answer::log_groups(self.reader.log_group_of_function(arn).await?)
            }
            Question::ConsumersOfStream { arn } => {
                Answer::arns(self.reader.stream_consumers(arn).await?)
            }
            Question::FunctionsReading { arn } => {
                Answer::arns(self.reader.functions_reading(arn).await?)
            }
            Question::DeliveryStream { name } => {
                let stream = self.reader.delivery_stream(name).await?;
                Answer::Found { log_groups: stream.log_groups, arns: stream.function_arns }
            }
            Question::TargetOfDestination { name } => {
                Answer::arns(self.reader.target_of_destination(name).await?)
            }
            Question::DestinationsOf { log_group } => {
                let mut arns = match known.destinations_of(log_group) {
                    Some(arns) => arns,
                    None => self.asked_for_filters(log_group).await?,
                };
                arns.extend(self.claims.destinations_of(log_group).cloned());
                Answer::arns(arns)
            }
        })
    }

    async fn asked_for_filters(&self, log_group: &str) -> Result<Vec<String>, CallError> {
        match self.reader.subscription_filters(log_group).await {
            Ok(filters) => Ok(filters.into_iter().map(|filter| filter.destination_arn).collect()),
            Err(error) if matches!(error.cause, Cause::Class | Cause::Missing) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Where other policies at work are about to ship a log group whose filters may not be read.
    fn claimed(&self, question: &Question) -> Option<Answer> {
        let Question::DestinationsOf { log_group } = question else { return None };
        Some(Answer::arns(self.claims.destinations_of(log_group).cloned()))
    }
}
