//! Signature Version 4 and clock skew.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as signature,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use libdeflater::Crc;
use reqwest::header::{AUTHORIZATION, DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request};

use super::error::Problem;
use super::service::Service;

const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const CHECKSUM_CRC32: HeaderName = HeaderName::from_static("x-amz-checksum-crc32");

/// Signs a request for the service with this signing name; an existing signature is replaced.
pub(super) fn sign(
    service: &str,
    region: &str,
    credentials: Credentials,
    now: SystemTime,
    request: &mut Request,
) -> Result<(), Problem> {
    for earlier in [
        AUTHORIZATION,
        HeaderName::from_static("x-amz-date"),
        HeaderName::from_static("x-amz-security-token"),
    ] {
        request.headers_mut().remove(earlier);
    }
    let is_s3 = service == Service::S3.name();
    if is_s3 && request.method() == Method::PUT {
        add_checksum(request)?;
    }
    let instructions = {
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(now)
            .settings(settings(service))
            .build()
            .map_err(|_| Problem::Unsignable)?
            .into();
        let headers = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let url = request.url().as_str();
        SignableRequest::new(request.method().as_str(), url, headers, payload(request)?)
            .and_then(|signable| signature(signable, &params))
            .map_err(|_| Problem::Unsignable)?
            .into_parts()
            .0
    };
    let (headers, _) = instructions.into_parts();
    for header in headers {
        let mut value = HeaderValue::try_from(header.value()).map_err(|_| Problem::Unsignable)?;
        value.set_sensitive(header.sensitive());
        request.headers_mut().insert(HeaderName::from_static(header.name()), value);
    }
    Ok(())
}

/// Adds the checksum of an upload to S3, which buckets with Object Lock require.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html>
fn add_checksum(request: &mut Request) -> Result<(), Problem> {
    let body = match request.body().map(Body::as_bytes) {
        None => &[],
        Some(Some(bytes)) => bytes,
        Some(None) => return Err(Problem::Unsignable),
    };
    let mut checksum = Crc::new();
    checksum.update(body);
    let encoded = BASE64_STANDARD.encode(checksum.sum().to_be_bytes());
    let value = HeaderValue::try_from(encoded).map_err(|_| Problem::Unsignable)?;
    request.headers_mut().insert(CHECKSUM_CRC32, value);
    Ok(())
}

/// S3 uses the path as sent, and requires the header with the signed payload hash. So does
/// OpenSearch Serverless.
fn settings(service: &str) -> SigningSettings {
    let is_s3 = service == Service::S3.name();
    let mut settings = SigningSettings::default();
    if is_s3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    if is_s3 || service == Service::OpenSearchServerless.name() {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

/// The signed payload: the value of the header, or else the body.
fn payload(request: &Request) -> Result<SignableBody<'_>, Problem> {
    if let Some(hash) = request.headers().get(CONTENT_SHA256) {
        let hash = hash.to_str().map_err(|_| Problem::Unsignable)?;
        return Ok(SignableBody::Precomputed(hash.to_owned()));
    }
    match request.body().map(Body::as_bytes) {
        None => Ok(SignableBody::empty()),
        Some(Some(bytes)) => Ok(SignableBody::Bytes(bytes)),
        Some(None) => Err(Problem::Unsignable),
    }
}

/// How far the local clock is behind the service's; negative if it is ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Skew {
    millis: i64,
}

/// The time, corrected by the clock skew reported by a service.
#[derive(Default)]
pub(super) struct Clock {
    behind_by_millis: AtomicI64,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self { behind_by_millis: AtomicI64::new(0) }
    }

    pub(super) fn now(&self) -> SystemTime {
        let millis = self.behind_by_millis.load(Ordering::Relaxed);
        let correction = Duration::from_millis(millis.unsigned_abs());
        let now = SystemTime::now();
        let corrected =
            if millis < 0 { now.checked_sub(correction) } else { now.checked_add(correction) };
        corrected.unwrap_or(now)
    }

    /// The clock skew by the response's `Date`; `None` if it cannot be the reason for a rejected
    /// signature.
    pub(super) fn skew(&self, headers: &HeaderMap) -> Option<Skew> {
        let date = headers.get(DATE)?.to_str().ok()?;
        skew(self.now(), httpdate::parse_http_date(date).ok()?)
    }

    pub(super) fn correct(&self, skew: Skew) {
        self.behind_by_millis.fetch_add(skew.millis, Ordering::Relaxed);
    }
}

fn skew(now: SystemTime, theirs: SystemTime) -> Option<Skew> {
    /// AWS accepts signatures that are up to five minutes off.
    const HARMLESS: Duration = Duration::from_secs(4 * 60);

    let (off_by, sign) = match theirs.duration_since(now) {
        Ok(behind) => (behind, 1),
        Err(ahead) => (ahead.duration(), -1),
    };
    let millis = i64::try_from(off_by.as_millis()).ok()?;
    (off_by > HARMLESS).then_some(Skew { millis: sign * millis })
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, Url};

    use super::*;

    /// Credentials and time of AWS's examples.
    fn credentials(token: Option<&str>) -> Credentials {
        Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            token.map(str::to_owned),
            None,
            "test",
        )
    }

    fn at(date: &str) -> SystemTime {
        humantime::parse_rfc3339(date).unwrap()
    }

    fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
        request.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
    #[test]
    fn signs_as_the_examples_of_s3_do() {
        let url = Url::parse("https://examplebucket.s3.amazonaws.com/test.txt").unwrap();
        let mut request = Request::new(Method::GET, url);
        request.headers_mut().insert("range", HeaderValue::from_static("bytes=0-9"));
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "test",
        );
        let now = at("2013-05-24T00:00:00Z");
        sign("s3", "us-east-1", credentials, now, &mut request).unwrap();
        assert_eq!(
            header(&request, "authorization"),
            Some(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                 SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
                 Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            )
        );
    }

    /// The check value of CRC-32, and the sum of an empty body, in S3's byte order.
    #[test]
    fn only_an_upload_to_s3_has_a_checksum() {
        let signed = |service: Service, method, body: Option<&'static str>| {
            let url = Url::parse("https://examplebucket.s3.amazonaws.com/test.txt").unwrap();
            let mut request = Request::new(method, url);
            *request.body_mut() = body.map(Into::into);
            let now = at("2013-05-24T00:00:00Z");
            sign(service.name(), "us-east-1", credentials(None), now, &mut request).unwrap();
            let signature = header(&request, "authorization").unwrap();
            let checksum = header(&request, "x-amz-checksum-crc32").map(str::to_owned);
            assert_eq!(signature.contains("x-amz-checksum-crc32;"), checksum.is_some());
            checksum
        };
        let of_s3 = |body| signed(Service::S3, Method::PUT, body);
        assert_eq!(of_s3(Some("123456789")).as_deref(), Some("y/Q5Jg=="));
        assert_eq!(of_s3(Some("")).as_deref(), Some("AAAAAA=="));
        assert_eq!(of_s3(None).as_deref(), Some("AAAAAA=="));
        assert_eq!(signed(Service::S3, Method::GET, None), None);
        assert_eq!(signed(Service::Sqs, Method::POST, Some("{}")), None);
    }

    #[test]
    fn a_session_token_and_a_known_hash_are_signed_unchanged() {
        let hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
        let signed = |with_header: bool| {
            let url = Url::parse("https://x.aoss.amazonaws.com/_bulk").unwrap();
            let mut request = Request::new(Method::POST, url);
            *request.body_mut() = Some("Action=ListUsers&Version=2010-05-08".into());
            if with_header {
                request.headers_mut().insert(CONTENT_SHA256, HeaderValue::try_from(hash).unwrap());
                *request.body_mut() = Some("another body".into());
            }
            let now = at("2015-08-30T12:36:00Z");
            sign("aoss", "us-east-1", credentials(Some("token")), now, &mut request).unwrap();
            request
        };
        let (by_body, by_header) = (signed(false), signed(true));
        assert_eq!(header(&by_header, "x-amz-content-sha256"), Some(hash));
        assert_eq!(header(&by_header, "x-amz-security-token"), Some("token"));
        assert!(by_header.headers()["x-amz-security-token"].is_sensitive());
        assert_ne!(by_body.headers()["authorization"], by_header.headers()["authorization"]);
        assert_eq!(header(&by_body, "x-amz-content-sha256").map(str::len), Some(64));
    }

    #[test]
    fn resigning_replaces_the_signature() {
        let url = Url::parse("https://sqs.eu-west-1.amazonaws.com/").unwrap();
        let mut request = Request::new(Method::POST, url);
        *request.body_mut() = Some("{}".into());
        let mut signatures = Vec::new();
        for time in ["2015-08-30T12:36:00Z", "2015-08-30T12:37:00Z", "2015-08-30T12:36:00Z"] {
            sign("sqs", "eu-west-1", credentials(None), at(time), &mut request).unwrap();
            signatures.push(request.headers()["authorization"].clone());
        }
        assert_eq!(signatures[0], signatures[2]);
        assert_ne!(signatures[0], signatures[1]);
    }

    #[test]
    fn clock_skew_is_corrected_only_if_it_can_be_the_reason() {
        let now = at("2023-11-06T10:00:00Z");
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert_eq!(skew(now, now + minutes(3)), None);
        assert_eq!(skew(now, now + minutes(10)), Some(Skew { millis: 600_000 }));
        assert_eq!(skew(now, now - minutes(10)), Some(Skew { millis: -600_000 }));
        let clock = Clock::default();
        clock.correct(Skew { millis: -600_000 });
        assert!(clock.now() < SystemTime::now() - minutes(9));
    }
}
