//! Telling Terraform, or the user, where the provider listens.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;

use crate::listener::Listener;
use crate::start::PROTOCOL_VERSION;
use crate::tls::Tls;

/// The version of the handshake itself.
const HANDSHAKE_VERSION: u32 = 1;

/// The one line that Terraform reads.
pub(crate) fn handshake(listener: &Listener, tls: &Tls) -> String {
    let certificate = STANDARD_NO_PAD.encode(&tls.certificate);
    let (network, address) = (listener.network(), listener.address());
    format!("{HANDSHAKE_VERSION}|{PROTOCOL_VERSION}|{network}|{address}|grpc|{certificate}\n")
}

/// What a user has to export for Terraform to use this process.
pub(crate) fn reattach(listener: &Listener, provider: &str) -> String {
    let attach = json!({
        provider: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL_VERSION,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": { "Network": listener.network(), "String": listener.address() },
        }
    });
    format!(
        "The provider is running. To attach Terraform to it, export in the other terminal:\n\n\
         export TF_REATTACH_PROVIDERS='{attach}'\n\nCtrl-C ends it.\n"
    )
}

/// The only place that writes to the standard output.
pub(crate) fn print(announcement: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(announcement.as_bytes())?;
    output.flush()
}
