//! How the process was started, and what keeps it from starting.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The version of Terraform's protocol that this crate speaks.
pub(crate) const PROTOCOL_VERSION: u32 = 5;

/// Terraform sets this variable to this value for every provider it starts.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// Who started the process, and so who it works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Terraform, which alone may connect.
    Terraform { certificate: CertificateDer<'static> },
    /// A user at a terminal or in a debugger, for any number of Terraform runs.
    Debug,
}

/// Why the provider does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(
        "This is a Terraform provider. Terraform starts it by itself; it is not meant to be run \
         directly. Start it with --debug to attach Terraform to it."
    )]
    NotTerraform,
    #[error("Unknown argument {0:?}. A provider takes no arguments but --debug.")]
    Argument(String),
    #[error(
        "Terraform offers the plugin protocols {offered:?}, and this provider supports version \
         {PROTOCOL_VERSION} only. Use Terraform 0.12 or newer."
    )]
    Protocol { offered: String },
    #[error(
        "Terraform sent no certificate (PLUGIN_CLIENT_CERT), so that any user of this machine \
         could use the provider with its credentials. This provider runs with mutual TLS only \
         (AutoMTLS of go-plugin). Where TF_DISABLE_PLUGIN_TLS is set, unset it; a program other \
         than Terraform that starts providers has to turn AutoMTLS on."
    )]
    NoCertificate,
    #[error("Terraform's certificate (PLUGIN_CLIENT_CERT) cannot be read: {0}.")]
    Certificate(#[source] rustls::pki_types::pem::Error),
    #[error("The provider's own certificate could not be created: {0}.")]
    OwnCertificate(#[from] rcgen::Error),
    #[error("TLS could not be set up: {0}.")]
    Tls(#[from] rustls::Error),
    #[error(
        "The provider could not listen in {}: {source}. TMPDIR sets the folder; its path must be \
         writable and short.",
        folder.display()
    )]
    Listen { folder: PathBuf, source: std::io::Error },
    #[error("The provider could not write its address for Terraform to standard output: {0}.")]
    Announce(#[source] std::io::Error),
    #[error("The provider could not handle signals: {0}.")]
    Signals(#[source] std::io::Error),
    #[error("The provider stopped serving: {0}.")]
    Serve(#[from] tonic::transport::Error),
}

impl Start {
    /// Reads arguments (without the program's name) and environment.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, StartError> {
        let mut debug = false;
        for argument in arguments {
            match argument.as_str() {
                "--debug" | "-debug" => debug = true,
                _ => return Err(StartError::Argument(argument)),
            }
        }
        if debug {
            return Ok(Self::Debug);
        }
        let (variable, value) = COOKIE;
        if environment(variable).as_deref() != Some(value) {
            return Err(StartError::NotTerraform);
        }
        // Where nothing is offered, the answer names the version, and Terraform decides.
        if let Some(offered) = environment("PLUGIN_PROTOCOL_VERSIONS")
            && !offered.split(',').any(|one| one.trim().parse() == Ok(PROTOCOL_VERSION))
        {
            return Err(StartError::Protocol { offered });
        }
        let pem = environment("PLUGIN_CLIENT_CERT")
            .filter(|pem| !pem.is_empty())
            .ok_or(StartError::NoCertificate)?;
        let certificate =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(StartError::Certificate)?;
        Ok(Self::Terraform { certificate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";

    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Start, String> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned());
        let variable = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Start::read(arguments, variable).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn check_refused(environment: &[(&str, &str)], part: &str) {
        let message = start(&[], environment).unwrap_err();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn terraform_starts_it_with_cookie_version_and_certificate() {
        let environment =
            [COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "6,5"), ("PLUGIN_CLIENT_CERT", PEM)];
        let certificate = CertificateDer::from(vec![1, 2, 3]);
        assert_eq!(start(&[], &environment), Ok(Start::Terraform { certificate }));
    }

    #[test]
    fn a_user_who_starts_it_gets_an_explanation() {
        check_refused(&[], "not meant to be run directly");
        check_refused(&[(COOKIE.0, "wrong")], "not meant to be run directly");
    }

    #[test]
    fn another_protocol_is_refused() {
        check_refused(
            &[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "6,55"), ("PLUGIN_CLIENT_CERT", PEM)],
            r#"offers the plugin protocols "6,55""#,
        );
    }

    #[test]
    fn without_a_certificate_no_client_connects() {
        check_refused(&[COOKIE], "TF_DISABLE_PLUGIN_TLS");
        check_refused(&[COOKIE], "runs with mutual TLS only");
        check_refused(&[COOKIE, ("PLUGIN_CLIENT_CERT", "")], "TF_DISABLE_PLUGIN_TLS");
        check_refused(&[COOKIE, ("PLUGIN_CLIENT_CERT", "no pem")], "cannot be read");
    }

    #[test]
    fn debug_mode_is_asked_for() {
        assert_eq!(start(&["--debug"], &[]), Ok(Start::Debug));
        assert_eq!(start(&["-debug"], &[]), Ok(Start::Debug));
        let message = start(&["--help"], &[]).unwrap_err();
        assert!(message.contains("--debug"), "{message}");
    }
}
