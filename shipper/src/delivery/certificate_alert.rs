//! Alerts by which a TLS server rejects a client because of its certificate.
//!
//! With TLS 1.3 such an alert arrives when the client has finished its handshake and sent a
//! request. The server reads no request before it has verified the client's certificate.
//!
//! <https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4>

use std::error::Error;
use std::io;

use rustls::AlertDescription;

/// The alerts about a certificate. With TLS 1.2, some servers send another one than
/// `certificate_required` if there is none.
///
/// <https://www.rfc-editor.org/rfc/rfc8446#section-6.2>
const ALERTS: [AlertDescription; 9] = [
    AlertDescription::CertificateRequired,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::DecryptError,
];

/// Whether such an alert is the reason for an error.
pub(super) fn is_reason_for(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::AlertReceived(alert)) = error.downcast_ref() {
            return ALERTS.contains(alert);
        }
        let io_error = match error.downcast_ref::<h2::Error>() {
            Some(error) => error.get_io(),
            None => error.downcast_ref::<io::Error>(),
        };
        if io_error.is_some_and(says_so) {
            return true;
        }
        next = match io_error.and_then(io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// HTTP/2 keeps only the message of an error of TLS.
fn says_so(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData && {
        let message = error.to_string();
        ALERTS.iter().any(|alert| rustls::Error::AlertReceived(*alert).to_string() == message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_alerts_about_a_certificate_count() {
        let check = |alert, expected| {
            let error = rustls::Error::AlertReceived(alert);
            let only_message = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
            assert_eq!(is_reason_for(&only_message), expected, "{alert:?}");
            let whole = io::Error::new(io::ErrorKind::InvalidData, error);
            assert_eq!(is_reason_for(&whole), expected, "{alert:?}");
        };
        check(AlertDescription::CertificateRequired, true);
        check(AlertDescription::UnknownCA, true);
        check(AlertDescription::HandshakeFailure, false);
        check(AlertDescription::BadRecordMac, false);
        assert!(!is_reason_for(&io::Error::from(io::ErrorKind::ConnectionReset)));
    }
}
