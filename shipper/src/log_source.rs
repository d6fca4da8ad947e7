//! The source of a log event: account, region, log group, log stream, and the function.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::aws::partition;
use crate::destination::SharedFields;
use crate::source_service::SourceService;

/// What all records of one source in an event share.
#[derive(Debug)]
pub struct LogSource<'a> {
    /// The account that owns the log group.
    pub owner: &'a str,
    /// The region of the log group, if it is known.
    pub region: Option<&'a str>,
    /// The log group's name.
    pub group: &'a str,
    /// The log stream's name.
    pub stream: &'a str,
    /// The account and log group that delivered the log events. They differ from the source of
    /// centralized logs, and are in every delivery, whatever fields its filter adds.
    pub delivered_by: [&'a str; 2],
    /// The AWS service that wrote the log events.
    pub service: SourceService,
    /// The function that wrote the log events, if the names contain it.
    pub function: Option<&'a str>,
    /// The function's version, if the log stream's name contains it.
    pub version: Option<&'a str>,
    /// The tags of the log group and its function, if they are known.
    pub tags: Option<BTreeMap<String, String>>,
    /// When the shipper, or the stream before it, received the event.
    pub observed: Option<SystemTime>,
    /// The encoded form of the shared fields.
    pub(crate) shared_fields: SharedFields,
    /// The index of the event within the invocation.
    pub event: usize,
}

impl<'a> LogSource<'a> {
    /// Derives function and version from the names.
    ///
    /// A function with its own log group writes to `/aws/lambda/<function>`, in log streams named
    /// `yyyy/mm/dd/[version]<id>`. Functions that share a log group have their name in the log
    /// stream, `yyyy/mm/dd/<function>[version]<id>`, which has precedence.
    pub fn new(owner: &'a str, group: &'a str, stream: &'a str) -> Self {
        let (in_stream, version) = function_and_version(stream);
        let service = match version {
            Some(_) => SourceService::Lambda,
            None => SourceService::of(group, stream),
        };
        Self {
            owner,
            region: None,
            observed: None,
            group,
            stream,
            delivered_by: [owner, group],
            service,
            function: in_stream.or_else(|| function_of_group(group)),
            version,
            tags: None,
            shared_fields: SharedFields::default(),
            event: 0,
        }
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.as_ref().and_then(|tags| tags.get(key)).map(String::as_str)
    }

    /// The same log source with its tags.
    pub fn with_tags(self, tags: Option<BTreeMap<String, String>>) -> Self {
        Self { tags, ..self }
    }

    /// The same log source in a region.
    pub fn in_region(self, region: Option<&'a str>) -> Self {
        Self { region, ..self }
    }

    /// The same log source, of an event that arrived at this time.
    pub fn observed_at(self, time: SystemTime) -> Self {
        Self { observed: Some(time), ..self }
    }

    /// The same log source, whose log events another account and log group delivered.
    pub fn delivered_by(self, owner: &'a str, group: &'a str) -> Self {
        Self { delivered_by: [owner, group], ..self }
    }

    /// The ARN of the log group, if the region is known.
    ///
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html>
    pub fn group_arn(&self) -> Option<String> {
        let (region, owner, group) = (self.region?, self.owner, self.group);
        let partition = partition(region);
        Some(format!("arn:{partition}:logs:{region}:{owner}:log-group:{group}"))
    }

    /// The same log source with the index of its event.
    pub fn of_event(self, event: usize) -> Self {
        Self { event, ..self }
    }
}

/// The function in the name of a log stream, which functions have that share a log group.
pub(crate) fn function_of_stream(stream: &str) -> Option<&str> {
    function_and_version(stream).0
}

fn function_and_version(stream: &str) -> (Option<&str>, Option<&str>) {
    let mut parts = stream.splitn(4, '/');
    let date = [parts.next(), parts.next(), parts.next()];
    let dated = date.iter().zip([4, 2, 2]).all(|(part, digits)| {
        part.is_some_and(|part| {
            part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    });
    let Some(rest) = parts.next().filter(|_| dated) else {
        return (None, None);
    };
    let Some((function, rest)) = rest.split_once('[') else {
        return (None, None);
    };
    let Some((version, id)) = rest.split_once(']') else {
        return (None, None);
    };
    if version.is_empty() || id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return (None, None);
    }
    (Some(function).filter(|name| !name.is_empty()), Some(version))
}

fn function_of_group(group: &str) -> Option<&str> {
    let name = group.strip_prefix("/aws/lambda/")?;
    // Lambda@Edge writes to `/aws/lambda/us-east-1.<function>`; function names have no dots.
    let name = name.rsplit_once('.').map_or(name, |(_, function)| function);
    Some(name).filter(|name| !name.is_empty() && !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(group: &str, stream: &str, function: Option<&str>, version: Option<&str>) {
        let log_source = LogSource::new("123456789012", group, stream);
        assert_eq!(
            (log_source.function, log_source.version),
            (function, version),
            "{group} {stream}"
        );
    }

    #[test]
    fn a_function_with_its_own_log_group_is_named_by_it() {
        check(
            "/aws/lambda/orders",
            "2023/11/06/[$LATEST]0123456789abcdef0123456789abcdef",
            Some("orders"),
            Some("$LATEST"),
        );
        check(
            "/aws/lambda/orders",
            "2023/11/06/[17]0123456789abcdef0123456789abcdef",
            Some("orders"),
            Some("17"),
        );
        check("/aws/lambda/orders", "by-hand", Some("orders"), None);
    }

    #[test]
    fn in_a_shared_group_the_stream_names_the_function() {
        check(
            "/shop/all",
            "2023/11/06/orders[3]0123456789abcdef0123456789abcdef",
            Some("orders"),
            Some("3"),
        );
        check(
            "/aws/lambda/other",
            "2023/11/06/orders[$LATEST]0123456789abcdef0123456789abcdef",
            Some("orders"),
            Some("$LATEST"),
        );
    }

    #[test]
    fn the_arn_of_a_log_group_is_of_its_partition() {
        for (region, expected) in [
            (Some("eu-west-1"), Some("arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/web")),
            (
                Some("cn-north-1"),
                Some("arn:aws-cn:logs:cn-north-1:123456789012:log-group:/ecs/web"),
            ),
            (None, None),
        ] {
            let log_source = LogSource::new("123456789012", "/ecs/web", "s").in_region(region);
            assert_eq!(log_source.group_arn().as_deref(), expected);
        }
    }

    #[test]
    fn the_region_prefix_of_an_edge_function_is_not_part_of_its_name() {
        check("/aws/lambda/us-east-1.viewer", "s", Some("viewer"), None);
    }

    #[test]
    fn names_of_other_services_have_no_function() {
        check("/ecs/web", "web/web/0f3a", None, None);
        check("/ecs/web", "2023/11/06/x[y", None, None);
        check("/ecs/web", "2023/11/06/x[1]not hex", None, None);
        check("/aws/lambda/", "", None, None);
    }
}
