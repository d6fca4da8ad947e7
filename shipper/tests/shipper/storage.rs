//! A mock server of S3 and SQS for undelivered events: strict about requests, with faults on
//! demand. S3 notifies the queue as configured in `modules/shipper`, and the queue delivers its
//! messages like an event source mapping, by the test's clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use logagg_shipper::aws::Environment;
use serde_json::{Value, json};

use crate::contract::ensure_checksum;
use crate::http::{Reply, Request, Response, Server, Service};
use crate::lambda::{FunctionError, TRACE};
use crate::log_groups::LogGroups;
use crate::{PAYLOAD, SECRET};

pub(crate) const BUCKET: &str = "undelivered";

const ACCOUNT: &str = "123456789012";
const QUEUE: &str = "pointers";

/// The queue's visibility timeout and maximum receive count, as in `modules/shipper`.
pub(crate) const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(900);
pub(crate) const MAX_RECEIVE_COUNT: u32 = 400;

/// The queue's maximum message size, as in `modules/shipper`.
const MAX_MESSAGE_BYTES: u64 = 1_048_576;

/// A bucket and a queue.
pub(crate) struct Storage {
    state: Arc<State>,
    server: Server,
}

/// A fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    Nothing,
    /// The function has no permission.
    Rejects,
    /// Requests are processed, without a response.
    Hangs,
    /// Requests are processed, and the connection is reset instead of a response.
    LosesResponses,
    /// That happens once.
    LosesOneResponse,
}

impl Trouble {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nothing, Self::Rejects, Self::Hangs, Self::LosesResponses, Self::LosesOneResponse];
}

/// How a request is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strike {
    /// Processed.
    Passes,
    /// Rejected as retryable, and not processed.
    Rejected,
    /// The function has no permission.
    Denied,
    /// Processed, and the response is lost.
    ResponseLost,
    /// Not processed, without a response.
    WithoutResponse,
    /// Processed, without a response.
    DoneWithoutResponse,
}

/// Decides how each request is handled.
type Striking = Box<dyn FnMut() -> Strike + Send>;

#[derive(Default)]
struct State(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    max_message_bytes: Option<u64>,
    objects: BTreeMap<String, Object>,
    versions: Option<Vec<Version>>,
    messages: Vec<Message>,
    dead_letters: Vec<Message>,
    sent: usize,
    clock: Duration,
    rejections: VecDeque<Response>,
    denied: BTreeSet<&'static str>,
    striking: Option<Striking>,
    trouble: Trouble,
    requests: Vec<String>,
    not_modified: usize,
    /// The tags of resources, by ARN.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    log_groups: LogGroups,
    keys: BTreeSet<String>,
    violations: Vec<String>,
}

struct Object {
    body: Vec<u8>,
    modified: SystemTime,
}

/// A version of an object in a bucket with Object Lock: its content, or `None` for a delete marker.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Version {
    pub(crate) key: String,
    pub(crate) body: Option<Vec<u8>>,
}

/// A message of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) receive_count: u32,
    pub(crate) visible_at: Duration,
}

impl Storage {
    pub(crate) fn start() -> Self {
        let state = Arc::new(State::default());
        let server = Server::start(Arc::clone(&state));
        Self { state, server }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The environment of a function with this server as AWS.
    pub(crate) fn environment(&self) -> Environment {
        Environment::from_pairs(&[
            ("AWS_ENDPOINT_URL", self.url().as_str()),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", &format!("{SECRET}-key")),
            ("AWS_SESSION_TOKEN", &format!("{SECRET}-token")),
        ])
    }

    /// The configuration of storage in the bucket.
    pub(crate) fn config() -> Value {
        json!({"bucket": BUCKET, "reserve_ms": 2000, "bucket_owner": ACCOUNT})
    }

    /// The same with the queue for replays.
    pub(crate) fn config_with_queue(&self) -> Value {
        let mut config = Self::config();
        config["queue_url"] = json!(format!("{}/{ACCOUNT}/{QUEUE}", self.url()));
        config
    }

    /// Rejects the next requests.
    pub(crate) fn reject(&self, responses: impl IntoIterator<Item = Response>) {
        self.inner().rejections.extend(responses);
    }

    /// Denies the function these operations from now on.
    pub(crate) fn deny(&self, operations: impl IntoIterator<Item = &'static str>) {
        self.inner().denied = operations.into_iter().collect();
    }

    /// Sets the fault from now on.
    pub(crate) fn have(&self, trouble: Trouble) {
        self.inner().trouble = trouble;
    }

    /// Sets how each request is handled.
    pub(crate) fn strike(&self, striking: impl FnMut() -> Strike + Send + 'static) {
        self.inner().striking = Some(Box::new(striking));
    }

    pub(crate) fn recover(&self) {
        let mut inner = self.inner();
        (inner.trouble, inner.striking) = (Trouble::Nothing, None);
        inner.denied.clear();
        inner.rejections.clear();
    }

    /// Sets the queue's maximum message size.
    pub(crate) fn limit_messages(&self, bytes: u64) {
        self.inner().max_message_bytes = Some(bytes);
    }

    /// Enables Object Lock, which keeps every version: overwriting an object adds one, and deleting
    /// it adds a delete marker, behind which the object can neither be read nor listed.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>,
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html>
    pub(crate) fn lock(&self) {
        self.inner().versions = Some(Vec::new());
    }

    /// The versions in a bucket with Object Lock, oldest first.
    pub(crate) fn versions(&self) -> Vec<Version> {
        self.inner().versions.clone().expect("a bucket without Object Lock")
    }

    /// Writes an object, and notifies the queue like S3.
    pub(crate) fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.inner().write(key, body.into());
    }

    /// Writes an object of this age, without a notification.
    pub(crate) fn put_old(&self, key: &str, body: impl Into<Vec<u8>>, age: Duration) {
        let modified = SystemTime::now() - age;
        self.inner().objects.insert(key.to_owned(), Object { body: body.into(), modified });
    }

    /// Sends a message to the queue.
    pub(crate) fn send(&self, body: impl Into<String>) {
        self.inner().send(body.into(), Duration::ZERO);
    }

    /// The objects with this prefix.
    pub(crate) fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let inner = self.inner();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        let objects = inner.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        objects.map(|(key, object)| (key.clone(), object.body.clone())).collect()
    }

    /// The documents of the objects with this prefix.
    pub(crate) fn documents(&self, prefix: &str) -> Vec<Value> {
        self.objects(prefix).values().map(|body| document(body)).collect()
    }

    /// The messages in the stored events with this prefix.
    pub(crate) fn messages_in(&self, prefix: &str) -> Vec<String> {
        self.objects(prefix).values().flat_map(|body| stored_messages(body)).collect()
    }

    /// The operations that were called.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.inner().requests.clone()
    }

    /// Tags a resource of the account.
    pub(crate) fn tag(&self, arn: &str, key: &str, value: &str) {
        let mut inner = self.inner();
        inner.tags.entry(arn.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
    }

    /// Changes the log groups of the account.
    pub(crate) fn log_groups<T>(&self, change: impl FnOnce(&mut LogGroups) -> T) -> T {
        change(&mut self.inner().log_groups)
    }

    /// How many conditional reads found an object unchanged.
    pub(crate) fn not_modified(&self) -> usize {
        self.inner().not_modified
    }

    /// The keys of the objects that were read, written or deleted.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.inner().keys.clone()
    }

    /// The messages in the queue, visible or not.
    pub(crate) fn queue(&self) -> Vec<Message> {
        self.inner().messages.clone()
    }

    /// The messages that the queue has moved to its dead-letter queue.
    pub(crate) fn dead_letters(&self) -> Vec<Message> {
        self.inner().dead_letters.clone()
    }

    /// Advances the queue's clock.
    pub(crate) fn advance(&self, time: Duration) {
        self.inner().clock += time;
    }

    /// How long until a message is visible; `None` without any.
    pub(crate) fn next_visible(&self) -> Option<Duration> {
        let inner = self.inner();
        inner.messages.iter().map(|it| it.visible_at.saturating_sub(inner.clock)).min()
    }

    /// The event that an event source mapping creates from the next messages; `None` if none is
    /// visible. They become invisible for the visibility timeout, and a message over the maximum
    /// receive count is moved to the dead-letter queue.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
    pub(crate) fn receive(&self, most: usize) -> Option<Vec<u8>> {
        let mut inner = self.inner();
        let clock = inner.clock;
        let (dead, kept): (Vec<Message>, Vec<Message>) = std::mem::take(&mut inner.messages)
            .into_iter()
            .partition(|it| it.visible_at <= clock && it.receive_count >= MAX_RECEIVE_COUNT);
        inner.messages = kept;
        inner.dead_letters.extend(dead);
        let visible = inner.messages.iter_mut().filter(|message| message.visible_at <= clock);
        let records: Vec<Value> = visible
            .take(most)
            .map(|message| {
                message.receive_count += 1;
                message.visible_at = clock + VISIBILITY_TIMEOUT;
                record(message)
            })
            .collect();
        (!records.is_empty()).then(|| serde_json::to_vec(&json!({"Records": records})).unwrap())
    }

    /// Deletes the messages of a batch that the function has not reported, like an event source
    /// mapping with `ReportBatchItemFailures`; none after an error of the function.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>
    pub(crate) fn complete(&self, event: &[u8], result: &Result<Value, FunctionError>) {
        let Ok(response) = result else {
            return;
        };
        let event: Value = serde_json::from_slice(event).unwrap();
        let failures = response["batchItemFailures"].as_array().unwrap();
        let failed: BTreeSet<&str> =
            failures.iter().map(|it| it["itemIdentifier"].as_str().unwrap()).collect();
        let records = event["Records"].as_array().unwrap();
        let ids: BTreeSet<&str> =
            records.iter().map(|it| it["messageId"].as_str().unwrap()).collect();
        assert!(failed.is_subset(&ids), "{failed:?} of {ids:?}");
        self.inner().messages.retain(|message| {
            let id = message.id.as_str();
            !ids.contains(id) || failed.contains(id)
        });
    }

    /// Moves all dead letters back, like StartMessageMoveTask.
    pub(crate) fn redrive(&self) {
        let mut inner = self.inner();
        let clock = inner.clock;
        let dead = std::mem::take(&mut inner.dead_letters);
        let back = dead.into_iter().map(|it| Message { receive_count: 0, visible_at: clock, ..it });
        inner.messages.extend(back);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.state.0.lock().unwrap()
    }
}

/// A message in the event of an event source mapping.
fn record(message: &Message) -> Value {
    json!({
        "messageId": message.id,
        "receiptHandle": format!("{}/{}", message.id, message.receive_count),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.receive_count.to_string(), "AWSTraceHeader": TRACE,
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:{QUEUE}"),
        "awsRegion": "eu-west-1",
    })
}

/// The body of an S3 notification about a new object.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
pub(crate) fn notification(bucket: &str, key: &str, bytes: usize) -> String {
    // Form-encoded: a space is a plus sign.
    let url = reqwest::Url::parse_with_params("http://x/", [("", key)]).unwrap();
    let key = url.query().unwrap().trim_start_matches('=');
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
        "eventTime": "2026-11-29T10:00:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "undelivered",
            "bucket": {"name": bucket, "arn": format!("arn:aws:s3:::{bucket}")},
            "object": {"key": key, "size": bytes, "eTag": "e", "sequencer": "0055AED6DCD90281E5"},
        },
    }]})
    .to_string()
}

/// The decompressed document of an object.
pub(crate) fn document(body: &[u8]) -> Value {
    use std::io::Read;

    let mut json = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// The messages in a stored event.
pub(crate) fn stored_messages(body: &[u8]) -> Vec<String> {
    let document = document(body);
    let events = document["logEvents"].as_array().into_iter().flatten();
    events.map(|event| event["message"].as_str().unwrap().to_owned()).collect()
}

impl Service for State {
    fn response(&self, request: Request) -> Reply {
        let mut inner = self.0.lock().unwrap();
        let operation = operation(&request);
        inner.requests.push(operation.to_owned());
        // <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>, and in JSON for
        // SQS.
        let denial = if request.header("x-amz-target").is_some() {
            r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#
        } else {
            "<Error><Code>AccessDenied</Code></Error>"
        };
        if let Some(rejection) = inner.rejections.pop_front() {
            return Reply::Response(rejection);
        }
        if inner.trouble == Trouble::Rejects || inner.denied.contains(operation) {
            return Reply::Response(Response::new(403, denial));
        }
        let strike = inner.striking.as_mut().map_or(Strike::Passes, |striking| striking());
        match strike {
            Strike::Rejected => {
                return Reply::Response(Response::new(503, "<Error><Code>SlowDown</Code></Error>"));
            }
            Strike::Denied => return Reply::Response(Response::new(403, denial)),
            Strike::WithoutResponse => return Reply::Silence,
            Strike::Passes | Strike::ResponseLost | Strike::DoneWithoutResponse => {}
        }
        let response = inner.response(&request).unwrap_or_else(|violation| {
            inner.violations.push(format!("{violation}: {} {}", request.method, request.target));
            Response::new(400, "")
        });
        match (inner.trouble, strike) {
            (_, Strike::ResponseLost) => Reply::Reset,
            (_, Strike::DoneWithoutResponse) => Reply::Silence,
            (Trouble::Nothing | Trouble::Rejects, _) => Reply::Response(response),
            (Trouble::Hangs, _) => Reply::Silence,
            (Trouble::LosesResponses, _) => Reply::Reset,
            (Trouble::LosesOneResponse, _) => {
                inner.trouble = Trouble::Nothing;
                Reply::Reset
            }
        }
    }
}

fn operation(request: &Request) -> &'static str {
    let target = request.header("x-amz-target").unwrap_or_default();
    match (request.method.as_str(), target) {
        (_, "AmazonSQS.SendMessageBatch") => "SendMessageBatch",
        (_, "AmazonSQS.ChangeMessageVisibilityBatch") => "ChangeMessageVisibilityBatch",
        (_, "AmazonSQS.GetQueueAttributes") => "GetQueueAttributes",
        (_, "ResourceGroupsTaggingAPI_20170126.GetResources") => "GetResources",
        (_, "Logs_20140328.DescribeLogGroups") => "DescribeLogGroups",
        (_, "Logs_20140328.FilterLogEvents") => "FilterLogEvents",
        ("GET", "") if request.target.contains("list-type=2") => "ListObjectsV2",
        ("GET", "") => "GetObject",
        ("PUT", "") => "PutObject",
        ("DELETE", "") => "DeleteObject",
        _ => "another",
    }
}

impl Inner {
    fn response(&mut self, request: &Request) -> Result<Response, &'static str> {
        let authorization = request.header("authorization").unwrap_or_default();
        if !authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
            return Err("not signed");
        }
        for (name, value) in &request.headers {
            let is_reported = name != "x-amz-security-token" && value.contains(SECRET);
            if is_reported || value.contains(PAYLOAD) {
                return Err("a secret or payload in a header");
            }
        }
        // With it, Lambda would detect the shipper's own messages as a recursive loop, and stop it.
        let hands_on_trace = request.headers.iter().any(|(name, value)| {
            name == "x-amzn-trace-id" || value.contains(TRACE) || value.contains("Lineage=")
        });
        if hands_on_trace || String::from_utf8_lossy(&request.body).contains("Lineage=") {
            return Err("a trace header");
        }
        match operation(request) {
            "SendMessageBatch" => return self.send_batch(&request.body),
            "ChangeMessageVisibilityBatch" => return self.change_visibility(&request.body),
            "GetQueueAttributes" => return self.attributes(&request.body),
            "GetResources" => return Ok(self.resources()),
            "DescribeLogGroups" => return self.log_groups.describe(&request.body),
            "FilterLogEvents" => return self.log_groups.filter(&request.body),
            _ => {}
        }
        // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
        if request.header("x-amz-expected-bucket-owner") != Some(ACCOUNT) {
            return Err("another owner is expected");
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let key = path.trim_start_matches('/').strip_prefix(BUCKET).ok_or("another bucket")?;
        let key = key.trim_start_matches('/');
        let key = percent_decoded(key);
        if !key.is_empty() {
            self.keys.insert(key.clone());
        }
        match operation(request) {
            "ListObjectsV2" => self.list(query),
            "GetObject" => Ok(match self.objects.get(&key) {
                // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html>
                Some(object) if request.header("if-none-match") == Some(&*etag(&object.body)) => {
                    self.not_modified += 1;
                    Response::new(304, "")
                }
                Some(object) => {
                    Response::new(200, object.body.clone()).with("etag", etag(&object.body))
                }
                None => {
                    let missing = Response::new(404, "<Error><Code>NoSuchKey</Code></Error>");
                    if self.is_deleted(&key) {
                        missing.with("x-amz-delete-marker", "true")
                    } else {
                        missing
                    }
                }
            }),
            "PutObject" => {
                ensure_checksum(request).map_err(|_| "no checksum of the body")?;
                Ok(self.put(&key, request))
            }
            "DeleteObject" if query.contains("versionId") => Err("a version that is locked"),
            "DeleteObject" => Ok(self.delete(&key)),
            _ => Err("another call"),
        }
    }

    /// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
    fn resources(&self) -> Response {
        let resources = self.tags.iter().map(|(arn, tags)| {
            let tags = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
            json!({"ResourceARN": arn, "Tags": tags.collect::<Vec<_>>()})
        });
        let list: Vec<Value> = resources.collect();
        let page = json!({"PaginationToken": "", "ResourceTagMappingList": list});
        Response::new(200, page.to_string())
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    fn put(&mut self, key: &str, request: &Request) -> Response {
        if request.header("if-none-match").is_some() && self.objects.contains_key(key) {
            return Response::new(412, "<Error><Code>PreconditionFailed</Code></Error>");
        }
        self.write(key, request.body.clone());
        Response::new(200, "").with("etag", etag(&request.body))
    }

    fn delete(&mut self, key: &str) -> Response {
        self.objects.remove(key);
        let deleted = Response::new(204, "");
        let Some(versions) = &mut self.versions else { return deleted };
        versions.push(Version { key: key.to_owned(), body: None });
        deleted.with("x-amz-delete-marker", "true").with("x-amz-version-id", "v")
    }

    fn is_deleted(&self, key: &str) -> bool {
        let mut versions = self.versions.iter().flatten();
        versions.any(|version| version.key == key && version.body.is_none())
    }

    fn write(&mut self, key: &str, body: Vec<u8>) {
        if let Some(versions) = &mut self.versions {
            versions.push(Version { key: key.to_owned(), body: Some(body.clone()) });
        }
        let is_notified = key.starts_with("logagg/undelivered/") || key.starts_with("aws/lambda/");
        if is_notified {
            self.send(notification(BUCKET, key, body.len()), Duration::ZERO);
        }
        self.objects.insert(key.to_owned(), Object { body, modified: SystemTime::now() });
    }

    fn send(&mut self, body: String, delay: Duration) {
        self.sent += 1;
        let id = format!("m-{}", self.sent);
        let visible_at = self.clock + delay;
        self.messages.push(Message { id, body, receive_count: 0, visible_at });
    }

    fn list(&self, query: &str) -> Result<Response, &'static str> {
        let query: BTreeMap<String, String> = reqwest::Url::parse(&format!("http://x/?{query}"))
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect();
        let of = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        if of("list-type") != "2" || of("encoding-type") != "url" {
            return Err("another listing");
        }
        let most: usize = of("max-keys").parse().map_err(|_| "no max-keys")?;
        let objects = self
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(of("prefix")) && key.as_str() > of("start-after"));
        let contents: String = objects
            .take(most)
            .map(|(key, object)| {
                let modified = humantime::format_rfc3339_millis(object.modified);
                let size = object.body.len();
                format!(
                    "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>e</ETag><LastModified>{modified}</LastModified></Contents>"
                )
            })
            .collect();
        Ok(Response::new(
            200,
            format!(
                "<ListBucketResult><EncodingType>url</EncodingType>{contents}</ListBucketResult>"
            ),
        ))
    }

    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
    fn send_batch(&mut self, body: &[u8]) -> Result<Response, &'static str> {
        let entries = entries(body)?;
        for entry in &entries {
            let body = entry["MessageBody"].as_str().ok_or("no MessageBody")?;
            let delay = entry["DelaySeconds"].as_u64().unwrap_or_default();
            if delay > 900 {
                return Err("a delay over 15 minutes");
            }
            self.send(body.to_owned(), Duration::from_secs(delay));
        }
        Ok(batched(&entries))
    }

    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
    fn change_visibility(&mut self, body: &[u8]) -> Result<Response, &'static str> {
        let entries = entries(body)?;
        for entry in &entries {
            let receipt_handle = entry["ReceiptHandle"].as_str().ok_or("no ReceiptHandle")?;
            let seconds = entry["VisibilityTimeout"].as_u64().ok_or("no VisibilityTimeout")?;
            if seconds > 43_200 {
                return Err("a visibility timeout over 12 hours");
            }
            let clock = self.clock;
            for message in &mut self.messages {
                if receipt_handle == format!("{}/{}", message.id, message.receive_count) {
                    message.visible_at = clock + Duration::from_secs(seconds);
                }
            }
        }
        Ok(batched(&entries))
    }

    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
    fn attributes(&self, body: &[u8]) -> Result<Response, &'static str> {
        let input = of_queue(body)?;
        let visible = self.messages.iter().filter(|it| it.visible_at <= self.clock).count();
        let invisible = self.messages.len() - visible;
        let mut attributes = serde_json::Map::new();
        for name in input["AttributeNames"].as_array().ok_or("no AttributeNames")? {
            let name = name.as_str().ok_or("another name")?;
            let value = match name {
                "ApproximateNumberOfMessages" => visible.to_string(),
                "ApproximateNumberOfMessagesNotVisible" => invisible.to_string(),
                "ApproximateNumberOfMessagesDelayed" => "0".to_owned(),
                "MaximumMessageSize" => {
                    self.max_message_bytes.unwrap_or(MAX_MESSAGE_BYTES).to_string()
                }
                _ => return Err("another attribute"),
            };
            attributes.insert(name.to_owned(), json!(value));
        }
        Ok(Response::new(200, json!({"Attributes": attributes}).to_string()))
    }
}

/// The input of a call about the queue.
fn of_queue(body: &[u8]) -> Result<Value, &'static str> {
    let input: Value = serde_json::from_slice(body).map_err(|_| "no JSON")?;
    let url = input["QueueUrl"].as_str().ok_or("no QueueUrl")?;
    if !url.ends_with(&format!("/{ACCOUNT}/{QUEUE}")) {
        return Err("another queue");
    }
    Ok(input)
}

/// The entries of a batch request: one to ten, with unique ids.
fn entries(body: &[u8]) -> Result<Vec<Value>, &'static str> {
    let input = of_queue(body)?;
    let entries = input["Entries"].as_array().ok_or("no Entries")?.clone();
    let ids: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["Id"].as_str()).collect();
    if !(1..=10).contains(&entries.len()) || ids.len() != entries.len() {
        return Err("another number of entries, or ids that are not distinct");
    }
    Ok(entries)
}

fn batched(entries: &[Value]) -> Response {
    let ids: Vec<Value> = entries.iter().map(|entry| json!({"Id": entry["Id"]})).collect();
    Response::new(200, json!({"Successful": ids}).to_string())
}

fn percent_decoded(key: &str) -> String {
    percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned()
}

fn etag(body: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};

    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:x}\"", hasher.finish())
}
