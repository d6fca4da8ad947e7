//! Where a line was written: account, log group, log stream, and the function behind them.

use crate::destination::CommonCell;

/// What all records of one event have in common.
#[derive(Debug)]
pub struct LogSource<'a> {
    /// The account that owns the log group.
    pub owner: &'a str,
    /// The log group's name.
    pub group: &'a str,
    /// The log stream's name.
    pub stream: &'a str,
    /// The function that wrote, where the names tell it.
    pub function: Option<&'a str>,
    /// The function's version, where the stream's name tells it.
    pub version: Option<&'a str>,
    /// All this as it stands in documents.
    pub(crate) common: CommonCell,
    /// Which of an invocation's events it came with, counted from 0.
    pub event: usize,
}

impl<'a> LogSource<'a> {
    /// Reads function and version from the names.
    ///
    /// A function with a log group of its own writes to `/aws/lambda/<function>`, in streams
    /// named `yyyy/mm/dd/[version]<id>`. Functions that share a group have their name in the
    /// stream, `yyyy/mm/dd/<function>[version]<id>`, and there the stream has the last word.
    pub fn new(owner: &'a str, group: &'a str, stream: &'a str) -> Self {
        let (in_stream, version) = function_and_version(stream);
        Self {
            owner,
            group,
            stream,
            function: in_stream.or_else(|| function_of_group(group)),
            version,
            common: CommonCell::default(),
            event: 0,
        }
    }

    /// The log_source as that of an invocation's event with this number.
    pub fn of_event(self, event: usize) -> Self {
        Self { event, ..self }
    }
}

/// The function that a log stream is named after, as those are that functions write to a log group that they
/// share.
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
    // Lambda@Edge writes to `/aws/lambda/us-east-1.<function>`; a function's name has no dot.
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
    fn a_function_with_a_group_of_its_own_is_named_by_the_group() {
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
    fn the_region_in_front_of_an_edge_function_is_no_part_of_its_name() {
        check("/aws/lambda/us-east-1.viewer", "s", Some("viewer"), None);
    }

    #[test]
    fn names_of_other_services_give_no_function() {
        check("/ecs/web", "web/web/0f3a", None, None);
        check("/ecs/web", "2023/11/06/x[y", None, None);
        check("/ecs/web", "2023/11/06/x[1]not hex", None, None);
        check("/aws/lambda/", "", None, None);
    }
}
