//! Detects whether the body of a request was read.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body that records whether it was read. Before that, there was no connection to send it on.
struct ProbedBody {
    body: reqwest::Body,
    is_under_way: Arc<AtomicBool>,
}

/// Whether the body was read.
#[derive(Default)]
pub(super) struct BodyProbe(Arc<AtomicBool>);

impl BodyProbe {
    /// Wraps the body of a request, if it has one: an empty body is never read.
    pub(super) fn over_body(request: &mut reqwest::Request) -> Option<Self> {
        let body = request.body_mut().take()?;
        if body.is_end_stream() {
            *request.body_mut() = Some(body);
            return None;
        }
        let watch = Self::default();
        let watched = ProbedBody { body, is_under_way: Arc::clone(&watch.0) };
        *request.body_mut() = Some(reqwest::Body::wrap(watched));
        Some(watch)
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Body for ProbedBody {
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
