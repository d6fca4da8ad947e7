//! TLS with a private certificate authority, or with a client certificate.

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use super::schema::{FieldError, like_or_arn};
use crate::delivery;
use crate::secret::Secret;

/// The pattern of certificates.
const CERTIFICATES: &str = "-----BEGIN CERTIFICATE-----";

/// The error for other strings.
const NO_CERTIFICATES: &str =
    "must be certificates in PEM, with \"-----BEGIN CERTIFICATE-----\" on a line of its own";

/// The pattern of a private key.
const KEY: &str = "-----BEGIN ([A-Z]+ )?PRIVATE KEY-----";

/// The error for other strings.
const NO_KEY: &str =
    "must be a private key in PEM, with \"-----BEGIN PRIVATE KEY-----\" on a line of its own";

/// The TLS settings of a destination.
#[derive(Deserialize, JsonSchema)]
#[schemars(transform = together)]
pub(super) struct Tls {
    ca: Option<Certificates>,
    client_certificate: Option<Certificates>,
    client_key: Option<Key>,
}

/// Certificates in PEM.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("anyOf" = like_or_arn(CERTIFICATES), "errorMessage" = NO_CERTIFICATES))]
struct Certificates(Secret);

/// An unencrypted private key in PEM.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("anyOf" = like_or_arn(KEY), "errorMessage" = NO_KEY))]
struct Key(Secret);

/// A certificate is of no use without its key, and a key without its certificate.
fn together(schema: &mut Schema) {
    let each_other = json!({
        "client_certificate": ["client_key"],
        "client_key": ["client_certificate"],
    });
    schema.insert("dependentRequired".to_owned(), each_other);
}

impl Tls {
    /// Settings for rustls. The authorities replace those of the system.
    pub(super) fn client_config(&self) -> Result<Arc<ClientConfig>, FieldError> {
        let invalid = |error: rustls::Error| FieldError::new("", format!("is invalid: {error}"));
        let mut config = delivery::tls().map_err(invalid)?;
        if let Some(ca) = &self.ca {
            let provider = Arc::new(aws_lc_rs::default_provider());
            let roots = Arc::new(ca.roots("ca")?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
            let verifier = verifier.map_err(|_| FieldError::new("ca", NO_CERTIFICATES))?;
            config.dangerous().set_certificate_verifier(verifier);
        }
        if let (Some(certificates), Some(key)) = (&self.client_certificate, &self.client_key) {
            config.client_auth_cert_resolver = identity(certificates, key)?;
        }
        Ok(Arc::new(config))
    }
}

impl Certificates {
    /// The certificates, of which there is at least one.
    fn read(&self, field: &str) -> Result<Vec<CertificateDer<'static>>, FieldError> {
        let read = CertificateDer::pem_slice_iter(self.0.expose().as_bytes());
        read.collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| FieldError::new(field, NO_CERTIFICATES))
    }

    fn roots(&self, field: &str) -> Result<RootCertStore, FieldError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in self.read(field)?.into_iter().enumerate() {
            roots.add(certificate).map_err(|_| {
                FieldError::new(
                    field,
                    format!("contains an invalid certificate, number {}", index + 1),
                )
            })?;
        }
        Ok(roots)
    }
}

/// A client certificate, followed by intermediate ones, and its key.
fn identity(
    certificates: &Certificates,
    key: &Key,
) -> Result<Arc<dyn ResolvesClientCert>, FieldError> {
    let chain = certificates.read("client_certificate")?;
    let Key(key) = key;
    let wrong = |text: &str| FieldError::new("client_key", text);
    if key.expose().contains("ENCRYPTED") {
        return Err(wrong(
            "is encrypted: decrypt it with \"openssl pkey\", and keep the result as a secret",
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| wrong(NO_KEY))?;
    let identity = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    let identity = identity.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            wrong("is not the key of the first certificate in \"client_certificate\"")
        }
        rustls::Error::InvalidCertificate(_) => {
            FieldError::new("client_certificate", "contains an invalid certificate, number 1")
        }
        _ => wrong("is not a valid RSA, ECDSA or Ed25519 key"),
    })?;
    Ok(Arc::new(SingleCertAndKey::from(identity)))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use serde_json::{Value, json};

    use crate::config::{Config, ConfigError};

    /// A certificate and its key.
    fn issued() -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["client.example".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    fn config(mut destination: Value, tls: &Value) -> Result<Config, ConfigError> {
        destination["tls"] = tls.clone();
        Config::parse(&json!({"destinations": {"x": destination}}).to_string())
    }

    fn http() -> Value {
        json!({"type": "http", "url": "https://logs.example"})
    }

    #[track_caller]
    fn check(destination: Value, tls: &Value, expected: &str) {
        let error = config(destination, tls).err().map(|error| error.to_string());
        let expected = format!("LOGAGG_CONFIG has 1 error:\n  destinations.x.{expected}");
        assert_eq!(error, Some(expected));
    }

    #[test]
    fn authorities_and_a_client_certificate_are_independent() {
        let (certificate, key) = issued();
        for (tls, has_certificate) in [
            (json!({"ca": format!("{certificate}{}", issued().0)}), false),
            (json!({"client_certificate": certificate, "client_key": key}), true),
            // Both may be in one secret.
            (
                json!({
                    "ca": certificate,
                    "client_certificate": format!("{key}{certificate}"),
                    "client_key": format!("{certificate}{key}"),
                }),
                true,
            ),
        ] {
            let config = config(http(), &tls).unwrap_or_else(|error| panic!("{error}"));
            let tls = config.destinations["x"].destination.endpoint().tls.clone().unwrap();
            assert_eq!(tls.client_auth_cert_resolver.has_certs(), has_certificate);
            assert_eq!(tls.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        }
        let config = Config::parse(&json!({"destinations": {"x": http()}}).to_string());
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        assert!(config.destinations["x"].destination.endpoint().tls.is_none());
    }

    #[test]
    fn errors_name_the_field_and_never_a_key() {
        let ((certificate, key), (another, another_key)) = (issued(), issued());
        let no_certificates = "must be certificates in PEM, with \"-----BEGIN CERTIFICATE-----\" on \
            a line of its own";
        check(http(), &json!({"ca": "/opt/ca.pem"}), &format!("tls.ca: {no_certificates}"));
        let truncated = &certificate[..certificate.len() / 2];
        check(http(), &json!({"ca": truncated}), &format!("tls.ca: {no_certificates}"));
        let one_line = certificate.replace('\n', " ");
        check(http(), &json!({"ca": one_line}), &format!("tls.ca: {no_certificates}"));
        let invalid = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check(
            http(),
            &json!({"ca": format!("{certificate}{invalid}")}),
            "tls.ca: contains an invalid certificate, number 2",
        );
        let identity = |certificate: &str, key: &str| json!({"client_certificate": certificate, "client_key": key});
        check(
            http(),
            &identity(invalid, &key),
            "tls.client_certificate: contains an invalid certificate, number 1",
        );
        check(
            http(),
            &identity(&certificate, &another),
            "tls.client_key: must be a private key in PEM, with \"-----BEGIN PRIVATE KEY-----\" on \
             a line of its own",
        );
        check(
            http(),
            &identity(&certificate, &another_key),
            "tls.client_key: is not the key of the first certificate in \"client_certificate\"",
        );
        check(
            http(),
            &identity(&certificate, &key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
            "tls.client_key: is encrypted: decrypt it with \"openssl pkey\", and keep the result \
             as a secret",
        );
        let garbage = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        check(
            http(),
            &identity(&certificate, garbage),
            "tls.client_key: is not a valid RSA, ECDSA or Ed25519 key",
        );
        check(
            http(),
            &json!({"client_certificate": certificate}),
            "tls.client_key: is missing; \"client_certificate\" requires it",
        );
        check(
            http(),
            &json!({"client_key": key}),
            "tls.client_certificate: is missing; \"client_key\" requires it",
        );
    }

    #[test]
    fn only_destinations_with_an_https_url_have_tls_settings() {
        let (ca, _) = issued();
        let plain = json!({"type": "http", "url": "http://127.0.0.1:8080"});
        let needs = "tls: requires a \"url\" that begins with https://";
        check(plain, &json!({"ca": ca}), needs);
        let s3 = json!({"type": "s3", "bucket": "logs", "region": "eu-west-1"});
        check(s3, &json!({"ca": ca}), "tls: unknown field");
    }
}
