use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    Distribution, LogGroupClass, LoopGuard, OnConflict, Retention, RetentionMode, Rule, TagFilter,
    Tags,
};

const SHIPPER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:shipper";
const SHORT: &str = "{\"version\":1,\"name\":\"logs\",\"region\":\"eu-west-1\",\
                     \"account_id\":\"123456789012\",\"retention_in_days\":30,\
                     \"select\":[{\"name_prefixes\":[\"/aws/lambda/\"]}]}";

fn parse(text: &str) -> Result<Document, InvalidDocument> {
    text.parse()
}

/// The short document with one piece of it replaced.
fn with(piece: &str, by: &str) -> String {
    assert!(SHORT.contains(piece), "{piece}");
    SHORT.replace(piece, by)
}

fn shipping(field: &str) -> String {
    let fields = format!("\"destination_arn\":\"{SHIPPER}\",{field},\"select\"");
    with("\"select\"", &fields)
}

#[test]
fn is_read_as_what_the_rules_work_with() {
    let text = with(
        "\"retention_in_days\":30",
        &format!(
            "\"destination_arn\":\"{SHIPPER}\",\"filter_pattern\":\"ERROR\",\
             \"replace_destination_arns\":[\"{SHIPPER}-old\"],\"on_conflict\":\"skip\",\
             \"retention_in_days\":30,\"retention_mode\":\"at_least\",\
             \"deletion_protection\":false"
        ),
    );
    let document = parse(&text).unwrap();
    let wanted = document.wanted.as_ref().unwrap();
    assert_eq!((wanted.name.as_str(), wanted.pattern.as_str()), ("logs", "ERROR"));
    assert_eq!(document.desired.retention, Some(Retention::Days(30)));
    assert_eq!(document.desired.deletion_protection, Some(false));
    assert_eq!(document.desired.mode, RetentionMode::AtLeast);
    assert_eq!(document.desired.on_conflict, OnConflict::Skip);
    assert!(document.desired.ships.as_ref().unwrap().why("/aws/lambda/shipper").is_some());
    let standard = LogGroupClass::Standard;
    assert!(document.selection.chooses("/aws/lambda/a", &standard, &Tags::new()));
    let ours = document.ownership();
    assert!(ours.owns(&SubscriptionFilter::new("logs", SHIPPER)));
    assert!(ours.owns(&SubscriptionFilter::new("other", format!("{SHIPPER}-old"))));
    assert!(!ours.owns(&SubscriptionFilter::new("other", SHIPPER)));
    assert_eq!(document.to_string(), text);
}

#[test]
fn defaults_are_omitted() {
    let written = shipping(
        "\"filter_name\":\"logs\",\"filter_pattern\":\"\",\"distribution\":\"ByLogStream\",\
         \"apply_on_transformed_logs\":false,\"emit_system_fields\":[],\
         \"replace_destination_arns\":[],\"on_conflict\":\"error\"",
    );
    let expected = with(
        "\"retention_in_days\"",
        &format!("\"destination_arn\":\"{SHIPPER}\",\"retention_in_days\""),
    );
    assert_eq!(parse(&written).unwrap().to_string(), expected);
}

#[test]
fn order_and_spaces_make_no_difference() {
    let spaced = "{ \"select\": [ {\"name_prefixes\": [\"/b\", \"/a\", \"/b\"]} ], \"version\": 1,\n\
                  \"account_id\": \"123456789012\", \"retention_in_days\": 30,\
                  \"region\": \"eu-west-1\", \"name\": \"logs\" }";
    let expected = with("\"/aws/lambda/\"", "\"/a\",\"/b\"");
    assert_eq!(parse(spaced).unwrap().to_string(), expected);
}

#[test]
fn what_is_wrong_is_named() {
    let check = |text: &str, expected: &str| {
        assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
    };
    check("", "the document is not JSON: EOF while parsing a value at line 1 column 0");
    check(
        &format!("{SHORT}x"),
        "the document is not JSON: trailing characters at line 1 column 146",
    );
    check(
        &with("\"version\":1", "\"version\":2"),
        "the document has version 2, and this release reads version 1: use the provider and the \
         Lambda functions of one release",
    );
    check(
        &with("\"logs\"", "\"a:b\""),
        "name: \"a:b\" is not a valid subscription filter name: it contains ':'; : and * are not \
         allowed",
    );
    check(&with("\"eu-west-1\"", "\"\""), "region: a region's name cannot be empty");
    check(
        &with("123456789012", "12345"),
        "account_id: \"12345\" is not an account ID of 12 digits",
    );
    check(
        &with("\"retention_in_days\":30,", ""),
        "destination_arn: without it, retention_in_days and deletion_protection the policy has no \
         effect",
    );
    check(
        &with(":30", ":31"),
        "retention_in_days: CloudWatch Logs does not support a retention of 31 days; the nearest \
         values are 30 and 60",
    );
    check(
        &with("\"select\"", "\"retention_mode\":\"mostly\",\"select\""),
        "retention_mode: \"mostly\" is not a retention mode: it must be \"exact\", \"at_least\", \
         \"at_most\" or \"if_unset\"",
    );
    check(
        &with("\"select\"", "\"filter_pattern\":\"x\",\"select\""),
        "filter_pattern: it has no effect without destination_arn",
    );
    check(
        &with(
            "\"retention_in_days\":30",
            &format!("\"destination_arn\":\"{SHIPPER}\",\"retention_mode\":\"exact\""),
        ),
        "retention_mode: it has no effect without retention_in_days",
    );
    check(
        &shipping("\"distribution\":\"Even\""),
        "distribution: \"Even\" is not a distribution: it must be \"ByLogStream\" or \"Random\"",
    );
    check(
        &shipping("\"role_arn\":\"role\""),
        "role_arn: \"role\" is not an ARN: the format is \
         arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE",
    );
    check(
        &shipping("\"replace_destination_arns\":[\"arn:aws:sqs:eu-west-1:1:queue\"]"),
        "replace_destination_arns: CloudWatch Logs cannot deliver to arn:aws:sqs:eu-west-1:1:queue: a \
         destination is a Lambda function, a Kinesis stream, a Firehose stream or a CloudWatch Logs \
         destination",
    );
    check(
        &with("[{\"name_prefixes\":[\"/aws/lambda/\"]}]", "[]"),
        "select: a policy requires at least one rule that selects log groups",
    );
    let rule = |rule: &str| with("{\"name_prefixes\":[\"/aws/lambda/\"]}", rule);
    check(
        &rule("{\"names\":[\"/a\"]},{}"),
        "select[1]: an empty rule would match every log group; to match every log group on \
         purpose, set name_regex to \".*\"",
    );
    check(
        &rule("{\"names\":[\"/a*\"]}"),
        "select[0].names: \"/a*\" is not a valid log group name: it contains '*', and names \
         consist of letters, digits and . - _ / #",
    );
    check(&rule("{\"tags\":{\"\":\"x\"}}"), "select[0].tags: a tag's key cannot be empty");
    check(
        &rule("{\"log_group_classes\":[\"COLD\"]}"),
        "select[0].log_group_classes: \"COLD\" is not a log group class: it must be one of \
         STANDARD, INFREQUENT_ACCESS, DELIVERY, ESSENTIALS",
    );
    let error = parse(&rule("{\"name_regex\":\"(\"}")).unwrap_err().to_string();
    assert!(error.starts_with("select[0].name_regex: regex parse error:"), "{error}");
}

#[test]
fn an_unknown_field_is_named() {
    let check = |text: &str, expected: &str| {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    check(
        &with("\"select\"", "\"color\":1,\"select\""),
        "color: unknown field `color`, expected one of `version`, ",
    );
    check(
        &with("\"name_prefixes\"", "\"prefix\""),
        "select[0].prefix: unknown field `prefix`, expected one of `names`, ",
    );
    check(
        &with("\"select\"", "\"name\":\"again\",\"select\""),
        "the document: duplicate field `name`",
    );
    check(&with("\"name\":\"logs\",", ""), "the document: missing field `name`");
    check(&with("\"version\":1,", ""), "the document: missing field `version`");
    check(&with(":30", ":\"30\""), "retention_in_days: invalid type: string \"30\", expected i64");
    check("[]", "the document: invalid ");
}

#[test]
fn thousands_of_prefixes_are_read_back() {
    let prefixes: Vec<_> = (0..5000).map(|n| format!("\"/aws/lambda/team-{n:04}-\"")).collect();
    let text = with("\"/aws/lambda/\"", &prefixes.join(","));
    let document = parse(&text).unwrap();
    assert_eq!(document.selection.select[0].name_prefixes.as_ref().unwrap().len(), 5000);
    assert_eq!(document.to_string(), text);
}

fn names() -> impl Strategy<Value = Option<BTreeSet<String>>> {
    prop::option::of(prop::collection::btree_set("[a-z/#._-]{1,6}", 0..4))
}

fn rule() -> impl Strategy<Value = Rule> {
    let tags = prop::collection::btree_map("[\\p{L} @:]{1,5}", "[\\p{L}*=+ ]{0,5}", 1..4);
    let tags = tags.prop_map(|tags: BTreeMap<_, _>| TagFilter::parse(tags).unwrap());
    let classes = prop::sample::subsequence(
        vec!["STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS"],
        0..4,
    );
    let classes = classes.prop_map(|all| all.into_iter().map(str::to_owned).collect());
    let rule = (
        names(),
        names(),
        prop::option::of("[a-z\\\\\"é]{0,4}"),
        prop::option::of(tags),
        prop::option::of(classes),
    );
    let rule = rule.prop_map(|(names, name_prefixes, regex, tags, log_group_classes)| Rule {
        names,
        name_prefixes,
        name_regex: regex.and_then(|pattern| pattern.parse().ok()),
        tags,
        log_group_classes,
    });
    rule.prop_filter("says something", |rule| !rule.is_empty())
}

prop_compose! {
    fn wanted()(
        name in prop::option::of("[a-z \"é]{1,8}"),
        destination in prop::sample::select(vec![
            SHIPPER,
            "arn:aws:kinesis:eu-west-1:123456789012:stream/logs",
            "arn:aws-cn:firehose:cn-north-1:123456789012:deliverystream/s3",
            "arn:aws:logs:eu-west-1:123456789012:destination:central",
        ]),
        pattern in "[a-z{$.= }\"\\\\é]{0,6}",
        role in prop::option::of(Just("arn:aws:iam::123456789012:role/logs".to_owned())),
        random in any::<bool>(),
        apply_on_transformed_logs in any::<bool>(),
        field_selection_criteria in prop::option::of("[@a-z= \"]{1,6}"),
        emit_system_fields in prop::collection::btree_set("@aws\\.(region|account)", 0..3),
    ) -> SubscriptionFilter {
        SubscriptionFilter {
            name: name.unwrap_or_default(),
            destination_arn: destination.to_owned(),
            pattern,
            role_arn: role,
            distribution: if random { Distribution::Random } else { Distribution::ByLogStream },
            apply_on_transformed_logs,
            field_selection_criteria,
            emit_system_fields,
        }
        .normalized()
    }
}

prop_compose! {
    fn policy()(
        name in "[a-z é\\\\]{1,8}",
        wanted in prop::option::of(wanted()),
        replaces in any::<bool>(),
        days in prop::option::of(prop::sample::select(vec![0, 1, 30, 3653])),
        mode in prop::sample::select(vec!["exact", "at_least", "at_most", "if_unset"]),
        deletion_protection in prop::option::of(any::<bool>()),
        on_conflict in prop::sample::select(vec!["error", "skip"]),
        select in prop::collection::vec(rule(), 1..4),
        exclude in prop::collection::vec(rule(), 0..3),
    ) -> Document {
        // A policy does something, and says nothing of what it does not do.
        let days = days.or(wanted.is_none().then_some(7));
        let wanted = wanted.map(|mut wanted| {
            if wanted.name.is_empty() {
                wanted.name.clone_from(&name);
            }
            wanted
        });
        let ships = wanted.as_ref().map(|wanted| {
            LoopGuard::by_name(&crate::Destination::of(&wanted.destination_arn.parse().unwrap()).unwrap())
        });
        let replaced = replaces && wanted.is_some();
        Document {
            name,
            region: "eu-west-1".to_owned(),
            account_id: "123456789012".to_owned(),
            replaced: replaced.then(|| format!("{SHIPPER}-old")).into_iter().collect(),
            desired: Desired {
                on_conflict: ships.as_ref().map_or(OnConflict::Error, |_| on_conflict.parse().unwrap()),
                ships,
                retention: days.map(|days| Retention::parse(days).unwrap()),
                mode: days.map_or(RetentionMode::Exact, |_| mode.parse().unwrap()),
                deletion_protection,
            },
            wanted,
            selection: Selection { select, exclude },
        }
    }
}

proptest! {
    #[test]
    fn a_policy_that_was_written_is_read_as_it_was(policy in policy()) {
        let text = policy.to_string();
        let read: Document = text.parse().map_err(|error| {
            TestCaseError::fail(format!("{error}: {text}"))
        })?;
        prop_assert_eq!(&read, &policy);
        prop_assert_eq!(read.to_string(), text);
    }
}
