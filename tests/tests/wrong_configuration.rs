//! Each argument with invalid values, and its error message.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::scene::{NAME, Scene, says};

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111122223333:function:shipper";
const STREAM: &str = "arn:aws:kinesis:eu-central-1:111122223333:stream/logs";
const ROLE: &str = "arn:aws:iam::111122223333:role/logs";

/// What a policy in the wrong looks like, and what is said about it: summary and detail.
struct Case {
    arguments: String,
    diagnostic: [String; 2],
}

/// Arguments, the message's summary, its detail.
fn case(arguments: &str, summary: &str, detail: &str) -> Case {
    Case { arguments: arguments.to_owned(), diagnostic: [summary.to_owned(), detail.to_owned()] }
}

/// The same for an argument beside those of a correct policy.
fn added(argument: &str, summary: &str, detail: &str) -> Case {
    case(&format!("{}\n{argument}", correct()), summary, detail)
}

fn correct() -> String {
    format!(
        "name = \"ship\"\ndestination_arn = \"{FUNCTION}\"\n{}",
        select("name_prefixes = [\"/a\"]")
    )
}

fn select(rule: &str) -> String {
    format!("select {{\n  {rule}\n}}")
}

/// Validates them all at once, each as a resource of its own, and compares what is said of each.
#[track_caller]
fn check(cases: &[Case]) {
    let mut configuration = String::new();
    for (number, Case { arguments, .. }) in cases.iter().enumerate() {
        writeln!(configuration, "resource \"logagg_policy\" \"case_{number}\" {{\n{arguments}\n}}")
            .unwrap();
    }
    let said = validate(&configuration);
    for (number, Case { arguments, diagnostic }) in cases.iter().enumerate() {
        let context = format!("resource \"logagg_policy\" \"case_{number}\"");
        let about = said.get(&context).cloned().unwrap_or_default();
        assert_eq!(about.as_slice(), std::slice::from_ref(diagnostic), "{arguments}");
    }
    assert_eq!(said.len(), cases.len(), "{said:#?}");
}

/// Summary and detail of every error, by the block they are about.
fn validate(configuration: &str) -> BTreeMap<String, Vec<[String; 2]>> {
    let scene = Scene::with_groups(&[]);
    scene.configuration(configuration);
    let run = scene.run(1, |terraform| terraform.run(&["validate", "-json"]));
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    let mut said: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for diagnostic in answer["diagnostics"].as_array().unwrap() {
        // The development override of the provider is reported as a warning.
        if diagnostic["severity"] == "error" {
            let text = |field: &str| diagnostic[field].as_str().unwrap_or_default().to_owned();
            let context = diagnostic["snippet"]["context"].as_str().unwrap_or_default();
            let diagnostic = [text("summary"), text("detail")];
            said.entry(context.to_owned()).or_default().push(diagnostic);
        }
    }
    said
}

#[test]
fn names() {
    check(&[
        case(
            &correct().replace("\"ship\"", "\"\""),
            "Invalid name",
            "The policy's name is also the name of its filters: a subscription filter's name has 1 \
             to 512 characters, and this one has 0.",
        ),
        case(
            &correct().replace("\"ship\"", "\"to:splunk\""),
            "Invalid name",
            "The policy's name is also the name of its filters: \"to:splunk\" is not a valid \
             subscription filter name: it contains ':'; : and * are not allowed.",
        ),
        added(
            &format!("filter_name = \"{}\"", "x".repeat(513)),
            "Invalid filter name",
            "A subscription filter's name has 1 to 512 characters, and this one has 513.",
        ),
        added(
            &format!("filter_pattern = \"{}\"", "x".repeat(1025)),
            "Filter pattern too long",
            "A filter pattern has at most 1024 characters, and this one has 1025.",
        ),
        added(
            "region = \"Ireland\"",
            "Invalid region",
            "\"Ireland\" is not a region's name, for example eu-west-1.",
        ),
    ]);
}

#[test]
fn refreshes() {
    let retention =
        format!("name = \"ship\"\nretention_in_days = 30\n{}", select("name_prefixes = [\"/a\"]"));
    check(&[
        added(
            "refresh = \"fast\"",
            "Invalid refresh",
            "\"fast\" is not a refresh mode: it must be \"full\" or \"incremental\".",
        ),
        added(
            "refresh = \"incremental\"\nfull_refresh_after_hours = 0",
            "Invalid number of hours",
            "A full refresh can be forced after 1 to 720 hours, and this is 0.",
        ),
        added(
            "full_refresh_after_hours = 12",
            "full_refresh_after_hours without an incremental refresh",
            "full_refresh_after_hours is the age at which an incremental refresh becomes a full \
             one, and here every refresh is full. Set refresh = \"incremental\" or remove \
             full_refresh_after_hours.",
        ),
        case(
            &format!("{retention}\nrefresh = \"incremental\""),
            "refresh without destination_arn",
            "refresh configures subscription filters, and without destination_arn the policy \
             creates none. Add destination_arn or remove refresh.",
        ),
    ]);
}

#[test]
fn selections() {
    let without = |rest: &str| format!("name = \"ship\"\ndestination_arn = \"{FUNCTION}\"\n{rest}");
    check(&[
        case(
            &without(""),
            "No log group is selected",
            "A policy requires a select block that selects its log groups, for example:\n\n  \
             select {\n    name_prefixes = [\"/aws/lambda/\"]\n  }\n\nTo select every log group on \
             purpose, set name_regex = \".*\" in it.",
        ),
        case(
            &without("select {}"),
            "Empty select block",
            "An empty select block would match every log group. Set names, name_prefixes, \
             name_regex, tags or log_group_classes; to match every log group on purpose, set \
             name_regex = \".*\".",
        ),
        added(
            "exclude {}",
            "Empty exclude block",
            "An empty exclude block would match every log group. Set names, name_prefixes, \
             name_regex, tags or log_group_classes; to match every log group on purpose, set \
             name_regex = \".*\".",
        ),
        case(
            &without(&select("name_prefixes = [\"/a\", \"\"]")),
            "Empty name prefix",
            "An empty prefix would match every log group. To match every log group on purpose, set \
             name_regex = \".*\".",
        ),
        case(
            &without(&select("name_prefixes = [\"/aws/lambda/*\"]")),
            "Invalid name prefix",
            "No log group's name can begin with it: \"/aws/lambda/*\" is not a valid log group \
             name: it contains '*', and names consist of letters, digits and . - _ / #.",
        ),
        case(
            &without(&select("names = [\"my group\"]")),
            "Invalid log group name",
            "\"my group\" is not a valid log group name: it contains ' ', and names consist of \
             letters, digits and . - _ / #.",
        ),
        case(
            &without(&select("name_regex = \"(?!canary)\"")),
            "Invalid regular expression",
            "\"(?!canary)\" does not compile:\n\nregex parse error:\n    (?!canary)\n    ^^^\nerror: \
             look-around, including look-ahead and look-behind, is not supported",
        ),
    ]);
}

#[test]
fn tags() {
    let case = |tags: &str, detail: &str| {
        let rule = format!("select {{\n  tags = {tags}\n}}");
        let arguments = format!("name = \"ship\"\ndestination_arn = \"{FUNCTION}\"\n{rule}");
        case(&arguments, "Invalid tags", detail)
    };
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    let many: Vec<_> = (0..51).map(|n| format!("t{n} = \"\"")).collect();
    check(&[
        case(
            "{}",
            "Empty tags would match every log group: name at least one tag, or remove tags.",
        ),
        case("{ \"\" = \"search\" }", "A tag's key cannot be empty."),
        case(
            "{ team = null }",
            "The value of the tag \"team\" is null, which matches no tag. Use \"*\" for any value, \
             or remove the tag.",
        ),
        case(
            "{ \"team*\" = \"search\" }",
            "\"team*\" is not a valid tag key: it contains '*', and keys consist of letters, \
             digits, spaces and _ . : / = + - @.",
        ),
        case(
            "{ team = \"!search\" }",
            "\"!search\" is not a valid value of the tag \"team\": it contains '!', and values \
             consist of letters, digits, spaces and _ . : / = + - @, with * for any string.",
        ),
        case(
            &format!("{{ {long_key} = \"\" }}"),
            &format!("A tag's key has at most 128 characters, and \"{long_key}\" has 129."),
        ),
        case(
            &format!("{{ team = \"{long_value}\" }}"),
            "A tag's value has at most 256 characters, and the value of \"team\" has 257.",
        ),
        case(
            &format!("{{ {} }}", many.join(", ")),
            "A log group has at most 50 tags, and 51 are set.",
        ),
    ]);
}

#[test]
fn destinations() {
    let policy = |destination: &str, rest: &str| {
        let select = select("name_prefixes = [\"/a\"]");
        format!("name = \"ship\"\ndestination_arn = \"{destination}\"\n{rest}\n{select}")
    };
    check(&[
        case(
            &policy("shipper", ""),
            "Invalid destination ARN",
            "\"shipper\" is not an ARN: the format is \
             arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.",
        ),
        case(
            &policy("arn:aws:s3:::bucket", ""),
            "Unsupported destination",
            "CloudWatch Logs cannot deliver to arn:aws:s3:::bucket: a destination is a Lambda \
             function, a Kinesis stream, a Firehose stream or a CloudWatch Logs destination.",
        ),
        case(
            &policy(&format!("{FUNCTION} "), ""),
            "Invalid destination ARN",
            "\"arn:aws:lambda:eu-central-1:111122223333:function:shipper \" is not an ARN: it \
             contains white space.",
        ),
        case(
            &policy(&format!("{FUNCTION}:*"), ""),
            "Unsupported destination",
            "CloudWatch Logs cannot deliver to \
             arn:aws:lambda:eu-central-1:111122223333:function:shipper:*: it must end in \
             function:NAME, function:NAME:VERSION or function:NAME:ALIAS.",
        ),
        case(
            &policy(STREAM, &format!("role_arn = \"{ROLE}:*\"")),
            "Invalid role ARN",
            "arn:aws:iam::111122223333:role/logs:* is not the ARN of an IAM role, for example \
             arn:aws:iam::123456789012:role/NAME.",
        ),
        case(
            &policy(STREAM, ""),
            "Missing role_arn",
            "CloudWatch Logs assumes a role to deliver to a Kinesis or Firehose stream. Set \
             role_arn to its ARN.",
        ),
        case(
            &policy(STREAM, "role_arn = \"logs\""),
            "Invalid role ARN",
            "\"logs\" is not an ARN: the format is arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE.",
        ),
        case(
            &policy(STREAM, "role_arn = \"arn:aws:iam::111122223333:user/logs\""),
            "Invalid role ARN",
            "arn:aws:iam::111122223333:user/logs is not the ARN of an IAM role, for example \
             arn:aws:iam::123456789012:role/NAME.",
        ),
        case(
            &policy(FUNCTION, &format!("role_arn = \"{ROLE}\"")),
            "role_arn for a Lambda function",
            "CloudWatch Logs assumes no role to invoke a function: the function's resource policy \
             allows logs.amazonaws.com to invoke it (aws_lambda_permission). Remove role_arn.",
        ),
        case(
            &policy(STREAM, &format!("role_arn = \"{ROLE}\"\ndistribution = \"Sticky\"")),
            "Invalid distribution",
            "\"Sticky\" is not a distribution: it must be \"ByLogStream\" or \"Random\".",
        ),
        case(
            &policy(FUNCTION, "distribution = \"Random\""),
            "distribution for a destination without shards",
            "Only a Kinesis stream has shards to distribute events over. Remove distribution.",
        ),
        case(
            &policy(STREAM, &format!("role_arn = \"{ROLE}\"\ngrant_invoke = true")),
            "grant_invoke without a Lambda function",
            "Only a Lambda function has a resource policy that can allow CloudWatch Logs to invoke \
             it, and destination_arn is the ARN of Kinesis stream logs. Remove grant_invoke.",
        ),
        case(
            &format!(
                "name = \"ship\"\nretention_in_days = 30\nfilter_pattern = \"ERROR\"\n{}",
                select("name_prefixes = [\"/a\"]")
            ),
            "filter_pattern without destination_arn",
            "filter_pattern configures subscription filters, and without destination_arn the \
             policy creates none. Add destination_arn or remove filter_pattern.",
        ),
    ]);
}

#[test]
fn retentions() {
    check(&[
        case(
            &format!("name = \"ship\"\n{}", select("name_prefixes = [\"/a\"]")),
            "Policy without effect",
            "A policy forwards log groups to destination_arn, sets their retention_in_days or \
             their deletion_protection, or several of these. This one sets none.",
        ),
        added(
            "retention_in_days = 31",
            "Invalid retention",
            "CloudWatch Logs does not support a retention of 31 days; the nearest values are 30 \
             and 60.",
        ),
        added(
            "retention_in_days = -1",
            "Invalid retention",
            "CloudWatch Logs does not support a retention of -1 days; the shortest is 1, and 0 \
             means never expire.",
        ),
    ]);
}

#[test]
fn a_fraction_is_reported_once_and_on_its_attribute_only() {
    let policy = correct();
    let said = validate(&format!(
        "resource \"logagg_policy\" \"it\" {{\n{policy}\nretention_in_days = 1.5\n}}\n"
    ));
    let said: Vec<_> = said.into_values().flatten().collect();
    let [[summary, detail]] = &said[..] else {
        panic!("one error was expected: {said:#?}");
    };
    assert!(detail.contains("whole number") && detail.contains("1.5"), "{summary}: {detail}");
    assert!(!detail.contains("bug in the provider"), "{summary}: {detail}");
}

#[test]
fn the_provider_block() {
    let mut configuration = String::new();
    let cases = [
        (
            "region = \"Ireland\"",
            "Invalid region",
            "\"Ireland\" is not a region's name, for example eu-west-1.",
        ),
        (
            "max_retries = -1",
            "Invalid number of retries",
            "The number of retries must be from 0 to 1000, and this is -1.",
        ),
        (
            "access_key = \"AKIA\"",
            "Missing secret_key",
            "access_key and secret_key must be set together, and token requires both. Set all of \
             them, or none to use the credentials of the environment.",
        ),
        (
            "requests_per_second = { DescribeGroups = 1 }",
            "Unknown operation",
            "\"DescribeGroups\" is not an operation that the provider calls. It calls \
             DescribeLogGroups, ListLogGroups, ListTagsForResource, DescribeSubscriptionFilters, \
             DescribeDestinations, DescribeAccountPolicies, PutSubscriptionFilter, \
             DeleteSubscriptionFilter, PutRetentionPolicy, DeleteRetentionPolicy, \
             PutLogGroupDeletionProtection, GetCallerIdentity, GetFunctionConfiguration, ListEventSourceMappings, GetPolicy, \
             AddPermission, RemovePermission, ListStreamConsumers, DescribeDeliveryStream, \
             ListDeliveryStreams, DescribePipe, ListPipes, LookupEvents.",
        ),
        (
            "requests_per_second = { DescribeLogGroups = 0 }",
            "Invalid rate",
            "The rate of DescribeLogGroups must be from 0.01 to 10000 requests per second.",
        ),
        (
            "endpoints {\n  logs = \"localhost\"\n}",
            "Invalid URL",
            "\"localhost\" is not a URL that begins with https:// or http://.",
        ),
    ];
    for (number, (arguments, _, _)) in cases.iter().enumerate() {
        let policy = correct();
        writeln!(
            configuration,
            "provider \"logagg\" {{\n  alias = \"case_{number}\"\n{arguments}\n}}\n\
             resource \"logagg_policy\" \"case_{number}\" {{\n  provider = logagg.case_{number}\n\
             {policy}\n}}"
        )
        .unwrap();
    }
    let said = validate(&configuration);
    let mut said: Vec<_> = said.into_values().flatten().collect();
    let mut expected: Vec<_> = cases
        .iter()
        .map(|(_, summary, detail)| [(*summary).to_owned(), (*detail).to_owned()])
        .collect();
    said.sort();
    expected.sort();
    assert_eq!(said, expected);
}

#[test]
fn a_destination_in_another_region_or_account_is_refused_before_anything_is_written() {
    let scene = Scene::governed(&["/app/a"]);
    scene.policy(&scene.policy_to("arn:aws:lambda:us-east-1:111122223333:function:shipper"));
    let plan = scene.plan_fails();
    says(&plan, "Error: Destination in another region");
    says(
        &plan,
        "CloudWatch Logs delivers within a region only: the policy's log groups are in \
         eu-central-1, and arn:aws:lambda:us-east-1:111122223333:function:shipper is in us-east-1. \
         Use a destination in eu-central-1, or set the policy's region.",
    );
    scene.policy(&scene.policy_to(FUNCTION));
    let plan = scene.plan_fails();
    says(&plan, "Error: Destination in another account");
    says(&plan, scene.account.id());
    assert!(scene.writes().is_empty());
}

#[test]
fn a_destination_in_another_account_is_refused_before_the_first_write() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.policy_to(FUNCTION));
    let apply = scene.apply_fails();
    says(&apply, "Error: Destination in another account");
    assert!(scene.writes().is_empty());
    assert_eq!(scene.state(), json!(null));
}

#[test]
fn no_region_anywhere_says_where_to_set_one() {
    let mut scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&scene.usual_policy());
    let no_region = |scene: &Scene| {
        let plan = scene.plan_fails();
        says(&plan, "Error: No region");
        says(&plan, "Set region in the provider block, or AWS_REGION.");
    };
    scene.terraform.remove_environment("AWS_REGION");
    no_region(&scene);
    // Set but empty is what a job without a region often looks like.
    scene.terraform.set_environment(vec![("AWS_REGION", String::new())]);
    no_region(&scene);
}

#[test]
fn a_group_that_is_named_but_does_not_exist_is_a_warning() {
    let scene = Scene::with_groups(&["/app/a"]);
    scene.policy(&format!(
        "name = \"{NAME}\"\ndestination_arn = \"{}\"\nselect {{\n  names = [\"/app/a\", \"/app/typo\"]\n}}",
        scene.shipper()
    ));
    let apply = scene.apply();
    says(&apply, "Warning: 1 named log group does not exist");
    says(&apply, "/app/typo");
    scene.ships("/app/a", &scene.shipper());
    let plan = scene.run(0, |terraform| terraform.plan(&[]));
    says(&plan, "Warning: 1 named log group does not exist");
}
