//! Why a request has no response.

use crate::destination::{Ambiguity, ReasonCode};

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There was no connection, so nothing was sent: unknown host, no route, or no response.
    NotConnected,
    /// The connection was refused.
    ConnectionRefused,
    /// There was no connection to the proxy.
    ProxyNotConnected,
    /// The proxy requires credentials, or rejects those in its URL.
    ProxyAuthenticationRequired,
    /// The proxy did not connect to the destination.
    ProxyRejected,
    /// TLS failed: the certificate is not trusted, or only one side uses TLS.
    TlsFailed,
    /// The server requires a client certificate, and there is none. It accepted nothing.
    ClientCertificateRequired,
    /// The connection broke, perhaps because the server requires a client certificate.
    BrokenWithoutClientCertificate,
    /// The server rejected the client certificate. It accepted nothing.
    ClientCertificateRejected,
    /// There are no credentials to sign with, so nothing was sent.
    NotSigned,
    /// The request timed out.
    Timeout,
    /// The connection was closed, or the response was incomplete.
    Broken,
    /// The response is not HTTP, such as that of a gRPC or TLS port.
    NotHttp,
}

impl Fault {
    /// The reason in the counts.
    pub fn reason(self) -> ReasonCode {
        match self {
            Self::NotConnected => ReasonCode::new("not_connected"),
            Self::ConnectionRefused => ReasonCode::new("connection_refused"),
            Self::ProxyNotConnected => ReasonCode::new("proxy_not_connected"),
            Self::ProxyAuthenticationRequired => ReasonCode::new("proxy_authentication_required"),
            Self::ProxyRejected => ReasonCode::new("proxy_rejected"),
            Self::TlsFailed => ReasonCode::new("tls_failed"),
            Self::ClientCertificateRequired | Self::BrokenWithoutClientCertificate => {
                ReasonCode::new("client_certificate_required")
            }
            Self::ClientCertificateRejected => ReasonCode::new("client_certificate_rejected"),
            Self::NotSigned => ReasonCode::new("not_signed"),
            Self::Timeout => ReasonCode::new("timeout"),
            Self::Broken => ReasonCode::new("connection_broken"),
            Self::NotHttp => ReasonCode::new("not_http"),
        }
    }

    /// Whether the request may have been processed.
    pub fn ambiguity(self) -> Ambiguity {
        match self {
            Self::NotConnected
            | Self::ConnectionRefused
            | Self::ProxyNotConnected
            | Self::ProxyAuthenticationRequired
            | Self::ProxyRejected
            | Self::TlsFailed
            | Self::ClientCertificateRequired
            | Self::ClientCertificateRejected
            | Self::NotSigned => Ambiguity::NothingAccepted,
            Self::Timeout | Self::Broken | Self::BrokenWithoutClientCertificate | Self::NotHttp => {
                Ambiguity::Unclear
            }
        }
    }
}
