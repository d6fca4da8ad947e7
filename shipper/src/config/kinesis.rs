//! The configuration of a Kinesis destination.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arn::{KINESIS, region_and_name};
use super::events_per_record::EventsPerRecord;
use super::names::Templates;
use super::schema::FieldError;
use super::url::{HttpUrl, url_of_service};
use crate::aws::Service;
use crate::destination::Destination;
use crate::destination::kinesis::{Kinesis, Partition};
use crate::routing::NameField;

/// The fields of type `kinesis`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    #[schemars(extend(
        "pattern" = KINESIS,
        "errorMessage" = "must be an ARN, such as \
            \"arn:aws:kinesis:eu-west-1:123456789012:stream/logs\"",
    ))]
    stream_arn: String,
    #[serde(default)]
    partition_by: PartitionBy,
    #[schemars(length(max = 128))]
    partition_key: Option<String>,
    #[serde(default)]
    events_per_record: EventsPerRecord,
    url: Option<HttpUrl>,
}

#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PartitionBy {
    #[default]
    Record,
    LogStream,
}

impl Settings {
    /// Takes the names that are templates.
    pub(super) fn take_templates(&mut self, templates: &mut Templates) -> Result<(), FieldError> {
        templates.take(&mut self.partition_key, NameField::PartitionKey)?;
        Ok(())
    }

    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let (region, _) = region_and_name(&self.stream_arn);
        let url = url_of_service(self.url, Service::Kinesis, region)?;
        let partition = match self.partition_by {
            PartitionBy::Record => Partition::Record,
            PartitionBy::LogStream => Partition::LogStream,
        };
        Ok(Box::new(Kinesis::new(
            url,
            region,
            &self.stream_arn,
            partition,
            self.partition_key,
            self.events_per_record.into(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn config(fields: &str) -> Result<Config, ConfigError> {
        Config::parse(&format!(r#"{{"destinations":{{"x":{{"type":"kinesis",{fields}}}}}}}"#))
    }

    #[test]
    fn the_stream_is_in_the_region_of_its_arn() {
        let fields = r#""stream_arn":"arn:aws:kinesis:eu-west-1:123456789012:stream/logs","url":"http://127.0.0.1:1""#;
        let config = config(fields).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.url.as_str(), "http://127.0.0.1:1/");
        let signing = endpoint.signing.as_ref().unwrap();
        assert_eq!(signing.region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn an_invalid_stream_arn_is_an_error() {
        for arn in [
            "logs",
            "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/",
            "arn:aws:kinesis::123456789012:stream/logs",
            "arn:aws:kinesis:evil.example/:123456789012:stream/logs",
        ] {
            let error = config(&format!(r#""stream_arn":"{arn}""#)).err().unwrap().to_string();
            let expected = format!(
                "LOGAGG_CONFIG has 1 error:\n  destinations.x.stream_arn: is \"{arn}\", must be \
                 an ARN, such as \"arn:aws:kinesis:eu-west-1:123456789012:stream/logs\""
            );
            assert_eq!(error, expected);
        }
    }
}
