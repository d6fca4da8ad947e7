//! What AWS would not take, the simulator does not take.

use logagg_e2e::account::REGION;
use logagg_e2e::api::Api;
use serde_json::{Value, json};

use super::{Simulated, logs, refused};

#[test]
fn an_unknown_operation_is_refused() {
    let simulated = Simulated::new();
    let outcome = simulated.logs("PutLogEvents", json!({}));
    refused(outcome, "400 UnknownOperationException: ");
    let wrong_service =
        simulated.api.json("kinesis", "Logs_20140328.DescribeLogGroups", &json!({}));
    refused(wrong_service.unwrap(), "400 UnknownOperationException: ");
    let path = "/2015-03-31/functions/x/invocations";
    let outcome = simulated.api.lambda("POST", path, &Value::Null).unwrap();
    assert_eq!(outcome.unwrap_err().status, 404);
    let (status, xml) = simulated.api.sts("Action=Nothing&Version=2011-06-15").unwrap();
    assert_eq!(status, 400);
    assert!(xml.contains("<Code>InvalidAction</Code>"), "{xml}");
}

#[test]
fn an_unknown_or_mistyped_parameter_is_refused() {
    let simulated = Simulated::new();
    refused(
        simulated.logs("DescribeLogGroups", json!({"prefix": "/a"})),
        "400 SerializationException: DescribeLogGroups has no parameter prefix that is simulated",
    );
    refused(
        simulated.logs("DescribeLogGroups", json!({"limit": "50"})),
        "400 SerializationException: STRING_VALUE can not be converted to an Integer (limit)",
    );
}

#[test]
fn a_value_out_of_range_is_refused() {
    let simulated = Simulated::new();
    let at = |value: &str, field: &str, rule: &str| {
        format!(
            "400 InvalidParameterException: 1 validation error detected: Value {value} at \
             '{field}' failed to satisfy constraint: Member must {rule}"
        )
    };
    for (operation, input, expected) in [
        (
            "DescribeLogGroups",
            json!({"limit": 51}),
            at("'51'", "limit", "have value less than or equal to 50"),
        ),
        (
            "DescribeLogGroups",
            json!({"limit": 0}),
            at("'0'", "limit", "have value greater than or equal to 1"),
        ),
        ("CreateLogGroup", json!({}), at("null", "logGroupName", "not be null")),
        (
            "CreateLogGroup",
            json!({"logGroupName": "a b"}),
            at(
                "'a b'",
                "logGroupName",
                "satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
            ),
        ),
        (
            "CreateLogGroup",
            json!({"logGroupName": "a", "logGroupClass": "RARE"}),
            at(
                "'RARE'",
                "logGroupClass",
                "satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY, ESSENTIALS]",
            ),
        ),
        (
            "DeleteSubscriptionFilter",
            json!({"logGroupName": "a", "filterName": "a:b"}),
            at("'a:b'", "filterName", "satisfy regular expression pattern: [^:*]*"),
        ),
    ] {
        refused(simulated.logs(operation, input), &expected);
    }
}

#[test]
fn a_caller_without_known_credentials_is_refused() {
    let simulated = Simulated::new();
    let stranger = Api::new(&simulated.aws.endpoint(), "AKIAUNKNOWN", REGION);
    refused(
        logs(&stranger, "DescribeLogGroups", json!({})),
        "400 UnrecognizedClientException: The security token included in the request is invalid.",
    );
    assert_eq!(simulated.aws.counts().total(), 0);
}
