//! Data Firehose: what a delivery stream reads, where it logs its errors, and which function
//! transforms.

use serde_json::{Value, json};

use super::input::{Input, Text};
use super::place::Place;
use super::refusal::Refusal;
use super::world::{Scope, json_body};

const NAME: Text =
    Text::of(1, 64).matching("[a-zA-Z0-9_.-]+", |c| c.is_ascii_alphanumeric() || "_.-".contains(c));

/// A delivery stream.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryStream {
    pub(super) name: String,
    source: Option<String>,
    to: DeliversTo,
    error_group: Option<String>,
    backup_error_group: Option<String>,
    transformer: Option<String>,
}

/// What a delivery stream delivers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliversTo {
    /// A bucket.
    S3,
    /// Any HTTP endpoint, with a bucket beside it.
    HttpEndpoint,
    /// Splunk, with a bucket beside it.
    Splunk,
}

impl DeliveryStream {
    /// One to a bucket, without logging or transformation.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            source: None,
            to: DeliversTo::S3,
            error_group: None,
            backup_error_group: None,
            transformer: None,
        }
    }

    /// It reads this Kinesis stream instead of direct puts.
    #[must_use]
    pub fn reading(mut self, stream_arn: &str) -> Self {
        self.source = Some(stream_arn.to_owned());
        self
    }

    /// It delivers to this.
    #[must_use]
    pub fn to(mut self, to: DeliversTo) -> Self {
        self.to = to;
        self
    }

    /// It logs its errors to this group.
    #[must_use]
    pub fn logging_to(mut self, group: &str) -> Self {
        self.error_group = Some(group.to_owned());
        self
    }

    /// The bucket beside its destination logs errors to this group.
    #[must_use]
    pub fn backup_logging_to(mut self, group: &str) -> Self {
        self.backup_error_group = Some(group.to_owned());
        self
    }

    /// This function transforms what it delivers.
    #[must_use]
    pub fn transformed_by(mut self, function_arn: &str) -> Self {
        self.transformer = Some(function_arn.to_owned());
        self
    }

    fn kind(&self) -> &'static str {
        if self.source.is_some() { "KinesisStreamAsSource" } else { "DirectPut" }
    }

    /// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_DeliveryStreamDescription.html>,
    /// where a stream of DirectPut has no source.
    fn describe(&self, place: &Place) -> Value {
        let mut described = json!({
            "DeliveryStreamName": self.name,
            "DeliveryStreamARN": arn(place, &self.name),
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamType": self.kind(),
            "VersionId": "1",
            "Destinations": [self.destination(place)],
            "HasMoreDestinations": false,
        });
        if let Some(stream) = &self.source {
            described["Source"]["KinesisStreamSourceDescription"] = json!({
                "KinesisStreamARN": stream,
                "RoleARN": format!("arn:aws:iam::{}:role/{}", place.account, self.name),
                "DeliveryStartTimestamp": 1_767_225_600.0,
            });
        }
        described
    }

    fn destination(&self, place: &Place) -> Value {
        let logging = |group: &Option<String>| match group {
            Some(group) => {
                json!({"Enabled": true, "LogGroupName": group, "LogStreamName": "errors"})
            }
            None => json!({"Enabled": false}),
        };
        let processing = match &self.transformer {
            Some(arn) => json!({
                "Enabled": true,
                "Processors": [{
                    "Type": "Lambda",
                    "Parameters": [
                        {"ParameterName": "LambdaArn", "ParameterValue": format!("{arn}:$LATEST")},
                        {"ParameterName": "NumberOfRetries", "ParameterValue": "3"},
                    ],
                }],
            }),
            None => json!({"Enabled": false, "Processors": []}),
        };
        let bucket = json!({
            "RoleARN": format!("arn:aws:iam::{}:role/{}", place.account, self.name),
            "BucketARN": format!("arn:aws:s3:::{}", self.name),
            "CompressionFormat": "GZIP",
        });
        let mut described = match self.to {
            DeliversTo::S3 => bucket.clone(),
            DeliversTo::HttpEndpoint => {
                json!({"EndpointConfiguration": {"Url": "https://logs.example", "Name": "logs"}})
            }
            DeliversTo::Splunk => {
                json!({"HECEndpoint": "https://splunk.example", "HECEndpointType": "Event"})
            }
        };
        described["CloudWatchLoggingOptions"] = logging(&self.error_group);
        described["ProcessingConfiguration"] = processing;
        let field = match self.to {
            DeliversTo::S3 => {
                described["S3BackupMode"] = "Disabled".into();
                "ExtendedS3DestinationDescription"
            }
            DeliversTo::HttpEndpoint => "HttpEndpointDestinationDescription",
            DeliversTo::Splunk => "SplunkDestinationDescription",
        };
        if self.to != DeliversTo::S3 {
            let mut backup = bucket;
            backup["CloudWatchLoggingOptions"] = logging(&self.backup_error_group);
            described["S3DestinationDescription"] = backup;
        }
        let mut destination = json!({"DestinationId": "destinationId-000000000001"});
        destination[field] = described;
        destination
    }
}

pub(super) fn answer(
    operation: &str,
    scope: &mut Scope<'_>,
    input: Input,
) -> Result<Vec<u8>, Refusal> {
    match operation {
        "DescribeDeliveryStream" => describe(scope, input),
        "ListDeliveryStreams" => list(scope, input),
        other => unreachable!("{other} is no operation of Firehose"),
    }
}

fn describe(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    let name = input.required("DeliveryStreamName", NAME);
    input.number("Limit", 1, 10_000);
    input.text("ExclusiveStartDestinationId", Text::of(1, 100));
    input.finish()?;
    let place = scope.place;
    let account = place.account.as_str();
    let missing =
        || Refusal::missing(format!("Firehose {name} under account {account} not found."));
    let stream = scope.here().delivery_streams.get(&name).ok_or_else(missing)?;
    Ok(json_body(&json!({"DeliveryStreamDescription": stream.describe(place)})))
}

/// In the order of their names, ten at once unless more are asked for.
/// <https://docs.aws.amazon.com/firehose/latest/APIReference/API_ListDeliveryStreams.html>
fn list(scope: &mut Scope<'_>, mut input: Input) -> Result<Vec<u8>, Refusal> {
    const KINDS: [&str; 4] =
        ["DirectPut", "KinesisStreamAsSource", "MSKAsSource", "DatabaseAsSource"];
    const USUAL_PAGE: usize = 10;
    let kind = input.choice("DeliveryStreamType", &KINDS);
    let after = input.text("ExclusiveStartDeliveryStreamName", NAME).unwrap_or_default();
    let size = input.number("Limit", 1, 10_000).and_then(|size| usize::try_from(size).ok());
    input.finish()?;
    let streams = scope.here().delivery_streams.values();
    let mut matching = streams
        .filter(|stream| kind.as_ref().is_none_or(|kind| kind == stream.kind()))
        .filter(|stream| stream.name > after)
        .map(|stream| stream.name.as_str());
    let names: Vec<_> = matching.by_ref().take(size.unwrap_or(USUAL_PAGE)).collect();
    let more = matching.next().is_some();
    Ok(json_body(&json!({"DeliveryStreamNames": names, "HasMoreDeliveryStreams": more})))
}

/// The ARN of a delivery stream here.
pub(super) fn arn(place: &Place, name: &str) -> String {
    place.arn("firehose", format_args!("deliverystream/{name}"))
}
