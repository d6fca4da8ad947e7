//! Destinations that require client certificates.

use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};

use serde_json::{Value, json};

use crate::bulk::Bulk;
use crate::event;
use crate::http::Response;
use crate::lambda::{Lambda, accepting};
use crate::secret_stores::SecretStores;
use crate::settled::settled;
use crate::tls::{Authority, authority, demanding, issued_by, lambda};

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

/// The function with these TLS settings for the destination, on a system that trusts no authority
/// of the tests.
fn with_tls(bulk: &Bulk, tls: Value) -> Lambda {
    let mut destination = bulk.config();
    destination["tls"] = tls;
    Lambda::start(&json!({"destinations": {"search": destination}, "reserve_ms": 58_000}))
}

/// A client certificate with its key, as settings.
fn identity(authority: &Authority) -> (String, String) {
    let (certificate, key) = issued_by(authority, "shipper.example");
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn a_client_certificate_is_presented_to_a_server_with_a_private_authority() {
    for version in VERSIONS {
        let authority = authority();
        let bulk = Bulk::with_tls(demanding(&authority, version));
        let (certificate, key) = identity(&authority);
        let tls = json!({
            "ca": authority.pem(), "client_certificate": certificate, "client_key": key,
        });
        let mut lambda = with_tls(&bulk, tls);
        let invoked = lambda.invoke(&event::of(2));
        let messages = [event::message(0), event::message(1)];
        let counts = settled(&invoked, "search", &messages, &bulk.held());
        assert_eq!((counts.get("delivered"), counts.get("retries")), (2, 0), "{version:?}");
    }
}

#[test]
fn a_client_certificate_of_another_authority_is_reported() {
    for version in VERSIONS {
        let (server, another) = (authority(), authority());
        let bulk = Bulk::with_tls(demanding(&server, version));
        let (certificate, key) = identity(&another);
        let tls = json!({
            "ca": server.pem(), "client_certificate": certificate, "client_key": key,
        });
        let invoked = with_tls(&bulk, tls).invoke(&event::of(2));
        let messages = [event::message(0), event::message(1)];
        let counts = settled(&invoked, "search", &messages, &bulk.held());
        let reasons = counts.reasons("returned_to_source");
        assert_eq!(reasons["client_certificate_rejected"], 2, "{version:?}");
        assert!(bulk.arrivals().is_empty());
    }
}

#[test]
fn the_authority_of_a_destination_replaces_those_of_the_system() {
    let (server, another) = (authority(), authority());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, server.pem()).unwrap();
    for (ca, delivered) in [(&server, 2), (&another, 0)] {
        let bulk = Bulk::with_tls(demanding(&server, &TLS13));
        let (certificate, key) = identity(&server);
        let mut destination = bulk.config();
        destination["tls"] =
            json!({"ca": ca.pem(), "client_certificate": certificate, "client_key": key});
        let config = json!({"destinations": {"search": destination}, "reserve_ms": 58_000});
        let invoked = Lambda::start_trusting(&config, &file).invoke(&event::of(2));
        let messages = [event::message(0), event::message(1)];
        let counts = settled(&invoked, "search", &messages, &bulk.held());
        assert_eq!(counts.get("delivered"), delivered);
        if delivered == 0 {
            assert_eq!(counts.reasons("returned_to_source")["tls_failed"], 2);
        }
    }
}

#[test]
fn a_renewed_client_certificate_is_fetched_after_a_rejection() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:client-AbCdEf";

    let (server, another) = (authority(), authority());
    let bulk = Bulk::with_tls(demanding(&server, &TLS12));
    let secret_stores = SecretStores::start();
    let secret = |authority: &Authority| {
        let (certificate, key) = identity(authority);
        json!({"certificate": certificate, "key": key}).to_string()
    };
    let earlier = json!({"SecretString": secret(&another)});
    secret_stores.response([Response::new(200, earlier.to_string())]);
    secret_stores.keep(ARN, &secret(&server));
    let mut destination = bulk.config();
    destination["tls"] = json!({
        "ca": server.pem(),
        "client_certificate": format!("{ARN}:certificate"),
        "client_key": format!("{ARN}:key"),
    });
    let config = accepting(&json!({"destinations": {"search": destination}}));
    let mut lambda =
        Lambda::start_in(&[("AWS_ENDPOINT_URL", &secret_stores.url()), ("LOGAGG_CONFIG", &config)]);
    let invoked = lambda.invoke(&event::of(2));
    let messages = [event::message(0), event::message(1)];
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("delivered"), 2);
    assert_eq!(secret_stores.asked(), [ARN, ARN]);
}

#[test]
fn a_key_of_another_certificate_stops_the_start_without_being_shown() {
    let authority = authority();
    let bulk = Bulk::start();
    let ((certificate, _), (_, key)) = (identity(&authority), identity(&authority));
    let mut destination = bulk.config();
    destination["url"] = json!("https://search.example");
    destination["tls"] = json!({"client_certificate": certificate, "client_key": key});
    let config = json!({"destinations": {"search": destination}});
    let error = Lambda::start(&config).init_error();
    assert_eq!(
        error.message,
        "logagg shipper cannot start: LOGAGG_CONFIG has 1 error:\n  \
         destinations.search.tls.client_key: is not the key of the first certificate in \
         \"client_certificate\""
    );
}
