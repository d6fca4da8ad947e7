//! ARNs of what the shipper writes to.

/// What an ARN of a Firehose stream looks like.
pub(super) const FIREHOSE: &str =
    r"^arn:aws[^:]*:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]+$";

/// What an ARN of a Kinesis stream looks like.
pub(super) const KINESIS: &str =
    r"^arn:aws[^:]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]+$";

/// The region in a stream's ARN, and the stream's name.
pub(super) fn region_and_name(arn: &str) -> (&str, &str) {
    let region = arn.split(':').nth(3).unwrap_or_default();
    let (_, name) = arn.rsplit_once('/').unwrap_or_default();
    (region, name)
}
