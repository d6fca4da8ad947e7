//! Destinations with TLS: nothing is sent without a trusted certificate.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use serde_json::json;
use tempfile::TempDir;

use crate::bulk::{Behavior, Bulk};
use crate::event;
use crate::http::Response;
use crate::lambda::Lambda;
use crate::settled::settled;

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate that no system trusts.
pub(crate) fn untrusted() -> ServerConfig {
    server(&authority(), "127.0.0.1")
}

/// A server with a certificate that is trusted with `authority`.
pub(crate) fn trusted(authority: &Authority) -> ServerConfig {
    server(authority, "127.0.0.1")
}

/// A server with a certificate for `name`, issued by `authority`.
fn server(authority: &Authority, name: &str) -> ServerConfig {
    let (certificate, key) = issued_by(authority, name);
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

/// A server with a certificate issued by `authority`, which requires one of that authority from
/// clients.
pub(crate) fn demanding(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
) -> ServerConfig {
    let (certificate, key) = issued_by(authority, "127.0.0.1");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

/// A certificate for `name` with its key.
pub(crate) fn issued_by(authority: &Authority, name: &str) -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

/// The function on a system that trusts only `authority`.
pub(crate) fn lambda(bulk: &Bulk, authority: &Authority) -> (Lambda, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let config = json!({"destinations": {"search": bulk.config()}, "reserve_ms": 30_000});
    (Lambda::start_trusting(&config, &file), folder)
}

#[test]
fn a_destination_with_a_trusted_certificate_receives_records() {
    let authority = authority();
    let bulk = Bulk::with_tls(server(&authority, "127.0.0.1"));
    let (mut lambda, _folder) = lambda(&bulk, &authority);
    let invoked = lambda.invoke(&event::of(2));
    let messages = [event::message(0), event::message(1)];
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!(counts.get("delivered"), 2);
}

#[test]
fn oversized_and_throttled_requests_are_split_and_retried_over_tls() {
    let authority = authority();
    let bulk = Bulk::with_tls(server(&authority, "127.0.0.1"));
    let busy = Response::new(429, "<html>slow down</html>").with("retry-after", "0");
    let too_large = Response::new(413, "<html>too large</html>").with("connection", "close");
    bulk.add_behaviors([
        Behavior::RejectsWith(busy.clone()),
        Behavior::RejectsWith(too_large),
        Behavior::RejectsWith(busy),
    ]);
    let (mut lambda, _folder) = lambda(&bulk, &authority);
    let invoked = lambda.invoke(&event::of(4));
    let messages: Vec<_> = (0..4).map(event::message).collect();
    let counts = settled(&invoked, "search", &messages, &bulk.held());
    assert_eq!((counts.get("delivered"), counts.get("possible_duplicates")), (4, 0));
    // The whole twice, its halves, and one of them again.
    assert_eq!((counts.get("requests"), bulk.arrivals().len()), (5, 5));
    assert_eq!(counts.reasons("retried")["status_429"], 6);
}

#[test]
fn nothing_is_sent_without_a_trusted_certificate() {
    let trusted = authority();
    for tls in [server(&authority(), "127.0.0.1"), server(&trusted, "another.example")] {
        let bulk = Bulk::with_tls(tls);
        let (mut lambda, _folder) = lambda(&bulk, &trusted);
        let invoked = lambda.invoke_within(&event::of(2), Duration::from_millis(30_300));
        let messages = [event::message(0), event::message(1)];
        let counts = settled(&invoked, "search", &messages, &bulk.held());
        assert_eq!(counts.get("returned_to_source"), 2);
        assert_eq!(counts.reasons("retried").keys().collect::<Vec<_>>(), ["tls_failed"]);
        assert!(bulk.arrivals().is_empty());
    }
}
