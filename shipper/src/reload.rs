//! A shipper whose secrets are reloaded: created from Lambda's environment variables, with the
//! configuration from its source. Secrets are fetched once, and again when they have changed.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Mutex;

use crate::aws::{Aws, Problem, Service};
use crate::config::{ConfigError, Draft, Source, SourceError};
use crate::delivery::{Client, InvalidProxy, check_proxy};
use crate::invocation::{Invocation, Reply, ShipError, Shipper};
use crate::metrics;
use crate::secret::{self, FetchError, Secrets};
use crate::summary::Summary;

/// The time for configuration and secrets at start. Lambda allows ten seconds for the whole start.
const START: Duration = Duration::from_secs(8);

/// The time for fetching secrets within an invocation.
const RENEWAL: Duration = Duration::from_secs(3);

/// The minimum interval between fetches, so that a rejected token does not cause a call per
/// invocation.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);

/// The current shipper; replaced when its secrets have changed.
pub struct ReloadingShipper {
    shipper: RwLock<Arc<Shipper>>,
    secrets: Option<Renewal>,
    /// Namespace and function, if metrics are enabled.
    metrics: Option<(String, String)>,
}

/// What is needed to fetch the secrets again.
struct Renewal {
    aws: Aws,
    max_age: Duration,
    /// Held during a fetch, so that only one runs at a time.
    state: Mutex<State>,
}

struct State {
    draft: Draft,
    secrets: Secrets,
    fetched: SystemTime,
    tried: SystemTime,
}

/// Why the shipper cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable with a proxy is invalid.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// The configuration cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Secrets cannot be fetched.
    #[error(transparent)]
    Secrets(#[from] NoSecrets),
    /// There is no endpoint for undelivered events.
    #[error("undelivered: {0}")]
    Undelivered(#[from] Problem),
    /// There is no endpoint for tags.
    #[error("tags: {0}")]
    Tags(Problem),
}

/// Secrets that cannot be fetched, each with its fields.
#[derive(Debug)]
pub struct NoSecrets(Vec<String>);

impl NoSecrets {
    fn new(draft: &Draft, errors: &[FetchError]) -> Self {
        let line = |error: &FetchError| format!("{}: {error}", draft.fields_with(error.arn()));
        Self(errors.iter().map(line).collect())
    }
}

impl std::error::Error for NoSecrets {}

impl fmt::Display for NoSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot fetch secrets:\n  {}", self.0.join("\n  "))
    }
}

impl ReloadingShipper {
    /// Reads configuration and secrets by the environment variables.
    pub async fn start(variable: impl Fn(&str) -> Option<String>) -> Result<Self, StartError> {
        let until = Instant::now() + START;
        check_proxy(&variable)?;
        let source = Source::of(&variable)?;
        let client = Client::default();
        let aws = Aws::new(client.clone());
        let document = source.read(&aws, until).await?;
        let memory_mb = variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        let memory_mb = memory_mb.and_then(|megabytes| megabytes.parse().ok());
        let in_source = |error: ConfigError| error.in_source(&source);
        let mut draft = Draft::check(&document, memory_mb).map_err(in_source)?;
        let wanted = draft.wanted();
        let (fetched, tried) = (SystemTime::now(), SystemTime::UNIX_EPOCH);
        let secrets = match secret::fetch(&aws, &wanted, until).await {
            Ok(secrets) => secrets,
            Err(errors) => return Err(NoSecrets::new(&draft, &errors).into()),
        };
        let config = draft.complete(&secrets).map_err(in_source)?;
        if let Some(undelivered) = &config.undelivered {
            aws.endpoint(Service::S3, undelivered.storage.region.as_deref())?;
            aws.endpoint(Service::Sqs, None)?;
        }
        if let Some(tags) = &config.tags {
            let endpoint = aws.endpoint(Service::S3, tags.bucket.region.as_deref());
            endpoint.map_err(StartError::Tags)?;
        }
        let renewal = (!wanted.is_empty()).then(|| Renewal {
            aws,
            // Jitter, so that instances that started together do not fetch together.
            max_age: config.secret_max_age.mul_f64(0.9 + 0.2 * fastrand::f64()),
            state: Mutex::new(State { draft, secrets, fetched, tried }),
        });
        let own_log_group = variable("AWS_LAMBDA_LOG_GROUP_NAME");
        let function = variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        let metrics = config.metrics_namespace.clone().map(|namespace| (namespace, function));
        let shipper = Shipper::new(config, own_log_group, client);
        let shipper = RwLock::new(Arc::new(shipper));
        Ok(Self { shipper, secrets: renewal, metrics })
    }

    /// Processes an event and returns the summary, also after an error.
    pub async fn ship(
        &self,
        event: &str,
        invocation: &Invocation<'_>,
    ) -> (Summary, Result<Reply, ShipError>) {
        let Some(renewal) = &self.secrets else {
            return self.current().ship(event, invocation).await;
        };
        let mut warnings = Vec::new();
        // A fresh secret is worth a part of the time; the event has precedence.
        let time = self.time_left(invocation) / 4;
        self.renew_old(renewal, time, &mut warnings).await;
        let shipper = self.current();
        let (mut summary, mut result) = shipper.ship(event, invocation).await;
        if summary.blames_credentials()
            && self
                .renew_rejected(renewal, &shipper, self.time_left(invocation), &mut warnings)
                .await
            && result.is_err()
            && summary.has_delivered_nothing()
        {
            // Nothing was delivered yet, so the whole event can be processed again.
            (summary, result) = self.current().ship(event, invocation).await;
        }
        summary.warnings.extend(warnings);
        (summary, result)
    }

    /// Writes the summary line, and metrics if they are enabled.
    pub fn report(&self, summary: &Summary, out: impl Write) -> io::Result<()> {
        let lines = match &self.metrics {
            Some((namespace, function)) => {
                metrics::lines(summary, namespace, function, SystemTime::now())
            }
            None => Vec::new(),
        };
        summary.write(&lines, out)
    }

    /// The time until the invocation's deadline less the reserve.
    fn time_left(&self, invocation: &Invocation<'_>) -> Duration {
        let left = invocation.deadline.duration_since(SystemTime::now()).unwrap_or_default();
        left.saturating_sub(self.current().reserve())
    }

    fn current(&self) -> Arc<Shipper> {
        Arc::clone(&self.shipper.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the secrets again if they are too old.
    async fn renew_old(&self, renewal: &Renewal, time: Duration, warnings: &mut Vec<String>) {
        let mut state = renewal.state.lock().await;
        if is_past(state.fetched, renewal.max_age) {
            self.renew(renewal, &mut state, time, warnings).await;
        }
    }

    /// Fetches the secrets again after they were rejected. Returns whether `shipper` had other
    /// secrets.
    async fn renew_rejected(
        &self,
        renewal: &Renewal,
        shipper: &Arc<Shipper>,
        time: Duration,
        warnings: &mut Vec<String>,
    ) -> bool {
        let mut state = renewal.state.lock().await;
        if Arc::ptr_eq(shipper, &self.current()) {
            self.renew(renewal, &mut state, time, warnings).await;
        }
        !Arc::ptr_eq(shipper, &self.current())
    }

    /// Fetches the secrets again within `time`, unless a fetch was just attempted, and replaces the
    /// shipper if they have changed. If that fails, the previous secrets stay in use.
    async fn renew(
        &self,
        renewal: &Renewal,
        state: &mut State,
        time: Duration,
        warnings: &mut Vec<String>,
    ) {
        if !is_past(state.tried, SHORTEST_INTERVAL) || time.is_zero() {
            return;
        }
        let now = SystemTime::now();
        state.tried = now;
        let wanted = state.draft.wanted();
        let secrets =
            match secret::fetch(&renewal.aws, &wanted, Instant::now() + time.min(RENEWAL)).await {
                Ok(secrets) => secrets,
                Err(errors) => {
                    warnings.push(NoSecrets::new(&state.draft, &errors).to_string());
                    return;
                }
            };
        state.fetched = now;
        if secrets == state.secrets {
            return;
        }
        match state.draft.complete(&secrets) {
            Ok(config) => {
                let shipper = Arc::new(self.current().with_secrets(config));
                *self.shipper.write().unwrap_or_else(PoisonError::into_inner) = shipper;
                state.secrets = secrets;
                warnings.push("secrets have changed; the new ones are in use".to_owned());
            }
            Err(error) => warnings.push(format!("cannot use the new secrets: {error}")),
        }
    }
}

fn is_past(time: SystemTime, age: Duration) -> bool {
    // A clock that was set back does not keep a secret in use indefinitely.
    SystemTime::now().duration_since(time).map_or(true, |passed| passed >= age)
}
