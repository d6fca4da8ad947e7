//! Where the configuration is: an environment variable, a file, a parameter or an object.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::aws::{Aws, AwsError, Bucket, retry_until};
use crate::secret;

/// The document itself.
pub const VARIABLE: &str = "LOGAGG_CONFIG";
/// A file in the deployment package; a relative path starts at the package's root.
const FILE: &str = "LOGAGG_CONFIG_FILE";
/// A parameter of AWS Systems Manager: its name or ARN.
const SSM: &str = "LOGAGG_CONFIG_SSM";
/// An object: `s3://<bucket>/<key>`.
const S3: &str = "LOGAGG_CONFIG_S3";

/// The maximum size of a configuration, so that a wrong key does not exhaust the memory.
const MAX_BYTES: usize = 1024 * 1024;

/// Where the configuration is.
#[derive(Debug, PartialEq)]
pub enum Source {
    /// In the environment variable.
    Variable(Document),
    /// In a file.
    File(PathBuf),
    /// In a parameter of AWS Systems Manager.
    Ssm(String),
    /// In an object.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
}

/// A configuration document, which may contain secrets.
#[derive(PartialEq)]
pub struct Document(pub String);

/// Why the configuration cannot be read.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// No variable is set.
    #[error(
        "no configuration: set {VARIABLE} to the document, or one of {FILE}, {SSM} and {S3} to \
         its location"
    )]
    NotSet,
    /// Several variables are set.
    #[error("the configuration must have one source, but several variables are set: {}", .0.join(", "))]
    Several(Vec<&'static str>),
    /// The object's URL is invalid.
    #[error("{S3} must be s3://<bucket>/<key>")]
    NoObject,
    /// The file cannot be read.
    #[error("cannot read the configuration from {path} ({FILE}): {reason}")]
    File {
        /// The file.
        path: String,
        /// The reason.
        reason: std::io::ErrorKind,
    },
    /// AWS returned an error.
    #[error("cannot read the configuration from {place}: {error}{advice}")]
    Aws {
        /// The source.
        place: String,
        /// The error.
        error: AwsError,
        /// What to do.
        advice: String,
    },
    /// The source does not contain a document.
    #[error("the configuration in {place} {what}")]
    NoDocument {
        /// The source.
        place: String,
        /// The reason.
        what: &'static str,
    },
}

impl Source {
    /// The source by the environment variables; an empty variable counts as not set.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SourceError> {
        let mut set = [VARIABLE, FILE, SSM, S3]
            .into_iter()
            .filter_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)))
            .collect::<Vec<_>>();
        if set.len() > 1 {
            return Err(SourceError::Several(set.iter().map(|(name, _)| *name).collect()));
        }
        match set.pop().ok_or(SourceError::NotSet)? {
            (FILE, path) => Ok(Self::File(PathBuf::from(path))),
            (SSM, name) => Ok(Self::Ssm(name)),
            (S3, url) => {
                let parts = url.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
                let parts = parts.filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty());
                let (bucket, key) = parts.ok_or(SourceError::NoObject)?;
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            (_, document) => Ok(Self::Variable(Document(document))),
        }
    }

    /// Reads the document until `until` at the latest. `aws` is used only if the document is in
    /// AWS.
    pub async fn read(&self, aws: &Aws, until: Instant) -> Result<String, SourceError> {
        let bytes = match self {
            Self::Variable(Document(document)) => return Ok(document.clone()),
            Self::File(path) => std::fs::read(path).map_err(|error| SourceError::File {
                path: path.display().to_string(),
                reason: error.kind(),
            })?,
            Self::Ssm(name) => {
                // An ARN contains the region.
                let region = name.starts_with("arn:").then(|| name.split(':').nth(3)).flatten();
                let read = secret::parameter(aws, region, name, until).await;
                return read.map_err(|error| self.refused(error));
            }
            Self::S3 { bucket, key } => {
                let bucket = Bucket { aws, name: bucket, region: None, owner: None };
                let read = async |timeout| bucket.get(key, timeout).await;
                let object = retry_until(until, Duration::from_secs(3), read).await;
                object.map_err(|error| self.refused(error))?.body.into()
            }
        };
        let no_document = |what| SourceError::NoDocument { place: self.to_string(), what };
        if bytes.len() > MAX_BYTES {
            return Err(no_document("is larger than 1 MiB"));
        }
        String::from_utf8(bytes).map_err(|_| no_document("is not UTF-8"))
    }

    fn refused(&self, error: AwsError) -> SourceError {
        let action = match self {
            Self::Ssm(_) => {
                "ssm:GetParameter on it, and kms:Decrypt on its key if that is a customer \
                 managed key"
            }
            _ => {
                "s3:GetObject on it, and s3:ListBucket on the bucket to distinguish a missing \
                 object from a forbidden one"
            }
        };
        let advice = if error.is_denied() {
            format!("; grant the function's role {action}")
        } else {
            match error.code() {
                Some("ParameterNotFound" | "NoSuchKey" | "NoSuchBucket") => {
                    "; not found in this region".to_owned()
                }
                Some("PermanentRedirect") => "; the bucket is in another region".to_owned(),
                _ => String::new(),
            }
        };
        SourceError::Aws { place: self.to_string(), error, advice }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(_) => formatter.write_str(VARIABLE),
            Self::File(path) => write!(formatter, "{} ({FILE})", path.display()),
            Self::Ssm(name) => write!(formatter, "the parameter {name} ({SSM})"),
            Self::S3 { bucket, key } => write!(formatter, "s3://{bucket}/{key} ({S3})"),
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Document(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Source, SourceError> {
        let found = |name: &str| set.iter().find(|(set, _)| *set == name);
        Source::of(|name| found(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn exactly_one_variable_selects_the_source() {
        assert_eq!(of(&[(VARIABLE, "{}")]), Ok(Source::Variable(Document("{}".to_owned()))));
        assert_eq!(of(&[(FILE, "a.json"), (VARIABLE, "")]), Ok(Source::File("a.json".into())));
        assert_eq!(of(&[(SSM, "/a/b")]), Ok(Source::Ssm("/a/b".to_owned())));
        let object = Source::S3 { bucket: "b".to_owned(), key: "k/l".to_owned() };
        assert_eq!(of(&[(S3, "s3://b/k/l")]), Ok(object));
        assert_eq!(of(&[]), Err(SourceError::NotSet));
        let several = of(&[(S3, "s3://b/k"), (VARIABLE, "{}")]);
        assert_eq!(several, Err(SourceError::Several(vec![VARIABLE, S3])));
        for url in ["b/k", "s3://b", "s3://b/", "s3:///k", "https://b/k"] {
            assert_eq!(of(&[(S3, url)]), Err(SourceError::NoObject), "{url}");
        }
    }

    #[test]
    fn debug_output_shows_nothing_of_the_document() {
        let source = Source::Variable(Document("s3cr3t".to_owned()));
        assert_eq!(format!("{source:?}"), "Variable(Document(***))");
    }
}
