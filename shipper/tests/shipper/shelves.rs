//! A stand-in of S3 and SQS, as far as things are parked there: strict about the request, and it
//! fails on demand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::http::{Answer, Reply, Request, Server, Service};
use crate::{PAYLOAD, SECRET};

pub(crate) const BUCKET: &str = "leftovers";

/// A bucket and a queue.
pub(crate) struct Shelves {
    state: Arc<State>,
    server: Server,
}

/// What is wrong with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trouble {
    #[default]
    Nothing,
    /// The function may not do what it asks for.
    Refuses,
    /// Everything is done, and nothing is ever answered.
    Hangs,
    /// Everything is done, and the connection is reset instead of an answer.
    LosesAnswers,
    /// That happens once.
    LosesOneAnswer,
}

impl Trouble {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nothing, Self::Refuses, Self::Hangs, Self::LosesAnswers, Self::LosesOneAnswer];
}

#[derive(Default)]
struct State(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Vec<u8>>,
    messages: Vec<Value>,
    /// Keys in the order in which they were written and deleted, with the method.
    writes: Vec<(String, String)>,
    refusals: VecDeque<Answer>,
    trouble: Trouble,
    violations: Vec<String>,
}

impl Shelves {
    pub(crate) fn start() -> Self {
        let state = Arc::new(State::default());
        let server = Server::start(Arc::clone(&state));
        Self { state, server }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The part of a configuration that parks in the bucket.
    pub(crate) fn in_bucket() -> Value {
        json!({"type": "s3", "bucket": BUCKET, "reserve_ms": 2000})
    }

    /// The part of a configuration that parks in a queue; one that keeps an order ends with
    /// `.fifo`.
    pub(crate) fn in_queue(&self, name: &str) -> Value {
        json!({"type": "sqs", "queue_url": format!("{}/1/{name}", self.url()),
            "dead_queue_url": format!("{}/1/dead", self.url())})
    }

    /// Refuses the next requests.
    pub(crate) fn refuse(&self, answers: impl IntoIterator<Item = Answer>) {
        self.inner().refusals.extend(answers);
    }

    /// From now on this is wrong.
    pub(crate) fn have(&self, trouble: Trouble) {
        self.inner().trouble = trouble;
    }

    pub(crate) fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.inner().objects.insert(key.to_owned(), body.into());
    }

    /// The objects whose keys begin so, without the lease.
    pub(crate) fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let inner = self.inner();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        let objects = inner.objects.iter().filter(|(key, _)| key.starts_with(prefix));
        objects.map(|(key, body)| (key.clone(), body.clone())).collect()
    }

    /// The objects whose keys begin so, as text.
    pub(crate) fn texts(&self, prefix: &str) -> Vec<String> {
        let objects = self.objects(prefix).into_values();
        objects.map(|body| String::from_utf8(body).unwrap()).collect()
    }

    /// The messages sent, as SendMessage was called.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let inner = self.inner();
        assert!(inner.violations.is_empty(), "{:?}", inner.violations);
        inner.messages.clone()
    }

    /// What is in all messages.
    pub(crate) fn texts_of_messages(&self) -> Vec<String> {
        let body = |message: &Value| message["MessageBody"].as_str().unwrap().to_owned();
        self.messages().iter().map(body).collect()
    }

    /// Takes all messages out of the queues, as a function that is given them does.
    pub(crate) fn take_messages(&self) -> Vec<String> {
        let texts = self.texts_of_messages();
        self.inner().messages.clear();
        texts
    }

    /// What was written and deleted.
    pub(crate) fn writes(&self) -> Vec<(String, String)> {
        self.inner().writes.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.state.0.lock().unwrap()
    }
}

impl Service for State {
    fn answer(&self, request: Request) -> Reply {
        let mut inner = self.0.lock().unwrap();
        if let Some(refusal) = inner.refusals.pop_front() {
            return Reply::Answer(refusal);
        }
        if inner.trouble == Trouble::Refuses {
            let words =
                r#"{"__type":"AccessDeniedException"}<Error><Code>AccessDenied</Code></Error>"#;
            return Reply::Answer(Answer::new(403, words));
        }
        let answer = inner.answer(&request).unwrap_or_else(|violation| {
            inner.violations.push(format!("{violation}: {} {}", request.method, request.target));
            Answer::new(400, "")
        });
        match inner.trouble {
            Trouble::Nothing | Trouble::Refuses => Reply::Answer(answer),
            Trouble::Hangs => Reply::Silence,
            Trouble::LosesAnswers => Reply::Reset,
            Trouble::LosesOneAnswer => {
                inner.trouble = Trouble::Nothing;
                Reply::Reset
            }
        }
    }
}

impl Inner {
    fn answer(&mut self, request: &Request) -> Result<Answer, &'static str> {
        let authorization = request.header("authorization").unwrap_or_default();
        if !authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") {
            return Err("not signed");
        }
        for (name, value) in &request.headers {
            let is_told = name != "x-amz-security-token" && value.contains(SECRET);
            if is_told || value.contains(PAYLOAD) {
                return Err("a secret or payload in a header");
            }
        }
        if request.header("x-amz-target") == Some("AmazonSQS.SendMessage") {
            return self.send_message(&request.body);
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let key = path.trim_start_matches('/').strip_prefix(BUCKET).ok_or("another bucket")?;
        let key = key.trim_start_matches('/').to_owned();
        match request.method.as_str() {
            "GET" if key.is_empty() => self.list(query),
            "GET" => Ok(match self.objects.get(&key) {
                Some(body) => Answer::new(200, body.clone()).with("etag", etag(body)),
                None => Answer::new(404, "<Error><Code>NoSuchKey</Code></Error>"),
            }),
            "PUT" => Ok(self.put(key, request)),
            "DELETE" => {
                self.objects.remove(&key);
                self.writes.push(("DELETE".to_owned(), key));
                Ok(Answer::new(204, ""))
            }
            _ => Err("another method"),
        }
    }

    fn put(&mut self, key: String, request: &Request) -> Answer {
        let there = self.objects.get(&key).map(|body| etag(body));
        let holds = match (request.header("if-match"), request.header("if-none-match")) {
            (Some(etag), _) => there.as_deref() == Some(etag),
            (None, Some(_)) => there.is_none(),
            (None, None) => true,
        };
        if !holds {
            return Answer::new(412, "<Error><Code>PreconditionFailed</Code></Error>");
        }
        self.objects.insert(key.clone(), request.body.clone());
        self.writes.push(("PUT".to_owned(), key));
        Answer::new(200, "").with("etag", etag(&request.body))
    }

    fn list(&self, query: &str) -> Result<Answer, &'static str> {
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
        let keys = self.objects.keys();
        let keys =
            keys.filter(|key| key.starts_with(of("prefix")) && key.as_str() > of("start-after"));
        let contents: String = keys
            .take(most)
            .map(|key| {
                format!(
                    "<Contents><Key>{key}</Key><Size>1</Size><ETag>e</ETag>\
                    <LastModified>2023-11-06T10:00:00.000Z</LastModified></Contents>"
                )
            })
            .collect();
        Ok(Answer::new(
            200,
            format!(
                "<ListBucketResult><EncodingType>url</EncodingType>{contents}</ListBucketResult>"
            ),
        ))
    }

    fn send_message(&mut self, body: &[u8]) -> Result<Answer, &'static str> {
        let message: Value = serde_json::from_slice(body).map_err(|_| "no JSON")?;
        let url = message["QueueUrl"].as_str().ok_or("no QueueUrl")?;
        let text = message["MessageBody"].as_str().ok_or("no MessageBody")?;
        if text.len() > 1_048_576 {
            return Err("a message over 1 MiB");
        }
        let ordered = url.ends_with(".fifo");
        let id = message["MessageDeduplicationId"].as_str();
        if ordered != (id.is_some() && message["MessageGroupId"].is_string()) {
            return Err(
                "a group or deduplication id where there is none, or none where there must be",
            );
        }
        if id.is_some_and(|id| id.len() > 128) {
            return Err("a deduplication id over 128 characters");
        }
        let is_known = id.is_some()
            && self.messages.iter().any(|other| {
                other["QueueUrl"] == url && other["MessageDeduplicationId"].as_str() == id
            });
        if !is_known {
            self.messages.push(message);
        }
        Ok(Answer::new(200, r#"{"MessageId":"m","MD5OfMessageBody":"x"}"#))
    }
}

fn etag(body: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};

    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:x}\"", hasher.finish())
}
