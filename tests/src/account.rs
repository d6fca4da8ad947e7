//! An AWS account of one's own: one for each test, so that tests run side by side.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use crate::api::Api;
pub use crate::aws::{REGION, Refusal};
use crate::cloudwatch::CloudWatchLogs;
use crate::lambda::{Function, Lambda};
use crate::ministack::Ministack;
use crate::moto::Moto;

/// A new, empty account in an AWS of the tests.
#[derive(Debug, Clone)]
pub struct Account {
    endpoint: String,
    id: String,
    access_key: String,
}

impl Account {
    /// An account that is unique in this process.
    pub fn new(aws: &Ministack) -> Self {
        Self::at(aws.endpoint(), &fresh_id())
    }

    /// The same in moto.
    ///
    /// # Errors
    /// When moto gives no keys for it.
    pub fn in_moto(aws: &Moto) -> anyhow::Result<Self> {
        aws.account(&fresh_id())
    }

    /// The account of this number in the AWS that answers here.
    pub fn at(endpoint: &str, id: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), id: id.to_owned(), access_key: id.to_owned() }
    }

    /// The same with keys that do not contain the account ID.
    #[must_use]
    pub fn with_access_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.access_key);
        self
    }

    /// The twelve digits; also the access key that speaks for the account, unless it has another.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where its AWS answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its logs in [`REGION`].
    pub fn logs(&self) -> CloudWatchLogs {
        self.logs_in(REGION)
    }

    /// Its logs in another region.
    pub fn logs_in(&self, region: &str) -> CloudWatchLogs {
        CloudWatchLogs::new(&self.endpoint, &self.access_key, region)
    }

    /// Its functions in [`REGION`].
    pub fn lambda(&self) -> Lambda {
        Lambda::new(&self.endpoint, &self.access_key, &self.id, REGION)
    }

    /// Its APIs as the wire has them, in [`REGION`].
    pub fn api(&self) -> Api {
        Api::new(&self.endpoint, &self.access_key, REGION)
    }

    /// Creates a queue, and returns its URL and ARN.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn queue(&self, name: &str) -> anyhow::Result<(String, String)> {
        // Longer than any function of the tests takes.
        self.queue_with(name, &json!({"VisibilityTimeout": "60"}))
    }

    /// The same with these attributes.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn queue_with(&self, name: &str, attributes: &Value) -> anyhow::Result<(String, String)> {
        let call = |operation: &str, input: &Value| {
            let answer = self.api().json("sqs", &format!("AmazonSQS.{operation}"), input)?;
            answer.map_err(|refusal| anyhow!("{operation} {name}: {refusal:?}"))
        };
        let text = |value: &Value| {
            value.as_str().map(str::to_owned).with_context(|| format!("{name}: no text in {value}"))
        };
        let queue = call("CreateQueue", &json!({"QueueName": name, "Attributes": attributes}))?;
        let url = text(&queue["QueueUrl"])?;
        let input = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
        let attributes = call("GetQueueAttributes", &input)?;
        Ok((url, text(&attributes["Attributes"]["QueueArn"])?))
    }

    /// Creates a function of logagg, which knows where AWS is, with this configuration. The answer
    /// is its ARN.
    ///
    /// # Errors
    /// As [`Lambda::create`].
    pub fn deploy(
        &self,
        name: &str,
        program: &Path,
        config: &Value,
        timeout_seconds: u32,
    ) -> anyhow::Result<String> {
        let environment =
            [("LOGAGG_CONFIG", config.to_string()), ("AWS_ENDPOINT_URL", self.endpoint.clone())];
        let function = Function { name, program, environment: &environment, timeout_seconds };
        self.lambda().create(&function)
    }

    /// The ARN a function of this name has, whether or not it exists.
    pub fn function_arn(&self, name: &str) -> String {
        format!("arn:aws:lambda:{REGION}:{}:function:{name}", self.id)
    }

    /// The environment in which the AWS SDKs, and so the provider, speak for this account.
    pub fn environment(&self, endpoint: &str) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }
}

/// An account ID that is unique in this process.
fn fresh_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(100_000_000_001);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}
