//! nginx with TLS, HTTP/2 and limits in front of osmem-server: what gateways refuse.

use std::fs;

use anyhow::{Context, ensure};
use logagg_e2e::search::Search;
use logagg_e2e::third_party::nginx::{Limits, Nginx};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::{Checks, Shipper, content, progress, search, shipper};

const LIMITS: Limits = Limits { body_bytes: 4_000, requests_per_second: 20 };

pub(super) fn needs() -> anyhow::Result<()> {
    logagg_e2e::third_party::nginx::program().map(drop)
}

pub(super) fn run(shipper: &Shipper, checks: &mut Checks) -> anyhow::Result<()> {
    let server = Search::start(&progress)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
    let (pem, key) = (certificate.pem(), key.serialize_pem());
    let nginx = Nginx::start(&progress, &pem, &key, server.endpoint(), LIMITS)?;
    let folder = tempfile::tempdir().context("making a folder")?;
    let trusted = folder.path().join("trusted.pem");
    fs::write(&trusted, pem).context("writing a certificate")?;
    checks.check("over HTTP/2, with 413 and 429", |_| {
        let destination =
            json!({"type": "elasticsearch", "url": nginx.endpoint(), "index": "proxied"});
        let variables = [("SSL_CERT_FILE", trusted.display().to_string())];
        let function = shipper.start(&destination, &Value::Null, &variables)?;
        let events = content::fill(1_200);
        let mut requests = 0;
        for delivery in content::deliveries(&events)? {
            requests += shipper::deliver_with(&function, &delivery)?;
        }
        search::holds(&server, "proxied", &events)?;
        let responses = nginx.answered()?;
        let times = |status: &str| {
            let response = format!("HTTP/2.0 {status}");
            responses.iter().filter(|given| **given == response).count()
        };
        let (ok, too_large, too_many) = (times("200"), times("413"), times("429"));
        ensure!(
            too_large > 0 && too_many > 0 && ok + too_large + too_many == responses.len(),
            "nginx responded {responses:?}"
        );
        ensure!(requests == responses.len() as u64, "{requests} counted, {}", responses.len());
        Ok(format!(
            "{} events, each there once; {too_large} requests too large, {too_many} too many, \
             {ok} accepted",
            events.len()
        ))
    });
    Ok(())
}
