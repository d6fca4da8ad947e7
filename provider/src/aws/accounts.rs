use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use tokio_util::sync::CancellationToken;

use super::account::Account;
use super::credentials::assumed;
use super::error::RoleOf;
use super::role::account_of;
use super::settings::Settings;
use super::shared::Shared;
use super::{AssumeRole, CallError, ForbiddenAccount};

/// Every account that is worked in. Who assumes the same role shares its credentials; who works in
/// the same account and region, by whichever role, shares the token buckets.
#[derive(Debug)]
pub(crate) struct Accounts {
    shared: Arc<Shared>,
    /// The account of the provider block's credentials.
    own: Arc<Account>,
    by_role: Mutex<BTreeMap<AssumeRole, Arc<Account>>>,
}

impl Accounts {
    pub(super) fn new(
        settings: Arc<Settings>,
        sdk: SdkConfig,
        id: Option<String>,
        default_region: String,
    ) -> Self {
        let shared = Arc::new(Shared::new(settings));
        let own = Account::new(Arc::clone(&shared), sdk, id, default_region);
        Self { shared, own: Arc::new(own), by_role: Mutex::default() }
    }

    /// The account in which a resource or data source works: that of its role, assumed with the
    /// provider block's credentials, or that of the provider block. Calls nothing.
    ///
    /// # Errors
    /// When the provider block keeps the role's account out.
    pub(crate) fn account_for(
        &self,
        role: Option<AssumeRole>,
    ) -> Result<Arc<Account>, ForbiddenAccount> {
        let Some(role) = role else {
            return Ok(Arc::clone(&self.own));
        };
        let id = account_of(&role.role_arn);
        if let Some(id) = &id {
            self.shared.settings.accounts.check(id)?;
        }
        let mut accounts = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(role).or_insert_with_key(|role| {
            let of = RoleOf::Resource;
            let sdk = assumed(self.own.sdk(), &self.shared.settings, role.clone(), of);
            let region = self.own.default_region().to_owned();
            Arc::new(Account::new(Arc::clone(&self.shared), sdk, id, region))
        });
        Ok(Arc::clone(account))
    }

    /// Whether the provider block's credentials are good, and their account is not kept out.
    ///
    /// # Errors
    /// When STS refuses them or cannot be asked.
    pub(crate) async fn check(
        &self,
        stopped: &CancellationToken,
        credentials: Credentials,
    ) -> Result<Result<(), ForbiddenAccount>, CallError> {
        let accounts = &self.shared.settings.accounts;
        if credentials == Credentials::Trusted && matches!(accounts, super::AllowedAccounts::All) {
            return Ok(Ok(()));
        }
        Ok(accounts.check(self.own.id(stopped).await?))
    }
}

/// Whether credentials are tried before they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    Tried,
    Trusted,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::aws::AllowedAccounts;

    fn pool(accounts: AllowedAccounts) -> Accounts {
        let settings = Arc::new(Settings { accounts, ..Settings::default() });
        let sdk = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-central-1"))
            .build();
        Accounts::new(settings, sdk, Some("111122223333".to_owned()), "eu-central-1".to_owned())
    }

    fn role(account: &str, name: &str) -> Option<AssumeRole> {
        let role_arn = format!("arn:aws:iam::{account}:role/{name}");
        Some(AssumeRole { role_arn, ..AssumeRole::default() })
    }

    #[tokio::test]
    async fn the_same_role_is_the_same_account_with_the_same_credentials() {
        let pool = pool(AllowedAccounts::All);
        let one = pool.account_for(role("444455556666", "logs")).unwrap();
        assert!(Arc::ptr_eq(&one, &pool.account_for(role("444455556666", "logs")).unwrap()));
        assert!(!Arc::ptr_eq(&one, &pool.account_for(role("444455556666", "other")).unwrap()));
        assert_eq!(one.id(&CancellationToken::new()).await, Ok("444455556666"));
    }

    #[tokio::test]
    async fn two_roles_into_one_account_share_its_buckets_and_no_others() {
        let pool = pool(AllowedAccounts::All);
        let stopped = CancellationToken::new();
        let mut callers = Vec::new();
        for (account, name, region) in [
            ("111122223333", "one", "eu-central-1"),
            ("111122223333", "other", "eu-central-1"),
            ("111122223333", "one", "us-east-1"),
            ("444455556666", "one", "eu-central-1"),
        ] {
            let account = pool.account_for(role(account, name)).unwrap();
            callers.push(account.region(region).client.get(&stopped).await.unwrap());
        }
        let own = pool.own.region("eu-central-1").client.get(&stopped).await.unwrap();
        assert!(Arc::ptr_eq(&callers[0], &callers[1]));
        assert!(Arc::ptr_eq(&callers[0], &own));
        assert!(!Arc::ptr_eq(&callers[0], &callers[2]));
        assert!(!Arc::ptr_eq(&callers[0], &callers[3]));
    }

    #[tokio::test]
    async fn a_role_of_a_forbidden_account_is_rejected() {
        let only = AllowedAccounts::Only(BTreeSet::from(["111122223333".to_owned()]));
        assert!(pool(only.clone()).account_for(role("111122223333", "logs")).is_ok());
        let error = pool(only).account_for(role("444455556666", "logs")).unwrap_err();
        assert_eq!(error, ForbiddenAccount::NotAllowed("444455556666".to_owned()));
    }
}
