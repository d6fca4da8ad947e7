//! The resource policies of functions: whom they let invoke them.

use std::collections::BTreeMap;

use logagg_policy::{Grant, Statement};
use serde_json::Value;

use super::{CallError, Cause, Operation, Reader, Writer};

impl Reader {
    /// The statements in the resource policy of a grant's function, or of its version or alias.
    /// None where there is no policy, or no function.
    pub(crate) async fn statements(&self, grant: &Grant) -> Result<Vec<Statement>, CallError> {
        let operation = Operation::GetPolicy;
        let asked = self.call(operation, || {
            self.region
                .lambda
                .get_policy()
                .function_name(grant.function_name())
                .set_qualifier(grant.qualifier().map(str::to_owned))
                .send()
        });
        let text = match asked.await {
            Ok(answer) => answer.policy.unwrap_or_default(),
            Err(error) if error.cause == Cause::Missing => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let policy: Value = serde_json::from_str(&text).map_err(|error| {
            CallError::nonsense(operation, format!("the resource policy is not JSON: {error}"))
        })?;
        let statements = policy["Statement"].as_array();
        let statements = statements.ok_or_else(|| {
            CallError::nonsense(operation, "the resource policy has no statements")
        })?;
        Ok(statements.iter().map(found).collect())
    }
}

impl Writer {
    /// Adds the statement. One of its id that is already there is an error.
    pub(crate) async fn add_permission(&self, grant: &Grant) -> Result<(), CallError> {
        let statement = grant.statement();
        let turn = grant.function_name();
        let _turn = self.region.client.turn(Operation::AddPermission, turn, &self.stopped).await?;
        let add = self.call(Operation::AddPermission, || {
            self.region
                .lambda
                .add_permission()
                .function_name(grant.function_name())
                .set_qualifier(grant.qualifier().map(str::to_owned))
                .statement_id(grant.statement_id())
                .action(&statement.action)
                .principal(statement.principal.trim_start_matches("Service:"))
                .source_arn(grant.source_arn())
                .source_account(grant.source_account())
                .send()
        });
        add.await.map(drop)
    }

    /// Removes the statement of the grant's id. It is no error if there is none.
    pub(crate) async fn remove_permission(&self, grant: &Grant) -> Result<(), CallError> {
        let turn = grant.function_name();
        let _turn =
            self.region.client.turn(Operation::RemovePermission, turn, &self.stopped).await?;
        let remove = self.call(Operation::RemovePermission, || {
            self.region
                .lambda
                .remove_permission()
                .function_name(grant.function_name())
                .set_qualifier(grant.qualifier().map(str::to_owned))
                .statement_id(grant.statement_id())
                .send()
        });
        match remove.await {
            Err(error) if error.cause != Cause::Missing => Err(error),
            _ => Ok(()),
        }
    }
}

fn found(statement: &Value) -> Statement {
    let mut conditions = BTreeMap::new();
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let values = match values {
                Value::Array(values) => values.iter().map(text).collect(),
                value => vec![text(value)],
            };
            conditions.insert((operator.clone(), key.to_ascii_lowercase()), values);
        }
    }
    Statement {
        id: text(&statement["Sid"]),
        effect: text(&statement["Effect"]),
        principal: match statement["Principal"]["Service"].as_str() {
            Some(service) => Statement::service(service),
            None => text(&statement["Principal"]),
        },
        action: text(&statement["Action"]),
        conditions,
    }
}

/// A string without its quotes, anything else as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_statement_that_lambda_makes_of_a_grant_is_the_grants() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shipper".parse().unwrap();
        let grant = Grant::of(&arn, "ship", logagg_policy::PolicyId::of(0)).unwrap();
        let mut statement = json!({
            "Sid": "logagg-eu-west-1-ship-00000000",
            "Effect": "Allow",
            "Principal": {"Service": "logs.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:shipper",
            "Condition": {
                "StringEquals": {"AWS:SourceAccount": "123456789012"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:logs:eu-west-1:123456789012:log-group:*:*"},
            },
        });
        assert_eq!(found(&statement), grant.statement());
        statement["Condition"]["ArnLike"]["AWS:SourceArn"] = json!(["a", "b"]);
        assert_ne!(found(&statement), grant.statement());
        assert_ne!(found(&json!({"Sid": "logagg-eu-west-1-ship-00000000"})), grant.statement());
        let anybody = json!({"Principal": "*"});
        assert_eq!(found(&anybody).principal, "*");
    }
}
