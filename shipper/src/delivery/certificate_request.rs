//! Whether a server requests a client certificate that there is not.
//!
//! A server that requires one closes the connection after its alert. If the client learns of that
//! while it sends, the alert is lost, and the connection is only broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// What is known of a server's requests for a client certificate. Presents none.
#[derive(Debug, Default)]
pub(super) struct CertificateRequest {
    is_requested: AtomicBool,
    has_responded: AtomicBool,
}

impl CertificateRequest {
    /// A response was received: the server does not require a certificate.
    pub(super) fn on_response(&self) {
        self.has_responded.store(true, Ordering::Relaxed);
    }

    /// Whether it may be the reason for a connection that broke.
    pub(super) fn may_be_reason(&self) -> bool {
        self.is_requested.load(Ordering::Relaxed) && !self.has_responded.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for CertificateRequest {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_requested.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_responds_without_a_certificate_does_not_require_one() {
        let certificate_request = CertificateRequest::default();
        assert!(!certificate_request.may_be_reason());
        assert!(certificate_request.resolve(&[], &[]).is_none());
        assert!(certificate_request.may_be_reason());
        certificate_request.on_response();
        assert!(!certificate_request.may_be_reason());
    }
}
