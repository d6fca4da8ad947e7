use std::fmt;
use std::time::Duration;

use crate::contract::Contract;
use crate::http::{Reply, Response};
use crate::mock_server::Mood;

/// How long a request is waited for unless the fault is that nothing comes: longer than a slow machine
/// needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a request is waited for where nothing comes. A slow machine has sent it by then.
const LONGEST_SILENCE: Duration = Duration::from_secs(2);

/// What can go wrong between the shipper and a log service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Nothing does.
    Nothing,
    /// Some records are bad, and the service says so if it ever does.
    MalformedEvents,
    /// A request is answered with this status: in the service's own words, if it has any for that.
    Status(u16),
    /// It is answered with 429, and with a time to come again.
    RetryAfter,
    /// It is answered late, but as a whole.
    Slow,
    /// It is taken, and never answered.
    Hang,
    /// The connection is reset before the body is read.
    ResetBeforeBody,
    /// The connection is reset once the request is taken.
    ResetAfterBody,
    /// The request is taken, and the answer ends early.
    TruncatedResponse,
    /// The request is taken, and the answer is 200 with a web page.
    InvalidAnswer,
    /// The answer is as it must be, but says that it is a web page.
    WrongContentType,
    /// The service cannot prove who it is.
    Tls,
    /// The service's name leads nowhere.
    Dns,
}

/// How long a fault is there.
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
        Self::InvalidAnswer,
        Self::WrongContentType,
        Self::Tls,
        Self::Dns,
    ];

    /// How a service treats a request that the fault strikes.
    pub(super) fn mood(self, contract: &dyn Contract, course: Course) -> Mood {
        match self {
            Self::Nothing | Self::MalformedEvents | Self::Tls | Self::Dns => Mood::Takes,
            Self::Status(status) => Mood::Does(Reply::Response(contract.says(status))),
            Self::RetryAfter => {
                let seconds = match course {
                    Course::Passes => "0",
                    Course::Lasts => "3600",
                };
                Mood::Does(Reply::Response(contract.says(429).with("retry-after", seconds)))
            }
            Self::Slow => Mood::TakesSlowly(match course {
                Course::Passes => Duration::from_millis(150),
                // Longer than a request is waited for.
                Course::Lasts => Duration::from_secs(3_600),
            }),
            Self::Hang => Mood::TakesThen(Reply::Silence),
            Self::ResetBeforeBody => Mood::ResetsBeforeBody,
            Self::ResetAfterBody => Mood::TakesThen(Reply::Reset),
            Self::TruncatedResponse => Mood::TakesThenTruncates,
            Self::InvalidAnswer => {
                Mood::TakesThen(Reply::Response(Response::new(200, "<html>welcome</html>")))
            }
            Self::WrongContentType => Mood::TakesThenMislabels,
        }
    }

    /// Whether it lies in the address: such a fault passes only when somebody mends it.
    pub(super) fn is_in_address(self) -> bool {
        matches!(self, Self::Tls | Self::Dns)
    }

    /// Whether the shipper tries again for as long as there is time.
    pub(super) fn is_waited_out(self) -> bool {
        match self {
            Self::Nothing | Self::MalformedEvents | Self::WrongContentType => false,
            Self::Status(status) => matches!(status, 408 | 429 | 500 | 503),
            _ => true,
        }
    }

    /// How long one request is waited for.
    pub(super) fn request_timeout(self, course: Course) -> Duration {
        match (self, course) {
            (Self::Hang, _) | (Self::Slow, Course::Lasts) => LONGEST_SILENCE,
            _ => PATIENCE,
        }
    }
}

/// As the tables call it.
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
            Self::InvalidAnswer => "200 with a web page",
            Self::WrongContentType => "wrong `Content-Type`",
            Self::Tls => "TLS failure",
            Self::Dns => "DNS failure",
        };
        formatter.pad(name)
    }
}
