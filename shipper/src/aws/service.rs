//! The AWS services in use, with their names and protocols.

/// An AWS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// Amazon SQS.
    Sqs,
    /// Amazon Kinesis Data Streams.
    Kinesis,
    /// Amazon Data Firehose.
    Firehose,
    /// Amazon CloudWatch Logs.
    CloudWatchLogs,
    /// AWS Lambda.
    Lambda,
    /// Amazon EventBridge Pipes.
    Pipes,
    /// AWS Secrets Manager.
    SecretsManager,
    /// AWS Systems Manager Parameter Store.
    Ssm,
    /// The Resource Groups Tagging API.
    Tagging,
    /// An Amazon OpenSearch Service domain, which has its own endpoint.
    OpenSearch,
    /// An Amazon OpenSearch Serverless collection, which has its own endpoint.
    OpenSearchServerless,
}

/// The JSON protocol of a service.
pub(super) struct Json {
    /// The prefix of the operation in `X-Amz-Target`.
    pub(super) target_prefix: &'static str,
    pub(super) content_type: &'static str,
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

impl Service {
    /// The signing name of the service, which is also in its endpoint.
    pub fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Kinesis => "kinesis",
            Self::Firehose => "firehose",
            Self::CloudWatchLogs => "logs",
            Self::Lambda => "lambda",
            Self::Pipes => "pipes",
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
            Self::Tagging => "tagging",
            Self::OpenSearch => "es",
            Self::OpenSearchServerless => "aoss",
        }
    }

    /// The suffix of `AWS_ENDPOINT_URL_`.
    ///
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::S3 => "AWS_ENDPOINT_URL_S3",
            Self::Sqs => "AWS_ENDPOINT_URL_SQS",
            Self::Kinesis => "AWS_ENDPOINT_URL_KINESIS",
            Self::Firehose => "AWS_ENDPOINT_URL_FIREHOSE",
            Self::CloudWatchLogs => "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
            Self::Lambda => "AWS_ENDPOINT_URL_LAMBDA",
            Self::Pipes => "AWS_ENDPOINT_URL_PIPES",
            Self::SecretsManager => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            Self::Ssm => "AWS_ENDPOINT_URL_SSM",
            Self::Tagging => "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API",
            Self::OpenSearch => "AWS_ENDPOINT_URL_OPENSEARCH",
            Self::OpenSearchServerless => "AWS_ENDPOINT_URL_OPENSEARCHSERVERLESS",
        }
    }

    /// The service's JSON protocol, if it has one.
    pub(super) fn json(self) -> Option<Json> {
        let (target_prefix, content_type) = match self {
            Self::Sqs => ("AmazonSQS", JSON_1_0),
            Self::Kinesis => ("Kinesis_20131202", JSON_1_1),
            Self::Firehose => ("Firehose_20150804", JSON_1_1),
            Self::CloudWatchLogs => ("Logs_20140328", JSON_1_1),
            Self::SecretsManager => ("secretsmanager", JSON_1_1),
            Self::Ssm => ("AmazonSSM", JSON_1_1),
            Self::Tagging => ("ResourceGroupsTaggingAPI_20170126", JSON_1_1),
            Self::S3
            | Self::Lambda
            | Self::Pipes
            | Self::OpenSearch
            | Self::OpenSearchServerless => return None,
        };
        Some(Json { target_prefix, content_type })
    }
}

/// Enables endpoints with FIPS 140 validated cryptography.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html>
pub(super) const USE_FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
