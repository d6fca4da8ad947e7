//! Credentials from a container credentials endpoint. Functions with SnapStart have them there
//! instead of in environment variables, so that they do not expire with the snapshot.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html>

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use bytes::BytesMut;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, StatusCode, Url, redirect};
use serde::Deserialize;

use super::error::Problem;
use super::not_fetched::{NotFetched, Reason, TOKEN_FILE};
use crate::delivery::{backoff, tls};

const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(super) const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";

/// The host of a relative URI: the endpoint of Amazon ECS.
const RELATIVE_TO: &str = "http://169.254.170.2";

/// Credentials are renewed this long before they expire.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// Unexpired credentials are renewed at most once in this interval, so that an endpoint that hangs
/// does not delay every call.
const EARLY_INTERVAL: Duration = Duration::from_secs(30);

/// The maximum duration of a fetch. The endpoint is on the same host or close to it.
const LONGEST: Duration = Duration::from_secs(2);

/// The number of attempts within [`LONGEST`].
const MAX_ATTEMPTS: u32 = 3;

/// The maximum size of a response.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// How many times credentials had been fetched when a request was signed; identifies the
/// credentials that signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

/// The endpoint and the credentials fetched from it.
pub(super) struct ContainerCredentials {
    url: Url,
    variable: &'static str,
    token: Token,
    http: OnceLock<Client>,
    /// Held during a fetch, so that only one runs at a time.
    fetching: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

enum Token {
    None,
    Is(String),
    InFile(String),
}

#[derive(Default)]
struct State {
    credentials: Option<Credentials>,
    failure: Option<NotFetched>,
    tried: Option<SystemTime>,
    /// How many times the endpoint was called.
    attempts: u64,
    /// How many times it returned credentials.
    generation: u64,
}

impl ContainerCredentials {
    /// The endpoint that the environment, a lookup of variables, names; `None` if it names none.
    pub(super) fn of<'v>(
        variable_of: impl Fn(&str) -> Option<&'v str>,
    ) -> Option<Result<Self, Problem>> {
        let (url, variable) = match variable_of(RELATIVE_URI) {
            Some(path) => (format!("{RELATIVE_TO}{path}"), RELATIVE_URI),
            None => (variable_of(FULL_URI)?.to_owned(), FULL_URI),
        };
        let Some(url) = Url::parse(&url).ok().filter(is_allowed) else {
            return Some(Err(Problem::NoCredentialsUrl { variable }));
        };
        // The token file has precedence.
        let token = match (variable_of(TOKEN_FILE), variable_of(TOKEN)) {
            (Some(file), _) => Token::InFile(file.to_owned()),
            (None, Some(token)) => Token::Is(token.to_owned()),
            (None, None) => Token::None,
        };
        Some(Ok(Self {
            url,
            variable,
            token,
            http: OnceLock::new(),
            fetching: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }))
    }

    /// The credentials fetched last.
    pub(super) fn current(&self) -> Result<Credentials, NotFetched> {
        let state = self.state();
        state
            .credentials
            .clone()
            .ok_or_else(|| state.failure.clone().unwrap_or_else(|| self.failed(Reason::Timeout)))
    }

    /// Fetches credentials if there are none or they expire soon, within `timeout`. If that fails,
    /// unexpired credentials stay in use.
    pub(super) async fn renew(&self, timeout: Duration) -> Result<Generation, NotFetched> {
        let until = Instant::now() + timeout.min(LONGEST);
        let attempts = {
            let state = self.state();
            if !state.is_due(SystemTime::now()) {
                return Ok(Generation(state.generation));
            }
            state.attempts
        };
        let waiting = tokio::time::timeout_at(until.into(), self.fetching.lock());
        let Ok(_fetching) = waiting.await else {
            return self.generation();
        };
        // Another caller fetched while this one waited: use its result.
        if self.state().attempts == attempts {
            let fetched = self.fetch(until).await;
            let now = SystemTime::now();
            let mut state = self.state();
            state.attempts += 1;
            state.tried = Some(now);
            match fetched {
                // Accepts credentials that have expired by the local clock, which may be wrong.
                Ok(credentials) => {
                    state.generation += 1;
                    (state.credentials, state.failure) = (Some(credentials), None);
                }
                Err(reason) => {
                    state.failure = Some(self.failed(reason));
                    state.credentials.take_if(|credentials| is_expired(credentials, now));
                }
            }
        }
        self.generation()
    }

    /// Discards credentials that were rejected as expired, unless newer ones have been fetched.
    pub(super) fn discard(&self, generation: Generation) {
        let mut state = self.state();
        if state.generation == generation.0 {
            state.credentials = None;
        }
    }

    fn generation(&self) -> Result<Generation, NotFetched> {
        self.current()?;
        Ok(Generation(self.state().generation))
    }

    async fn fetch(&self, until: Instant) -> Result<Credentials, Reason> {
        let mut attempts = 0;
        loop {
            let time_left = until.saturating_duration_since(Instant::now());
            let fetching = tokio::time::timeout(time_left, self.fetch_once());
            let reason = match fetching.await.unwrap_or(Err(Reason::Timeout)) {
                Ok(credentials) => return Ok(credentials),
                Err(reason) => reason,
            };
            attempts += 1;
            let wait = backoff(attempts, &mut fastrand::Rng::new());
            let time_left = until.saturating_duration_since(Instant::now());
            let is_retryable = self.failed(reason.clone()).is_retryable();
            if !is_retryable || attempts == MAX_ATTEMPTS || wait >= time_left {
                return Err(reason);
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn fetch_once(&self) -> Result<Credentials, Reason> {
        let mut request = self.http()?.get(self.url.clone());
        if let Some(token) = self.token()? {
            let mut token = HeaderValue::try_from(token).map_err(|_| Reason::Token)?;
            token.set_sensitive(true);
            request = request.header(AUTHORIZATION, token);
        }
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        if response.status() != StatusCode::OK {
            return Err(Reason::Status(response.status().as_u16()));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(Reason::Unreadable);
            }
            body.extend_from_slice(&chunk);
        }
        read(&body).ok_or(Reason::Unreadable)
    }

    /// The authorization token. The file is read for each fetch, because it is rewritten when the
    /// token expires.
    fn token(&self) -> Result<Option<String>, Reason> {
        Ok(match &self.token {
            Token::None => None,
            Token::Is(token) => Some(token.clone()),
            Token::InFile(path) => {
                let token = std::fs::read_to_string(path);
                let token = token.map_err(|error| Reason::TokenFile(error.kind()))?;
                // A file written by a shell ends with a line break.
                Some(token.trim_end_matches(['\r', '\n']).to_owned())
            }
        })
    }

    /// A separate client: token and credentials bypass proxies, and no connection is kept, because
    /// the next fetch is hours away.
    fn http(&self) -> Result<&Client, Reason> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let mut http = Client::builder()
            .tls_backend_preconfigured(tls().map_err(|_| Reason::Tls)?)
            .pool_max_idle_per_host(0)
            .redirect(redirect::Policy::none());
        if self.url.scheme() == "http" {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|_| Reason::Tls)?;
        Ok(self.http.get_or_init(|| http))
    }

    fn failed(&self, reason: Reason) -> NotFetched {
        let origin = self.url.origin().ascii_serialization();
        NotFetched { origin, variable: self.variable, reason }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether credentials must be fetched, by the wall clock: monotonic clocks stop while a
    /// function is frozen.
    fn is_due(&self, now: SystemTime) -> bool {
        let Some(credentials) = &self.credentials else {
            return true;
        };
        let was_just_tried = self
            .tried
            .and_then(|tried| now.duration_since(tried).ok())
            .is_some_and(|passed| passed < EARLY_INTERVAL);
        is_expired(credentials, now) || is_expired(credentials, now + EARLY) && !was_just_tried
    }
}

impl fmt::Debug for ContainerCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ContainerCredentials").finish_non_exhaustive()
    }
}

fn is_expired(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_some_and(|expiry| expiry <= now)
}

/// Whether the endpoint is allowed, by the rules of AWS's SDKs: plain HTTP only to loopback
/// addresses and the addresses of Amazon ECS and EKS Pod Identity. The SDKs also resolve host
/// names; here only `localhost` is allowed.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
fn is_allowed(url: &Url) -> bool {
    const ECS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2));
    const EKS: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    ];

    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" => !host.is_empty(),
        "http" => {
            let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
            host == "localhost"
                || address.is_ok_and(|it| it.is_loopback() || it == ECS || EKS.contains(&it))
        }
        _ => false,
    }
}

fn read(body: &[u8]) -> Option<Credentials> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body {
        access_key_id: String,
        secret_access_key: String,
        token: Option<String>,
        expiration: Option<String>,
    }

    let body: Body = serde_json::from_slice(body).ok()?;
    let expiry = match body.expiration {
        Some(expiration) => {
            let expiration = DateTime::from_str(&expiration, Format::DateTime).ok()?;
            Some(SystemTime::try_from(expiration).ok()?)
        }
        None => None,
    };
    let (id, secret) = (body.access_key_id, body.secret_access_key);
    Some(Credentials::new(id, secret, body.token, expiry, "container"))
}

fn reason(error: &reqwest::Error) -> Reason {
    use std::error::Error;

    if !error.is_connect() {
        return if error.is_timeout() { Reason::Timeout } else { Reason::Broken };
    }
    let mut next = error.source();
    while let Some(error) = next {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            return Reason::ConnectionRefused;
        }
        next = error.source();
    }
    Reason::NotConnected
}

#[cfg(test)]
mod tests {
    use super::super::environment::Environment;
    use super::*;

    fn expiring(expiry: Option<SystemTime>) -> Credentials {
        Credentials::new("AKID", "s3cr3t", None, expiry, "test")
    }

    #[test]
    fn credentials_are_renewed_before_they_expire_at_intervals() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let second = Duration::from_secs(1);
        let is_due = |expiry, tried| {
            let credentials = Some(expiring(expiry));
            State { credentials, tried, ..State::default() }.is_due(now)
        };
        assert!(State::default().is_due(now));
        assert!(!is_due(None, None));
        assert!(!is_due(Some(now + EARLY + second), None));
        assert!(is_due(Some(now + EARLY), None));
        assert!(is_due(Some(now + EARLY), Some(now - EARLY_INTERVAL)));
        assert!(!is_due(Some(now + EARLY), Some(now - second)));
        assert!(is_due(Some(now), Some(now - second)));
        // A clock that was set back does not prevent a fetch.
        assert!(is_due(Some(now + EARLY), Some(now + second)));
    }

    #[test]
    fn plain_http_is_limited_to_loopback_and_aws_addresses() {
        let is_allowed = |url| is_allowed(&Url::parse(url).unwrap());
        for url in [
            "https://credentials.example/x",
            "http://127.0.0.1:9001/x",
            "http://127.1.2.3/x",
            "http://localhost:9001/x",
            "http://[::1]/x",
            "http://169.254.170.2/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert!(is_allowed(url), "{url}");
        }
        for url in [
            "http://credentials.example/x",
            "http://localhost.example/x",
            "http://169.254.169.254/x",
            "http://192.0.2.1/x",
            "http://[fd00:ec2::24]/x",
            "ftp://127.0.0.1/x",
        ] {
            assert!(!is_allowed(url), "{url}");
        }
    }

    #[test]
    fn a_relative_uri_has_precedence_and_the_host_of_ecs() {
        let environment = Environment::from_pairs(&[
            (RELATIVE_URI, "/v2/credentials/id"),
            (FULL_URI, "http://127.0.0.1/x"),
        ]);
        let credentials =
            ContainerCredentials::of(|name| environment.variable(name)).unwrap().unwrap();
        assert_eq!(credentials.url.as_str(), "http://169.254.170.2/v2/credentials/id");
        assert_eq!(credentials.variable, RELATIVE_URI);
        // The path cannot change the host.
        for path in ["@evil.example/", ".evil.example/", ":80@evil.example/"] {
            let environment = Environment::from_pairs(&[(RELATIVE_URI, path)]);
            let problem =
                ContainerCredentials::of(|name| environment.variable(name)).unwrap().unwrap_err();
            assert_eq!(problem, Problem::NoCredentialsUrl { variable: RELATIVE_URI }, "{path}");
        }
        assert!(ContainerCredentials::of(|_| None).is_none());
    }

    #[test]
    fn a_response_is_read_with_or_without_expiration() {
        let body = r#"{"AccessKeyId":"AKID","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-30T10:00:00Z"}"#;
        let credentials = read(body.as_bytes()).unwrap();
        assert_eq!(credentials.session_token(), Some("t"));
        assert_eq!(
            credentials.expiry(),
            Some(humantime::parse_rfc3339("2026-11-30T10:00:00Z").unwrap())
        );
        let credentials = read(br#"{"AccessKeyId":"AKID","SecretAccessKey":"s"}"#).unwrap();
        assert_eq!((credentials.session_token(), credentials.expiry()), (None, None));
        for body in [
            r#"{"AccessKeyId":"AKID"}"#,
            r#"{"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"soon"}"#,
        ] {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
