//! The shipper as a real function with a bucket, a queue and a stream of the AWS of the tests beside it:
//! S3 notifies the queue, and Lambda invokes the function for the queue and the stream by itself.

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use logagg_e2e::account::Account;
use logagg_e2e::binaries::Binaries;
use logagg_e2e::lambda::Function;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::search::Search;
use logagg_e2e::wait;
use serde_json::{Value, json};

const SHIPPER: &str = "shipper";

/// Nothing listens on the port that discards.
const NOBODY: &str = "http://127.0.0.1:9";

/// An account with a bucket that notifies a queue, and the function that both belong to.
struct Stack {
    account: Account,
    index: String,
    bucket: String,
    queue_url: String,
    queue_arn: String,
}

impl Stack {
    fn new() -> Self {
        let account = Account::new(Ministack::shared());
        let index = format!("undelivered-{}", account.id());
        let bucket = format!("undelivered-{}", account.id());
        account.api().create_bucket(&bucket).unwrap().unwrap();
        let queue = |name: &str, attributes: Value| {
            let input = json!({"QueueName": name, "Attributes": attributes});
            let queue =
                account.api().json("sqs", "AmazonSQS.CreateQueue", &input).unwrap().unwrap();
            let url = queue["QueueUrl"].as_str().unwrap().to_owned();
            let input = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
            let attributes = account.api().json("sqs", "AmazonSQS.GetQueueAttributes", &input);
            let attributes = attributes.unwrap().unwrap();
            (url, attributes["Attributes"]["QueueArn"].as_str().unwrap().to_owned())
        };
        let (_, dead_arn) = queue("undelivered-dead", json!({}));
        let redrive = json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 400});
        let attributes = json!({"VisibilityTimeout": "900", "RedrivePolicy": redrive.to_string()});
        let (queue_url, queue_arn) = queue("undelivered", attributes);
        let prefixes = ["logagg/undelivered/", "aws/lambda/"];
        account.api().notify_queue(&bucket, &queue_arn, &prefixes).unwrap().unwrap();
        Self { account, index, bucket, queue_url, queue_arn }
    }

    fn config(&self, url: &str) -> String {
        json!({
            "destinations": {"search": {"type": "elasticsearch", "url": url, "index": self.index}},
            "undelivered": {"bucket": self.bucket, "queue_url": self.queue_url},
        })
        .to_string()
    }

    /// Creates the function, which ships to a search server at `url`.
    fn deploy(&self, url: &str) {
        self.account
            .lambda()
            .create(&Function {
                name: SHIPPER,
                program: &Binaries::shared().shipper,
                environment: &[
                    ("LOGAGG_CONFIG", self.config(url)),
                    ("AWS_ENDPOINT_URL", self.account.endpoint().to_owned()),
                ],
                timeout_seconds: 20,
            })
            .unwrap();
    }

    /// Has the function ship to another address.
    fn configure(&self, url: &str) {
        let variables =
            json!({"LOGAGG_CONFIG": self.config(url), "AWS_ENDPOINT_URL": self.account.endpoint()});
        let path = format!("/2015-03-31/functions/{SHIPPER}/configuration");
        let input = json!({"Environment": {"Variables": variables}});
        self.account.api().lambda("PUT", &path, &input).unwrap().unwrap();
    }

    fn invoke(&self, event: &Value) -> Value {
        self.account.lambda().invoke(SHIPPER, event).unwrap()
    }

    fn call(&self, service: &str, target: &str, input: &Value) -> Value {
        self.account.api().json(service, target, input).unwrap().unwrap()
    }

    /// Has the function polled for by Lambda.
    fn map(&self, source: &str, more: &Value) {
        let mut mapping = json!({
            "FunctionName": SHIPPER, "EventSourceArn": source,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        mapping.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = "/2015-03-31/event-source-mappings/";
        self.account.api().lambda("POST", path, &mapping).unwrap().unwrap();
    }

    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.account.api().objects(&self.bucket).unwrap()
    }

    /// How many messages are in the queue, visible or not.
    fn messages(&self) -> u64 {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let input = json!({"QueueUrl": self.queue_url, "AttributeNames": names});
        let attributes = self.call("sqs", "AmazonSQS.GetQueueAttributes", &input);
        let number =
            |name: &str| attributes["Attributes"][name].as_str().unwrap().parse::<u64>().unwrap();
        names.into_iter().map(number).sum()
    }

    /// Waits until the search server holds these messages, each once.
    fn expect(&self, messages: &[&str]) {
        wait::until("the messages at the search server", || {
            let found =
                Search::shared().documents(&self.index).map_err(|error| format!("{error:#}"))?;
            let mut found: Vec<_> =
                found.iter().map(|document| document["message"].as_str().unwrap()).collect();
            found.sort_unstable();
            if found == messages { Ok(()) } else { Err(format!("it holds {found:?}")) }
        })
        .unwrap();
    }

    /// Waits until nothing is stored any more and no pointer is left.
    fn expect_nothing_left(&self) {
        wait::until("bucket and queue to be empty", || {
            let (objects, messages) = (self.objects(), self.messages());
            if objects.is_empty() && messages == 0 {
                Ok(())
            } else {
                Err(format!("{:?}, {messages} messages", objects.keys()))
            }
        })
        .unwrap();
    }
}

fn gzip(first_id: usize, messages: &[&str]) -> String {
    let events: Vec<_> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            json!({
                "id": (first_id + index).to_string(), "timestamp": 1_795_428_930_123_i64,
                "message": message,
            })
        })
        .collect();
    let data = json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/lambda/checkout",
        "logStream": "2026/11/23/[$LATEST]0123456789abcdef0123456789abcdef",
        "subscriptionFilters": ["ship"],
        "logEvents": events,
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data.to_string().as_bytes()).unwrap();
    BASE64_STANDARD.encode(gzip.finish().unwrap())
}

fn event(messages: &[&str]) -> Value {
    json!({"awslogs": {"data": gzip(1, messages)}})
}

/// An outage, objects, pointers, recovery: what was stored arrives once, and nothing is left behind.
#[test]
fn what_an_outage_leaves_arrives_once_after_it() {
    let stack = Stack::new();
    stack.deploy(NOBODY);
    // A retry overwrites what the first attempt stored, and S3 notifies the queue of both.
    for _ in 0..2 {
        let summary = stack.invoke(&event(&["one", "two"]));
        assert_eq!(summary["destinations"]["search"]["stored"], 2, "{summary:#}");
    }
    let keys: Vec<String> = stack.objects().into_keys().collect();
    let [key] = &keys[..] else { panic!("{keys:?}") };
    assert!(key.starts_with("logagg/undelivered/search/2026/11/23/"), "{key}");
    // S3's test event for each of the two prefixes, and a pointer for each object that was written.
    wait::until("the pointers", || match stack.messages() {
        4 => Ok(()),
        other => Err(format!("{other} messages")),
    })
    .unwrap();
    stack.configure(Search::shared().endpoint());
    stack.map(&stack.queue_arn, &json!({"BatchSize": 10}));
    stack.expect(&["one", "two"]);
    stack.expect_nothing_left();
}

/// A pointer that was lost is sent again by a replay by hand.
#[test]
fn a_replay_by_hand_delivers_what_has_no_pointer() {
    let stack = Stack::new();
    stack.deploy(NOBODY);
    let summary = stack.invoke(&event(&["one", "two"]));
    assert_eq!(summary["destinations"]["search"]["stored"], 2, "{summary:#}");
    stack.call("sqs", "AmazonSQS.PurgeQueue", &json!({"QueueUrl": stack.queue_url}));
    stack.configure(Search::shared().endpoint());
    let summary = stack.invoke(&json!({"logagg": "replay", "dry_run": true}));
    assert_eq!(summary["replay"]["objects"], 1, "{summary:#}");
    assert_eq!(summary["replay"]["enqueued"], 0, "{summary:#}");
    let summary = stack.invoke(&json!({"logagg": "replay", "destination": "search"}));
    assert_eq!(summary["replay"]["enqueued"], 1, "{summary:#}");
    stack.map(&stack.queue_arn, &json!({"BatchSize": 10}));
    stack.expect(&["one", "two"]);
    stack.expect_nothing_left();
}

#[test]
fn records_of_a_stream_arrive() {
    let stack = Stack::new();
    stack.deploy(Search::shared().endpoint());
    let stream = |operation: &str, input: &Value| {
        stack.call("kinesis", &format!("Kinesis_20131202.{operation}"), input)
    };
    stream("CreateStream", &json!({"StreamName": "logs", "ShardCount": 1}));
    let arn = wait::until("the stream to be active", || {
        let described = stream("DescribeStream", &json!({"StreamName": "logs"}));
        let described = &described["StreamDescription"];
        if described["StreamStatus"] == "ACTIVE" {
            Ok(described["StreamARN"].as_str().unwrap().to_owned())
        } else {
            Err(format!("{described}"))
        }
    })
    .unwrap();
    stack.map(&arn, &json!({"StartingPosition": "TRIM_HORIZON", "BatchSize": 100}));
    let records =
        [gzip(1, &["one", "two"]), gzip(3, &["three"]), BASE64_STANDARD.encode("no gzip")];
    for data in records {
        stream("PutRecord", &json!({"StreamName": "logs", "PartitionKey": "p", "Data": data}));
    }
    stack.expect(&["one", "three", "two"]);
}
