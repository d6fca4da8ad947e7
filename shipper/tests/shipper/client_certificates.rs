//! Destinations that require client certificates.

use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};

use crate::bulk::Bulk;
use crate::event;
use crate::settled::settled;
use crate::tls::{authority, demanding, lambda};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// With TLS 1.3 the server's alert arrives after the client's handshake, when the request is
/// already sent: "Upon receiving a certificate-based authentication failure, the server aborts the
/// handshake" after the client's Finished (RFC 8446, 4.4.2.4 and figure 1).
#[test]
fn a_missing_client_certificate_is_reported_and_nothing_was_delivered() {
    for version in VERSIONS {
        for protocol in ["http/1.1", "h2"] {
            let authority = authority();
            let mut tls = demanding(&authority, version);
            tls.alpn_protocols = vec![protocol.into()];
            let bulk = Bulk::with_tls(tls);
            let (mut lambda, _folder) = lambda(&bulk, &authority);
            let invoked = lambda.invoke(&event::of(2));
            let messages = [event::message(0), event::message(1)];
            let counts = settled(&invoked, "search", &messages, &bulk.held());
            let reasons = counts.reasons("returned_to_source");
            assert_eq!(reasons["client_certificate_required"], 2, "{version:?} {protocol}");
            // HTTP/2 can lose the alert to an error in sending, after which nothing is certain.
            if version.version == ProtocolVersion::TLSv1_2 || protocol == "http/1.1" {
                assert_eq!(counts.get("possible_duplicates"), 0, "{version:?} {protocol}");
            }
            assert!(bulk.arrivals().is_empty());
        }
    }
}
