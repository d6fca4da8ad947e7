//! S3 objects by key.

use std::time::Duration;

use aws_smithy_xml::decode::{Document, XmlDecodeError, try_data};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use reqwest::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH};
use reqwest::{Method, Request, Url};

use super::client::{Aws, MAX_RESPONSE_BYTES, Response};
use super::endpoint;
use super::environment::Environment;
use super::error::{AwsError, Problem};
use super::service::Service;

/// All characters except those that S3 leaves unencoded when it verifies a signature.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const EXPECTED_OWNER: HeaderName = HeaderName::from_static("x-amz-expected-bucket-owner");

/// A bucket.
#[derive(Clone, Copy)]
pub struct Bucket<'a> {
    /// The client.
    pub aws: &'a Aws,
    /// The bucket's name.
    pub name: &'a str,
    /// Its region, if not the function's.
    pub region: Option<&'a str>,
    /// The expected owner: S3 rejects requests for a bucket of another account.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
    pub owner: Option<&'a str>,
}

/// An object.
#[derive(Debug)]
pub struct Object {
    /// Its content.
    pub body: Bytes,
    /// Its ETag, for conditional writes.
    pub etag: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Default, PartialEq)]
pub struct Listing {
    /// The objects, in the order of their keys' bytes.
    pub objects: Vec<Listed>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

/// An object of a listing.
#[derive(Debug, Default, PartialEq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its last modification, such as `2023-11-06T10:00:00.000Z`.
    pub last_modified: String,
    /// Its ETag.
    pub etag: String,
}

impl Bucket<'_> {
    /// Reads an object. A missing object is `NoSuchKey` with the permission to list the bucket,
    /// `AccessDenied` without it.
    pub async fn get(&self, key: &str, timeout: Duration) -> Result<Object, AwsError> {
        let request = Request::new(Method::GET, self.object("GetObject", key)?);
        let response = self.send("GetObject", request, timeout).await?;
        Ok(Object { etag: etag(&response), body: response.body })
    }

    /// Reads an object of at most `most` bytes, unless it still has this ETag.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html>
    pub async fn get_changed(
        &self,
        key: &str,
        etag_before: Option<&str>,
        most: usize,
        timeout: Duration,
    ) -> Result<Option<Object>, AwsError> {
        const OPERATION: &str = "GetObject";
        let mut request = Request::new(Method::GET, self.object(OPERATION, key)?);
        if let Some(before) = etag_before.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            request.headers_mut().insert(IF_NONE_MATCH, before);
        }
        match self.send_within(OPERATION, request, (timeout, most)).await {
            Ok(response) => Ok(Some(Object { etag: etag(&response), body: response.body })),
            Err(AwsError { problem: Problem::Rejected { status: 304, .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object and returns its ETag. `headers` may contain metadata and conditions
    /// (`If-None-Match: *`, `If-Match: <etag>`, rejected as `PreconditionFailed`).
    pub async fn put(
        &self,
        key: &str,
        body: Bytes,
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<Option<String>, AwsError> {
        let mut request = Request::new(Method::PUT, self.object("PutObject", key)?);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        let response = self.send("PutObject", request, timeout).await?;
        Ok(etag(&response))
    }

    /// Deletes an object. A missing object is not an error.
    pub async fn delete(&self, key: &str, timeout: Duration) -> Result<(), AwsError> {
        let request = Request::new(Method::DELETE, self.object("DeleteObject", key)?);
        self.send("DeleteObject", request, timeout).await.map(drop)
    }

    /// Lists at most `most` keys that begin with `prefix`, from `page` on.
    pub async fn list(
        &self,
        prefix: &str,
        page: Option<&str>,
        most: u16,
        timeout: Duration,
    ) -> Result<Listing, AwsError> {
        let page = page.map(|page| ("continuation-token", page));
        self.list_with(prefix, page, most, timeout).await
    }

    async fn list_with(
        &self,
        prefix: &str,
        from: Option<(&str, &str)>,
        most: u16,
        timeout: Duration,
    ) -> Result<Listing, AwsError> {
        const OPERATION: &str = "ListObjectsV2";
        let mut url = self.url(OPERATION)?;
        let mut query = format!(
            "encoding-type=url&list-type=2&max-keys={most}&prefix={}",
            utf8_percent_encode(prefix, ENCODED)
        );
        if let Some((name, value)) = from {
            query = format!("{name}={}&{query}", utf8_percent_encode(value, ENCODED));
        }
        url.set_query(Some(&query));
        let response = self.send(OPERATION, Request::new(Method::GET, url), timeout).await?;
        listing(&response.body).map_err(|_| self.error(OPERATION, Problem::Unreadable))
    }

    /// Lists at most `most` keys that begin with `prefix` and come after another key.
    pub async fn list_after(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: u16,
        timeout: Duration,
    ) -> Result<Listing, AwsError> {
        let after = after.map(|after| ("start-after", after));
        self.list_with(prefix, after, most, timeout).await
    }

    async fn send(
        &self,
        operation: &'static str,
        request: Request,
        timeout: Duration,
    ) -> Result<Response, AwsError> {
        self.send_within(operation, request, (timeout, MAX_RESPONSE_BYTES)).await
    }

    async fn send_within(
        &self,
        operation: &'static str,
        mut request: Request,
        limits: (Duration, usize),
    ) -> Result<Response, AwsError> {
        if let Some(owner) = self.owner {
            let owner = HeaderValue::try_from(owner)
                .map_err(|_| self.error(operation, Problem::Unsignable))?;
            request.headers_mut().insert(EXPECTED_OWNER, owner);
        }
        self.aws.send_within(Service::S3, self.region, operation, request, limits).await
    }

    fn object(&self, operation: &'static str, key: &str) -> Result<Url, AwsError> {
        // A URL cannot contain these segments: they are resolved as in a file path.
        if key.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(self.error(operation, Problem::DotsInKey));
        }
        Ok(object_address(self.url(operation)?, key))
    }

    /// The bucket's URL: virtual-hosted style where the TLS certificate covers it, path style for
    /// endpoints other than AWS's.
    fn url(&self, operation: &'static str) -> Result<Url, AwsError> {
        address(self.name, self.region, self.aws.client.environment())
            .map_err(|problem| self.error(operation, problem))
    }

    fn error(&self, operation: &'static str, problem: Problem) -> AwsError {
        AwsError { service: Service::S3, operation, problem }
    }
}

/// The URL of an object in the bucket at `bucket`, encoded as S3 does when it verifies a signature.
pub fn object_address(mut bucket: Url, key: &str) -> Url {
    let parts: Vec<String> =
        key.split('/').map(|part| utf8_percent_encode(part, ENCODED).to_string()).collect();
    let path = format!("{}/{}", bucket.path().trim_end_matches('/'), parts.join("/"));
    bucket.set_path(&path);
    bucket
}

/// The URL of a bucket, by this process's environment.
pub fn bucket_address(name: &str, region: Option<&str>) -> Result<Url, Problem> {
    address(name, region, Environment::of_process())
}

fn address(name: &str, region: Option<&str>, environment: &Environment) -> Result<Url, Problem> {
    let mut url = endpoint::of(Service::S3, environment.region(region)?, environment)?;
    if endpoint::is_set(Service::S3, environment) || name.contains('.') {
        let name = utf8_percent_encode(name, ENCODED);
        let path = format!("{}/{name}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    } else {
        let host = format!("{name}.{}", url.host_str().unwrap_or_default());
        url.set_host(Some(&host)).map_err(|_| Problem::Unsignable)?;
    }
    Ok(url)
}

fn etag(response: &Response) -> Option<String> {
    response.headers.get(ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn listing(body: &[u8]) -> Result<Listing, XmlDecodeError> {
    let mut document = Document::try_from(body)?;
    let mut root = document.root_element()?;
    if root.start_el().local() != "ListBucketResult" {
        return Err(XmlDecodeError::custom("no listing"));
    }
    let mut listing = Listing::default();
    let mut encoded = false;
    while let Some(mut tag) = root.next_tag() {
        match tag.start_el().local() {
            "EncodingType" => encoded = try_data(&mut tag)? == "url",
            "NextContinuationToken" => listing.next = Some(try_data(&mut tag)?.into_owned()),
            "Contents" => {
                let mut listed = Listed::default();
                while let Some(mut tag) = tag.next_tag() {
                    match tag.start_el().local() {
                        "Key" => listed.key = try_data(&mut tag)?.into_owned(),
                        "ETag" => listed.etag = try_data(&mut tag)?.into_owned(),
                        "LastModified" => listed.last_modified = try_data(&mut tag)?.into_owned(),
                        "Size" => {
                            let size = try_data(&mut tag)?;
                            listed.bytes =
                                size.parse().map_err(|_| XmlDecodeError::custom("no size"))?;
                        }
                        _ => {}
                    }
                }
                listing.objects.push(listed);
            }
            _ => {}
        }
    }
    if encoded {
        for listed in &mut listing.objects {
            let spaced = listed.key.replace('+', " ");
            listed.key = percent_decode_str(&spaced)
                .decode_utf8()
                .map_err(|_| XmlDecodeError::custom("no key"))?
                .into_owned();
        }
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Environment;
    use crate::delivery::Client;

    fn url(variables: &[(&str, &str)], bucket: &str, key: &str) -> Result<String, String> {
        let region = [("AWS_REGION", "eu-west-1")];
        let environment = Environment::from_pairs(&[variables, &region].concat());
        let aws = Aws::new(Client::default().in_environment(environment));
        let bucket = Bucket { aws: &aws, name: bucket, region: None, owner: None };
        bucket.object("GetObject", key).map(Into::into).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_encoded_like_the_signature_of_s3() {
        assert_eq!(
            url(&[], "logs", "a b/c+d=ü/$LATEST").as_deref(),
            Ok("https://logs.s3.eu-west-1.amazonaws.com/a%20b/c%2Bd%3D%C3%BC/%24LATEST")
        );
        assert_eq!(
            url(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1/base/")], "logs", "a//b").as_deref(),
            Ok("http://127.0.0.1:1/base/logs/a//b")
        );
        assert_eq!(
            url(&[], "logs.example", "a").as_deref(),
            Ok("https://s3.eu-west-1.amazonaws.com/logs.example/a")
        );
        assert_eq!(
            url(&[("AWS_USE_DUALSTACK_ENDPOINT", "true")], "logs", "a").as_deref(),
            Ok("https://logs.s3.dualstack.eu-west-1.amazonaws.com/a")
        );
        for key in ["a/../b", "./a", ".."] {
            let error = "s3:GetObject: an object key must not contain a segment \".\" or \"..\"";
            assert_eq!(url(&[], "logs", key), Err(error.to_owned()), "{key}");
        }
        assert!(url(&[], "logs", "a/...b/.c").is_ok());
    }

    #[test]
    fn a_listing_is_read_with_its_keys_decoded() {
        let body = br#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
            <IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>
            <Contents><Key>a+b%2Bc%26d</Key><LastModified>2023-11-06T10:00:00.000Z</LastModified>
            <ETag>&quot;e&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass></Contents>
            <NextContinuationToken>t+/=</NextContinuationToken></ListBucketResult>"#;
        let listed = Listed {
            key: "a b+c&d".to_owned(),
            bytes: 12,
            last_modified: "2023-11-06T10:00:00.000Z".to_owned(),
            etag: "\"e\"".to_owned(),
        };
        let expected = Listing { objects: vec![listed], next: Some("t+/=".to_owned()) };
        assert_eq!(listing(body).unwrap(), expected);
        for other in ["", "<html></html>", "<ListBucketResult><Contents><Size>x</Size>"] {
            assert!(listing(other.as_bytes()).is_err(), "{other}");
        }
    }
}
