use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logagg_policy::{Document, Listing, LogGroup};
use tfplugin::{Attr, CancellationToken, Context, Diagnostic, Diagnostics};

use super::ReportError;
use super::options::Options;
use super::target::Target;
use crate::aws::{Account, Accounts, Credentials, Service, Settings};
use crate::diagnostics;
use crate::policy::Survey;
use crate::provider::{Client, RoleBlock};

/// What AWS has answered.
#[derive(Debug)]
pub(super) struct Answers {
    /// What each policy found.
    pub(super) surveys: Vec<(Document, Survey)>,
    /// Every log group of the places where a policy is at work.
    pub(super) listings: BTreeMap<Target, BTreeMap<String, LogGroup>>,
}

/// Reads and plans every policy, and lists the log groups around.
///
/// # Errors
/// When an account cannot be reached, or something cannot be read.
pub(super) async fn ask(
    options: &Options,
    documents: Vec<Document>,
) -> Result<Answers, ReportError> {
    // Cancelled only by ending the process, which is safe because nothing is written.
    let stopped = CancellationToken::new();
    let accounts: BTreeSet<_> = documents.iter().map(|document| &document.account_id).collect();
    if let Some((_, arn)) = options.roles.iter().find(|(account, _)| !accounts.contains(account)) {
        return Err(ReportError::NeedlessRole { arn: arn.clone() });
    }
    let client = Arc::new(Client::Known(Box::new(open(options, &documents, &stopped).await?)));
    let mut answers = Answers { surveys: Vec::new(), listings: BTreeMap::new() };
    let mut targets = BTreeMap::new();
    for document in documents {
        let Document { name, region, .. } = &document;
        eprintln!("reading the log groups of {name:?} in {region}");
        let role = options.roles.get(&document.account_id).map(|arn| role(arn));
        let account = account(&client, &document, role.clone(), &stopped).await?;
        let survey = Survey::take(&client, &document, role, &stopped).await;
        targets.insert(Target::of(&document), account);
        answers.surveys.push((document, survey.map_err(ReportError::Refused)?));
    }
    // After the policies, so that whatever these have found is in it, unless it is gone.
    for (target, account) in targets {
        let reader = account.reader(&target.region, &stopped);
        let everything = [Listing::Prefix(String::new())];
        let listed = reader.log_groups(&everything).await;
        let listed = listed
            .map_err(|error| refused(diagnostics::groups_not_listed(&error, &target.region)))?;
        answers.listings.insert(target, listed);
    }
    Ok(answers)
}

async fn open(
    options: &Options,
    documents: &[Document],
    stopped: &CancellationToken,
) -> Result<Accounts, ReportError> {
    let endpoints =
        options.endpoint.iter().flat_map(|url| Service::ALL.map(|service| (service, url.clone())));
    let settings = Settings {
        // Each policy is read in its own; this is where it is asked whose the credentials are.
        region: documents.first().map(|document| document.region.clone()),
        endpoints: endpoints.collect(),
        requests_per_second: options.requests_per_second.clone(),
        ..Settings::default()
    };
    let pool =
        settings.open().await.map_err(|error| refused(diagnostics::cannot_connect(&error)))?;
    let tried = pool.check(stopped, Credentials::Tried).await;
    tried
        .map_err(|error| refused(diagnostics::no_account(&error)))?
        .map_err(|error| refused(diagnostics::forbidden_account(&error)))?;
    Ok(pool)
}

/// The account in which a policy is to be read.
async fn account(
    client: &Arc<Client>,
    document: &Document,
    role: Option<RoleBlock>,
    stopped: &CancellationToken,
) -> Result<Arc<Account>, ReportError> {
    let cx = Context::new(Arc::clone(client), stopped.clone());
    let blocks = Attr::Known(role.into_iter().collect());
    let account = Client::account_to_work_in(&cx, &blocks).map_err(refused)?;
    let in_hand =
        account.id(stopped).await.map_err(|error| refused(diagnostics::no_account(&error)))?;
    if in_hand != document.account_id {
        return Err(ReportError::OtherAccount {
            policy: document.name.clone(),
            account: document.account_id.clone(),
            in_hand: in_hand.to_owned(),
        });
    }
    Ok(account)
}

fn role(arn: &str) -> RoleBlock {
    RoleBlock {
        role_arn: Attr::Known(arn.to_owned()),
        external_id: Attr::Null,
        session_name: Attr::Null,
    }
}

fn refused(diagnostic: Diagnostic) -> ReportError {
    ReportError::Refused(Diagnostics::from(diagnostic))
}
