//! The process of a provider from start to end.

use std::env;
use std::error::Error;
use std::future::Future;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::announce;
use crate::connection::{self, Open};
use crate::listener::{Listener, Transport};
use crate::plugin::{Controller, Lifetime, Stdio};
use crate::proto::plugin::grpc_controller_server::GrpcControllerServer;
use crate::proto::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::proto::tfplugin5::provider_server::ProviderServer;
use crate::provider::Provider;
use crate::service::Service;
use crate::signals::Signals;
use crate::start::{Start, StartError};
use crate::tls::Tls;
use crate::{log, panic};

/// What Terraform sends and takes at most in one message.
const MAX_MESSAGE_BYTES: usize = 256 << 20;
/// How much may be on its way before the other side has taken it: enough that a state of some
/// megabytes does not wait for each acknowledgement.
const WINDOW_BYTES: u32 = 8 << 20;
/// How long running operations get to answer after the server was asked to end. Terraform kills
/// the process after two seconds.
const GRACE: Duration = Duration::from_secs(1);

/// Runs the provider until Terraform ends it, and returns what `main` is to return.
///
/// `address` is the provider's in the registry, such as `registry.terraform.io/hashicorp/null`.
/// `own_crates` are those whose logs Terraform is to get in full, so none may log a secret; of all
/// others it gets warnings without their fields. Started with `--debug`, the provider prints the variable that attaches Terraform to it, and
/// runs until Ctrl-C. Nothing else may write to the standard output before this is called.
pub async fn serve<P: Provider>(
    provider: P,
    address: &str,
    own_crates: &'static [&'static str],
) -> ExitCode {
    match run(provider, address, own_crates).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If it cannot be written, the exit code remains.
            let _ = writeln!(std::io::stderr(), "{}", &error as &dyn Error);
            ExitCode::FAILURE
        }
    }
}

async fn run<P: Provider>(
    provider: P,
    address: &str,
    own_crates: &'static [&'static str],
) -> Result<(), StartError> {
    let variable = |name: &str| env::var(name).ok();
    let start = Start::read(env::args().skip(1), variable)?;
    let lifetime = match start {
        Start::Terraform { .. } => Lifetime::OneRun,
        Start::Debug => Lifetime::ManyRuns,
    };
    panic::install_hook();
    log::install(lifetime, own_crates, variable);
    let signals = Signals::watch(lifetime)?;
    let tls = match start {
        Start::Terraform { certificate } => Some(Tls::new(certificate)?),
        Start::Debug => None,
    };
    let folder = variable("PLUGIN_UNIX_SOCKET_DIR").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(env::temp_dir, PathBuf::from);
    let listener = Listener::bind(Transport::NATIVE, folder).await?;
    let announcement = match &tls {
        Some(tls) => announce::handshake(&listener, tls),
        None => announce::reattach(listener.network(), listener.address(), address),
    };

    let service = Arc::new(Service::new(provider));
    let shutdown = CancellationToken::new();
    let open = Open::new();
    let serving = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .add_service(
            ProviderServer::from_arc(Arc::clone(&service))
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        )
        .add_service(GrpcControllerServer::new(Controller { shutdown: shutdown.clone(), lifetime }))
        .add_service(GrpcStdioServer::new(Stdio { shutdown: shutdown.clone() }))
        .serve_with_incoming_shutdown(
            connection::accept(listener, tls.as_ref(), open.clone()),
            shutdown.clone().cancelled_owned(),
        );
    announce::print(&announcement).map_err(StartError::Announce)?;
    tracing::debug!(provider = address, version = env!("CARGO_PKG_VERSION"), "serving");
    tokio::select! {
        served = serving => served?,
        () = end(signals.end(open), &service, &shutdown) => {}
    }
    Ok(())
}

/// Ends the server once it is to end, and returns when it has had its time.
async fn end<P: Provider>(
    reason: impl Future<Output = ()>,
    service: &Service<P>,
    shutdown: &CancellationToken,
) {
    tokio::select! {
        () = reason => shutdown.cancel(),
        () = shutdown.cancelled() => {}
    }
    service.cancel();
    tokio::time::sleep(GRACE).await;
}
