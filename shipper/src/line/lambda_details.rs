//! What log events of Lambda say about tenants, durable executions and dropped log events.

use std::borrow::Cow;

/// Details of a log event of Lambda.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LambdaDetails<'a> {
    /// The tenant of the invocation, for a function with tenant isolation.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html>
    pub tenant_id: Option<Cow<'a, str>>,
    /// The ARN of the durable execution, of which the invocation is a part.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html>
    pub durable_execution_arn: Option<Cow<'a, str>>,
    /// The number of log events that Lambda dropped.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-logsDropped>
    pub dropped_records: Option<u64>,
    /// Their size.
    pub dropped_bytes: Option<u64>,
}

impl LambdaDetails<'_> {
    /// The details, if there are any.
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

/// Whether this is the ARN of a durable execution. Step Functions have ARNs of executions too.
pub(super) fn is_durable_execution(arn: &str) -> bool {
    arn.starts_with("arn:") && arn.contains(":lambda:") && arn.contains("/durable-execution/")
}

#[cfg(test)]
mod tests {
    use super::super::Line;

    const ID: &str = "8f507cfc-1234-4697-b07a-ac58fc914c95";
    const ARN: &str =
        "arn:aws:lambda:eu-west-1:123456789012:function:orders:1/durable-execution/a/b";

    #[track_caller]
    fn check(message: &str, tenant_id: Option<&str>, arn: Option<&str>) {
        let details = Line::parse(message).details.unwrap_or_default();
        let found = (details.tenant_id.as_deref(), details.durable_execution_arn.as_deref());
        assert_eq!(found, (tenant_id, arn), "{message}");
    }

    #[test]
    fn tenant_and_durable_execution_are_in_platform_and_application_log_events() {
        for spaced in ["", " "] {
            let start = format!(
                r#"{{"time":"t","type":"platform.start","record":{{{spaced}"requestId":"{ID}","tenantId":"blue","durableExecutionArn":"{ARN}"}}}}"#
            );
            check(&start, Some("blue"), Some(ARN));
        }
        let message = format!(
            r#"{{"timestamp":"t","level":"INFO","requestId":"{ID}","tenantId":"blue","executionArn":"{ARN}","message":"x"}}"#
        );
        check(&message, Some("blue"), Some(ARN));
    }

    #[test]
    fn an_application_may_have_tenants_and_executions_of_its_own() {
        check(r#"{"tenantId":"blue","requestId":"7"}"#, None, None);
        let states = "arn:aws:states:eu-west-1:123456789012:execution:orders:1";
        check(&format!(r#"{{"execution_arn":"{states}"}}"#), None, None);
    }

    #[test]
    fn dropped_log_events_are_numbers() {
        let message = r#"{"time":"t","type":"platform.logsDropped","record":{"droppedBytes":12345,"droppedRecords":123,"reason":"x"}}"#;
        let details = Line::parse(message).details.unwrap();
        assert_eq!((details.dropped_records, details.dropped_bytes), (Some(123), Some(12_345)));
    }
}
