//! Telling Terraform, or the user, where the provider listens.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

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

/// The registry that Terraform takes a provider from where nothing else is written, and OpenTofu's.
const TERRAFORM_REGISTRY: &str = "registry.terraform.io/";
const OPENTOFU_REGISTRY: &str = "registry.opentofu.org/";

/// What a user has to export for Terraform or OpenTofu to use this process.
pub(crate) fn reattach(network: &str, address: &str, provider: &str) -> String {
    let here = json!({
        "Protocol": "grpc",
        "ProtocolVersion": PROTOCOL_VERSION,
        "Pid": std::process::id(),
        "Test": true,
        "Addr": { "Network": network, "String": address },
    });
    let in_opentofu = provider.strip_prefix(TERRAFORM_REGISTRY);
    let in_opentofu = in_opentofu.map(|name| format!("{OPENTOFU_REGISTRY}{name}"));
    let names = std::iter::once(provider.to_owned()).chain(in_opentofu);
    let attach = Value::Object(names.map(|name| (name, here.clone())).collect());
    // A reattached provider is talked to without TLS, so that only the socket's folder guards it.
    let warning = match network {
        "unix" => "",
        _ => "\nUntil then every user of this machine can use it, with your credentials.\n",
    };
    format!(
        "The provider is running. To attach Terraform or OpenTofu to it, export in the other \
         terminal:\n\nexport TF_REATTACH_PROVIDERS='{attach}'\n\nCtrl-C ends it.\n{warning}"
    )
}

/// The only place that writes to the standard output.
pub(crate) fn print(announcement: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(announcement.as_bytes())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that a provider can be attached by.
    fn names(provider: &str) -> Vec<String> {
        let text = reattach("unix", "/tmp/socket", provider);
        let value = text.split('\'').nth(1).unwrap();
        let value: Value = serde_json::from_str(value).unwrap();
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn terraform_and_opentofu_find_it_each_in_its_own_registry() {
        assert_eq!(
            names("registry.terraform.io/logagg/logagg"),
            ["registry.opentofu.org/logagg/logagg", "registry.terraform.io/logagg/logagg"]
        );
        assert_eq!(names("example.com/logagg/logagg"), ["example.com/logagg/logagg"]);
    }

    #[test]
    fn a_port_that_is_reachable_from_other_hosts_is_warned_of() {
        let warns = |network| reattach(network, "", "a/b/c").contains("every user of this machine");
        assert!(warns("tcp") && !warns("unix"));
    }
}
