//! Any AWS API as the wire has it: for what an API answers, where the other clients show what a
//! person with the console would see.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

pub use crate::aws::Refusal;
use crate::aws::{Caller, credential};
use crate::runtime;

/// A caller of one account in one region.
#[derive(Debug, Clone)]
pub struct Api {
    caller: Caller,
    session_token: Option<String>,
}

impl Api {
    /// Speaks to `endpoint` with an access key, which may be an account's number.
    pub fn new(endpoint: &str, access_key: &str, region: &str) -> Self {
        Self { caller: Caller::new(endpoint, access_key, region), session_token: None }
    }

    /// With the token that belongs to the keys of a role.
    #[must_use]
    pub fn with_session_token(mut self, token: &str) -> Self {
        self.session_token = Some(token.to_owned());
        self
    }

    /// Calls an operation of a service that speaks JSON, such as `logs`, by its target, such as
    /// `Logs_20140328.DescribeLogGroups`.
    ///
    /// # Errors
    /// Outside when there is no answer, inside when the answer is a refusal.
    pub fn json(
        &self,
        service: &str,
        target: &str,
        input: &Value,
    ) -> anyhow::Result<Result<Value, Refusal>> {
        let mut headers = vec![
            ("x-amz-target", target.to_owned()),
            ("content-type", "application/x-amz-json-1.1".to_owned()),
        ];
        headers.extend(self.session());
        self.caller.send(service, "POST", "/", &headers, input.to_string())
    }

    /// Calls an operation of Lambda by its method and path.
    ///
    /// # Errors
    /// Outside when there is no answer, inside when the answer is a refusal.
    pub fn lambda(
        &self,
        method: &str,
        path: &str,
        input: &Value,
    ) -> anyhow::Result<Result<Value, Refusal>> {
        let mut headers = vec![("content-type", "application/json".to_owned())];
        headers.extend(self.session());
        let body = if input.is_null() { String::new() } else { input.to_string() };
        self.caller.send("lambda", method, path, &headers, body)
    }

    /// Creates a bucket of S3.
    ///
    /// # Errors
    /// Outside when there is no answer, inside when the answer is a refusal.
    pub fn create_bucket(&self, name: &str) -> anyhow::Result<Result<Value, Refusal>> {
        let headers: Vec<_> = self.session().into_iter().collect();
        let body = format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
            self.caller.region
        );
        self.caller.send("s3", "PUT", &format!("/{name}"), &headers, body)
    }

    /// Has a bucket notify a queue of new objects below these prefixes.
    ///
    /// # Errors
    /// Outside when there is no answer, inside when the answer is a refusal.
    pub fn notify_queue(
        &self,
        bucket: &str,
        queue_arn: &str,
        prefixes: &[&str],
    ) -> anyhow::Result<Result<Value, Refusal>> {
        let headers: Vec<_> = self.session().into_iter().collect();
        let queues: String = prefixes
            .iter()
            .map(|prefix| {
                format!(
                    "<QueueConfiguration><Queue>{queue_arn}</Queue><Event>s3:ObjectCreated:*</Event>\
                     <Filter><S3Key><FilterRule><Name>prefix</Name><Value>{prefix}</Value>\
                     </FilterRule></S3Key></Filter></QueueConfiguration>"
                )
            })
            .collect();
        let body = format!(
            "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{queues}\
             </NotificationConfiguration>"
        );
        self.caller.send("s3", "PUT", &format!("/{bucket}?notification"), &headers, body)
    }

    /// The objects of a bucket by their keys; at most 1,000, as one listing has. One that is deleted
    /// meanwhile is left out.
    ///
    /// # Errors
    /// When there is no answer, or another than the objects.
    pub fn objects(&self, bucket: &str) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let listing = self.object(&format!("{bucket}?list-type=2"))?;
        let listing = listing.with_context(|| format!("there is no bucket {bucket}"))?;
        let listing = String::from_utf8(listing).context("reading a listing")?;
        let keys = listing.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        let mut objects = BTreeMap::new();
        for (key, _) in keys {
            if let Some(object) = self.object(&format!("{bucket}/{key}"))? {
                objects.insert(key.to_owned(), object);
            }
        }
        Ok(objects)
    }

    /// What is at a path, if anything is.
    fn object(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let Caller { endpoint, access_key, region } = &self.caller;
        let mut request = runtime::CLIENT
            .get(format!("{endpoint}/{path}"))
            .header("authorization", credential(access_key, region, "s3"));
        if let Some((name, value)) = self.session() {
            request = request.header(name, value);
        }
        runtime::block_on(async {
            let answer = request.send().await.with_context(|| format!("reading {path}"))?;
            if answer.status() == reqwest::StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let answer = answer.error_for_status()?;
            let bytes = answer.bytes().await.with_context(|| format!("reading {path}"))?;
            Ok(Some(bytes.to_vec()))
        })
    }

    /// Calls STS with a form such as `Action=GetCallerIdentity&Version=2011-06-15`; returns the
    /// status and the XML.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn sts(&self, form: &str) -> anyhow::Result<(u16, String)> {
        self.query("sts", form)
    }

    /// Calls a service that speaks as STS does.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn query(&self, service: &str, form: &str) -> anyhow::Result<(u16, String)> {
        let Caller { endpoint, access_key, region } = &self.caller;
        let mut request = runtime::CLIENT
            .post(endpoint)
            .header("authorization", credential(access_key, region, service))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        if let Some((name, value)) = self.session() {
            request = request.header(name, value);
        }
        runtime::block_on(async {
            let answer = request.send().await.with_context(|| format!("calling {service}"))?;
            Ok((
                answer.status().as_u16(),
                answer.text().await.with_context(|| format!("reading from {service}"))?,
            ))
        })
    }

    fn session(&self) -> Option<(&'static str, String)> {
        Some(("x-amz-security-token", self.session_token.clone()?))
    }
}
