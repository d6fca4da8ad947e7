//! The configuration is read from the source that a variable names.

use serde_json::json;

use crate::bulk::Bulk;
use crate::event;
use crate::http::Response;
use crate::lambda::{Lambda, accepting};
use crate::secret_stores::SecretStores;

/// Processes an event with the configuration from this source.
#[track_caller]
fn check(name: &str, variable: (&str, &str)) {
    let (bulk, secret_stores) = (Bulk::start(), SecretStores::start());
    secret_stores.keep(name, &accepting(&json!({"destinations": {"search": bulk.config()}})));
    let mut lambda = Lambda::start_in(&[("AWS_ENDPOINT_URL", &secret_stores.url()), variable]);
    for _ in 0..2 {
        lambda.invoke(&event::of(1));
    }
    assert_eq!(bulk.held().messages.len(), 1);
    assert_eq!(secret_stores.asked(), [name]);
}

/// Fails to start with this error.
#[track_caller]
fn check_rejected(secret_stores: &SecretStores, variables: &[(&str, &str)], expected: &str) {
    let url = secret_stores.url();
    let endpoint = [("AWS_ENDPOINT_URL", url.as_str())];
    let lambda = Lambda::start_in(&[&endpoint, variables].concat());
    let expected = format!("logagg shipper cannot start: {expected}");
    assert_eq!(lambda.init_error().message, expected);
}

#[test]
fn it_is_read_from_a_parameter_by_name_or_arn() {
    check("/shop/shipper", ("LOGAGG_CONFIG_SSM", "/shop/shipper"));
    let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/shipper";
    check(arn, ("LOGAGG_CONFIG_SSM", arn));
}

#[test]
fn it_is_read_from_an_object() {
    check("/config/shipper.json", ("LOGAGG_CONFIG_S3", "s3://config/shipper.json"));
}

#[test]
fn it_is_read_from_a_file() {
    let bulk = Bulk::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shipper.json");
    let config = accepting(&json!({"destinations": {"search": bulk.config()}}));
    std::fs::write(&file, config).unwrap();
    let mut lambda = Lambda::start_in(&[("LOGAGG_CONFIG_FILE", file.to_str().unwrap())]);
    lambda.invoke(&event::of(1));
    assert_eq!(bulk.held().messages.len(), 1);
}

#[test]
fn a_missing_configuration_source_is_named_with_the_remedy() {
    let secret_stores = SecretStores::start();
    check_rejected(
        &secret_stores,
        &[("LOGAGG_CONFIG_SSM", "/shop/shipper")],
        "cannot read the configuration from the parameter /shop/shipper (LOGAGG_CONFIG_SSM): \
         ssm:GetParameter: ParameterNotFound (status 400); not found in this region",
    );
    secret_stores.response([Response::new(403, "<Error><Code>AccessDenied</Code></Error>")]);
    check_rejected(
        &secret_stores,
        &[("LOGAGG_CONFIG_S3", "s3://config/shipper.json")],
        "cannot read the configuration from s3://config/shipper.json (LOGAGG_CONFIG_S3): \
         s3:GetObject: AccessDenied (status 403); grant the function's role s3:GetObject on it, \
         and s3:ListBucket on the bucket to distinguish a missing object from a forbidden one",
    );
    check_rejected(
        &secret_stores,
        &[("LOGAGG_CONFIG_FILE", "/nowhere/shipper.json")],
        "cannot read the configuration from /nowhere/shipper.json (LOGAGG_CONFIG_FILE): entity not found",
    );
    check_rejected(
        &secret_stores,
        &[("LOGAGG_CONFIG_S3", "s3://a/b"), ("LOGAGG_CONFIG_FILE", "c")],
        "the configuration must have one source, but several variables are set: \
         LOGAGG_CONFIG_FILE, LOGAGG_CONFIG_S3",
    );
}

#[test]
fn errors_name_the_source() {
    let secret_stores = SecretStores::start();
    secret_stores.keep("/shop/shipper", r#"{"accepted_risks":["no_undelivered_storage"]}"#);
    check_rejected(
        &secret_stores,
        &[("LOGAGG_CONFIG_SSM", "/shop/shipper")],
        "the parameter /shop/shipper (LOGAGG_CONFIG_SSM) has 1 error:\n  destinations: is missing",
    );
}

#[test]
fn throttling_at_start_is_retried() {
    let secret_stores = SecretStores::start();
    let throttled = || Response::new(400, r#"{"__type":"ThrottlingException"}"#);
    secret_stores.response([throttled(), throttled()]);
    secret_stores.keep("/shop/shipper", r#"{"accepted_risks":["no_undelivered_storage"]}"#);
    check_rejected(
        &secret_stores,
        &[("LOGAGG_CONFIG_SSM", "/shop/shipper")],
        "the parameter /shop/shipper (LOGAGG_CONFIG_SSM) has 1 error:\n  destinations: is missing",
    );
    assert_eq!(secret_stores.asked().len(), 3);
}
