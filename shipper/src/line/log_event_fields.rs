//! The fields that are found in a log event.

use std::borrow::Cow;

use super::kind::Kind;
use super::lambda_details::LambdaDetails;
use super::level::Level;
use super::report::Report;
use super::trace::Trace;
use super::vpc_flow::VpcFlow;

/// A parsed log event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line<'a> {
    /// Its kind.
    pub kind: Kind,
    /// The request that it belongs to.
    pub request_id: Option<Cow<'a, str>>,
    /// Whether the request id is inferred from the surrounding log events.
    pub request_id_is_inferred: bool,
    /// Its level, if it has one.
    pub level: Option<Level>,
    /// The trace that it belongs to.
    pub trace: Option<Box<Trace>>,
    /// The metrics of a REPORT.
    pub report: Option<Box<Report<'a>>>,
    /// What Lambda says besides.
    pub details: Option<Box<LambdaDetails<'a>>>,
    /// Whether it tells that its instance processes several requests at a time.
    pub is_of_managed_instance: bool,
    /// The flow of a VPC flow log.
    pub flow: Option<Box<VpcFlow<'a>>>,
    /// The JSON object of the message, as written.
    pub json: Option<&'a str>,
}
