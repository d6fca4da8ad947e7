//! The shipper's destinations at Amazon, in another AWS: what it holds afterwards is what was shipped.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::function::Function;
use logagg_e2e::moto::Moto;
use logagg_e2e::sample;
use serde_json::{Value, json};

/// More than a request of any of these services takes.
const LINES: usize = 1_200;

/// An account, and a shipper with its credentials that ships to one destination.
struct Shipping {
    account: Account,
    shipper: Function,
}

impl Shipping {
    fn to(account: Account, destination: &Value) -> Self {
        let config = json!({"destinations": {"x": destination}, "accepted_risks": ["no_undelivered_storage"]});
        let mut environment = account.environment(account.endpoint());
        environment.push(("LOGAGG_CONFIG", config.to_string()));
        let arn = account.function_arn("shipper");
        let shipper = Function::start(&Binaries::shared().shipper, &arn, &environment).unwrap();
        Self { account, shipper }
    }

    /// Ships lines; all must be delivered.
    fn ship(&self, messages: &[String]) {
        let summary = self.shipper.invoke(&sample::event(messages).unwrap()).unwrap().unwrap();
        let counts = &summary["destinations"]["x"];
        assert_eq!(counts["delivered"], messages.len(), "{summary:#}");
        assert_eq!(counts["possible_duplicates"], 0, "{summary:#}");
    }
}

fn account() -> Account {
    Account::in_moto(Moto::shared()).unwrap()
}

fn call(account: &Account, service: &str, target: &str, input: &Value) -> Value {
    account.api().json(service, target, input).unwrap().unwrap()
}

fn messages() -> Vec<String> {
    (0..LINES).map(|number| format!("order {number:05} \"paid\"\tby card – 🧾\n")).collect()
}

/// The messages of documents, one a line.
fn messages_in(lines: &[u8]) -> Vec<String> {
    let documents = serde_json::Deserializer::from_slice(lines).into_iter::<Value>();
    documents.map(|document| document.unwrap()["message"].as_str().unwrap().to_owned()).collect()
}

/// All messages in a bucket's objects, however they are compressed.
fn messages_of(objects: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = String> {
    objects.values().flat_map(|object| {
        let mut text = Vec::new();
        if object.starts_with(&[0x1f, 0x8b]) {
            GzDecoder::new(&object[..]).read_to_end(&mut text).unwrap();
        } else {
            text.clone_from(object);
        }
        messages_in(&text)
    })
}

/// Checks that a service holds these messages, each once, in whatever order.
#[track_caller]
fn held_once(held: impl IntoIterator<Item = String>, messages: &[String]) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for message in held {
        *times.entry(message).or_default() += 1;
    }
    let missing: Vec<_> = messages.iter().filter(|message| !times.contains_key(*message)).collect();
    let repeated: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(
        missing.is_empty() && repeated.is_empty() && times.len() == messages.len(),
        "{} missing, as {:?}; {} repeated, as {:?}; {} held in all",
        missing.len(),
        missing.first(),
        repeated.len(),
        repeated.first(),
        times.len()
    );
}

/// Everything in a stream.
fn records(account: &Account, stream: &str) -> Vec<Vec<u8>> {
    let kinesis = |operation: &str, input: &Value| {
        call(account, "kinesis", &format!("Kinesis_20131202.{operation}"), input)
    };
    let shards = kinesis("ListShards", &json!({"StreamName": stream}));
    let mut records = Vec::new();
    for shard in shards["Shards"].as_array().unwrap() {
        let from = json!({
            "StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON",
        });
        let mut iterator = kinesis("GetShardIterator", &from)["ShardIterator"].clone();
        loop {
            let read = kinesis("GetRecords", &json!({"ShardIterator": iterator}));
            let found = read["Records"].as_array().unwrap();
            if found.is_empty() {
                break;
            }
            let data = found.iter().map(|record| record["Data"].as_str().unwrap());
            records.extend(data.map(|data| BASE64_STANDARD.decode(data).unwrap()));
            iterator = read["NextShardIterator"].clone();
        }
    }
    records
}

#[test]
fn a_kinesis_stream_of_two_shards_holds_every_line_once() {
    let account = account();
    let create = json!({"StreamName": "logs", "ShardCount": 2});
    call(&account, "kinesis", "Kinesis_20131202.CreateStream", &create);
    let arn = format!("arn:aws:kinesis:{REGION}:{}:stream/logs", account.id());
    // Of two requests at once moto gives records of both the same number, and keeps one.
    let destination = json!({"type": "kinesis", "stream_arn": arn, "max_in_flight": 1});
    let shipping = Shipping::to(account, &destination);
    shipping.ship(&messages());
    let records = records(&shipping.account, "logs");
    held_once(records.iter().flat_map(|record| messages_in(record)), &messages());
}

#[test]
fn a_missing_kinesis_stream_fails_the_invocation_at_once() {
    let account = account();
    let arn = format!("arn:aws:kinesis:{REGION}:{}:stream/logs", account.id());
    let shipping = Shipping::to(account, &json!({"type": "kinesis", "stream_arn": arn}));
    let event = sample::event(&messages()[..3]).unwrap();
    let error = shipping.shipper.invoke(&event).unwrap().unwrap_err().error;
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("3 of 3 records to \"x\" (resource_not_found_exception)"),
        "{message}"
    );
}

#[test]
fn what_goes_to_firehose_is_in_its_bucket() {
    let account = account();
    let bucket = format!("firehose-{}", account.id());
    account.api().create_bucket(&bucket).unwrap().unwrap();
    let create = json!({
        "DeliveryStreamName": "logs",
        "S3DestinationConfiguration": {
            "RoleARN": format!("arn:aws:iam::{}:role/firehose", account.id()),
            "BucketARN": format!("arn:aws:s3:::{bucket}"),
        },
    });
    call(&account, "firehose", "Firehose_20150804.CreateDeliveryStream", &create);
    let arn = format!("arn:aws:firehose:{REGION}:{}:deliverystream/logs", account.id());
    let shipping = Shipping::to(account, &json!({"type": "firehose", "stream_arn": arn}));
    shipping.ship(&messages());
    let objects = shipping.account.api().objects(&bucket).unwrap();
    held_once(messages_of(&objects), &messages());
}

#[test]
fn a_bucket_holds_every_line_once_however_often_it_is_shipped() {
    let account = account();
    let bucket = format!("logs-{}", account.id());
    account.api().create_bucket(&bucket).unwrap().unwrap();
    let shipping = Shipping::to(account, &json!({"type": "s3", "bucket": bucket}));
    for _ in 0..2 {
        shipping.ship(&messages());
    }
    let objects = shipping.account.api().objects(&bucket).unwrap();
    assert!(objects.keys().all(|key| key.starts_with("logs/2026/11/23/")), "{:?}", objects.keys());
    held_once(messages_of(&objects), &messages());
}
