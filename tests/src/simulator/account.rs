//! A test's hand in the identities of one account.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::iam::{Allowance, Denial, Role};
use super::shared::Shared;

/// One account: its roles, and what its callers may not do. Without a word of the test they may do
/// everything.
#[derive(Debug, Clone)]
pub struct Account {
    shared: Arc<Shared>,
    id: String,
}

impl Account {
    pub(super) fn new(shared: Arc<Shared>, id: &str) -> Self {
        Self { shared, id: id.to_owned() }
    }

    /// Adds a role without propagation time; returns its ARN.
    pub fn add_role(&self, role: Role) -> String {
        let arn = format!("arn:aws:iam::{}:role/{}", self.id, role.name);
        self.shared.world().iam.roles.insert(arn.clone(), role);
        arn
    }

    /// Adds a role as IAM does: it is usable after the propagation time.
    pub fn add_fresh_role(&self, mut role: Role) -> String {
        let propagation = self.shared.world().settings.propagation;
        role.known_from = Some(self.shared.clock.now() + propagation);
        self.add_role(role)
    }

    /// Forbids an action such as `logs:PutSubscriptionFilter` or `lambda:*`.
    pub fn deny(&self, action: &str) {
        self.forbid(action, "*", None);
    }

    /// Forbids an action on what this names: a log group, a function, a stream, a role; `*` is any
    /// text.
    pub fn deny_on(&self, action: &str, resource: &str) {
        self.forbid(action, resource, None);
    }

    /// Forbids an action for this much simulated time, as when a permission is not known yet.
    pub fn deny_for(&self, action: &str, time: Duration) {
        self.forbid(action, "*", Some(time));
    }

    /// From now on callers may do what this IAM policy allows, and nothing else.
    pub fn allow_only(&self, policy: &Value) {
        let allowances = Allowance::of(policy);
        self.shared.world().iam.allowances.insert(self.id.clone(), allowances);
    }

    /// Takes back all that was forbidden.
    pub fn allow_all(&self) {
        self.shared.world().iam.denials.retain(|denial| denial.account != self.id);
    }

    /// Ends all sessions of roles of the account: their credentials are expired from now on.
    pub fn end_sessions(&self) {
        for session in self.shared.world().iam.sessions.values_mut() {
            session.valid &= session.who.account != self.id;
        }
    }

    fn forbid(&self, action: &str, resource: &str, time: Option<Duration>) {
        let until = time.map(|time| self.shared.clock.now() + time);
        self.shared.world().iam.denials.push(Denial {
            account: self.id.clone(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            until,
        });
    }
}
