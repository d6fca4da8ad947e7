//! Account-level subscription policies, which the provider does not manage.

use aws_sdk_cloudwatchlogs::types;
use logagg_policy::AccountPolicy;

use super::{CallError, Operation, Reader};

impl Reader {
    /// What the account ships by policies of its own.
    ///
    /// # Errors
    /// When the call fails, or a policy is not understood.
    pub(crate) async fn account_policies(&self) -> Result<Vec<AccountPolicy>, CallError> {
        let operation = Operation::DescribeAccountPolicies;
        let kind = types::PolicyType::SubscriptionFilterPolicy;
        let ask = |token| {
            let request = self.region.logs.describe_account_policies().policy_type(kind.clone());
            request.set_next_token(token).send()
        };
        let mut found = Vec::new();
        self.pages(operation, ask, |answer| {
            for policy in answer.account_policies.unwrap_or_default() {
                let document = policy.policy_document.unwrap_or_default();
                let name = policy.policy_name.unwrap_or_default();
                let criteria = policy.selection_criteria.as_deref();
                let policy = AccountPolicy::reported(&name, &document, criteria)
                    .map_err(|error| CallError::nonsense(operation, error.to_string()))?;
                found.push(policy);
            }
            Ok(answer.next_token)
        })
        .await?;
        Ok(found)
    }
}
