use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P521_SHA512};

use crate::{process, release};

/// What Terraform sets in a provider's environment.
const MAGIC_COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// How often the provider is started.
const STARTS: usize = 21;

/// Builds what is released and prints the figures that the README gives.
pub(crate) fn run() -> anyhow::Result<()> {
    let release = release::build(&["terraform-provider-logagg", "logagg-shipper"])?;
    let provider = release.join("terraform-provider-logagg");
    println!("shipper, stripped:          {}", size(&release.join("bootstrap"))?);
    println!("provider, stripped:         {}", size(&provider)?);
    let mut times: Vec<_> =
        (0..STARTS).map(|_| cpu_until_handshake(&provider)).collect::<Result<_, _>>()?;
    times.sort_unstable();
    println!(
        "provider, CPU to handshake: {} (median of {STARTS} starts; {} to {})",
        milliseconds(times[STARTS / 2]),
        milliseconds(times[0]),
        milliseconds(times[STARTS - 1])
    );
    Ok(())
}

fn size(program: &Path) -> anyhow::Result<String> {
    let bytes = fs::metadata(program).with_context(|| program.display().to_string())?.len();
    Ok(format!("{:.1} MB", bytes as f64 / 1e6))
}

/// Starts the provider as Terraform does and takes its CPU time when the handshake is there.
fn cpu_until_handshake(provider: &Path) -> anyhow::Result<Duration> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512)?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let mut child = Command::new(provider)
        .env("TF_PLUGIN_MAGIC_COOKIE", MAGIC_COOKIE)
        .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
        .env("PLUGIN_CLIENT_CERT", certificate.pem())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting the provider")?;
    let stdout = child.stdout.take().context("reading the provider's handshake")?;
    let mut handshake = String::new();
    let read = BufReader::new(stdout).read_line(&mut handshake);
    let time = process::cpu_time(child.id());
    child.kill()?;
    child.wait()?;
    read.context("reading the provider's handshake")?;
    if !handshake.starts_with("1|5|") {
        bail!("the provider did not answer with a handshake: {handshake:?}");
    }
    time
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
