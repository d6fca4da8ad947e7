//! What go-plugin asks of every plugin: to end, and to hand over its standard output.

use futures_util::{FutureExt, StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use crate::proto::plugin::grpc_controller_server::GrpcController;
use crate::proto::plugin::grpc_stdio_server::GrpcStdio;
use crate::proto::plugin::{Empty, StdioData};

/// Ends the server when Terraform asks for it.
pub(crate) struct Controller {
    pub(crate) shutdown: CancellationToken,
    pub(crate) lifetime: Lifetime,
}

/// How long the process is to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// As long as the Terraform that started it.
    OneRun,
    /// Until the user ends it.
    ManyRuns,
}

/// A stream that stays empty: everything the provider has to say goes to the standard error stream,
/// which Terraform reads itself. It lasts as long as the server.
pub(crate) struct Stdio {
    pub(crate) shutdown: CancellationToken,
}

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        match self.lifetime {
            Lifetime::OneRun => self.shutdown.cancel(),
            Lifetime::ManyRuns => tracing::debug!("a run of Terraform has ended"),
        }
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl GrpcStdio for Stdio {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        let end = self.shutdown.clone().cancelled_owned();
        let nothing = end.into_stream().flat_map(|()| stream::empty());
        Ok(Response::new(Box::pin(nothing)))
    }
}
