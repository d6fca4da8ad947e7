//! The configuration of a Firehose destination.

use super::arn::{Stream, stream_arn};
use super::fields::Fields;
use super::url::url_of_service;
use crate::aws::Service;
use crate::destination::firehose::Firehose;
use crate::destination::{Destination, EventsPerRecord};

/// Reads the fields of type `firehose`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Option<Box<dyn Destination>> {
    let arn = stream_arn(fields, Stream::Firehose);
    let region = arn.as_ref().map(|arn| arn.region);
    let url = url_of_service(fields, Service::Firehose, region);
    let arn = arn?;
    Some(Box::new(Firehose::new(url?, arn.region, arn.name, EventsPerRecord::One)))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn the_stream_is_in_the_region_of_its_arn() {
        let document = r#"{"destinations":{"x":{"type":"firehose","url":"https://vpce.example",
            "stream_arn":"arn:aws-cn:firehose:cn-north-1:123456789012:deliverystream/logs"}}}"#;
        let config = Config::parse(document).unwrap_or_else(|error| panic!("{error}"));
        let endpoint = config.destinations["x"].destination.endpoint();
        assert_eq!(endpoint.signing.as_ref().unwrap().region.as_deref(), Some("cn-north-1"));
        assert_eq!(endpoint.url.as_str(), "https://vpce.example/");
    }
}
