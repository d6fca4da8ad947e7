//! The shipper as a real function with a stream, a bucket and a queue of the AWS of the tests beside
//! it, which invokes it for the stream and the queue by itself.

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

/// An account with a function for each place its destination was, and what is common to both.
struct Parking {
    account: Account,
    index: String,
    park: Value,
}

impl Parking {
    fn new(park: impl FnOnce(&Account) -> Value) -> Self {
        let account = Account::new(Ministack::shared());
        let index = format!("parked-{}", account.id());
        let park = park(&account);
        Self { account, index, park }
    }

    /// Creates a function that ships to a search server at `url`.
    fn deploy(&self, name: &str, url: &str) {
        let config = json!({
            "destinations": {"search": {"type": "elasticsearch", "url": url, "index": self.index}},
            "park": self.park,
        });
        self.account
            .lambda()
            .create(&Function {
                name,
                program: &Binaries::shared().shipper,
                environment: &[
                    ("LOGAGG_CONFIG", config.to_string()),
                    ("AWS_ENDPOINT_URL", self.account.endpoint().to_owned()),
                ],
                timeout_seconds: 20,
            })
            .unwrap();
    }

    fn call(&self, service: &str, target: &str, input: &Value) -> Value {
        self.account.api().json(service, target, input).unwrap().unwrap()
    }

    /// Has a function polled for by Lambda.
    fn map(&self, name: &str, source: &str, more: &Value) {
        let mut mapping = json!({
            "FunctionName": name, "EventSourceArn": source,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        mapping.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = "/2015-03-31/event-source-mappings/";
        self.account.api().lambda("POST", path, &mapping).unwrap().unwrap();
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

#[test]
fn what_was_parked_in_a_bucket_arrives_once_the_destination_is_back() {
    let parking = Parking::new(|account| {
        let bucket = format!("leftovers-{}", account.id());
        account.api().create_bucket(&bucket).unwrap().unwrap();
        json!({"type": "s3", "bucket": bucket})
    });
    parking.deploy(SHIPPER, NOBODY);
    let lambda = parking.account.lambda();
    // The second time it takes the place of the first.
    for _ in 0..2 {
        let summary = lambda.invoke(SHIPPER, &event(&["one", "two"])).unwrap();
        assert_eq!(summary["destinations"]["search"]["parked"], 2, "{summary:#}");
    }
    parking.deploy("later", Search::shared().endpoint());
    let summary = lambda.invoke("later", &json!({"logagg": "replay"})).unwrap();
    assert_eq!(summary["replay"]["settled"], 1, "{summary:#}");
    assert_eq!(summary["destinations"]["search"]["delivered"], 2, "{summary:#}");
    parking.expect(&["one", "two"]);
    let summary = lambda.invoke("later", &json!({"logagg": "replay"})).unwrap();
    assert_eq!(summary["replay"]["settled"], 0, "{summary:#}");
}

#[test]
fn what_was_parked_in_a_queue_arrives_once_the_destination_is_back() {
    let parking = Parking::new(|account| {
        let input = json!({"QueueName": "parked"});
        let queue = account.api().json("sqs", "AmazonSQS.CreateQueue", &input).unwrap().unwrap();
        json!({"type": "sqs", "queue_url": queue["QueueUrl"]})
    });
    parking.deploy(SHIPPER, NOBODY);
    let summary = parking.account.lambda().invoke(SHIPPER, &event(&["one", "two"])).unwrap();
    assert_eq!(summary["destinations"]["search"]["parked"], 2, "{summary:#}");
    parking.deploy("later", Search::shared().endpoint());
    let input = json!({"QueueUrl": parking.park["queue_url"], "AttributeNames": ["QueueArn"]});
    let attributes = parking.call("sqs", "AmazonSQS.GetQueueAttributes", &input);
    let arn = attributes["Attributes"]["QueueArn"].as_str().unwrap();
    parking.map("later", arn, &json!({"BatchSize": 10}));
    parking.expect(&["one", "two"]);
}

#[test]
fn records_of_a_stream_arrive() {
    let parking = Parking::new(|account| {
        let bucket = format!("leftovers-{}", account.id());
        account.api().create_bucket(&bucket).unwrap().unwrap();
        json!({"type": "s3", "bucket": bucket})
    });
    parking.deploy(SHIPPER, Search::shared().endpoint());
    let stream = |operation: &str, input: &Value| {
        parking.call("kinesis", &format!("Kinesis_20131202.{operation}"), input)
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
    parking.map(SHIPPER, &arn, &json!({"StartingPosition": "TRIM_HORIZON", "BatchSize": 100}));
    let records =
        [gzip(1, &["one", "two"]), gzip(3, &["three"]), BASE64_STANDARD.encode("no gzip")];
    for data in records {
        stream("PutRecord", &json!({"StreamName": "logs", "PartitionKey": "p", "Data": data}));
    }
    parking.expect(&["one", "three", "two"]);
}
