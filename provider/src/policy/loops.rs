//! Which log groups would create a loop, because what is shipped would come back to them.
//! [`LoopWalk`] says what has to be asked; this asks.

use logagg_policy::{AccountPolicy, Answer, Listing, LoopGuard, LoopWalk, Question, Walked};
use tfplugin::Context;

use super::findings::Unseen;
use crate::aws::{CallError, Cause, Claims, Operation, Reader};
use crate::connection::Client;
use crate::diagnostics;

/// The loops that a destination closes, as far as they could be found.
#[derive(Debug, Default)]
pub(super) struct Loops {
    pub(super) guard: LoopGuard,
    /// What the account ships by policies of its own, loops or not.
    pub(super) account_policies: Vec<AccountPolicy>,
    /// Whether the destination itself does not exist.
    pub(super) missing: bool,
    unseen: Unseen,
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
        let account_policies = match around.reader.optional().account_policies().await {
            Ok(account_policies) => account_policies,
            Err(error) => {
                unseen.account_policy(error)?;
                Vec::new()
            }
        };
        let beside = Beside { claims: around.claims, account_policies: &account_policies };
        let mut walk = LoopWalk::behind(destination_arn, around.region, around.account_id);
        while let Some(question) = walk.next() {
            let answer = match around.ask(&question, known, &beside).await {
                Ok(answer) => answer,
                Err(error) if error.cause == Cause::Missing => Answer::Missing,
                // An endpoint that has no such service has nothing that could be found there.
                Err(error)
                    if error.cause == Cause::Unsupported && asked_of_few(error.operation) =>
                {
                    Answer::arns([])
                }
                Err(error) if around.goes_on_without(&error) => {
                    unseen.call(error);
                    beside.answer(&question).unwrap_or(Answer::Unseen)
                }
                Err(error) => return Err(error),
            };
            walk.answer(answer);
        }
        let Walked { guard, more, missing } = walk.end();
        unseen.more = more;
        Ok(Self { guard, account_policies, missing, unseen })
    }

    /// Whether there may be loops that were not found this time.
    pub(super) fn is_partial(&self) -> bool {
        !self.unseen.calls.is_empty() || self.unseen.account_policy.is_some()
    }

    /// Warns of what could not be seen, once.
    pub(super) fn report(&self, cx: &Context<Client>) {
        let Unseen { calls, account_policy, more } = &self.unseen;
        if !calls.is_empty() || account_policy.is_some() || *more {
            cx.report(diagnostics::loops_unseen(&self.unseen));
        }
    }
}

/// Whether only few destinations need the call. Not every region has EventBridge Pipes, nor every
/// network a way to it.
fn asked_of_few(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::ListDeliveryStreams | Operation::ListPipes | Operation::DescribePipe
    )
}

impl Unseen {
    fn account_policy(&mut self, error: CallError) -> Result<(), CallError> {
        match error.cause {
            Cause::Denied => self.call(error),
            Cause::Stopped => return Err(error),
            _ => self.account_policy = Some(error),
        }
        Ok(())
    }

    fn call(&mut self, error: CallError) {
        if self.calls.iter().all(|known| known.operation != error.operation) {
            self.calls.push(error);
        }
    }
}

/// Where log groups are shipped beside their own filters.
struct Beside<'a> {
    claims: &'a Claims,
    account_policies: &'a [AccountPolicy],
}

impl Beside<'_> {
    fn destinations_of(&self, log_group: &str) -> impl Iterator<Item = String> {
        let account = self.account_policies.iter().filter(move |policy| policy.ships(log_group));
        let account = account.map(|policy| policy.destination_arn.clone());
        self.claims.destinations_of(log_group).cloned().chain(account)
    }

    /// What there is to say of a log group whose filters may not be read.
    fn answer(&self, question: &Question) -> Option<Answer> {
        let Question::DestinationsOf { log_group } = question else { return None };
        Some(Answer::arns(self.destinations_of(log_group)))
    }
}

impl Surroundings<'_> {
    /// A plan goes on without what it cannot see. An apply, which would create a loop, does so only
    /// where it would never see more.
    fn goes_on_without(&self, error: &CallError) -> bool {
        match error.cause {
            Cause::Denied | Cause::Unsupported | Cause::Unreachable => true,
            Cause::Passing | Cause::Untrusted | Cause::Refused if asked_of_few(error.operation) => {
                true
            }
            Cause::Stopped => false,
            _ => self.reader.is_optional(),
        }
    }

    async fn ask<S: Shipping + Sync>(
        &self,
        question: &Question,
        known: &S,
        beside: &Beside<'_>,
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
            Question::DeliveryStreamsWithSource => {
                Answer::Names(self.reader.delivery_streams_with_source().await?)
            }
            Question::SourceOfDeliveryStream { name } => {
                Answer::arns(self.reader.source_of_delivery_stream(name).await?)
            }
            Question::PipesReading { arn } => Answer::arns(self.reader.pipes_reading(arn).await?),
            Question::Pipe { name } => Answer::arns(self.reader.pipe(name).await?),
            Question::DeliveryStream { name } => {
                let stream = self.reader.delivery_stream(name).await?;
                Answer::Found { log_groups: stream.log_groups, arns: stream.function_arns }
            }
            Question::TargetOfDestination { name } => self
                .reader
                .target_of_destination(name)
                .await?
                .map_or(Answer::Missing, |arn| Answer::arns([arn])),
            Question::DestinationsOf { log_group } => {
                let mut arns = match known.destinations_of(log_group) {
                    Some(arns) => arns,
                    None => self.asked_for_filters(log_group).await?,
                };
                arns.extend(beside.destinations_of(log_group));
                Answer::arns(arns)
            }
        })
    }

    async fn asked_for_filters(&self, log_group: &str) -> Result<Vec<String>, CallError> {
        match self.reader.subscription_filters(log_group).await {
            Ok(filters) => Ok(filters.into_iter().map(|filter| filter.destination_arn).collect()),
            Err(error) if matches!(error.cause, Cause::Class | Cause::Missing) => Ok(Vec::new()),
            Err(error) if error.cause == Cause::Refused => {
                let by_name = [Listing::Name(log_group.to_owned())];
                let listed = self.reader.log_groups(&by_name).await?;
                match listed.get(log_group) {
                    Some(group) if error.rejects(&group.class) => Ok(Vec::new()),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}
