use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aws_config::profile::ProfileFileLoadError;

use super::{AssumeRole, Operation, Service, WebIdentity};

/// How the provider block says that AWS is to be reached. What it leaves out comes from the
/// environment and the shared files, as in every AWS SDK.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) region: Option<String>,
    pub(crate) sts_region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) keys: Option<StaticKeys>,
    pub(crate) config_files: Vec<String>,
    pub(crate) credentials_files: Vec<String>,
    pub(crate) web_identity: Option<WebIdentity>,
    /// Assumed one with the credentials of the one before.
    pub(crate) roles: Vec<AssumeRole>,
    pub(crate) accounts: AllowedAccounts,
    pub(crate) account_id: AccountIdFrom,
    pub(crate) metadata: Metadata,
    pub(crate) endpoints: BTreeMap<Service, String>,
    pub(crate) use_fips: Option<bool>,
    pub(crate) use_dual_stack: Option<bool>,
    pub(crate) transport: Transport,
    /// Without it `AWS_MAX_ATTEMPTS`, the profile, or [`DEFAULT_MAX_RETRIES`].
    pub(crate) max_retries: Option<u32>,
    pub(crate) requests_per_second: BTreeMap<String, f64>,
}

/// As many as the AWS provider's default.
pub(super) const DEFAULT_MAX_RETRIES: u32 = 25;

/// Keys written into the provider block.
#[derive(Clone)]
pub(crate) struct StaticKeys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) token: Option<String>,
}

impl std::fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaticKeys(***)")
    }
}

/// In which accounts anything may be done.
#[derive(Clone, Debug, Default)]
pub(crate) enum AllowedAccounts {
    #[default]
    All,
    Only(BTreeSet<String>),
    AllBut(BTreeSet<String>),
}

impl AllowedAccounts {
    /// # Errors
    /// When nothing may be done in this account.
    pub(super) fn check(&self, id: &str) -> Result<(), ForbiddenAccount> {
        match self {
            Self::Only(ids) if !ids.contains(id) => {
                Err(ForbiddenAccount::NotAllowed(id.to_owned()))
            }
            Self::AllBut(ids) if ids.contains(id) => {
                Err(ForbiddenAccount::Forbidden(id.to_owned()))
            }
            Self::All | Self::Only(_) | Self::AllBut(_) => Ok(()),
        }
    }
}

/// An account that the provider block keeps out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ForbiddenAccount {
    #[error("account {0} is not among allowed_account_ids")]
    NotAllowed(String),
    #[error("account {0} is among forbidden_account_ids")]
    Forbidden(String),
}

/// Where the account's number comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AccountIdFrom {
    /// STS is asked whose the credentials are.
    #[default]
    Sts,
    /// From the configuration.
    Configuration,
}

/// Whether the metadata service of EC2 may give region and credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Metadata {
    #[default]
    Asked,
    Skipped,
}

/// How connections are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transport {
    /// Empty is no proxy, whatever the environment says.
    pub(crate) http_proxy: Option<String>,
    pub(crate) https_proxy: Option<String>,
    pub(crate) no_proxy: Option<String>,
    pub(crate) custom_ca_bundle: Option<String>,
    pub(crate) trust: Trust,
}

/// Whose certificates are good enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those that lead to a certificate authority this machine trusts, or one of
    /// `custom_ca_bundle`.
    #[default]
    Verified,
    /// Any certificate.
    Anyone,
}

/// Why AWS cannot be reached as configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotConnect {
    #[error("no region is set, also not in AWS_REGION or the profile")]
    NoRegion,
    #[error("{} cannot be read", path.display())]
    UnreadableFile {
        /// Where the path is written: an argument, perhaps with the place in its list.
        given: Given,
        path: PathBuf,
        #[source]
        why: std::io::Error,
    },
    #[error("the shared configuration files cannot be read")]
    UnreadableProfiles(#[source] ProfileFileLoadError),
    #[error("the shared configuration files have no profile {name:?}")]
    NoProfile { given: Given, name: String },
    #[error("{text:?} is not a number of attempts")]
    NoAttempts { given: Given, text: String },
    #[error("{} contains no certificate in PEM format", path.display())]
    NoCertificate { given: Given, path: PathBuf },
    /// Its text may hold a password, so it is not repeated.
    #[error("invalid proxy URL")]
    NotAProxy { given: Given },
    #[error("cannot create an HTTP client")]
    NoClient(#[source] reqwest::Error),
    #[error("cannot determine the AWS account ID")]
    UnknownAccount,
    #[error("web identity token not found")]
    NoToken,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Argument(&'static str),
    Element(&'static str, usize),
    Variable(&'static str),
    /// A setting of the profile.
    Profile(&'static str),
}

impl Settings {
    /// The requests a second to make of a call.
    pub(super) fn quota(&self, operation: Operation) -> f64 {
        self.requests_per_second
            .get(operation.name())
            .copied()
            .unwrap_or_else(|| operation.default_quota())
    }
}
