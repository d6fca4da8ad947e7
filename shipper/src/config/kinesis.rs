//! The configuration of a Kinesis destination.

use super::arn::{Stream, stream_arn};
use super::fields::Fields;
use super::url::url_of_service;
use crate::aws::Service;
use crate::destination::kinesis::{Kinesis, Partition};
use crate::destination::{Destination, EventsPerRecord};

/// Reads the fields of type `kinesis`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    let arn = stream_arn(fields, Stream::Kinesis);
    let partition = match fields.choice_or_first("partition_by", &["record", "log_stream"]) {
        "log_stream" => Partition::LogStream,
        _ => Partition::Record,
    };
    let region = arn.as_ref().map(|arn| arn.region);
    let url = url_of_service(fields, Service::Kinesis, region);
    let arn = arn?;
    Some(Box::new(Kinesis::new(url?, arn.region, arn.whole, partition, EventsPerRecord::One)))
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
    fn what_is_no_streams_arn_is_a_mistake() {
        for arn in [
            "logs",
            "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs",
            "arn:aws:kinesis:eu-west-1:123456789012:stream/",
            "arn:aws:kinesis::123456789012:stream/logs",
            "arn:aws:kinesis:evil.example/:123456789012:stream/logs",
        ] {
            let error = config(&format!(r#""stream_arn":"{arn}""#)).err().unwrap().to_string();
            let expected = format!(
                "LOGAGG_CONFIG has 1 mistake:\n  destinations.x.stream_arn: is \"{arn}\", must be an \
                 ARN, as in \"arn:aws:kinesis:eu-west-1:123456789012:stream/logs\""
            );
            assert_eq!(error, expected);
        }
    }
}
