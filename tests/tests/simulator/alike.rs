//! What several AWS's of the tests can answer, asked of each: where they differ, one of them is wrong.

use std::path::Path;

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::lambda::Function;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::moto::Moto;
use serde_json::{Value, json};

use super::{Simulated, each, logs};

/// One test for each AWS that is named before some of them.
macro_rules! alike {
    ($($awss:tt { $($name:ident,)+ })+) => {
        $($(on! { $name $awss })+)+
    };
}

macro_rules! on {
    ($name:ident [$($aws:ident)+]) => {
        mod $name {
            $(#[test]
            fn $aws() {
                super::$name(&super::Subject::$aws());
            })+
        }
    };
}

alike! {
    [ministack moto simulator] {
        a_group_is_created_once_and_deleted_once,
        groups_come_in_ascii_order_page_by_page,
        a_prefix_is_exact,
        retention_is_set_and_taken_away,
        tags_come_and_go,
        a_filter_is_created_updated_in_place_and_deleted,
        missing_log_groups_and_filters_are_not_found,
        the_caller_is_the_account,
        a_statement_is_shown_as_it_was_added,
        a_missing_function_has_no_policy,
    }
    [ministack simulator] {
        a_retention_that_is_none_is_refused,
        a_class_is_shown,
        tags_are_listed_for_the_arn_without_a_star,
        filters_are_found_by_prefix,
        a_statement_is_added_once_and_removed_once,
        a_function_says_where_it_logs,
    }
    [moto simulator] {
        a_third_filter_is_one_too_many,
        a_missing_destination_is_rejected,
    }
}

/// An account in one of them.
struct Subject {
    account: Account,
    simulated: Option<Simulated>,
}

impl Subject {
    fn ministack() -> Self {
        Self { account: Account::new(Ministack::shared()), simulated: None }
    }

    fn moto() -> Self {
        Self { account: Account::in_moto(Moto::shared()).unwrap(), simulated: None }
    }

    fn simulator() -> Self {
        let simulated = Simulated::new();
        Self { account: simulated.account.clone(), simulated: Some(simulated) }
    }

    /// A function that CloudWatch Logs may invoke, by one statement of its policy.
    fn function(&self, name: &str) -> String {
        match &self.simulated {
            None => {
                let function = Function {
                    name,
                    program: Path::new("/bin/true"),
                    environment: &[],
                    timeout_seconds: 1,
                };
                self.account.lambda().create(&function).unwrap()
            }
            Some(simulated) => simulated.here.add_shipper(name),
        }
    }
}

#[track_caller]
fn code(account: &Account, operation: &str, input: Value) -> String {
    logs(&account.api(), operation, input).unwrap_err().code
}

fn a_group_is_created_once_and_deleted_once(Subject { account, .. }: &Subject) {
    let input = json!({"logGroupName": "/a"});
    account.logs().create_group("/a").unwrap();
    assert_eq!(code(account, "CreateLogGroup", input.clone()), "ResourceAlreadyExistsException");
    account.logs().delete_group("/a").unwrap();
    assert_eq!(code(account, "DeleteLogGroup", input), "ResourceNotFoundException");
}

fn groups_come_in_ascii_order_page_by_page(Subject { account, .. }: &Subject) {
    for name in ["b", "a_", "Z", "a-", "/a"] {
        account.logs().create_group(name).unwrap();
    }
    let api = account.api();
    let first = logs(&api, "DescribeLogGroups", json!({"limit": 3})).unwrap();
    assert_eq!(each(&first, "logGroups", "logGroupName"), ["/a", "Z", "a-"]);
    let rest = json!({"limit": 3, "nextToken": first["nextToken"]});
    let rest = logs(&api, "DescribeLogGroups", rest).unwrap();
    assert_eq!(each(&rest, "logGroups", "logGroupName"), ["a_", "b"]);
    assert_eq!(rest["nextToken"], Value::Null);
}

fn a_prefix_is_exact(Subject { account, .. }: &Subject) {
    for name in ["/app/a", "/app/b", "/App/c", "/x/app/d"] {
        account.logs().create_group(name).unwrap();
    }
    let input = json!({"logGroupNamePrefix": "/app/"});
    let found = logs(&account.api(), "DescribeLogGroups", input).unwrap();
    assert_eq!(each(&found, "logGroups", "logGroupName"), ["/app/a", "/app/b"]);
}

fn retention_is_set_and_taken_away(Subject { account, .. }: &Subject) {
    let cloudwatch = account.logs();
    cloudwatch.create_group("/a").unwrap();
    assert_eq!(cloudwatch.retention("/a").unwrap(), None);
    cloudwatch.set_retention("/a", 30).unwrap();
    assert_eq!(cloudwatch.retention("/a").unwrap(), Some(30));
    cloudwatch.remove_retention("/a").unwrap();
    cloudwatch.remove_retention("/a").unwrap();
    assert_eq!(cloudwatch.retention("/a").unwrap(), None);
}

fn a_retention_that_is_none_is_refused(Subject { account, .. }: &Subject) {
    account.logs().create_group("/a").unwrap();
    for days in [0, 2, 31, 3_654] {
        let input = json!({"logGroupName": "/a", "retentionInDays": days});
        assert_eq!(code(account, "PutRetentionPolicy", input), "InvalidParameterException");
    }
}

fn a_class_is_shown(Subject { account, .. }: &Subject) {
    account.logs().create_group("/a").unwrap();
    account.logs().create_group_of_class("/b", "INFREQUENT_ACCESS").unwrap();
    let found = logs(&account.api(), "DescribeLogGroups", json!({})).unwrap();
    let classes = each(&found, "logGroups", "logGroupClass");
    assert_eq!(classes, ["STANDARD", "INFREQUENT_ACCESS"]);
    let arn = format!("arn:aws:logs:{REGION}:{}:log-group:/a:*", account.id());
    assert_eq!(found["logGroups"][0]["arn"], arn);
}

fn tags_are_listed_for_the_arn_without_a_star(Subject { account, .. }: &Subject) {
    account.logs().create_group("/a").unwrap();
    let arn = |name: &str| format!("arn:aws:logs:{REGION}:{}:log-group:{name}", account.id());
    let api = account.api();
    let none = logs(&api, "ListTagsForResource", json!({"resourceArn": arn("/a")})).unwrap();
    assert_eq!(none, json!({"tags": {}}));
    let input = json!({"resourceArn": arn("/b")});
    assert_eq!(code(account, "ListTagsForResource", input), "ResourceNotFoundException");
    let input = json!({"resourceArn": arn("/a:*")});
    assert_eq!(code(account, "ListTagsForResource", input), "ValidationException");
}

fn tags_come_and_go(Subject { account, .. }: &Subject) {
    let api = account.api();
    let input = json!({"logGroupName": "/a", "tags": {"team": "x", "old": ""}});
    logs(&api, "CreateLogGroup", input).unwrap();
    let arn = format!("arn:aws:logs:{REGION}:{}:log-group:/a", account.id());
    let input = json!({"resourceArn": arn, "tags": {"team": "y", "new": "1"}});
    logs(&api, "TagResource", input).unwrap();
    logs(&api, "UntagResource", json!({"resourceArn": arn, "tagKeys": ["old"]})).unwrap();
    let tags = logs(&api, "ListTagsForResource", json!({"resourceArn": arn})).unwrap();
    assert_eq!(tags, json!({"tags": {"team": "y", "new": "1"}}));
}

fn a_filter_is_created_updated_in_place_and_deleted(subject: &Subject) {
    let account = &subject.account;
    let cloudwatch = account.logs();
    cloudwatch.create_group("/a").unwrap();
    let destination = subject.function("shipper");
    cloudwatch.put_filter("/a", "ship", &destination).unwrap();
    cloudwatch.put_filter_with_pattern("/a", "ship", &destination, "ERROR").unwrap();
    let filters = cloudwatch.filters("/a").unwrap();
    assert_eq!(filters.len(), 1);
    assert_eq!((filters[0].pattern.as_str(), &filters[0].destination_arn), ("ERROR", &destination));
    cloudwatch.delete_filter("/a", "ship").unwrap();
    assert_eq!(cloudwatch.filters("/a").unwrap(), []);
}

fn filters_are_found_by_prefix(subject: &Subject) {
    let account = &subject.account;
    let cloudwatch = account.logs();
    cloudwatch.create_group("/a").unwrap();
    let destination = subject.function("shipper");
    for name in ["ours", "theirs"] {
        cloudwatch.put_filter("/a", name, &destination).unwrap();
    }
    let input = json!({"logGroupName": "/a", "filterNamePrefix": "our"});
    let found = logs(&account.api(), "DescribeSubscriptionFilters", input).unwrap();
    assert_eq!(each(&found, "subscriptionFilters", "filterName"), ["ours"]);
    assert_eq!(each(&found, "subscriptionFilters", "logGroupName"), ["/a"]);
}

fn missing_log_groups_and_filters_are_not_found(subject: &Subject) {
    let account = &subject.account;
    account.logs().create_group("/a").unwrap();
    let destination = subject.function("shipper");
    for (operation, input) in [
        ("DescribeSubscriptionFilters", json!({"logGroupName": "/b"})),
        ("PutRetentionPolicy", json!({"logGroupName": "/b", "retentionInDays": 1})),
        ("DeleteRetentionPolicy", json!({"logGroupName": "/b"})),
        ("DeleteSubscriptionFilter", json!({"logGroupName": "/b", "filterName": "x"})),
        ("DeleteSubscriptionFilter", json!({"logGroupName": "/a", "filterName": "x"})),
        (
            "PutSubscriptionFilter",
            json!({
                "logGroupName": "/b",
                "filterName": "x",
                "filterPattern": "",
                "destinationArn": destination,
            }),
        ),
    ] {
        let shown = format!("{operation} {input}");
        assert_eq!(code(account, operation, input), "ResourceNotFoundException", "{shown}");
    }
}

fn the_caller_is_the_account(Subject { account, .. }: &Subject) {
    let (status, xml) = account.api().sts("Action=GetCallerIdentity&Version=2011-06-15").unwrap();
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains(&format!("<Account>{}</Account>", account.id())), "{xml}");
}

const STATEMENTS: &str = "/2015-03-31/functions/shipper/policy";

/// What lets CloudWatch Logs invoke a function.
fn statement(account: &Account) -> Value {
    json!({
        "StatementId": "ours",
        "Action": "lambda:InvokeFunction",
        "Principal": "logs.amazonaws.com",
        "SourceArn": format!("arn:aws:logs:{REGION}:{}:log-group:*:*", account.id()),
        "SourceAccount": account.id(),
    })
}

fn a_statement_is_added_once_and_removed_once(subject: &Subject) {
    subject.function("shipper");
    let api = subject.account.api();
    let statement = statement(&subject.account);
    api.lambda("POST", STATEMENTS, &statement).unwrap().unwrap();
    let again = api.lambda("POST", STATEMENTS, &statement).unwrap().unwrap_err();
    assert_eq!((again.status, again.code.as_str()), (409, "ResourceConflictException"));
    let path = format!("{STATEMENTS}/ours");
    api.lambda("DELETE", &path, &Value::Null).unwrap().unwrap();
    let gone = api.lambda("DELETE", &path, &Value::Null).unwrap().unwrap_err();
    assert_eq!((gone.status, gone.code.as_str()), (404, "ResourceNotFoundException"));
}

fn a_statement_is_shown_as_it_was_added(subject: &Subject) {
    let arn = subject.function("shipper");
    let api = subject.account.api();
    let (path, statement) = (STATEMENTS, statement(&subject.account));
    api.lambda("POST", path, &statement).unwrap().unwrap();
    let answer = api.lambda("GET", path, &Value::Null).unwrap().unwrap();
    let policy: Value = serde_json::from_str(answer["Policy"].as_str().unwrap()).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let ours = statements.iter().find(|statement| statement["Sid"] == "ours").unwrap();
    assert_eq!(ours["Principal"], json!({"Service": "logs.amazonaws.com"}));
    assert_eq!(ours["Resource"], arn);
    assert_eq!(ours["Condition"]["ArnLike"]["AWS:SourceArn"], statement["SourceArn"]);
    assert_eq!(ours["Condition"]["StringEquals"]["AWS:SourceAccount"], subject.account.id());
}

fn a_missing_function_has_no_policy(Subject { account, .. }: &Subject) {
    let path = "/2015-03-31/functions/nowhere/policy";
    let refusal = account.api().lambda("GET", path, &Value::Null).unwrap().unwrap_err();
    assert_eq!((refusal.status, refusal.code.as_str()), (404, "ResourceNotFoundException"));
}

fn a_function_says_where_it_logs(subject: &Subject) {
    let arn = subject.function("shipper");
    let path = "/2015-03-31/functions/shipper/configuration";
    let answer = subject.account.api().lambda("GET", path, &Value::Null).unwrap().unwrap();
    assert_eq!(answer["FunctionArn"], arn);
    assert_eq!(answer["LoggingConfig"]["LogGroup"], "/aws/lambda/shipper");
}

/// The filter to create on `/a`.
fn filter(name: &str, destination: &str) -> Value {
    json!({
        "logGroupName": "/a",
        "filterName": name,
        "filterPattern": "",
        "destinationArn": destination,
    })
}

fn a_third_filter_is_one_too_many(subject: &Subject) {
    let account = &subject.account;
    account.logs().create_group("/a").unwrap();
    let destination = subject.function("shipper");
    for name in ["one", "two"] {
        account.logs().put_filter("/a", name, &destination).unwrap();
    }
    let third = filter("three", &destination);
    assert_eq!(code(account, "PutSubscriptionFilter", third), "LimitExceededException");
    assert_eq!(account.logs().filters("/a").unwrap().len(), 2);
}

fn a_missing_destination_is_rejected(Subject { account, .. }: &Subject) {
    account.logs().create_group("/a").unwrap();
    let input = filter("ship", &account.function_arn("nowhere"));
    let refusal = logs(&account.api(), "PutSubscriptionFilter", input).unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), refusal.message.as_str()),
        (
            "InvalidParameterException",
            "Could not execute the lambda function. Make sure you have given CloudWatch Logs \
             permission to execute your function."
        )
    );
}
