use std::fmt;
use std::time::Duration;

use crate::contract::Contract;
use crate::http::{Reply, Response};
use crate::mock_server::Behavior;

/// The request timeout unless the fault is a missing response: longer than a slow machine needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The request timeout if the fault is a missing response. A slow machine has sent the request by
/// then.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);

/// A fault between the shipper and a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// None.
    Nothing,
    /// Some records are invalid, and the destination says so if it ever does.
    MalformedEvents,
    /// The response has this status, in the destination's own form if it has one.
    Status(u16),
    /// The response is 429 with `Retry-After`.
    RetryAfter,
    /// The response is late, but complete.
    Slow,
    /// The request is received, without a response.
    Hang,
    /// The connection is reset before the body is read.
    ResetBeforeBody,
    /// The connection is reset after the request is received.
    ResetAfterBody,
    /// The request is received, and the response is truncated.
    TruncatedResponse,
    /// The request is received, and the response is 200 with an HTML page.
    InvalidResponse,
    /// The response is valid, but its content type is HTML.
    WrongContentType,
    /// The certificate is not trusted.
    Tls,
    /// The host name cannot be resolved.
    Dns,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Passes,
    Lasts,
}

impl Fault {
    pub(super) const ALL: [Self; 22] = [
        Self::Nothing,
        Self::MalformedEvents,
        Self::Status(400),
        Self::Status(401),
        Self::Status(403),
        Self::Status(408),
        Self::Status(409),
        Self::Status(413),
        Self::Status(429),
        Self::RetryAfter,
        Self::Status(500),
        Self::Status(501),
        Self::Status(503),
        Self::Slow,
        Self::Hang,
        Self::ResetBeforeBody,
        Self::ResetAfterBody,
        Self::TruncatedResponse,
        Self::InvalidResponse,
        Self::WrongContentType,
        Self::Tls,
        Self::Dns,
    ];

    /// How a server handles a request with the fault.
    pub(super) fn behavior(self, contract: &dyn Contract, course: Course) -> Behavior {
        match self {
            Self::Nothing | Self::MalformedEvents | Self::Tls | Self::Dns => Behavior::Accepts,
            Self::Status(status) => Behavior::Does(Reply::Response(contract.says(status))),
            Self::RetryAfter => {
                let seconds = match course {
                    Course::Passes => "0",
                    Course::Lasts => "3600",
                };
                Behavior::Does(Reply::Response(contract.says(429).with("retry-after", seconds)))
            }
            Self::Slow => Behavior::AcceptsSlowly(match course {
                Course::Passes => Duration::from_millis(150),
                // Longer than the request timeout.
                Course::Lasts => Duration::from_secs(3_600),
            }),
            Self::Hang => Behavior::AcceptsThen(Reply::Silence),
            Self::ResetBeforeBody => Behavior::ResetsBeforeBody,
            Self::ResetAfterBody => Behavior::AcceptsThen(Reply::Reset),
            Self::TruncatedResponse => Behavior::AcceptsThenTruncates,
            Self::InvalidResponse => {
                Behavior::AcceptsThen(Reply::Response(Response::new(200, "<html>welcome</html>")))
            }
            Self::WrongContentType => Behavior::AcceptsThenMislabels,
        }
    }

    /// Whether the fault is in the URL: such a fault lasts until the operator corrects it.
    pub(super) fn is_in_address(self) -> bool {
        matches!(self, Self::Tls | Self::Dns)
    }

    /// Whether the shipper retries until the deadline.
    pub(super) fn is_waited_out(self) -> bool {
        match self {
            Self::Nothing | Self::MalformedEvents | Self::WrongContentType => false,
            Self::Status(status) => matches!(status, 408 | 429 | 500 | 503),
            _ => true,
        }
    }

    /// The request timeout.
    pub(super) fn request_timeout(self, course: Course) -> Duration {
        match (self, course) {
            (Self::Hang, _) | (Self::Slow, Course::Lasts) => LONGEST_SILENCE,
            _ => PATIENCE,
        }
    }
}

/// The name in the tables.
impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Nothing => "nothing",
            Self::MalformedEvents => "malformed events",
            Self::Status(status) => return formatter.pad(&status.to_string()),
            Self::RetryAfter => "429 with `Retry-After`",
            Self::Slow => "slow",
            Self::Hang => "no response",
            Self::ResetBeforeBody => "reset before the body",
            Self::ResetAfterBody => "reset after the body",
            Self::TruncatedResponse => "truncated response",
            Self::InvalidResponse => "200 with a web page",
            Self::WrongContentType => "wrong `Content-Type`",
            Self::Tls => "TLS failure",
            Self::Dns => "DNS failure",
        };
        formatter.pad(name)
    }
}
