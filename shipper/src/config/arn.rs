//! ARNs of what the shipper writes to.

use super::fields::Fields;

/// The parts of an ARN that matter here.
pub(super) struct Arn<'v> {
    pub(super) whole: &'v str,
    pub(super) region: &'v str,
    /// What stands behind the resource's type: a stream's name.
    pub(super) name: &'v str,
}

/// What can be written to, by its ARN.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Firehose,
    Kinesis,
}

/// Reads `stream_arn`.
pub(super) fn stream_arn<'v>(fields: &mut Fields<'v, '_>, stream: Stream) -> Option<Arn<'v>> {
    let (service, resource, like) = match stream {
        Stream::Firehose => (
            "firehose",
            "deliverystream",
            r"^arn:aws[^:]*:firehose:[a-z0-9-]+:[0-9]{12}:deliverystream/[A-Za-z0-9_.-]+$",
        ),
        Stream::Kinesis => (
            "kinesis",
            "stream",
            r"^arn:aws[^:]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]+$",
        ),
    };
    let text = fields.like(like).text("stream_arn")?;
    let parsed = parse(text, service, resource);
    if parsed.is_none() {
        let mistake = format!(
            "is {text:?}, must be an ARN, as in \
             \"arn:aws:{service}:eu-west-1:123456789012:{resource}/logs\""
        );
        fields.mistake_in("stream_arn", &mistake);
    }
    parsed
}

/// Whether a text is the id of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse<'v>(text: &'v str, service: &str, resource: &str) -> Option<Arn<'v>> {
    let mut parts = text.splitn(6, ':');
    let (arn, partition) = (parts.next()?, parts.next()?);
    let (of_service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
    let (of_resource, name) = parts.next()?.split_once('/')?;
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_good = arn == "arn"
        && partition.starts_with("aws")
        && of_service == service
        && of_resource == resource
        && !region.is_empty()
        && region.bytes().all(is_region)
        && is_account(account)
        && !name.is_empty()
        && name.bytes().all(is_name);
    is_good.then_some(Arn { whole: text, region, name })
}
