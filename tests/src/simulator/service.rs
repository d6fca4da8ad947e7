//! The services and operations that are simulated, and what they have in common.

use serde_json::{Map, Value, json};

use super::cbor;
use super::refusal::Refusal;

/// An AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// CloudWatch Logs.
    Logs,
    /// Lambda.
    Lambda,
    /// Kinesis Data Streams.
    Kinesis,
    /// Data Firehose.
    Firehose,
    /// EventBridge Pipes.
    Pipes,
    /// Security Token Service.
    Sts,
    /// CloudTrail.
    CloudTrail,
    /// CloudWatch, which has the metrics.
    CloudWatch,
}

/// Whether an operation changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
}

/// An operation of a service.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) service: Service,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn read(service: Service, name: &'static str) -> Operation {
    Operation { service, name, kind: Kind::Read }
}

const fn write(service: Service, name: &'static str) -> Operation {
    Operation { service, name, kind: Kind::Write }
}

pub(super) static OPERATIONS: [Operation; 34] = [
    write(Service::Logs, "CreateLogGroup"),
    write(Service::Logs, "DeleteLogGroup"),
    read(Service::Logs, "DescribeLogGroups"),
    read(Service::Logs, "ListLogGroups"),
    read(Service::Logs, "ListTagsForResource"),
    write(Service::Logs, "TagResource"),
    write(Service::Logs, "UntagResource"),
    read(Service::Logs, "DescribeSubscriptionFilters"),
    write(Service::Logs, "PutSubscriptionFilter"),
    write(Service::Logs, "DeleteSubscriptionFilter"),
    write(Service::Logs, "PutRetentionPolicy"),
    write(Service::Logs, "DeleteRetentionPolicy"),
    write(Service::Logs, "PutLogGroupDeletionProtection"),
    read(Service::Logs, "DescribeDestinations"),
    write(Service::Logs, "PutDestination"),
    write(Service::Logs, "PutDestinationPolicy"),
    read(Service::Logs, "DescribeAccountPolicies"),
    write(Service::Logs, "PutAccountPolicy"),
    write(Service::Logs, "DeleteAccountPolicy"),
    read(Service::Sts, "GetCallerIdentity"),
    read(Service::Sts, "AssumeRole"),
    read(Service::Lambda, "GetFunctionConfiguration"),
    read(Service::Lambda, "GetPolicy"),
    write(Service::Lambda, "AddPermission"),
    write(Service::Lambda, "RemovePermission"),
    read(Service::Lambda, "ListEventSourceMappings"),
    read(Service::Kinesis, "DescribeStreamSummary"),
    read(Service::Kinesis, "ListStreamConsumers"),
    read(Service::Firehose, "DescribeDeliveryStream"),
    read(Service::Firehose, "ListDeliveryStreams"),
    read(Service::Pipes, "DescribePipe"),
    read(Service::Pipes, "ListPipes"),
    read(Service::CloudTrail, "LookupEvents"),
    read(Service::CloudWatch, "GetMetricData"),
];

impl Operation {
    pub(super) fn find(service: Service, name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|known| known.service == service && known.name == name)
    }

    /// The operation of that name, whichever service has it.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|known| known.name == name)
    }

    /// As IAM calls it.
    pub(super) fn action(&self) -> String {
        // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>
        let prefix = match self.service {
            Service::CloudWatch => "cloudwatch",
            service => service.name(),
        };
        format!("{prefix}:{}", self.name)
    }

    /// IAM knows no narrower resource for it than `*`. What is asked of log groups is asked of
    /// `log-group:NAME:log-stream:`, as refusals say, and of `log-group::log-stream:` where it is
    /// asked of all: <https://github.com/mweagle/Sparta/issues/7>.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>
    pub(super) fn is_about_no_resource(&self) -> bool {
        matches!(
            self.name,
            "DescribeAccountPolicies"
                | "PutAccountPolicy"
                | "DeleteAccountPolicy"
                | "DescribeDestinations"
                | "ListEventSourceMappings"
                | "LookupEvents"
                | "GetMetricData"
        )
    }

    /// What the call is about: a log group, a function, a stream, a role.
    pub(super) fn resource(&self, input: &Map<String, Value>) -> Option<String> {
        let named = |field: &str| input.get(field).and_then(Value::as_str);
        let name = match self.service {
            Service::Logs => {
                let by_arn = || {
                    let arn = named("resourceArn").or_else(|| named("logGroupIdentifier"))?;
                    arn.split(':').nth(6)
                };
                named("logGroupName").or_else(by_arn).or_else(|| named("destinationName"))
            }
            Service::Lambda => named("FunctionName").or_else(|| named("EventSourceArn")),
            Service::Kinesis => named("StreamName").or_else(|| named("StreamARN")),
            Service::Firehose => named("DeliveryStreamName"),
            Service::Pipes => named("Name"),
            Service::Sts => named("RoleArn"),
            Service::CloudTrail | Service::CloudWatch => None,
        };
        name.map(str::to_owned)
    }
}

impl Service {
    /// The service that signs with this name.
    pub(super) fn signed_as(name: &str) -> Option<Self> {
        let all = [
            Self::Logs,
            Self::Lambda,
            Self::Kinesis,
            Self::Firehose,
            Self::Pipes,
            Self::Sts,
            Self::CloudTrail,
            Self::CloudWatch,
        ];
        all.into_iter().find(|service| service.name() == name)
    }

    /// Its name in credential scopes, ARNs and IAM actions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Lambda => "lambda",
            Self::Kinesis => "kinesis",
            Self::Firehose => "firehose",
            Self::Pipes => "pipes",
            Self::Sts => "sts",
            Self::CloudTrail => "cloudtrail",
            Self::CloudWatch => "monitoring",
        }
    }

    /// What `X-Amz-Target` may say before the operation. SDKs differ for CloudTrail.
    pub(super) fn targets(self) -> &'static [&'static str] {
        match self {
            Self::Logs => &["Logs_20140328"],
            Self::Kinesis => &["Kinesis_20131202"],
            Self::Firehose => &["Firehose_20150804"],
            Self::CloudTrail => {
                &["CloudTrail_20131101", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"]
            }
            Self::Lambda | Self::Pipes | Self::Sts | Self::CloudWatch => &[],
        }
    }

    /// The exception for a parameter that breaks a rule.
    pub(super) fn invalid(self) -> &'static str {
        match self {
            Self::Logs | Self::CloudTrail => "InvalidParameterException",
            Self::Lambda => "InvalidParameterValueException",
            Self::Kinesis | Self::Firehose | Self::Pipes => "ValidationException",
            Self::Sts | Self::CloudWatch => "ValidationError",
        }
    }

    /// What it says to too many calls.
    pub(super) fn throttled(self) -> Refusal {
        match self {
            Self::Logs | Self::Firehose | Self::CloudTrail => Refusal::throttled(),
            Self::Lambda => Refusal::new(429, "TooManyRequestsException", "Rate exceeded"),
            Self::Kinesis => Refusal::bad("LimitExceededException", "Rate exceeded"),
            Self::Pipes => Refusal::new(429, "ThrottlingException", "Rate exceeded"),
            Self::Sts | Self::CloudWatch => Refusal::bad("Throttling", "Rate exceeded"),
        }
    }

    /// What it says to a caller who may not do this.
    pub(super) fn denied(self, who: &str, action: &str, resource: &str) -> Refusal {
        let refusal = Refusal::access_denied(who, action, resource);
        match self {
            Self::Lambda | Self::Pipes => Refusal { status: 403, ..refusal },
            Self::Sts | Self::CloudWatch => {
                Refusal { status: 403, code: "AccessDenied".to_owned(), ..refusal }
            }
            _ => refusal,
        }
    }

    /// An answer that says no, in the service's protocol: content type and body.
    pub(super) fn render(self, refusal: &Refusal) -> (&'static str, Vec<u8>) {
        let Refusal { status, code, message } = refusal;
        let (content_type, text) = match self {
            Self::CloudWatch => {
                return (
                    self.content_type(),
                    cbor::write(&json!({"__type": code, "message": message})),
                );
            }
            Self::Sts => (
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                     <Type>{}</Type><Code>{code}</Code><Message>{}</Message></Error>\
                     <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
                    if *status < 500 { "Sender" } else { "Receiver" },
                    super::sts::escape(message),
                ),
            ),
            Self::Lambda => {
                let kind = if *status < 500 { "User" } else { "Service" };
                ("application/json", json!({"Type": kind, "Message": message}).to_string())
            }
            Self::Pipes => ("application/json", json!({"message": message}).to_string()),
            _ => (
                "application/x-amz-json-1.1",
                json!({"__type": code, "message": message}).to_string(),
            ),
        };
        (content_type, text.into_bytes())
    }

    /// The content type of its answers.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Sts => "text/xml",
            Self::Lambda | Self::Pipes => "application/json",
            Self::CloudWatch => "application/cbor",
            _ => "application/x-amz-json-1.1",
        }
    }
}
