//! The ARN of a secret, which a configuration may contain in place of the secret.

use std::fmt;

use crate::aws::Service;

/// The ARN of a secret: `arn:aws:secretsmanager:<region>:<account>:secret:<name>`, or
/// `arn:aws:ssm:<region>:<account>:parameter/<name>`.
///
/// The ARN of Secrets Manager may be followed by a key of a JSON secret and by a version, as in
/// task definitions of Amazon ECS: `<arn>:<key>:<stage>:<version id>`.
///
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretArn {
    /// The ARN of the secret itself.
    pub arn: String,
    /// Its region.
    pub region: String,
    /// Its secret store.
    pub store: SecretStore,
}

/// A secret store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretStore {
    /// AWS Secrets Manager.
    SecretsManager {
        /// The key of a JSON secret; `None` for the whole secret.
        json_key: Option<String>,
        /// The version's staging label; defaults to `AWSCURRENT`.
        stage: Option<String>,
        /// The version's id.
        version_id: Option<String>,
    },
    /// AWS Systems Manager Parameter Store.
    Ssm,
}

/// The value is not the ARN of a secret.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error(
    "is not the ARN of a secret: expected \
     arn:aws:secretsmanager:<region>:<account>:secret:<name>, optionally followed by \":<key>\" \
     for a key of a JSON secret, or arn:aws:ssm:<region>:<account>:parameter/<name>"
)]
pub struct NoArn;

impl SecretArn {
    /// A regular expression that matches what [`SecretArn::parse`] accepts.
    pub const PATTERN: &str = "^arn:[!-9;-~]+:(secretsmanager:[!-9;-~]+:[!-9;-~]+:secret:[!-9;-~]+(:[!-9;-~]*){0,3}|ssm:[!-9;-~]+:[!-9;-~]+:parameter/[!-~]+)$";

    /// Whether a value is meant as an ARN. Tokens do not begin like one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("arn:")
    }

    /// Parses an ARN.
    pub fn parse(text: &str) -> Result<Self, NoArn> {
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().filter(|part| !part.is_empty()).ok_or(NoArn);
        let (_arn, _partition) = (part()?, part()?);
        let (service, region, _account, resource) = (part()?, part()?, part()?, part()?);
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoArn);
        }
        let region = region.to_owned();
        match service {
            "secretsmanager" => Self::in_secrets_manager(text, region, resource),
            "ssm" => {
                let name = resource.strip_prefix("parameter/").filter(|name| !name.is_empty());
                name.ok_or(NoArn)?;
                Ok(Self { arn: text.to_owned(), region, store: SecretStore::Ssm })
            }
            _ => Err(NoArn),
        }
    }

    fn in_secrets_manager(text: &str, region: String, resource: &str) -> Result<Self, NoArn> {
        let mut parts = resource.strip_prefix("secret:").ok_or(NoArn)?.split(':');
        let name = parts.next().filter(|name| !name.is_empty()).ok_or(NoArn)?;
        let mut addition = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let store = SecretStore::SecretsManager {
            json_key: addition(),
            stage: addition(),
            version_id: addition(),
        };
        if parts.next().is_some() {
            return Err(NoArn);
        }
        let start = text.len() - resource.len();
        let arn = format!("{}secret:{name}", &text[..start]);
        Ok(Self { arn, region, store })
    }

    /// The service of its secret store.
    pub fn service(&self) -> Service {
        match self.store {
            SecretStore::SecretsManager { .. } => Service::SecretsManager,
            SecretStore::Ssm => Service::Ssm,
        }
    }

    /// The IAM action that the function's role needs.
    pub fn action(&self) -> &'static str {
        match self.store {
            SecretStore::SecretsManager { .. } => "secretsmanager:GetSecretValue",
            SecretStore::Ssm => "ssm:GetParameter",
        }
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:search-AbCdEf";

    fn store(addition: &str) -> Result<SecretStore, NoArn> {
        SecretArn::parse(&format!("{SECRET}{addition}")).map(|arn| {
            assert_eq!((arn.arn.as_str(), arn.region.as_str()), (SECRET, "eu-west-1"));
            arn.store
        })
    }

    #[test]
    fn a_secret_may_be_followed_by_a_key_and_a_version() {
        let of = |key: Option<&str>, stage: Option<&str>, id: Option<&str>| {
            Ok(SecretStore::SecretsManager {
                json_key: key.map(str::to_owned),
                stage: stage.map(str::to_owned),
                version_id: id.map(str::to_owned),
            })
        };
        assert_eq!(store(""), of(None, None, None));
        assert_eq!(store(":token"), of(Some("token"), None, None));
        assert_eq!(store(":token::"), of(Some("token"), None, None));
        assert_eq!(store("::AWSPREVIOUS:"), of(None, Some("AWSPREVIOUS"), None));
        assert_eq!(store(":token::5"), of(Some("token"), None, Some("5")));
        assert_eq!(store(":token::5:"), Err(NoArn));
    }

    #[test]
    fn a_parameter_is_used_unchanged() {
        let text = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/app/token";
        let arn = SecretArn::parse(text).unwrap();
        assert_eq!((arn.arn.as_str(), arn.region.as_str()), (text, "cn-north-1"));
        assert_eq!(arn.store, SecretStore::Ssm);
    }

    #[test]
    fn other_arns_are_rejected() {
        for text in [
            "arn:",
            "arn:aws:s3:::bucket/key",
            "arn:aws:ssm:eu-west-1:123456789012:document/x",
            "arn:aws:ssm::123456789012:parameter/x",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:",
            "arn:aws:ssm:eu-west-1:123456789012:parameter/a b",
        ] {
            assert_eq!(SecretArn::parse(text), Err(NoArn), "{text}");
        }
    }
}
