//! Reads and plans every policy, and lists the log groups of their targets.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use logagg_policy::{Document, LogGroup};
use terraform_provider_logagg::engine::{Connection, Engine, EngineError, Region, Survey};
use tfplugin::{Diagnostics, Severity};

use crate::documents::Input;
use crate::ingestion::{self, Ingestion};
use crate::options::{Options, ReadIngestion};
use crate::prices::RegionPrices;
use crate::progress::Progress;
use crate::target::Target;

/// Targets that are read at the same time. Quotas are of an account and region, so each of them
/// has its own.
const TARGETS_IN_FLIGHT: usize = 8;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) targets: Vec<TargetFound>,
    /// The addresses of policies whose document is known after apply.
    pub(crate) unknown: Vec<String>,
}

/// What was read of a target.
#[derive(Debug)]
pub(crate) struct TargetFound {
    pub(crate) target: Target,
    pub(crate) prices: RegionPrices,
    pub(crate) policies: Vec<(Document, Result<Survey, String>)>,
    /// All log groups of the target, or why they could not be listed.
    pub(crate) listed: Result<BTreeMap<String, LogGroup>, String>,
    pub(crate) ingestion: Ingestion,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(
        "--role {arn}: no policy is of its account; remove the option, or add the policy's document"
    )]
    UnusedRole { arn: String },
    #[error("{0}")]
    NotConnected(String),
    #[error("no policy could be read\n\n{0}")]
    Nothing(String),
}

/// Reads all targets, several at the same time.
///
/// # Errors
/// When there are no valid credentials, or no policy could be read.
pub(crate) async fn read(
    options: &Options,
    input: Input,
    progress: &Progress,
) -> Result<Found, ReadError> {
    let Input { documents, unknown } = input;
    let accounts: BTreeSet<_> = documents.iter().map(|document| &document.account_id).collect();
    if let Some((_, arn)) = options.roles.iter().find(|(account, _)| !accounts.contains(account)) {
        return Err(ReadError::UnusedRole { arn: arn.clone() });
    }
    let connection = Connection {
        region: documents.first().map(|document| document.region.clone()),
        endpoint: options.endpoint.clone(),
        requests_per_second: options.requests_per_second.clone(),
    };
    let connect = Engine::connect(connection);
    let engine = progress.reading("the account of the credentials (STS)", connect).await;
    let engine = engine.map_err(|error| ReadError::NotConnected(message(&error)))?;
    let mut by_target: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for document in documents {
        by_target.entry(Target::of(&document)).or_default().push(document);
    }
    let mut targets: Vec<_> = stream::iter(by_target)
        .map(|(target, documents)| read_target(&engine, options, target, documents, progress))
        .buffer_unordered(TARGETS_IN_FLIGHT)
        .collect()
        .await;
    targets.sort_by(|a, b| a.target.cmp(&b.target));
    if targets.iter().all(TargetFound::is_empty) {
        return Err(ReadError::Nothing(failures(&targets)));
    }
    Ok(Found { targets, unknown })
}

impl TargetFound {
    /// Nothing of a target could be read.
    fn failed(target: Target, prices: RegionPrices, documents: Vec<Document>, why: &str) -> Self {
        let fail = |document| (document, Err(why.to_owned()));
        Self {
            target,
            prices,
            policies: documents.into_iter().map(fail).collect(),
            listed: Err(why.to_owned()),
            ingestion: Ingestion::Skipped,
        }
    }

    fn is_empty(&self) -> bool {
        self.policies.iter().all(|(_, survey)| survey.is_err())
    }
}

async fn read_target(
    engine: &Engine,
    options: &Options,
    target: Target,
    documents: Vec<Document>,
    progress: &Progress,
) -> TargetFound {
    let prices = options.prices.in_region(&target.region);
    let region = match open(engine, options, &target).await {
        Ok(region) => region,
        Err(why) => return TargetFound::failed(target, prices, documents, &why),
    };
    let mut policies = Vec::new();
    for document in documents {
        let what = format!("policy {:?} in {target}", document.name);
        let survey = progress.reading(what, region.survey(&document)).await;
        policies.push((document, survey.map_err(|error| message(&error))));
    }
    // After the policies, so that every log group they found is in it, unless it was deleted.
    let listed = progress.reading(format!("log groups of {target}"), region.log_groups()).await;
    let groups = match listed.map_err(|error| message(&error)) {
        Ok(groups) => groups,
        Err(why) => {
            // Without it there is nothing to show of a policy.
            let documents = policies.into_iter().map(|(document, _)| document).collect();
            return TargetFound::failed(target, prices, documents, &why);
        }
    };
    let ingestion = match options.ingestion {
        ReadIngestion::Yes => {
            let read = ingestion::read(&region, groups.keys(), options.at);
            progress.reading(format!("ingested bytes of {target}"), read).await
        }
        ReadIngestion::Skip => Ingestion::Skipped,
    };
    TargetFound { target, prices, policies, listed: Ok(groups), ingestion }
}

/// The target with the credentials that are for its account.
async fn open(engine: &Engine, options: &Options, target: &Target) -> Result<Region, String> {
    let Target { account_id, region } = target;
    let role = options.roles.get(account_id).map(String::as_str);
    let opened = engine.region(role, region).await.map_err(|error| message(&error))?;
    let current = opened.account_id();
    if current == account_id {
        return Ok(opened);
    }
    Err(format!(
        "The current credentials are of account {current}, not {account_id}. Use credentials of \
         {account_id}, or a role to assume, as in --role arn:aws:iam::{account_id}:role/NAME"
    ))
}

/// The distinct failures of all targets, each with the policies that it is about.
fn failures(targets: &[TargetFound]) -> String {
    let mut by_reason: BTreeMap<(&Target, &str), Vec<String>> = BTreeMap::new();
    for TargetFound { target, policies, .. } in targets {
        for (document, survey) in policies {
            if let Err(why) = survey {
                let name = format!("{:?}", document.name);
                by_reason.entry((target, why)).or_default().push(name);
            }
        }
    }
    let failures = by_reason
        .into_iter()
        .map(|((target, why), names)| format!("{} in {target}: {why}", names.join(", ")));
    failures.collect::<Vec<_>>().join("\n\n")
}

/// What an error of the engine says.
fn message(error: &EngineError) -> String {
    match error {
        EngineError::Connection(why) => format!("cannot connect to AWS: {why}"),
        EngineError::Diagnostics(diagnostics) => errors(diagnostics),
    }
}

fn errors(diagnostics: &Diagnostics) -> String {
    let errors = diagnostics.iter().filter(|it| it.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|it| format!("{}\n\n{}", it.summary, it.detail)).collect();
    errors.join("\n\n")
}
