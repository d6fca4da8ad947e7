//! The configuration of a Firehose destination.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arn::{FIREHOSE, region_and_name};
use super::events_per_record::EventsPerRecord;
use super::schema::FieldError;
use super::url::{HttpUrl, url_of_service};
use crate::aws::Service;
use crate::destination::Destination;
use crate::destination::firehose::Firehose;

/// The fields of type `firehose`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Settings {
    #[schemars(extend(
        "pattern" = FIREHOSE,
        "errorMessage" = "must be an ARN, such as \
            \"arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs\"",
    ))]
    stream_arn: String,
    #[serde(default)]
    events_per_record: EventsPerRecord,
    url: Option<HttpUrl>,
}

impl Settings {
    pub(super) fn destination(self) -> Result<Box<dyn Destination>, FieldError> {
        let (region, name) = region_and_name(&self.stream_arn);
        let url = url_of_service(self.url, Service::Firehose, region)?;
        Ok(Box::new(Firehose::new(url, region, name, self.events_per_record.into())))
    }
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
