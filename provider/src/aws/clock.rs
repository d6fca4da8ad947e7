use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatchlogs::config::http::HttpResponse;

/// What AWS says of a signature that is too old, or from the future. It says the same of a wrong
/// secret key. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const CODES: [&str; 5] = [
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "RequestExpired",
    "RequestInTheFuture",
];

/// AWS accepts signatures of the last and next five minutes. A smaller clock skew is not the cause.
const MUST_MATTER_FROM: Duration = Duration::from_secs(4 * 60);

/// Whether AWS refused a request because this machine's clock, which is at `now`, is wrong. The SDK
/// signs the next one by AWS's clock.
pub(super) fn is_to_blame(code: &str, answer: Option<&HttpResponse>, now: SystemTime) -> bool {
    CODES.contains(&code)
        && answer.and_then(date).is_some_and(|date| apart(date, now) > MUST_MATTER_FROM)
}

fn date(answer: &HttpResponse) -> Option<SystemTime> {
    httpdate::parse_http_date(answer.headers().get("date")?).ok()
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_sdk_sts::config::Credentials;
    use aws_smithy_types::body::SdkBody;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::aws::accounts::Accounts;
    use crate::aws::{Service, Settings, Transport, transport};

    /// When the requests say that they were signed.
    type Signed = Arc<Mutex<Vec<String>>>;

    /// AWS, with a clock that is ahead by so much, for as long as it is asked.
    async fn aws(ahead: Duration) -> (String, Signed) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let signed = Signed::default();
        let seen = Arc::clone(&signed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, ahead, &seen).await.unwrap();
            }
        });
        (endpoint, signed)
    }

    /// One request a connection.
    async fn answer(stream: TcpStream, ahead: Duration, seen: &Signed) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut headers = BTreeMap::new();
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 && line != "\r\n" {
            if let Some((name, value)) = line.trim().split_once(": ") {
                headers.insert(name.to_lowercase(), value.to_owned());
            }
            line.clear();
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        stream.read_exact(&mut body).await?;
        let signed = headers["x-amz-date"].clone();
        let now = SystemTime::now() + ahead;
        let window = Duration::from_secs(300);
        let fresh = basic(now - window) <= signed && signed <= basic(now + window);
        let is_sts = body.starts_with(b"Action=");
        let text = match (fresh, is_sts) {
            (true, true) => {
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
            }
            (true, false) => r#"{"subscriptionFilters":[]}"#,
            (false, true) => {
                "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>Signature \
                 expired</Message></Error></ErrorResponse>"
            }
            (false, false) => {
                r#"{"__type":"InvalidSignatureException","message":"Signature expired"}"#
            }
        };
        seen.lock().unwrap().push(signed);
        let status = if fresh { "200 OK" } else { "403 Forbidden" };
        let (date, length) = (httpdate::fmt_http_date(now), text.len());
        let answer = format!(
            "HTTP/1.1 {status}\r\ndate: {date}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
        );
        stream.write_all(answer.as_bytes()).await
    }

    /// The form in which a request says when it was signed.
    fn basic(time: SystemTime) -> String {
        humantime::format_rfc3339_seconds(time).to_string().replace(['-', ':'], "")
    }

    fn pool(endpoint: &str) -> Accounts {
        let services = [Service::Sts, Service::Logs];
        let endpoints = services.map(|service| (service, endpoint.to_owned())).into();
        // Trying again because of the clock is none of these.
        let settings = Settings { endpoints, max_retries: Some(0), ..Settings::default() };
        let keys = Credentials::new("AKIA", "secret", None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .http_client(transport::http_client(&Transport::default(), None).unwrap())
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .build();
        Accounts::new(Arc::new(settings), sdk, None, "eu-central-1".to_owned())
    }

    #[tokio::test]
    async fn clock_skew_is_corrected_by_the_date_of_the_response() {
        let ahead = Duration::from_secs(600);
        let (endpoint, signed) = aws(ahead).await;
        let (pool, stopped) = (pool(&endpoint), CancellationToken::new());
        let corrected_from = basic(SystemTime::now() + ahead - Duration::from_secs(60));
        let reader = pool.account_for(None).unwrap().reader("eu-central-1", &stopped);
        for _ in 0..2 {
            assert_eq!(reader.subscription_filters("/app/a").await, Ok(Vec::new()));
        }
        let signed = signed.lock().unwrap();
        let corrected: Vec<_> = signed.iter().map(|signed| *signed >= corrected_from).collect();
        let (sts, logs) = ([false, true], [false, true, true]);
        assert_eq!(corrected, [&sts[..], &logs[..]].concat(), "{signed:?}");
    }

    #[test]
    fn an_invalid_key_is_not_reported_as_clock_skew() {
        let now = SystemTime::now();
        let blames = |code, ahead| {
            let mut answer = HttpResponse::new(403.try_into().unwrap(), SdkBody::empty());
            let date = httpdate::fmt_http_date(now + Duration::from_secs(ahead));
            answer.headers_mut().insert("date", date);
            is_to_blame(code, Some(&answer), now)
        };
        assert!(blames("SignatureDoesNotMatch", 600));
        assert!(!blames("SignatureDoesNotMatch", 10));
        assert!(!blames("AccessDeniedException", 600));
        assert!(!is_to_blame("SignatureDoesNotMatch", None, now));
    }
}
