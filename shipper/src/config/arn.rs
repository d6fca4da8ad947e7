//! ARNs of destinations.

/// The pattern of a Firehose stream's ARN.
pub(super) const FIREHOSE: &str =
    r"^arn:aws[^:]*:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]+$";

/// The pattern of a Kinesis stream's ARN.
pub(super) const KINESIS: &str =
    r"^arn:aws[^:]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]+$";

/// The region and the name in a stream's ARN.
pub(super) fn region_and_name(arn: &str) -> (&str, &str) {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let (_, name) = arn.rsplit_once('/').unwrap_or_default();
    (region, name)
}
