use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::claims::SharedClaims;
use super::retrying_client::RetryingClient;
use super::settings::{DEFAULT_MAX_RETRIES, Settings};

/// What all accounts of a provider block have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    callers: Mutex<BTreeMap<(String, String), Arc<RetryingClient>>>,
    claims: Mutex<BTreeMap<(String, String), SharedClaims>>,
    /// Paces the question whose the credentials are, which comes before any account is known.
    pub(super) identity: RetryingClient,
}

impl Shared {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        let identity = client(&settings);
        Self { settings, callers: Mutex::default(), claims: Mutex::default(), identity }
    }

    /// The buckets of an account in a region.
    pub(super) fn client(&self, account: &str, region: &str) -> Arc<RetryingClient> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let client = callers
            .entry((account.to_owned(), region.to_owned()))
            .or_insert_with(|| Arc::new(client(&self.settings)));
        Arc::clone(client)
    }

    /// What is about to be shipped in an account's region.
    pub(super) fn claims(&self, account: &str, region: &str) -> SharedClaims {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(claims.entry((account.to_owned(), region.to_owned())).or_default())
    }
}

fn client(settings: &Settings) -> RetryingClient {
    let max_retries = settings.max_retries.unwrap_or(DEFAULT_MAX_RETRIES);
    RetryingClient::new(max_retries, |operation| settings.quota(operation))
}
