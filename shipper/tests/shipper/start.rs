//! A shipper with an invalid configuration does not start and reports all errors.

use std::process::Command;

use crate::SECRET;
use crate::event;
use crate::lambda::Lambda;

/// Starts with a configuration that is rejected with this error, which Lambda and the log receive.
#[track_caller]
fn check(config: Option<&str>, expected: &str) {
    let mut lambda = Lambda::start_with(config);
    let expected = format!("logagg shipper cannot start: {expected}");
    assert_eq!(lambda.standard_error(), format!("{expected}\n"));
    let error = lambda.init_error();
    assert_eq!(error.error_type, "Logagg.InvalidConfiguration");
    assert_eq!(error.message, expected);
}

#[test]
fn every_error_is_reported_at_once_without_secrets() {
    let config = format!(
        r#"{{
            "destinations": {{
                "search": {{"type": "elasticsearch", "url": "https://u:{SECRET}@search.example", "index": "Logs",
                           "auth": {{"type": "api_key", "api_key": "{SECRET} not encoded"}}}},
                "logs": {{"type": "logzio", "tokn": "{SECRET}", "region": 5}}
            }},
            "request_timeout": 5,
            "accepted_risks": ["no_undelivered_storag"]
        }}"#
    );
    check(
        Some(&config),
        "LOGAGG_CONFIG has 9 errors:\n  accepted_risks[0]: invalid value \
         \"no_undelivered_storag\": must be one of \"no_undelivered_storage\", \
         \"insecure_http\", \"low_memory\"; did you mean \"no_undelivered_storage\"?\n  destinations.logs.region: \
         must be a string, is a number\n  destinations.logs.token: is missing\n  destinations.logs.tokn: \
         unknown field; did you mean \"token\"?\n  destinations.search.auth.api_key: must be \
         the encoded form of the API key, which Elasticsearch returns as \"encoded\"\n  destinations.search.index: \
         invalid name \"Logs\" of an index or data stream: must be lower case, at most 255 \
         bytes, without spaces and any of \\ / * ? \" < > | , # : %, not beginning with - _ + \
         .\n  destinations.search.url: must not contain credentials; use the destination's \
         fields for credentials\n  request_timeout: unknown field; did you mean \
         \"request_timeout_ms\"?\n  \"undelivered\" is not configured, so an undelivered event \
         fails the invocation: Lambda retries it twice and then DISCARDS it unless the function \
         has an on-failure destination, and events that a destination rejects are lost; \
         configure \"undelivered\"; or accept the risk with \"accepted_risks\": \
         [\"no_undelivered_storage\"]",
    );
}

#[test]
fn a_manual_start_explains_the_program() {
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap")).env_clear().output().unwrap();
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "logagg shipper cannot start: AWS_LAMBDA_RUNTIME_API is not set: this is the bootstrap \
         of a Lambda function, to be packed as a zip and run by Lambda (runtime \
         provided.al2023)\n"
    );
}

#[test]
fn a_missing_configuration_is_an_error() {
    let expected = "no configuration: set LOGAGG_CONFIG to the document, or one of \
        LOGAGG_CONFIG_FILE, LOGAGG_CONFIG_SSM and LOGAGG_CONFIG_S3 to its location";
    check(None, expected);
    check(Some(""), expected);
}

#[test]
fn invalid_json_is_reported_by_position() {
    check(
        Some(&format!("{{\"token\": {SECRET}}}")),
        "LOGAGG_CONFIG has 1 error:\n  invalid JSON: syntax error at line 1 column 11",
    );
}

#[test]
fn destinations_without_deduplication_cannot_be_combined() {
    check(
        Some(
            r#"{"destinations": {
                "logs": {"type": "logzio", "token": "t"},
                "search": {"type": "elasticsearch", "url": "http://127.0.0.1:9200", "index": "logs"}
            }, "accepted_risks": ["no_undelivered_storage"]}"#,
        ),
        "LOGAGG_CONFIG has 1 error:\n  destinations: \"logs\" cannot be combined with another \
         destination: when one of them fails, Lambda retries the event for all, and \"logs\" \
         would store duplicates, because it does not deduplicate; configure \"undelivered\", or \
         deploy a separate shipper for it",
    );
}

#[test]
fn risks_must_be_accepted_by_name() {
    let config = |accept: &str| {
        format!(
            r#"{{"destinations": {{"search": {{"type": "elasticsearch", "url": "http://search.internal:9200",
                "index": "logs"}}}}, "max_decoded_bytes": 104857600, "accepted_risks": [{accept}]}}"#
        )
    };
    check(
        Some(&config("\"no_undelivered_storage\"")),
        "LOGAGG_CONFIG has 2 errors:\n  destinations.search.url: the URL begins with http:// and \
         is not a loopback address, so log events and credentials are sent unencrypted; use \
         https://; or accept the risk with \"accepted_risks\": [\"insecure_http\"]\n  max_decoded_bytes: \
         an event of \"max_decoded_bytes\" needs more memory than the function has, and Lambda \
         ends an instance that runs out of memory; increase the function's memory, or lower \
         \"max_decoded_bytes\" to at most 16777216; or accept the risk with \"accepted_risks\": \
         [\"low_memory\"]",
    );
    let accepted = config("\"no_undelivered_storage\", \"insecure_http\", \"low_memory\"");
    let invoked = Lambda::start_with(Some(&accepted)).invoke(&event::control());
    assert_eq!(invoked.result, Ok(invoked.summary));
}

/// Starts in this environment with a configuration that is rejected with this error.
#[track_caller]
fn check_in(variables: &[(&str, &str)], config: &str, expected: &str) {
    let lambda = Lambda::start_in(&[variables, &[("LOGAGG_CONFIG", config)]].concat());
    let expected = format!("logagg shipper cannot start: {expected}");
    assert_eq!(lambda.init_error().message, expected);
}

#[test]
fn an_unknown_endpoint_of_aws_is_an_error_without_fallback() {
    let destinations = r#""destinations": {"logs": {"type": "logzio", "token": "t"}}"#;
    let undelivered = format!(r#"{{{destinations}, "undelivered": {{"bucket": "stored"}}}}"#);
    let fips = ("AWS_USE_FIPS_ENDPOINT", "true");
    let none = "s3 has no FIPS endpoint in cn-north-1: unset AWS_USE_FIPS_ENDPOINT, or set \
                AWS_ENDPOINT_URL_S3 to the one to use";
    let in_china = ("AWS_REGION", "cn-north-1");
    check_in(&[fips, in_china], &undelivered, &format!("undelivered: {none}"));
    let dual_stack = ("AWS_USE_DUALSTACK_ENDPOINT", "on");
    let no_switch = "AWS_USE_DUALSTACK_ENDPOINT must be true or false";
    check_in(&[dual_stack], &undelivered, &format!("undelivered: {no_switch}"));
    let archive = r#"{"destinations": {"archive": {"type": "s3", "bucket": "archive", "region": "cn-north-1"}},
        "accepted_risks": ["no_undelivered_storage"]}"#;
    let mistake = format!("LOGAGG_CONFIG has 1 error:\n  destinations.archive.region: {none}");
    check_in(&[fips], archive, &mistake);
    let s3 = [("LOGAGG_CONFIG_S3", "s3://b/k"), fips, in_china];
    let lambda = Lambda::start_in(&s3);
    let place = "cannot read the configuration from s3://b/k (LOGAGG_CONFIG_S3): s3:GetObject: ";
    let expected = format!("logagg shipper cannot start: {place}{none}");
    assert_eq!(lambda.init_error().message, expected);
}
