//! Who calls, and what he may do: roles, sessions, and what a test forbids.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use serde_json::Value;

use super::glob;
use super::refusal::Refusal;
use super::service::Service;

/// A caller of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) id: String,
    pub(super) access_key: String,
}

impl Who {
    /// A user of an account, by the account's number as access key.
    pub(super) fn user(account: &str, name: &str) -> Self {
        Self {
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            account: account.to_owned(),
            id: "AIDASIMULATEDUSER00000".to_owned(),
            access_key: account.to_owned(),
        }
    }
}

/// A role, to be added to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub(super) name: String,
    pub(super) trusts: Vec<String>,
    pub(super) external_id: Option<String>,
    /// From when on it is known everywhere.
    pub(super) known_from: Option<SystemTime>,
}

impl Role {
    /// A role without a trusted principal yet.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), trusts: Vec::new(), external_id: None, known_from: None }
    }

    /// An account of this number, or a service such as `logs.amazonaws.com`, may assume it.
    #[must_use]
    pub fn trusting(mut self, principal: &str) -> Self {
        self.trusts.push(principal.to_owned());
        self
    }

    /// The external ID that is required to assume it.
    #[must_use]
    pub fn external_id(mut self, id: &str) -> Self {
        self.external_id = Some(id.to_owned());
        self
    }

    pub(super) fn known(&self, now: SystemTime) -> bool {
        self.known_from.is_none_or(|from| from <= now)
    }
}

/// What the caller of a role works with.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) who: Who,
    pub(super) token: String,
    /// Until a test ends it.
    pub(super) valid: bool,
}

/// An action that a test forbids.
#[derive(Debug, Clone)]
pub(super) struct Denial {
    pub(super) account: String,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) until: Option<SystemTime>,
}

/// A statement of an IAM policy that allows something.
#[derive(Debug, Clone)]
pub(super) struct Allowance {
    pub(super) actions: Vec<String>,
    pub(super) resources: Vec<String>,
}

impl Allowance {
    /// The statements of an IAM policy. Only what pages show is read: `Allow`, no conditions.
    pub(super) fn of(policy: &Value) -> Vec<Self> {
        let texts = |value: &Value| match value {
            Value::Array(values) => {
                values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            value => value.as_str().map(str::to_owned).into_iter().collect(),
        };
        let statements = policy["Statement"].as_array().into_iter().flatten();
        let allowing = statements.filter(|statement| statement["Effect"] == "Allow");
        allowing
            .map(|statement| Self {
                actions: texts(&statement["Action"]),
                resources: texts(&statement["Resource"]),
            })
            .collect()
    }
}

/// All accounts' identities.
#[derive(Debug, Default)]
pub(super) struct Iam {
    /// By ARN.
    pub(super) roles: BTreeMap<String, Role>,
    /// By access key.
    pub(super) sessions: HashMap<String, Session>,
    pub(super) denials: Vec<Denial>,
    /// What the callers of an account may do, where that is not everything.
    pub(super) allowances: BTreeMap<String, Vec<Allowance>>,
}

impl Iam {
    pub(super) fn denies(
        &self,
        account: &str,
        action: &str,
        resource: &str,
        now: SystemTime,
    ) -> bool {
        self.denials.iter().any(|denial| {
            denial.account == account
                && glob::fits(&denial.action, action)
                && glob::fits(&denial.resource, resource)
                && denial.until.is_none_or(|until| now < until)
        })
    }

    /// The account's policy, if it has one, lets its callers do this.
    pub(super) fn allows(&self, account: &str, action: &str, arn: &str) -> bool {
        let Some(allowances) = self.allowances.get(account) else { return true };
        let any = |patterns: &[String], text: &str| {
            patterns.iter().any(|pattern| glob::fits(pattern, text))
        };
        allowances
            .iter()
            .any(|allowance| any(&allowance.actions, action) && any(&allowance.resources, arn))
    }

    /// Who has this access key and, for a session, token.
    pub(super) fn who(
        &self,
        service: Service,
        access_key: &str,
        token: Option<&str>,
    ) -> Result<Who, Refusal> {
        if let Some(session) = self.sessions.get(access_key)
            && token == Some(session.token.as_str())
        {
            let message = "The security token included in the request is expired";
            return match (session.valid, service) {
                (true, _) => Ok(session.who.clone()),
                (false, Service::Sts) => Err(Refusal::new(403, "ExpiredToken", message)),
                (false, Service::Lambda) => {
                    Err(Refusal::new(403, "ExpiredTokenException", message))
                }
                (false, _) => Err(Refusal::bad("ExpiredTokenException", message)),
            };
        }
        if access_key.len() == 12 && access_key.bytes().all(|c| c.is_ascii_digit()) {
            return Ok(Who::user(access_key, "terraform"));
        }
        let message = "The security token included in the request is invalid.";
        Err(match service {
            Service::Sts | Service::Lambda => Refusal::new(
                403,
                if service == Service::Sts {
                    "InvalidClientTokenId"
                } else {
                    "UnrecognizedClientException"
                },
                message,
            ),
            _ => Refusal::bad("UnrecognizedClientException", message),
        })
    }

    /// CloudWatch Logs may work as this role.
    pub(super) fn logs_may_assume(
        &self,
        arn: &str,
        account: &str,
        region: &str,
        now: SystemTime,
    ) -> Result<(), RoleFault> {
        if arn.split(':').nth(4) != Some(account) {
            return Err(RoleFault::Foreign);
        }
        let regional = format!("logs.{region}.amazonaws.com");
        let trusts = |by: &String| by == "logs.amazonaws.com" || *by == regional;
        match self.roles.get(arn) {
            Some(role) if role.known(now) && role.trusts.iter().any(trusts) => Ok(()),
            _ => Err(RoleFault::Useless),
        }
    }
}

/// Why CloudWatch Logs cannot work as a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoleFault {
    /// It is another account's.
    Foreign,
    /// It is not there, not known yet, or does not trust CloudWatch Logs.
    Useless,
}
