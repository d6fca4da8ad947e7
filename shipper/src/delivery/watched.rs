//! The body of a request, and whether any of it has left.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body that knows whether it was asked for. Before that, there was no connection to send it on.
pub(super) struct Watched {
    body: reqwest::Body,
    is_under_way: Arc<AtomicBool>,
}

/// Whether a body was asked for.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Watches a body.
    pub(super) fn over(&self, body: reqwest::Body) -> Watched {
        Watched { body, is_under_way: Arc::clone(&self.0) }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        self.is_under_way.store(true, Ordering::Relaxed);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
