//! A client with a certificate as Terraform makes it.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};
use rustls::client::WantsClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tfplugin::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tfplugin::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use tfplugin::proto::tfplugin5::provider_client::ProviderClient;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};

use crate::program::Program;

/// The side of Terraform: a self-signed certificate of an authority on P-521.
pub(crate) struct Terraform {
    certificate: Certificate,
    key: KeyPair,
}

impl Terraform {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Connects, and waits until the other side has shown that it accepts the certificate: with TLS
    /// 1.3 it says so only after the handshake, by answering.
    pub(crate) async fn connect(&self, program: &Program) -> Result<Connected, tonic::Status> {
        let chain = vec![self.certificate.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        connect(program, |config| config.with_client_auth_cert(chain, key).unwrap()).await
    }
}

/// Connects without a certificate.
pub(crate) async fn connect_anonymously(program: &Program) -> Result<Connected, tonic::Status> {
    connect(program, ConfigBuilder::<ClientConfig, WantsClientCert>::with_no_client_auth).await
}

/// What a provider offers, once connected.
pub(crate) struct Connected {
    pub(crate) provider: ProviderClient<Channel>,
    pub(crate) controller: GrpcControllerClient<Channel>,
    pub(crate) stdio: GrpcStdioClient<Channel>,
}

async fn connect(
    program: &Program,
    authenticate: impl FnOnce(ConfigBuilder<ClientConfig, WantsClientCert>) -> ClientConfig,
) -> Result<Connected, tonic::Status> {
    const LIMIT: usize = 256 << 20;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(program.certificate.clone())).unwrap();
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = authenticate(builder);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = Connector { config: Arc::new(config), socket: program.socket.clone() };
    let channel = Endpoint::from_static("http://localhost")
        .connect_with_connector(connector)
        .await
        .map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let mut provider = ProviderClient::new(channel.clone())
        .max_decoding_message_size(LIMIT)
        .max_encoding_message_size(LIMIT);
    provider.get_metadata(tfplugin::proto::tfplugin5::get_metadata::Request {}).await?;
    Ok(Connected {
        provider,
        controller: GrpcControllerClient::new(channel.clone()),
        stdio: GrpcStdioClient::new(channel),
    })
}

struct Connector {
    config: Arc<ClientConfig>,
    socket: PathBuf,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<UnixStream>>;
    type Error = io::Error;
    type Future =
        Pin<Box<dyn Future<Output = Result<TokioIo<TlsStream<UnixStream>>, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (connector, socket) =
            (TlsConnector::from(Arc::clone(&self.config)), self.socket.clone());
        Box::pin(async move {
            let name = ServerName::try_from("localhost").unwrap();
            let stream = UnixStream::connect(socket).await?;
            Ok(TokioIo::new(connector.connect(name, stream).await?))
        })
    }
}
