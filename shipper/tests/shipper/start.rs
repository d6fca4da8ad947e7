//! A shipper with a wrong configuration refuses to start and says everything that is wrong.

use std::process::Command;

use crate::SECRET;
use crate::lambda::Lambda;

/// Starts with a configuration that is refused with this text, in the error and in the log.
#[track_caller]
fn check(config: Option<&str>, expected: &str) {
    let mut lambda = Lambda::start_with(config);
    let expected = format!("logagg shipper refuses to start: {expected}");
    assert_eq!(lambda.standard_error(), format!("{expected}\n"));
    let error = lambda.init_error();
    assert_eq!(error.error_type, "Logagg.InvalidConfiguration");
    assert_eq!(error.message, expected);
}

#[test]
fn every_mistake_is_told_at_once_and_no_secret_with_it() {
    let config = format!(
        r#"{{
            "destinations": {{
                "search": {{"type": "elasticsearch", "url": "https://u:{SECRET}@search.example", "index": "Logs",
                           "auth": {{"type": "api_key", "api_key": "{SECRET} not encoded"}}}},
                "logs": {{"type": "logzio", "tokn": "{SECRET}", "region": 5}}
            }},
            "request_timeout": 5
        }}"#
    );
    check(
        Some(&config),
        "LOGAGG_CONFIG has 7 mistakes:\n  \
         destinations.logs.token: is missing\n  \
         destinations.logs.region: must be a string, is a number\n  \
         destinations.logs.tokn: is not known; did you mean \"token\"?\n  \
         destinations.search.url: must not hold credentials; give them in the fields meant for them\n  \
         destinations.search.index: is \"Logs\", which is no name of an index or data stream: lower case, at most \
         255 bytes, without blanks and any of \\ / * ? \" < > | , # : %, not beginning with - _ + .\n  \
         destinations.search.auth.api_key: must be the key in its encoded form, which Elasticsearch shows as \"encoded\"\n  \
         request_timeout: is not known; did you mean \"request_timeout_ms\"?",
    );
}

#[test]
fn whoever_starts_it_by_hand_is_told_what_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap")).env_clear().output().unwrap();
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "logagg shipper refuses to start: AWS_LAMBDA_RUNTIME_API is not set: this is the bootstrap of a Lambda \
         function, to be packed as a zip and run by Lambda (runtime provided.al2023)\n"
    );
}

#[test]
fn a_missing_configuration_is_a_mistake() {
    check(None, "LOGAGG_CONFIG has 1 mistake:\n  it is not set");
    check(Some(""), "LOGAGG_CONFIG has 1 mistake:\n  it is not set");
}

#[test]
fn a_configuration_that_is_no_json_is_told_by_position() {
    check(
        Some(&format!("{{\"token\": {SECRET}}}")),
        "LOGAGG_CONFIG has 1 mistake:\n  it is not JSON: syntax error at line 1 column 11",
    );
}

#[test]
fn destinations_that_would_store_things_twice_cannot_stand_together() {
    check(
        Some(
            r#"{"destinations": {
                "logs": {"type": "logzio", "token": "t"},
                "search": {"type": "elasticsearch", "url": "http://127.0.0.1:9200", "index": "logs"}
            }}"#,
        ),
        "LOGAGG_CONFIG has 1 mistake:\n  destinations: \"logs\" cannot stand beside another destination: when one \
         of them fails, Lambda repeats the event to all, and \"logs\" would store again what it has, since it takes \
         no document ids; give it a shipper of its own",
    );
}
