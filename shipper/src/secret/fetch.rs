//! Fetches secrets from their secret stores.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use super::arn::{SecretArn, SecretStore};
use super::value::Secret;
use crate::aws::{Aws, AwsError, Service, retry_until};

/// The timeout of a call.
const LONGEST_CALL: Duration = Duration::from_secs(3);

/// Secrets by their ARN.
pub type Secrets = BTreeMap<SecretArn, Secret>;

/// Why a secret cannot be fetched: what was attempted on what, and the remedy, without the secret.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum FetchError {
    /// AWS returned an error.
    #[error("cannot fetch {arn}: {error}{}", advice(.arn, .error))]
    NotFetched {
        /// The ARN.
        arn: Box<SecretArn>,
        /// The error.
        error: AwsError,
    },
    /// The value is not a string.
    #[error("{arn} {what}")]
    NotString {
        /// The ARN.
        arn: Box<SecretArn>,
        /// What it is.
        what: String,
    },
}

impl FetchError {
    /// The ARN of the secret.
    pub fn arn(&self) -> &SecretArn {
        match self {
            Self::NotFetched { arn, .. } | Self::NotString { arn, .. } => arn,
        }
    }
}

/// Fetches secrets until `until` at the latest, each once even if several of its keys are used. All
/// errors are reported at once.
pub async fn fetch(
    aws: &Aws,
    arns: &BTreeSet<SecretArn>,
    until: Instant,
) -> Result<Secrets, Vec<FetchError>> {
    let mut members: BTreeMap<SecretArn, Vec<&SecretArn>> = BTreeMap::new();
    for arn in arns {
        members.entry(arn.whole()).or_default().push(arn);
    }
    let fetching = members.iter().map(async |(whole, members)| {
        let text = match value(aws, whole, until).await {
            Ok(text) => text,
            Err(error) => return vec![Err(error)],
        };
        members.iter().map(|arn| Ok(((*arn).clone(), arn.member_of(&text)?))).collect()
    });
    let mut secrets = Secrets::new();
    let mut errors = Vec::new();
    for result in join_all(fetching).await.into_iter().flatten() {
        match result {
            Ok((arn, secret)) => drop(secrets.insert(arn, secret)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(secrets) } else { Err(errors) }
}

async fn value(aws: &Aws, arn: &SecretArn, until: Instant) -> Result<Secret, FetchError> {
    let fetched = match &arn.store {
        SecretStore::Ssm => parameter(aws, Some(&arn.region), &arn.arn, until).await.map(Some),
        SecretStore::SecretsManager { stage, version_id, .. } => {
            let mut input = json!({"SecretId": arn.arn});
            if let Some(stage) = stage {
                input["VersionStage"] = json!(stage);
            }
            if let Some(version_id) = version_id {
                input["VersionId"] = json!(version_id);
            }
            secret(aws, &arn.region, &input, until).await
        }
    };
    match fetched {
        Ok(Some(text)) => {
            // A secret written from a file or a shell ends with a line break.
            Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
        Ok(None) => Err(arn.is_not("is binary; a secret must be a string")),
        Err(error) => Err(FetchError::NotFetched { arn: Box::new(arn.clone()), error }),
    }
}

async fn secret(
    aws: &Aws,
    region: &str,
    input: &Value,
    until: Instant,
) -> Result<Option<String>, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        secret_string: Option<String>,
    }

    let call = async |timeout| {
        aws.call(Service::SecretsManager, Some(region), "GetSecretValue", input, timeout).await
    };
    retry_until(until, LONGEST_CALL, call).await.map(|response: Response| response.secret_string)
}

/// Reads and decrypts a parameter of Systems Manager, by its name or ARN.
pub(crate) async fn parameter(
    aws: &Aws,
    region: Option<&str>,
    name: &str,
    until: Instant,
) -> Result<String, AwsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Response {
        parameter: Parameter,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Parameter {
        value: String,
    }

    let input = json!({"Name": name, "WithDecryption": true});
    let call =
        async |timeout| aws.call(Service::Ssm, region, "GetParameter", &input, timeout).await;
    retry_until(until, LONGEST_CALL, call).await.map(|response: Response| response.parameter.value)
}

impl SecretArn {
    /// The ARN without a key.
    fn whole(&self) -> Self {
        let mut whole = self.clone();
        if let SecretStore::SecretsManager { json_key, .. } = &mut whole.store {
            *json_key = None;
        }
        whole
    }

    /// The value of the ARN's key in a secret.
    fn member_of(&self, value: &Secret) -> Result<Secret, FetchError> {
        let SecretStore::SecretsManager { json_key: Some(key), .. } = &self.store else {
            return Ok(value.clone());
        };
        match serde_json::from_str(value.expose()) {
            Ok(Value::Object(mut members)) => match members.remove(key) {
                Some(Value::String(text)) => Ok(Secret::new(text)),
                Some(_) => {
                    Err(self.is_not(&format!("has a value under {key:?} that is not a string")))
                }
                None => Err(self.is_not(&format!("has no key {key:?}"))),
            },
            _ => Err(self.is_not(&format!("is not a JSON object, so it has no key {key:?}"))),
        }
    }

    fn is_not(&self, what: &str) -> FetchError {
        FetchError::NotString { arn: Box::new(self.clone()), what: what.to_owned() }
    }
}

/// The remedy for an error of AWS.
fn advice(arn: &SecretArn, error: &AwsError) -> String {
    if error.is_denied() {
        return format!(
            "; grant the function's role {} on it, and kms:Decrypt on its key if that is a \
             customer managed key",
            arn.action()
        );
    }
    match error.code() {
        Some("ResourceNotFoundException" | "ParameterNotFound") => "; not found".into(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(key: &str) -> SecretArn {
        let arn = format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdEf:{key}");
        SecretArn::parse(&arn).unwrap()
    }

    #[test]
    fn a_key_of_a_json_secret_is_extracted() {
        let value = Secret::new(r#"{"token":"s3cr3t","port":5}"#);
        assert_eq!(arn("token").member_of(&value), Ok(Secret::new("s3cr3t")));
        assert_eq!(arn("").member_of(&value), Ok(value.clone()));
        let error = |key: &str, value: &Secret| arn(key).member_of(value).unwrap_err().to_string();
        let name = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-AbCdEf";
        assert_eq!(error("tokn", &value), format!("{name} has no key \"tokn\""));
        let other = format!("{name} has a value under \"port\" that is not a string");
        assert_eq!(error("port", &value), other);
        let plain = format!("{name} is not a JSON object, so it has no key \"token\"");
        assert_eq!(error("token", &Secret::new("s3cr3t")), plain);
    }
}
