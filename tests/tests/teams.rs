//! Two teams, two destinations and tags, as a guide has them try it: with the shipper and the enforcer as real
//! functions.

use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::search::Search;
use logagg_e2e::{progress, wait, workspace};
use serde_json::{Value, json};

const BUCKET: &str = "undelivered";
const STREAM: &str = "by-hand";

/// The commands of the guide with this name, each with what follows it.
fn commands(guide: &str, name: &str) -> Vec<String> {
    let lines = guide.lines().filter_map(|line| line.strip_prefix("$ cargo xtask "));
    lines.filter_map(|line| line.strip_prefix(name)).map(|rest| rest.trim().to_owned()).collect()
}

/// The configuration of the guide, in this account.
fn configuration(guide: &str, account: &Account) -> String {
    let (_, rest) = guide.split_once("## Try it on your machine").unwrap();
    let (_, rest) = rest.split_once("```json\n").unwrap();
    let (document, _) = rest.split_once("```").unwrap();
    // Other tests use the search server too.
    let index = format!("\"logs-{}-", account.id());
    document
        .replace("SEARCH_URL", Search::shared().endpoint())
        .replace("ACCOUNT", account.id())
        .replace("\"logs-lambda-", &index)
}

#[test]
fn the_log_events_of_two_teams_are_where_the_guide_has_them() {
    let guide = std::fs::read_to_string(workspace::root().join("docs/guides/routes.md")).unwrap();
    // ministack ends the running functions of a name in all accounts when one of them is configured.
    let aws = Ministack::start(&progress::to_stderr).unwrap();
    let account = Account::new(&aws);
    let logs = account.logs();
    account.api().create_bucket(BUCKET).unwrap().unwrap();
    let search = json!({
        "type": "elasticsearch", "url": Search::shared().endpoint(), "index": format!("logs-{}", account.id()),
    });
    let before = json!({"destinations": {"search": search}, "undelivered": {"bucket": BUCKET}});
    let binaries = Binaries::shared();
    let shipper_arn = account.deploy("shipper", &binaries.shipper, &before, 60).unwrap();
    let policy = json!({
        "version": 1, "name": "ship", "region": REGION, "account_id": account.id(),
        "destination_arn": shipper_arn, "filter_name": "ship",
        "select": [{"name_prefixes": ["/aws/lambda/"]}],
    });
    let table = json!({"bucket": BUCKET, "keys": ["team"]});
    let config = json!({"policies": [policy], "requests_per_second": 50, "tag_table": table});
    account.deploy("enforcer", &binaries.enforcer, &config, 60).unwrap();

    let lines = commands(&guide, "log");
    assert_eq!(lines.len(), 4, "{lines:?}");
    let write = |line: &str| {
        let (group, message) = line.split_once(' ').unwrap();
        if !logs.groups().unwrap().iter().any(|name| name == group) {
            logs.create_group(group).unwrap();
            logs.create_stream(group, STREAM).unwrap();
        }
        logs.put_events(group, STREAM, &[message.trim_matches('"').to_owned()]).unwrap();
    };
    lines[..2].iter().for_each(|line| write(line));
    for deployment in commands(&guide, "deploy") {
        let (function, tag) = deployment.split_once(' ').unwrap();
        let (key, value) = tag.split_once('=').unwrap();
        account.lambda().create_tagged(function, key, value).unwrap();
    }
    for invocation in commands(&guide, "invoke") {
        let (function, event) = invocation.split_once(' ').unwrap();
        let event: Value = serde_json::from_str(event.trim_matches('\'')).unwrap();
        let response = account.lambda().invoke(function, &event).unwrap();
        assert_eq!((&response["changed"], &response["failed"]), (&json!(2), &json!(0)));
    }
    account
        .lambda()
        .configure("shipper", "LOGAGG_CONFIG", &configuration(&guide, &account))
        .unwrap();
    lines[2..].iter().for_each(|line| write(line));

    for (team, expected) in [("payments", "hello from payments"), ("shop", "hello from the shop")] {
        let index = format!("logs-{}-{team}", account.id());
        wait::until("the log event in the index of its team", || {
            let documents = Search::shared().documents(&index);
            let documents = documents.map_err(|error| format!("{error:#}"))?;
            let messages: Vec<_> = documents.iter().map(|it| &it["message"]).collect();
            if messages == [expected] { Ok(()) } else { Err(format!("{index} has {messages:?}")) }
        })
        .unwrap();
        assert!(guide.contains(&format!("/logs-lambda-{team}/_search?q=hello")));
    }
    let objects = account.api().objects(BUCKET).unwrap();
    let archived = |group: &str| {
        let prefix = format!("archive/{}{group}/", account.id());
        objects.keys().filter(|key| key.starts_with(&prefix)).count()
    };
    assert_eq!(
        (archived("/aws/lambda/pay-card"), archived("/aws/lambda/cart-add")),
        (1, 1),
        "{:?}",
        objects.keys()
    );
}
