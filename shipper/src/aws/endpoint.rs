//! Where a service is, and how it wants to be spoken to.

use reqwest::Url;

use super::environment::Environment;
use super::error::Problem;

/// A service of AWS's.
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
    /// AWS Systems Manager, for its parameters.
    Ssm,
    /// A domain of Amazon OpenSearch Service, which has an address of its own.
    OpenSearch,
    /// A collection of Amazon OpenSearch Serverless, likewise.
    OpenSearchServerless,
}

/// How a service that speaks JSON is called.
pub(super) struct Json {
    /// What stands before the operation's name in `X-Amz-Target`.
    pub(super) target_prefix: &'static str,
    pub(super) content_type: &'static str,
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

impl Service {
    /// The name of the service that is signed, which is also that in its address.
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
            Self::OpenSearch => "es",
            Self::OpenSearchServerless => "aoss",
        }
    }

    /// What stands behind `AWS_ENDPOINT_URL_`.
    ///
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>
    fn variable(self) -> &'static str {
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
            Self::OpenSearch => "AWS_ENDPOINT_URL_OPENSEARCH",
            Self::OpenSearchServerless => "AWS_ENDPOINT_URL_OPENSEARCHSERVERLESS",
        }
    }

    /// How to call it in JSON, if it speaks JSON.
    pub(super) fn json(self) -> Option<Json> {
        let (target_prefix, content_type) = match self {
            Self::Sqs => ("AmazonSQS", JSON_1_0),
            Self::Kinesis => ("Kinesis_20131202", JSON_1_1),
            Self::Firehose => ("Firehose_20150804", JSON_1_1),
            Self::CloudWatchLogs => ("Logs_20140328", JSON_1_1),
            Self::SecretsManager => ("secretsmanager", JSON_1_1),
            Self::Ssm => ("AmazonSSM", JSON_1_1),
            Self::S3
            | Self::Lambda
            | Self::Pipes
            | Self::OpenSearch
            | Self::OpenSearchServerless => return None,
        };
        Some(Json { target_prefix, content_type })
    }
}

/// Whether AWS's own address is used or one that the user has set.
pub(super) fn is_set(service: Service, environment: &Environment) -> bool {
    set(service, environment).is_some()
}

fn set(service: Service, environment: &Environment) -> Option<(&'static str, &str)> {
    [service.variable(), "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|name| Some((name, environment.variable(name)?)))
}

/// The address of a service in a region.
pub(super) fn of(
    service: Service,
    region: &str,
    environment: &Environment,
) -> Result<Url, Problem> {
    if let Some((variable, url)) = set(service, environment) {
        let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        return url.filter(Url::has_host).ok_or(Problem::NoUrl { variable });
    }
    // The region goes into the host's name.
    let is_region = !region.is_empty()
        && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let url = format!("https://{}.{region}.{}/", service.name(), suffix(region));
    Url::parse(&url)
        .ok()
        .filter(|_| is_region)
        .ok_or_else(|| Problem::NoRegion { region: region.to_owned() })
}

/// The domain of a region's partition.
///
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoint-discovery.html>
fn suffix(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("eusc-", "amazonaws.eu"),
    ];
    PARTITIONS
        .iter()
        .find(|(start, _)| region.starts_with(start))
        .map_or("amazonaws.com", |&(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(service: Service, region: &str, variables: &[(&str, &str)], expected: &str) {
        let url = of(service, region, &Environment::from_pairs(variables));
        assert_eq!(url.as_ref().map(Url::as_str), Ok(expected));
    }

    #[test]
    fn a_service_is_where_its_partition_has_it() {
        check(Service::S3, "eu-west-1", &[], "https://s3.eu-west-1.amazonaws.com/");
        check(Service::Sqs, "cn-north-1", &[], "https://sqs.cn-north-1.amazonaws.com.cn/");
        check(Service::Ssm, "us-gov-west-1", &[], "https://ssm.us-gov-west-1.amazonaws.com/");
        check(Service::Ssm, "eusc-de-east-1", &[], "https://ssm.eusc-de-east-1.amazonaws.eu/");
    }

    #[test]
    fn the_address_for_one_service_goes_before_that_for_all() {
        let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        let s3 = ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/base");
        check(Service::S3, "eu-west-1", &[all, s3], "http://127.0.0.1:9000/base");
        check(Service::Sqs, "eu-west-1", &[all, s3], "http://127.0.0.1:4566/");
        check(Service::Sqs, "eu-west-1", &[s3], "https://sqs.eu-west-1.amazonaws.com/");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let environment = Environment::from_pairs(&[("AWS_ENDPOINT_URL_SSM", "127.0.0.1:4566")]);
        let problem = of(Service::Ssm, "eu-west-1", &environment);
        assert_eq!(problem, Err(Problem::NoUrl { variable: "AWS_ENDPOINT_URL_SSM" }));
        for region in ["", "a b", "evil.example/", "x@evil.example#"] {
            let problem = of(Service::Ssm, region, &Environment::from_pairs(&[]));
            assert_eq!(problem, Err(Problem::NoRegion { region: region.to_owned() }));
        }
    }
}
