//! VPC flow logs in the default format, version 2.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html#flow-logs-default>

use std::net::IpAddr;

/// A flow. A field that is `-`, as in a record without data, is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VpcFlow<'a> {
    /// The account of the network interface, or `unknown`.
    pub account_id: &'a str,
    /// The network interface.
    pub interface_id: &'a str,
    /// The source address.
    pub source_ip: Option<&'a str>,
    /// The source port.
    pub source_port: Option<u64>,
    /// The destination address.
    pub destination_ip: Option<&'a str>,
    /// The destination port.
    pub destination_port: Option<u64>,
    /// The IANA number of the protocol.
    pub protocol: Option<&'a str>,
    /// The number of packets.
    pub packets: Option<u64>,
    /// The number of bytes.
    pub bytes: Option<u64>,
    /// When the capture window began, in seconds since 1970.
    pub start: u64,
    /// When the capture window ended, in seconds since 1970.
    pub end: u64,
    /// `ACCEPT` or `REJECT`.
    pub action: Option<&'a str>,
    /// `OK`, `NODATA` or `SKIPDATA`.
    pub log_status: &'a str,
}

/// Parses a flow; `None` for any other message.
pub(super) fn parse(message: &str) -> Option<VpcFlow<'_>> {
    let mut fields = message.strip_prefix("2 ")?.trim_ascii_end().split(' ');
    let mut next = || fields.next();
    let flow = VpcFlow {
        account_id: next()?,
        interface_id: next().filter(|id| id.starts_with("eni-"))?,
        source_ip: absent_or(next()?, address)?,
        destination_ip: absent_or(next()?, address)?,
        source_port: absent_or(next()?, number)?,
        destination_port: absent_or(next()?, number)?,
        protocol: absent_or(next()?, |text| number(text).map(|_| text))?,
        packets: absent_or(next()?, number)?,
        bytes: absent_or(next()?, number)?,
        start: number(next()?)?,
        end: number(next()?)?,
        action: absent_or(next()?, |text| matches!(text, "ACCEPT" | "REJECT").then_some(text))?,
        log_status: next().filter(|text| matches!(*text, "OK" | "NODATA" | "SKIPDATA"))?,
    };
    fields.next().is_none().then_some(flow)
}

/// A value, or `-`.
fn absent_or<'a, T>(text: &'a str, read: impl Fn(&'a str) -> Option<T>) -> Option<Option<T>> {
    if text == "-" { Some(None) } else { read(text).map(Some) }
}

fn address(text: &str) -> Option<&str> {
    text.parse::<IpAddr>().ok().map(|_| text)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    /// The examples of
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html>.
    #[test]
    fn flows_in_the_default_format_are_parsed() {
        let line = Line::parse(
            "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 \
             1418530010 1418530070 ACCEPT OK",
        );
        let expected = VpcFlow {
            account_id: "123456789010",
            interface_id: "eni-1235b8ca123456789",
            source_ip: Some("172.31.16.139"),
            source_port: Some(20_641),
            destination_ip: Some("172.31.16.21"),
            destination_port: Some(22),
            protocol: Some("6"),
            packets: Some(20),
            bytes: Some(4_249),
            start: 1_418_530_010,
            end: 1_418_530_070,
            action: Some("ACCEPT"),
            log_status: "OK",
        };
        assert_eq!(line.flow.as_deref(), Some(&expected));
        let line = Line::parse(
            "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA",
        );
        let flow = line.flow.unwrap();
        assert_eq!((flow.log_status, flow.source_ip, flow.bytes), ("NODATA", None, None));
    }

    #[test]
    fn other_messages_are_no_flows() {
        for message in [
            "2 apples",
            "2 1 eni-1 a b 1 2 6 20 4249 1418530010 1418530070 ACCEPT OK",
            "2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530010 1418530070 ACCEPT OK more",
            "3 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 20 4249 1418530010 1418530070 ACCEPT OK",
        ] {
            assert_eq!(Line::parse(message), Line::default(), "{message}");
        }
    }
}
