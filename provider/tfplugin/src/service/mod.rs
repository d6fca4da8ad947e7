//! The provider as Terraform calls it.
//!
//! Each procedure is answered in the file of what it is about. Whatever goes wrong while one is
//! worked on, panics too, is a diagnostic in its response: an operation without a response would
//! leave Terraform waiting, and the user without an error.

mod configuration;
mod data_source;
mod function;
mod guard;
mod identity;
mod list_resource;
mod operation;
mod registry;
mod resource;
mod state;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures_util::stream;
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use crate::context::Context;
use crate::deferral::Deferral;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::proto::tfplugin5::provider_server;
use crate::proto::tfplugin5::{self as wire};
use crate::provider::Provider;
use crate::schema::{Block, Schema};
use crate::wire as to_wire;
use registry::{Description, Registry};

/// A provider and its configuration.
pub(crate) struct Service<P: Provider> {
    provider: P,
    schema: std::sync::OnceLock<Schema>,
    registry: Registry<P::Client>,
    client: RwLock<Option<Arc<P::Client>>>,
    stopped: Mutex<CancellationToken>,
}

/// The context of an operation, which outlives it even where it panics.
type Held<P> = Arc<Context<<P as Provider>::Client>>;

impl<P: Provider> Service<P> {
    pub(crate) fn new(provider: P) -> Self {
        let registry = Registry::of(&provider);
        Self {
            provider,
            schema: std::sync::OnceLock::new(),
            registry,
            client: RwLock::new(None),
            stopped: Mutex::default(),
        }
    }

    /// Cancels what is running, and what would start after it.
    pub(crate) fn cancel(&self) {
        self.lock_stopped().cancel();
    }

    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| self.provider.schema())
    }

    fn stopped(&self) -> CancellationToken {
        self.lock_stopped().clone()
    }

    /// A process that several runs of Terraform use gets a new configuration from each, and is not
    /// stopped any more.
    fn renew_stopped(&self) -> CancellationToken {
        let mut stopped = self.lock_stopped();
        if stopped.is_cancelled() {
            *stopped = CancellationToken::new();
        }
        stopped.clone()
    }

    fn lock_stopped(&self) -> std::sync::MutexGuard<'_, CancellationToken> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs an operation with the configured client.
    async fn operate<T>(
        &self,
        client: Option<wire::ClientCapabilities>,
        work: impl AsyncFnOnce(Held<P>) -> Result<T, Diagnostic>,
    ) -> Operated<T> {
        let may_defer = client.is_some_and(|capabilities| capabilities.deferral_allowed);
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(client) = client else {
            let detail = "Terraform asked for an operation before it configured the provider.";
            let error = Diagnostic::error("Provider not configured", detail);
            return Operated { value: None, diagnostics: error.into(), deferred: None };
        };
        let cx = Context::new(client, self.stopped());
        let cx = Arc::new(if may_defer { cx.deferring() } else { cx });
        let result = guard::future(work(Arc::clone(&cx))).await;
        let mut diagnostics = cx.diagnostics();
        let deferred = cx.deferral().map(Deferral::to_wire);
        let value = result.map_err(|error| diagnostics.push(error)).ok();
        Operated { value, diagnostics, deferred }
    }
}

/// What came of an operation.
struct Operated<T> {
    /// None if it failed, with diagnostics.
    value: Option<T>,
    diagnostics: Diagnostics,
    deferred: Option<wire::Deferred>,
}

/// The diagnostics of what is described so, with paths as far as Terraform can resolve them. The
/// provider can panic in making its schema, too.
fn described_to_wire<'d>(
    diagnostics: Diagnostics,
    describe: impl FnOnce() -> Result<&'d Description, Diagnostic>,
) -> Vec<wire::Diagnostic> {
    let description = if diagnostics.is_empty() { None } else { guard::call(describe).ok() };
    diagnostics_to_wire(diagnostics, description.map(|it| it.schema.block()))
}

/// The diagnostics of a block of this schema, in the plugin protocol.
fn diagnostics_to_wire(diagnostics: Diagnostics, block: Option<&Block>) -> Vec<wire::Diagnostic> {
    to_wire::diagnostics(diagnostics, block)
}

/// Each procedure, and where it is answered. Those that are missing answer that they are not
/// implemented.
macro_rules! answer {
    ($($procedure:ident: $module:ident),*; stream $($stream:ident: $events:ident),* $(,)?) => {
        #[tonic::async_trait]
        impl<P: Provider> provider_server::Provider for Service<P> {
            $(
                async fn $procedure(
                    &self,
                    request: Request<wire::$module::Request>,
                ) -> Result<Response<wire::$module::Response>, Status> {
                    tracing::trace!(procedure = stringify!($procedure), "called");
                    let response = Self::$procedure(self, request.into_inner()).await;
                    tracing::trace!(procedure = stringify!($procedure), "responded");
                    Ok(Response::new(response))
                }
            )*
            $(
                async fn $stream(
                    &self,
                    request: Request<wire::$events::Request>,
                ) -> Result<Response<BoxStream<wire::$events::Event>>, Status> {
                    tracing::trace!(procedure = stringify!($stream), "called");
                    let events = Self::$stream(self, request.into_inner()).await;
                    tracing::trace!(procedure = stringify!($stream), "responded");
                    let events = stream::iter(events.into_iter().map(Ok));
                    Ok(Response::new(Box::pin(events)))
                }
            )*
        }
    };
}

answer! {
    get_metadata: get_metadata,
    get_schema: get_provider_schema,
    prepare_provider_config: prepare_provider_config,
    configure: configure,
    stop: stop,
    validate_resource_type_config: validate_resource_type_config,
    upgrade_resource_state: upgrade_resource_state,
    read_resource: read_resource,
    plan_resource_change: plan_resource_change,
    apply_resource_change: apply_resource_change,
    import_resource_state: import_resource_state,
    move_resource_state: move_resource_state,
    generate_resource_config: generate_resource_config,
    get_resource_identity_schemas: get_resource_identity_schemas,
    upgrade_resource_identity: upgrade_resource_identity,
    validate_data_source_config: validate_data_source_config,
    read_data_source: read_data_source,
    get_functions: get_functions,
    call_function: call_function,
    validate_list_resource_config: validate_list_resource_config;
    stream list_resource: list_resource,
}
