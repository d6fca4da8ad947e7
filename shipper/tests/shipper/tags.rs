//! Log events have the tags of their log group and function, from the tables in S3, whatever S3
//! does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use logagg_shipper::Invocation;
use logagg_shipper::aws::Aws;
use logagg_shipper::config::{Source, VARIABLE};
use logagg_shipper::delivery::Client;
use logagg_shipper::enforcer::Enforcer;
use logagg_shipper::tags::{MAX_TABLE_BYTES, TableBucket, TagSource, TagTable, TagTables};
use serde_json::{Value, json};

use crate::bulk::Bulk;
use crate::event;
use crate::http::Response;
use crate::lambda::{Invoked, Lambda};
use crate::storage::{BUCKET, Storage, Trouble};

const REGION: &str = "eu-west-1";
const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";
const KEY: &str = "logagg/tags/123456789012/eu-west-1.json.gz";
const MINUTE: Duration = Duration::from_secs(60);

/// The table of an account with these teams.
fn table(account: &str, teams: &[(&str, &str)]) -> Vec<u8> {
    let mut table = TagTable::new(account, REGION, &["team".to_owned()]);
    for (resource, team) in teams {
        let (service, rest) = resource.split_once(' ').unwrap();
        let arn = format!("arn:aws:{service}:{REGION}:{account}:{rest}");
        table.add(&arn, [("team".to_owned(), (*team).to_owned())].into_iter());
    }
    table.encode().unwrap()
}

fn key(account: &str) -> String {
    KEY.replace(ACCOUNT, account)
}

/// A function that sends the log events of the team `payments` to one destination, and all others
/// to another.
fn start(storage: &Storage, pay: &Bulk, rest: &Bulk) -> Lambda {
    let config = json!({
        "destinations": {"pay": pay.config(), "rest": rest.config()},
        "routes": [
            {"name": "pay", "match": {"tags": {"team": "pay*"}}, "destinations": ["pay"]},
            {"name": "rest", "destinations": ["rest"]},
        ],
        "tags": {"bucket": BUCKET, "bucket_owner": ACCOUNT, "accounts": [ACCOUNT, OTHER]},
        "undelivered": Storage::config(),
    });
    Lambda::start_with_aws(&config, &storage.url())
}

/// How many log events each destination holds of this event, from now or before.
fn routed(invoked: &Invoked) -> (Option<u64>, Option<u64>) {
    assert!(invoked.result.is_ok(), "{:?}", invoked.result);
    let of = |name: &str| {
        let counts = &invoked.summary["destinations"][name];
        Some(counts["delivered"].as_u64()? + counts["deduplicated"].as_u64()?)
    };
    (of("pay"), of("rest"))
}

fn warnings(invoked: &Invoked) -> String {
    invoked.summary["warnings"].to_string()
}

fn of_account(account: &str) -> Vec<u8> {
    let mut delivery = event::delivery(event::GROUP, 0, &[event::message(0)]);
    delivery["owner"] = json!(account);
    event::wrap(&delivery)
}

#[test]
fn log_events_are_routed_by_the_tags_of_their_function_and_one_read_is_enough() {
    let (storage, pay, rest) = (Storage::start(), Bulk::start(), Bulk::start());
    storage.put(KEY, table(ACCOUNT, &[("lambda function:orders", "payments")]));
    let mut lambda = start(&storage, &pay, &rest);
    for _ in 0..3 {
        let invoked = lambda.invoke(&event::of(2));
        assert_eq!(routed(&invoked), (Some(2), Some(0)));
        assert_eq!(invoked.summary["warnings"], Value::Null);
    }
    assert_eq!(storage.requests(), ["GetObject"]);
}

#[test]
fn a_log_groups_own_tag_takes_precedence() {
    let (storage, pay, rest) = (Storage::start(), Bulk::start(), Bulk::start());
    let group = format!("logs log-group:{}", event::GROUP);
    let teams = [("lambda function:orders", "payments"), (&*group, "audit")];
    storage.put(KEY, table(ACCOUNT, &teams));
    let invoked = start(&storage, &pay, &rest).invoke(&event::of(1));
    assert_eq!(routed(&invoked), (Some(0), Some(1)));
}

#[test]
fn a_missing_table_is_a_warning_and_read_once_it_may_be_there() {
    let (storage, pay, rest) = (Storage::start(), Bulk::start(), Bulk::start());
    let mut lambda = start(&storage, &pay, &rest);
    for _ in 0..2 {
        let invoked = lambda.invoke(&event::of(1));
        assert_eq!(routed(&invoked), (Some(0), Some(1)));
        let warnings = warnings(&invoked);
        let expected = format!(
            "could not read the tags of account {ACCOUNT} from s3://{BUCKET}/{KEY}: s3:GetObject: \
             NoSuchKey (status 404); there is no such object"
        );
        assert!(warnings.contains(&expected), "{warnings}");
        assert!(warnings.contains("its log events have no tags"), "{warnings}");
    }
    assert_eq!(storage.requests(), ["GetObject"], "not tried for every event");
}

#[test]
fn each_account_has_its_own_table_and_an_unlisted_one_has_none() {
    let (storage, pay, rest) = (Storage::start(), Bulk::start(), Bulk::start());
    storage.put(KEY, table(ACCOUNT, &[("lambda function:orders", "audit")]));
    storage.put(&key(OTHER), table(OTHER, &[("lambda function:orders", "payments")]));
    let mut lambda = start(&storage, &pay, &rest);
    assert_eq!(routed(&lambda.invoke(&of_account(ACCOUNT))), (Some(0), Some(1)));
    assert_eq!(routed(&lambda.invoke(&of_account(OTHER))), (Some(1), Some(0)));
    let before = storage.requests().len();
    let invoked = lambda.invoke(&of_account("999999999999"));
    assert_eq!(routed(&invoked), (Some(0), Some(1)));
    assert_eq!(invoked.summary["warnings"], Value::Null);
    assert_eq!(storage.requests().len(), before);
}

#[test]
fn a_table_that_does_not_arrive_leaves_the_time_to_the_log_events() {
    let (storage, pay, rest) = (Storage::start(), Bulk::start(), Bulk::start());
    storage.have(Trouble::Hangs);
    let mut lambda = start(&storage, &pay, &rest);
    // An invocation that misses its deadline fails the test.
    let invoked = lambda.invoke_within(&event::of(1), Duration::from_secs(4));
    assert_eq!(routed(&invoked), (Some(0), Some(1)));
    assert!(warnings(&invoked).contains("could not read the tags"), "{}", warnings(&invoked));
}

/// Tables that are read again at every use.
struct Instance {
    aws: Aws,
    tables: TagTables,
}

impl Instance {
    fn start(storage: &Storage, used_keys: &[&str]) -> Self {
        let bucket = TableBucket {
            bucket: BUCKET.to_owned(),
            region: None,
            bucket_owner: Some(ACCOUNT.to_owned()),
            prefix: "logagg/".to_owned(),
        };
        let source = TagSource {
            bucket,
            accounts: [ACCOUNT, OTHER].map(str::to_owned).into(),
            refresh: Duration::ZERO,
            used_keys: used_keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        let aws = Aws::new(Client::default().in_environment(storage.environment()));
        Self { aws, tables: TagTables::new(source) }
    }

    /// The team of a function, and warnings.
    async fn team(&self, function: &str) -> (Option<String>, String) {
        let accounts = BTreeSet::from([ACCOUNT]);
        let until = Instant::now() + MINUTE;
        let warnings = self.tables.refresh(&self.aws, &accounts, until).await;
        let tags = self.tables.tags(ACCOUNT, "/shop/all", Some(function));
        (tags.and_then(|tags| tags.get("team").cloned()), warnings.join("\n"))
    }
}

fn team(name: &str) -> (Option<String>, String) {
    (Some(name.to_owned()), String::new())
}

/// A sweep of the enforcer, with AWS at the storage.
async fn sweep(storage: &Storage) {
    let policy = json!({
        "version": 1, "name": "logs", "region": REGION, "account_id": ACCOUNT,
        "retention_in_days": 30, "select": [{"name_prefixes": ["/aws/lambda/"]}],
    });
    let config = json!({
        "policies": [policy], "requests_per_second": 50,
        "tag_table": {"bucket": BUCKET, "bucket_owner": ACCOUNT, "keys": ["team"]},
    });
    let config = config.to_string();
    let source = Source::of(|name| (name == VARIABLE).then(|| config.clone())).unwrap();
    let aws = Aws::new(Client::default().in_environment(storage.environment()));
    let enforcer = Enforcer::start(source, aws, Instant::now() + MINUTE).await.unwrap();
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:enforcer");
    let deadline = SystemTime::now() + MINUTE;
    let invocation = Invocation { request_id: "r", deadline, function_arn: Some(&arn) };
    let enforced = enforcer.enforce(r#"{"logagg":"sweep"}"#, &invocation).await;
    enforced.result.unwrap();
    let summary = json!(enforced.summary);
    assert_eq!(summary["sweep"]["tag_tables"]["failed"], 0, "{summary}");
}

#[tokio::test]
async fn what_the_enforcer_writes_is_what_the_shipper_reads() {
    let storage = Storage::start();
    let function = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:a");
    storage.tag(&function, "team", "one");
    sweep(&storage).await;
    assert_eq!(storage.objects("").into_keys().collect::<Vec<_>>(), [KEY]);
    let instance = Instance::start(&storage, &["team"]);
    assert_eq!(instance.team("a").await, team("one"));
    sweep(&storage).await;
    assert_eq!(instance.team("a").await, team("one"));
    assert_eq!(storage.not_modified(), 1);
    storage.tag(&function, "team", "two");
    sweep(&storage).await;
    assert_eq!(instance.team("a").await, team("two"));
    let puts = storage.requests().into_iter().filter(|operation| operation == "PutObject");
    assert_eq!(puts.count(), 2, "an equal table is not written");
}

#[tokio::test]
async fn an_old_table_is_read_again_if_it_has_changed() {
    let storage = Storage::start();
    storage.put(KEY, table(ACCOUNT, &[("lambda function:a", "one")]));
    let instance = Instance::start(&storage, &["team"]);
    assert_eq!(instance.team("a").await, team("one"));
    assert_eq!(instance.team("a").await, team("one"));
    assert_eq!(storage.not_modified(), 1);
    storage.put(KEY, table(ACCOUNT, &[("lambda function:a", "two")]));
    assert_eq!(instance.team("a").await, team("two"));
    assert_eq!(storage.not_modified(), 1);
    assert_eq!(storage.requests().len(), 3);
}

#[tokio::test]
async fn the_last_good_copy_stays_in_use() {
    let storage = Storage::start();
    storage.put(KEY, table(ACCOUNT, &[("lambda function:a", "one")]));
    let instance = Instance::start(&storage, &["team"]);
    assert_eq!(instance.team("a").await, team("one"));
    // <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    let slow_down = "<Error><Code>SlowDown</Code></Error>";
    storage.reject((0..100).map(|_| Response::new(503, slow_down)));
    let (found, warnings) = instance.team("a").await;
    assert_eq!(found.as_deref(), Some("one"));
    assert!(warnings.contains("SlowDown (status 503); the tags of 0 s ago"), "{warnings}");
    storage.recover();
    for (object, expected) in [
        (b"no gzip".to_vec(), "the object is not complete gzip"),
        (event::gzip(b"{}"), "the object is not a tag table"),
        (event::gzip(b"{\"version\":7}"), "the table has the version 7, this program reads 1"),
        (event::gzip(&vec![b' '; MAX_TABLE_BYTES + 1]), "more than 8388608 bytes"),
        (table(OTHER, &[]), "the table is of account 210987654321 and region eu-west-1"),
    ] {
        storage.put(KEY, object);
        let (found, warnings) = instance.team("a").await;
        assert_eq!(found.as_deref(), Some("one"));
        assert!(warnings.contains(expected), "{warnings}");
    }
    storage.deny(["GetObject"]);
    let (found, warnings) = instance.team("a").await;
    assert_eq!(found.as_deref(), Some("one"));
    assert!(warnings.contains("grant the function's role s3:GetObject"), "{warnings}");
    storage.recover();
    storage.put(KEY, table(ACCOUNT, &[("lambda function:a", "two")]));
    assert_eq!(instance.team("a").await, team("two"));
}

#[tokio::test]
async fn a_table_that_grows_without_limit_is_not_held() {
    let storage = Storage::start();
    // Bytes that are not gzip are refused too, but these are not even read to their end.
    storage.put(KEY, vec![b'x'; MAX_TABLE_BYTES + 1]);
    let (found, warnings) = Instance::start(&storage, &[]).team("a").await;
    assert_eq!(found, None);
    assert!(warnings.contains("could not read the tags"), "{warnings}");
    assert!(!warnings.contains("gzip"), "{warnings}");
}

#[tokio::test]
async fn a_key_that_no_table_has_is_named() {
    let storage = Storage::start();
    storage.put(KEY, table(ACCOUNT, &[("lambda function:a", "one")]));
    let (_, warnings) = Instance::start(&storage, &["env", "team"]).team("a").await;
    assert_eq!(
        warnings,
        format!(
            "s3://{BUCKET}/{KEY} has no tags with the key \"env\", which a route or a name uses; \
             add it to \"keys\" of the enforcer's \"tag_table\" in account {ACCOUNT}"
        )
    );
}
