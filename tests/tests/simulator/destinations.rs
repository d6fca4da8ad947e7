//! Where a filter may send, and what AWS says where it may not.

use std::time::Duration;

use logagg_e2e::account::REGION;
use logagg_e2e::simulator::{
    DeliversTo, DeliveryStream, Destination, Function, Region, Role, Simulator,
};
use serde_json::{Value, json};

use super::{Simulated, each, refused};

const NOT_EXECUTED: &str = "400 InvalidParameterException: Could not execute the lambda function. \
                            Make sure you have given CloudWatch Logs permission to execute your \
                            function.";

fn put(
    simulated: &Simulated,
    destination: &str,
    role: Option<&str>,
) -> Result<Value, super::Refusal> {
    let mut input = json!({
        "logGroupName": "/a",
        "filterName": "ship",
        "filterPattern": "",
        "destinationArn": destination,
    });
    if let Some(role) = role {
        input["roleArn"] = role.into();
    }
    simulated.logs("PutSubscriptionFilter", input)
}

fn with_group() -> Simulated {
    let simulated = Simulated::new();
    simulated.here.add_groups_named(["/a"]);
    simulated
}

fn grant(simulated: &Simulated, source_arn: &str) {
    let input = json!({
        "FunctionName": "shipper",
        "StatementId": "ours",
        "Action": "lambda:InvokeFunction",
        "Principal": format!("logs.{REGION}.amazonaws.com"),
        "SourceArn": source_arn,
    });
    simulated.here.call("AddPermission", input).unwrap();
}

#[test]
fn a_function_must_exist_and_allow_cloudwatch_logs() {
    let simulated = with_group();
    let arn = simulated.account.function_arn("shipper");
    refused(put(&simulated, &arn, None), NOT_EXECUTED);
    simulated.here.add_function(Function::named("shipper"));
    refused(put(&simulated, &arn, None), NOT_EXECUTED);
    let account = simulated.account.id();
    grant(&simulated, &format!("arn:aws:logs:{REGION}:{account}:log-group:/b:*"));
    refused(put(&simulated, &arn, None), NOT_EXECUTED);
    simulated
        .here
        .call("RemovePermission", json!({"FunctionName": "shipper", "StatementId": "ours"}))
        .unwrap();
    grant(&simulated, &format!("arn:aws:logs:{REGION}:{account}:log-group:/a:*"));
    put(&simulated, &arn, None).unwrap();
    refused(
        put(&simulated, &arn, Some("arn:aws:iam::111122223333:role/x")),
        "400 InvalidParameterException: destinationArn for vendor lambda cannot be used with \
         roleArn",
    );
}

#[test]
fn a_fresh_permission_takes_its_time() {
    let builder = Simulator::builder().speed(0.0).propagation(Duration::from_secs(30));
    let simulated = Simulated::with(builder);
    simulated.here.add_groups_named(["/a"]);
    let arn = simulated.here.add_function(Function::named("shipper"));
    let account = simulated.account.id();
    grant(&simulated, &format!("arn:aws:logs:{REGION}:{account}:log-group:*:*"));
    refused(put(&simulated, &arn, None), NOT_EXECUTED);
    simulated.aws.advance(Duration::from_secs(30));
    put(&simulated, &arn, None).unwrap();
}

#[test]
fn a_functions_own_group_is_refused_wherever_it_logs() {
    let simulated = with_group();
    let arn = simulated.here.add_function(Function::named("shipper").logging_to("/a"));
    refused(
        put(&simulated, &arn, None),
        "400 InvalidParameterException: The log group provided is reserved for the function logs \
         of the destination function.",
    );
}

#[test]
fn a_stream_needs_a_role_that_cloudwatch_logs_can_use() {
    let simulated = with_group();
    let kinesis = simulated.here.add_stream("s", &[]);
    let firehose = simulated.here.add_delivery_stream(DeliveryStream::named("d"));
    let identities = simulated.aws.account(simulated.account.id());
    let useless = identities.add_role(Role::named("useless"));
    let role = identities.add_role(Role::named("role").trusting("logs.amazonaws.com"));
    let invalid = |message: &str| format!("400 InvalidParameterException: {message}");
    for (arn, vendor, undelivered) in [
        (
            &kinesis,
            "kinesis",
            "Could not deliver test message to specified Kinesis stream. Check if the given \
             kinesis stream is valid.",
        ),
        (
            &firehose,
            "firehose",
            "Could not deliver test message to specified Firehose stream. Check if the given \
             Firehose stream is in ACTIVE state.",
        ),
    ] {
        let without = format!("destinationArn for vendor {vendor} cannot be used without roleArn");
        refused(put(&simulated, arn, None), &invalid(&without));
        refused(put(&simulated, arn, Some(&useless)), &invalid(undelivered));
        refused(put(&simulated, &format!("{arn}-2"), Some(&role)), &invalid(undelivered));
        let foreign = "arn:aws:iam::999999999999:role/role";
        let cross = invalid("Cross-account pass role is not allowed.");
        refused(put(&simulated, arn, Some(foreign)), &cross);
        put(&simulated, arn, Some(&role)).unwrap();
    }
    refused(
        put(&simulated, "arn:aws:s3:::bucket", Some(&role)),
        &invalid("PutSubscriptionFilter operation cannot work with destinationArn for vendor s3"),
    );
}

#[test]
fn a_cloudwatch_logs_destination_decides_who_may_subscribe() {
    let simulated = with_group();
    let central: Region = simulated.aws.region("999999999999", REGION);
    let closed = central.add_destination(Destination::named("closed", "", ""));
    let open = Destination::named("open", "", "").open_to(&[simulated.account.id()]);
    let open = central.add_destination(open);
    let organization = Destination::named("org", "", "").open_to_organization("o-1234567890");
    let organization = central.add_destination(organization);
    let account = simulated.account.id();
    refused(
        put(&simulated, &closed, None),
        &format!(
            "400 AccessDeniedException: User with accountId: {account} is not authorized to \
             perform logs:PutSubscriptionFilter on resource: {closed}"
        ),
    );
    refused(
        put(&simulated, &format!("{closed}-2"), None),
        "400 ResourceNotFoundException: The specified destination does not exist.",
    );
    refused(
        put(&simulated, &organization, None),
        "400 InvalidParameterException: Role ARN is required when creating subscription filter \
         against destination with Organization access policy",
    );
    let role = Role::named("logs").trusting("logs.amazonaws.com");
    let role = simulated.aws.account(account).add_role(role);
    put(&simulated, &organization, Some(&role)).unwrap();
    put(&simulated, &open, None).unwrap();
}

#[test]
fn destinations_are_created_and_described() {
    let simulated = Simulated::new();
    let stream = simulated.here.add_stream("s", &[]);
    let identities = simulated.aws.account(simulated.account.id());
    let role = identities.add_role(Role::named("role").trusting("logs.amazonaws.com"));
    for name in ["a", "b", "other"] {
        let input = json!({"destinationName": name, "targetArn": stream, "roleArn": role});
        simulated.logs("PutDestination", input).unwrap();
    }
    let input = json!({"destinationName": "a", "accessPolicy": "{}"});
    simulated.logs("PutDestinationPolicy", input).unwrap();
    let found = simulated.logs("DescribeDestinations", json!({"limit": 2})).unwrap();
    assert_eq!(each(&found, "destinations", "destinationName"), ["a", "b"]);
    assert_eq!(each(&found, "destinations", "targetArn"), [&stream, &stream]);
    assert_eq!(found["destinations"][0]["accessPolicy"], "{}");
    let input = json!({"limit": 2, "nextToken": found["nextToken"]});
    let rest = simulated.logs("DescribeDestinations", input).unwrap();
    assert_eq!(each(&rest, "destinations", "destinationName"), ["other"]);
    let input = json!({"DestinationNamePrefix": "oth"});
    let found = simulated.logs("DescribeDestinations", input).unwrap();
    assert_eq!(each(&found, "destinations", "destinationName"), ["other"]);
}

#[test]
fn a_stream_tells_of_its_consumers() {
    let simulated = Simulated::new();
    let arn = simulated.here.add_stream("s", &["one", "two", "three"]);
    let call = |operation: &str, input: Value| {
        let target = format!("Kinesis_20131202.{operation}");
        simulated.api.json("kinesis", &target, &input).unwrap()
    };
    let summary = call("DescribeStreamSummary", json!({"StreamName": "s"})).unwrap();
    let summary = &summary["StreamDescriptionSummary"];
    assert_eq!(summary["StreamARN"], arn);
    assert_eq!(summary["ConsumerCount"], 3);
    let page = call("ListStreamConsumers", json!({"StreamARN": arn, "MaxResults": 2})).unwrap();
    assert_eq!(each(&page, "Consumers", "ConsumerName"), ["one", "two"]);
    let input = json!({"StreamARN": arn, "MaxResults": 2, "NextToken": page["NextToken"]});
    let rest = call("ListStreamConsumers", input).unwrap();
    assert_eq!(each(&rest, "Consumers", "ConsumerName"), ["three"]);
    let account = simulated.account.id();
    refused(
        call("DescribeStreamSummary", json!({"StreamName": "t"})),
        &format!("400 ResourceNotFoundException: Stream t under account {account} not found."),
    );
}

#[test]
fn a_delivery_stream_tells_its_error_groups_and_its_transformer() {
    let simulated = Simulated::new();
    let transformer = simulated.here.add_function(Function::named("transform"));
    simulated.here.add_delivery_stream(
        DeliveryStream::named("d").logging_to("/aws/firehose/d").transformed_by(&transformer),
    );
    let splunk = DeliveryStream::named("e").to(DeliversTo::Splunk).backup_logging_to("/backup");
    simulated.here.add_delivery_stream(splunk);
    let describe = |name: &str| {
        let input = json!({"DeliveryStreamName": name});
        let target = "Firehose_20150804.DescribeDeliveryStream";
        let answer = simulated.api.json("firehose", target, &input).unwrap().unwrap();
        answer["DeliveryStreamDescription"]["Destinations"][0].clone()
    };
    let s3 = &describe("d")["ExtendedS3DestinationDescription"];
    assert_eq!(s3["CloudWatchLoggingOptions"]["LogGroupName"], "/aws/firehose/d");
    let parameter = &s3["ProcessingConfiguration"]["Processors"][0]["Parameters"][0];
    assert_eq!(parameter["ParameterName"], "LambdaArn");
    assert!(parameter["ParameterValue"].as_str().unwrap().starts_with(&transformer));
    let splunk = &describe("e")["SplunkDestinationDescription"];
    let backup = &splunk["S3DestinationDescription"]["CloudWatchLoggingOptions"];
    assert_eq!(backup["LogGroupName"], "/backup");
}
