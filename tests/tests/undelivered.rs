//! The shipper as a real function with a bucket, a queue and a stream of the AWS of the tests beside it:
//! S3 notifies the queue, and Lambda invokes the function for the queue and the stream by itself.

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use logagg_e2e::account::{Account, REGION};
use logagg_e2e::binaries::Binaries;
use logagg_e2e::lambda::Function;
use logagg_e2e::ministack::Ministack;
use logagg_e2e::progress;
use logagg_e2e::search::Search;
use logagg_e2e::wait;
use serde_json::{Value, json};

use crate::stack;

/// The role of every function in the tests.
const ROLE: &str = "shipper";

/// Nothing listens on the port that discards.
const NO_SERVER: &str = "http://127.0.0.1:9";

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
        let stack = Self::without_notification(Account::new(Ministack::shared()));
        stack.notify();
        stack
    }

    fn without_notification(account: Account) -> Self {
        let index = format!("undelivered-{}", account.id());
        let bucket = format!("undelivered-{}", account.id());
        account.api().create_bucket(&bucket).unwrap().unwrap();
        let (_, dead_arn) = account.queue_with("undelivered-dead", &json!({})).unwrap();
        let redrive = json!({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 400});
        let attributes = json!({"VisibilityTimeout": "900", "RedrivePolicy": redrive.to_string()});
        let (queue_url, queue_arn) = account.queue_with("undelivered", &attributes).unwrap();
        Self { account, index, bucket, queue_url, queue_arn }
    }

    /// Has S3 send pointers.
    fn notify(&self) {
        let prefixes = ["logagg/undelivered/", "aws/lambda/"];
        let api = self.account.api();
        api.notify_queue(&self.bucket, &self.queue_arn, &prefixes).unwrap().unwrap();
    }

    fn config(&self, url: &str) -> String {
        json!({
            "destinations": {"search": {"type": "elasticsearch", "url": url, "index": self.index}},
            "undelivered": {"bucket": self.bucket, "queue_url": self.queue_url},
        })
        .to_string()
    }

    fn environment(&self, url: &str) -> [(&'static str, String); 2] {
        let endpoint = self.account.endpoint().to_owned();
        [("LOGAGG_CONFIG", self.config(url)), ("AWS_ENDPOINT_URL", endpoint)]
    }

    /// The function's name. ministack ends the running functions of a name in all accounts when one
    /// of them is configured.
    fn function(&self) -> String {
        format!("shipper-{}", self.account.id())
    }

    /// Creates the function, which ships to a search server at `url`.
    fn deploy(&self, url: &str) {
        self.deploy_with(&self.environment(url));
    }

    fn deploy_with(&self, environment: &[(&str, String)]) {
        self.account
            .lambda()
            .create(&Function {
                name: &self.function(),
                program: &Binaries::shared().shipper,
                environment,
                timeout_seconds: 20,
            })
            .unwrap();
    }

    /// Has the function ship to another address.
    fn configure(&self, url: &str) {
        self.configure_with(&self.environment(url));
    }

    fn configure_with(&self, environment: &[(&str, String)]) {
        let variables: BTreeMap<_, _> = environment.iter().cloned().collect();
        let path = format!("/2015-03-31/functions/{}/configuration", self.function());
        let input = json!({"Environment": {"Variables": variables}});
        self.account.api().lambda("PUT", &path, &input).unwrap().unwrap();
    }

    fn invoke(&self, event: &Value) -> Value {
        self.account.lambda().invoke(&self.function(), event).unwrap()
    }

    fn call(&self, service: &str, target: &str, input: &Value) -> Value {
        self.account.api().json(service, target, input).unwrap().unwrap()
    }

    /// Has the function polled for by Lambda.
    fn map(&self, source: &str, more: &Value) {
        let mut mapping = json!({
            "FunctionName": self.function(), "EventSourceArn": source,
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
    stack.deploy(NO_SERVER);
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
    stack.deploy(NO_SERVER);
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

const PARAMETER: &str = "/logs/shipper";

/// The part of a stack that the complete stack's policies are about.
impl Stack {
    /// Stores the configuration where the complete stack does; returns the function's environment,
    /// which another version of the configuration changes, so that Lambda starts a new instance.
    fn put_parameter(&self, url: &str) -> [(&'static str, String); 3] {
        let input = json!({
            "Name": PARAMETER, "Type": "String", "Value": self.config(url), "Overwrite": true,
        });
        let put = self.call("ssm", "AmazonSSM.PutParameter", &input);
        [
            ("LOGAGG_CONFIG_SSM", PARAMETER.to_owned()),
            ("AWS_ENDPOINT_URL", self.account.endpoint().to_owned()),
            ("VERSION", put["Version"].to_string()),
        ]
    }

    fn iam(&self, operation: &str, parameters: &[(&str, &str)]) -> String {
        let mut form = reqwest::Url::parse("http://iam").unwrap();
        form.query_pairs_mut()
            .extend_pairs([("Action", operation), ("Version", "2010-05-08")])
            .extend_pairs(parameters);
        let (status, xml) = self.account.api().query("iam", form.query().unwrap()).unwrap();
        assert_eq!(status, 200, "{operation}: {xml}");
        xml
    }

    /// Grants the role this. The emulator takes an operation's name for the action, where AWS has one
    /// action for a message and for a batch of them, so that its names are added.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>
    fn grant(&self, mut policy: Value) {
        for statement in policy["Statement"].as_array_mut().unwrap() {
            let actions = statement["Action"].as_array_mut().unwrap();
            for action in ["sqs:ChangeMessageVisibility", "sqs:SendMessage"] {
                if actions.contains(&action.into()) {
                    actions.push(format!("{action}Batch").into());
                }
            }
        }
        let parameters =
            [("RoleName", ROLE), ("PolicyName", "ship"), ("PolicyDocument", &policy.to_string())];
        self.iam("PutRolePolicy", &parameters);
    }

    /// Whether IAM lets the role do this.
    fn may(&self, action: &str, resource: &str) -> bool {
        let role = format!("arn:aws:iam::{}:role/{ROLE}", self.account.id());
        let parameters = [
            ("PolicySourceArn", role.as_str()),
            ("ActionNames.member.1", action),
            ("ResourceArns.member.1", resource),
        ];
        let xml = self.iam("SimulatePrincipalPolicy", &parameters);
        match xml.split("<EvalDecision>").nth(1).and_then(|rest| rest.split('<').next()) {
            Some("allowed") => true,
            Some("implicitDeny") => false,
            other => panic!("{action} on {resource}: {other:?} in {xml}"),
        }
    }

    /// What the function has logged.
    fn log(&self) -> String {
        self.account.logs().events(&format!("/aws/lambda/{}", self.function())).unwrap().join("\n")
    }
}

/// With IAM evaluating, the complete stack's policies are enough for the whole circle, and the role has
/// nothing beyond its own parameter, bucket, prefixes and queue.
#[test]
fn the_policies_of_the_shippers_module_are_enough_and_reach_nothing_else() {
    let aws = Ministack::with_iam(&progress::to_stderr).unwrap();
    let stack = Stack::without_notification(Account::new(&aws));
    let (id, queue) = (stack.account.id(), stack.queue_arn.as_str());
    let bucket = format!("arn:aws:s3:::{}", stack.bucket);
    let function = stack.function();
    let log_group = format!("arn:aws:logs:{REGION}:{id}:log-group:/aws/lambda/{function}");
    let parameter = format!("arn:aws:ssm:{REGION}:{id}:parameter{PARAMETER}");
    let values = BTreeMap::from([
        ("aws_cloudwatch_log_group.shipper.arn", log_group.as_str()),
        ("aws_s3_bucket.undelivered.arn", &bucket),
        ("aws_sqs_queue.undelivered.arn", queue),
        ("aws_ssm_parameter.shipper.arn", &parameter),
        ("local.account_id", id),
    ]);
    let module = stack::Stack::of("modules/shipper");
    let of_the_queue = module.policy("undelivered_queue", &values);
    let attributes = json!({"Policy": of_the_queue.to_string()});
    let input = json!({"QueueUrl": stack.queue_url, "Attributes": attributes});
    stack.call("sqs", "AmazonSQS.SetQueueAttributes", &input);
    stack.notify();

    // An outage. The second attempt finds nothing new, as it has the same key.
    stack.deploy_with(&stack.put_parameter(NO_SERVER));
    let without = stack.invoke(&event(&["one", "two"])).to_string();
    assert!(without.contains("ssm:GetParameter"), "{without}");
    stack.grant(module.policy("shipper", &values));
    let summary = stack.invoke(&event(&["one", "two"]));
    assert_eq!(summary["destinations"]["search"]["stored"], 2, "{summary:#}");
    let undecodable = json!({"awslogs": {"data": "AAAA"}});
    stack.invoke(&undecodable);

    // Attempts during the outage change the visibility of what they received.
    stack.map(queue, &json!({"BatchSize": 10}));
    wait::until("an attempt for a pointer", || match stack.log() {
        log if log.contains(r#""source":"sqs""#) => Ok(()),
        log => Err(log),
    })
    .unwrap();

    // Its end, and a replay by hand of what S3 did not send a pointer of.
    stack.configure_with(&stack.put_parameter(Search::shared().endpoint()));
    stack.call("sqs", "AmazonSQS.PurgeQueue", &json!({"QueueUrl": stack.queue_url}));
    let summary = stack.invoke(&json!({"logagg": "replay", "destination": "search"}));
    assert_eq!(summary["replay"]["enqueued"], 1, "{summary:#}");
    stack.expect(&["one", "two"]);
    wait::until("only the undecodable one to be left", || {
        let objects = stack.objects();
        let keys: Vec<_> = objects.keys().map(String::as_str).collect();
        match &keys[..] {
            [key] if key.starts_with("logagg/undecodable/") && stack.messages() == 0 => Ok(()),
            keys => Err(format!("{keys:?}, {} messages", stack.messages())),
        }
    })
    .unwrap();
    let log = stack.log();
    assert!(!log.contains("AccessDenied") && !log.contains("not authorized"), "{log}");

    // What Lambda does under this role for the mapping.
    for action in ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"] {
        assert!(stack.may(action, queue), "{action}");
    }
    let elsewhere = [
        ("s3:PutObject", "arn:aws:s3:::another/logagg/undelivered/a".to_owned()),
        ("s3:GetObject", format!("{bucket}/another/a")),
        ("s3:DeleteObject", format!("{bucket}/aws/another/a")),
        ("s3:ListBucket", "arn:aws:s3:::another".to_owned()),
        ("sqs:SendMessage", format!("{queue}-dead")),
        ("sqs:DeleteMessage", format!("{queue}-dead")),
        ("sqs:PurgeQueue", queue.to_owned()),
        ("ssm:GetParameter", format!("{parameter}-of-another")),
        ("ssm:PutParameter", parameter.clone()),
        ("logs:PutLogEvents", format!("{log_group}-of-another:log-stream:a")),
    ];
    for (action, resource) in elsewhere {
        assert!(!stack.may(action, &resource), "{action} on {resource}");
    }
}
