//! Backfill with the shipper, the function that backfills and the enforcer as real functions: log events from
//! before a filter, and from a gap in it, arrive.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::search::Search;
use logagg_e2e::{wait, workspace};
use serde_json::{Value, json};

use crate::scene::{Scene, says};

const SHIPPER: &str = "shipper";
const BACKFILL: &str = "backfill";
const STREAM: &str = "2026/11/29/[$LATEST]0123456789abcdef0123456789abcdef";

/// An account with a shipper, and a function that backfills to the same index.
struct Stack {
    account: Account,
    index: String,
    queue_url: String,
    shipper_arn: String,
}

impl Stack {
    fn in_account(account: Account) -> Self {
        let index = format!("backfill-{}", account.id());
        let (queue_url, queue_arn) = account.queue("backfill").unwrap();
        let mut config = json!({
            "destinations": {"search": {
                "type": "elasticsearch", "url": Search::shared().endpoint(), "index": index,
            }},
            "accepted_risks": ["no_undelivered_storage"],
        });
        let program = &Binaries::shared().shipper;
        let deploy = |name, config: &Value| account.deploy(name, program, config, 20).unwrap();
        let shipper_arn = deploy(SHIPPER, &config);
        config["backfill"] = json!({
            "queue_url": queue_url, "requests_per_second": 100, "ingestion_lag_s": 0,
            "exclude_log_groups": ["/aws/lambda/shipper", "/aws/lambda/backfill"],
        });
        deploy(BACKFILL, &config);
        account.lambda().consume(BACKFILL, &queue_arn).unwrap();
        Self { account, index, queue_url, shipper_arn }
    }

    /// Writes a line into a log group, which exists.
    fn write(&self, group: &str, line: &str) {
        let logs = self.account.logs();
        if logs.streams(group).unwrap().is_empty() {
            logs.create_stream(group, STREAM).unwrap();
        }
        logs.put_events(group, STREAM, &[line.to_owned()]).unwrap();
    }

    /// Waits until the index has these lines and no others. A log event that was delivered and read has two IDs in
    /// this AWS, and so may be there twice.
    fn expect(&self, lines: &[&str]) {
        let expected: BTreeSet<String> = lines.iter().map(|&line| line.to_owned()).collect();
        wait::until("the log events in the index", || {
            let documents = Search::shared().documents(&self.index);
            let documents = documents.map_err(|error| format!("{error:#}"))?;
            let messages = documents.iter().filter_map(|it| it["message"].as_str());
            let found: BTreeSet<String> = messages.map(str::to_owned).collect();
            if found == expected { Ok(()) } else { Err(format!("it has {found:?}")) }
        })
        .unwrap();
    }
}

#[test]
fn what_a_log_group_had_before_its_filter_arrives() {
    let stack = Stack::in_account(Account::new(Ministack::shared()));
    let account = &stack.account;
    let policy = json!({
        "version": 1, "name": "ship", "region": REGION, "account_id": account.id(),
        "destination_arn": stack.shipper_arn, "filter_name": "ship",
        "select": [{"name_prefixes": ["/app/"]}],
    });
    let config = json!({
        "policies": [policy], "requests_per_second": 50,
        "gap_fill": {
            "queue_url": stack.queue_url, "destination_arn": stack.shipper_arn, "margin_s": 1,
        },
    });
    account.deploy("enforcer", &Binaries::shared().enforcer, &config, 20).unwrap();

    account.logs().create_group("/app/new").unwrap();
    stack.write("/app/new", "before the filter");
    let created = json!({"source": "aws.logs", "detail": {
        "eventSource": "logs.amazonaws.com", "eventName": "CreateLogGroup", "awsRegion": REGION,
        "recipientAccountId": account.id(), "requestParameters": {"logGroupName": "/app/new"},
    }});
    let response = account.lambda().invoke("enforcer", &created).unwrap();
    assert_eq!(response["changed"], 1, "{response}");
    stack.write("/app/new", "after the filter");
    stack.expect(&["before the filter", "after the filter"]);
}

/// The payloads of the guide's requests, in their order.
fn payloads(guide: &str) -> Vec<Value> {
    let lines = guide.lines().filter_map(|line| line.trim_start().strip_prefix("--payload '"));
    lines.map(|line| serde_json::from_str(line.rsplit_once('\'').unwrap().0).unwrap()).collect()
}

#[test]
fn the_guide_leads_from_an_account_that_was_never_forwarded_to_a_complete_index() {
    let guide = std::fs::read_to_string(workspace::root().join("docs/guides/backfill.md")).unwrap();
    let stack = Stack::in_account(Account::new(Ministack::shared()));
    let logs = stack.account.logs();
    for group in ["/aws/lambda/a", "/aws/lambda/b", "/ecs/c"] {
        logs.create_group(group).unwrap();
        stack.write(group, &format!("of {group}, from before its filter"));
    }
    for group in ["/aws/lambda/a", "/aws/lambda/b"] {
        logs.put_filter(group, "ship", &stack.shipper_arn).unwrap();
    }
    let [estimate, start] = &payloads(&guide)[..] else { panic!("not two requests") };

    let response = stack.account.lambda().invoke(BACKFILL, estimate).unwrap();
    let (_, shown) = guide.split_once("```json\n").unwrap();
    let shown: Value = serde_json::from_str(shown.split_once("```").unwrap().0).unwrap();
    for (field, of_guide) in shown["backfill"].as_object().unwrap() {
        let found = &response["backfill"][field];
        // Nothing is skipped here.
        let is_left_out = field == "skipped" && found.is_null();
        let is_like = std::mem::discriminant(found) == std::mem::discriminant(of_guide);
        assert!(is_left_out || is_like, "{field}: {response:#}");
    }
    assert_eq!(response["backfill"]["log_groups"], 2);
    assert!(response["backfill"]["log_events"].as_u64().unwrap() > 0, "{response:#}");
    assert_eq!(Search::shared().documents(&stack.index).unwrap_or_default().len(), 0);

    let response = stack.account.lambda().invoke(BACKFILL, start).unwrap();
    assert_eq!(response["backfill"]["enqueued"], 2, "{response:#}");
    stack.expect(&[
        "of /aws/lambda/a, from before its filter",
        "of /aws/lambda/b, from before its filter",
    ]);
}

#[test]
fn a_gap_that_a_plan_names_is_filled_by_the_request_that_it_shows() {
    let scene = Scene::with_groups(&["/app/a", "/app/b"]);
    let stack = Stack::in_account(scene.account.clone());
    scene.policy(&scene.policy_to(&stack.shipper_arn));
    scene.apply();
    stack.write("/app/a", "with the filter");
    stack.expect(&["with the filter"]);

    stack.account.logs().delete_filter("/app/a", "ship").unwrap();
    stack.write("/app/a", "in the gap");
    let run = scene.plan();
    let guide = std::fs::read_to_string(workspace::root().join("docs/guides/backfill.md")).unwrap();
    for part in [
        "Warning: Log events of 1 log group may not be forwarded",
        "This log group may have had no subscription filter of this policy since it was created, or since a refresh last saw it:",
        "Apply creates the filter, which forwards what is written from then on. To forward what was written before, invoke the backfill function of modules/shipper after it with:",
    ] {
        says(&run, part);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&guide).contains(part), "the guide does not have: {part}");
    }
    let request = run
        .stdout
        .lines()
        .find_map(|line| line.find("{\"from\"").map(|begin| line[begin..].trim().to_owned()))
        .unwrap_or_else(|| panic!("no request: {run}"));
    let request: Value = serde_json::from_str(&request).unwrap();
    assert_eq!(request["log_groups"], json!(["/app/a"]));
    let from = humantime::parse_rfc3339(request["from"].as_str().unwrap()).unwrap();
    let age = SystemTime::now().duration_since(from).unwrap();
    // Not before the log group was created.
    assert!(from > UNIX_EPOCH && age < Duration::from_secs(600), "{request}");

    scene.apply();
    stack.write("/app/a", "after the gap");
    let response = stack.account.lambda().invoke(BACKFILL, &request).unwrap();
    assert_eq!(response["backfill"]["enqueued"], 1, "{response}");
    stack.expect(&["with the filter", "in the gap", "after the gap"]);
    scene.plan_is_empty();
}
