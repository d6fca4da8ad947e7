use std::collections::HashMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use flate2::read::MultiGzDecoder;
use serde_json::json;

use super::http::{self, Answer, Request};

/// A log service that takes everything.
pub(crate) struct Sink {
    service: Service,
    address: SocketAddr,
    seen: Arc<Mutex<HashMap<Vec<u8>, Seen>>>,
}

/// Which log service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Elasticsearch and OpenSearch.
    Bulk,
    /// Splunk's HTTP Event Collector.
    Hec,
    /// An OpenTelemetry collector.
    Otlp,
    /// Datadog's intake.
    Datadog,
}

/// Which lines are sent, and what of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Every line as it is.
    OfAll,
    /// Typical rules: a pattern that drops noise, and four that redact.
    ByRules,
}

/// A request as it was sent, with what there is to know about it.
#[derive(Clone)]
struct Seen {
    body: Vec<u8>,
    answer: Vec<u8>,
}

impl Service {
    /// All that are measured.
    pub(crate) const ALL: [Self; 4] = [Self::Bulk, Self::Hec, Self::Otlp, Self::Datadog];

    /// Its name in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bulk => "_bulk",
            Self::Hec => "Splunk HEC",
            Self::Otlp => "OTLP",
            Self::Datadog => "Datadog",
        }
    }

    fn answer(self, body: &[u8]) -> Vec<u8> {
        let answer = match self {
            Self::Bulk => {
                let documents = body.iter().filter(|byte| **byte == b'\n').count() / 2;
                json!({"items": vec![json!({"create": {"status": 201}}); documents]})
            }
            Self::Hec => json!({"text": "Success", "code": 0}),
            // A response without fields, in protobuf.
            Self::Otlp => return Vec::new(),
            Self::Datadog => json!({}),
        };
        answer.to_string().into_bytes()
    }
}

impl Sink {
    /// Serves until this process ends.
    pub(crate) fn start(service: Service) -> anyhow::Result<Self> {
        let seen = Arc::new(Mutex::new(HashMap::<_, Seen>::new()));
        let taken = Arc::clone(&seen);
        let address = http::serve(move |request: Request| {
            // Requests repeat: each is parsed once.
            let known = lock(&taken).get(&request.body).cloned();
            let seen = known.or_else(|| Seen::of(service, &request.body).ok())?;
            let answer = Answer { body: seen.answer.clone(), ..Answer::default() };
            lock(&taken).entry(request.body).or_insert(seen);
            Some(answer)
        })?;
        Ok(Self { service, address, seen })
    }

    /// The shipper's configuration for it.
    pub(crate) fn configuration(&self, admission: Admission) -> String {
        let url = format!("http://{}", self.address);
        let destination = match self.service {
            Service::Bulk => json!({"type": "elasticsearch", "url": url, "index": "logs"}),
            Service::Hec => json!({"type": "splunk_hec", "url": url, "token": "t"}),
            Service::Otlp => json!({"type": "otlp", "url": url}),
            Service::Datadog => {
                // The log events are older than Datadog keeps them.
                json!({"type": "datadog", "url": url, "api_key": "k", "max_age_s": 315_360_000})
            }
        };
        let mut configuration = json!({
            "destinations": {"sink": destination},
            "gzip_level": super::GZIP_LEVEL,
            "accepted_risks": ["no_undelivered_storage"],
        });
        if admission == Admission::ByRules {
            configuration["processing"] = json!({
                "exclude": [{"name": "health", "message": "GET /health"}],
                "redact": ["email", "bearer_token", "aws_access_key", "aws_secret_key"],
            });
        }
        configuration.to_string()
    }

    /// The requests that came since the last call, before and after decompression.
    pub(crate) fn take(&self) -> Vec<(usize, Vec<u8>)> {
        lock(&self.seen).drain().map(|(sent, seen)| (sent.len(), seen.body)).collect()
    }
}

impl Seen {
    fn of(service: Service, sent: &[u8]) -> anyhow::Result<Self> {
        let mut body = Vec::new();
        MultiGzDecoder::new(sent).read_to_end(&mut body).context("decompressing a request")?;
        let answer = service.answer(&body);
        Ok(Self { body, answer })
    }
}

fn lock(seen: &Mutex<HashMap<Vec<u8>, Seen>>) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
