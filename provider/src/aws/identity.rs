use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::effort::Effort;
use super::shared::Shared;
use super::{CallError, Operation};

/// Whose the credentials are.
#[derive(Debug)]
pub(super) struct Identity {
    shared: Arc<Shared>,
    sts: aws_sdk_sts::Client,
    id: OnceCell<String>,
}

impl Identity {
    /// `id` is the account's, where it is known without asking.
    pub(super) fn new(shared: Arc<Shared>, sts: aws_sdk_sts::Client, id: Option<String>) -> Self {
        Self { shared, sts, id: OnceCell::new_with(id) }
    }

    /// The twelve digits of the account, asked for once.
    pub(super) async fn id(&self, stopped: &CancellationToken) -> Result<&str, CallError> {
        let operation = Operation::GetCallerIdentity;
        let id = self.id.get_or_try_init(async || {
            let ask = || self.sts.get_caller_identity().send();
            let asked = self.shared.identity.call(operation, &Effort::Needed, stopped, ask);
            let account = asked.await?.account;
            account.ok_or_else(|| {
                CallError::nonsense(
                    operation,
                    "the response contains no account \
                 ID",
                )
            })
        });
        id.await.map(String::as_str)
    }
}
