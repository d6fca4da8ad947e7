//! Connections of Terraform to the provider.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::listener::{Accepted, Listener};
use crate::tls::Tls;

/// An open connection, over TLS or not.
pub(crate) struct Connection {
    io: Box<dyn Io>,
    _counted: Counted,
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// How many connections are open.
#[derive(Clone, Debug)]
pub(crate) struct Open(Arc<watch::Sender<usize>>);

/// One of the open connections.
#[derive(Debug)]
struct Counted(Open);

impl Open {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Waits until none is open.
    pub(crate) async fn none(&self) {
        // The sender is held here, so that it does not close.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }

    fn count(&self) -> Counted {
        self.0.send_modify(|count| *count += 1);
        Counted(self.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

/// Accepts connections until the stream of them is dropped. Each shakes hands on its own, so that
/// one that does not cannot keep others out.
pub(crate) fn accept(
    listener: Listener,
    tls: Option<&Tls>,
    open: Open,
) -> ReceiverStream<io::Result<Connection>> {
    let (connections, accepted) = mpsc::channel(4);
    let acceptor = tls.map(|tls| TlsAcceptor::from(Arc::clone(&tls.config)));
    tokio::spawn(async move {
        loop {
            let socket = tokio::select! {
                socket = listener.accept() => socket,
                () = connections.closed() => return,
            };
            let socket = match socket {
                Ok(socket) => socket,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of file handles, most likely: others are given time to close theirs.
                    tokio::time::sleep(RETRY_ACCEPT).await;
                    continue;
                }
            };
            let (acceptor, connections, open) =
                (acceptor.clone(), connections.clone(), open.clone());
            tokio::spawn(async move {
                match secure(socket, acceptor, &open).await {
                    // Without a receiver the server has ended.
                    Ok(connection) => drop(connections.send(Ok(connection)).await),
                    // As another provider does that sees whether this one lives.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        tracing::debug!("a client connected and sent nothing");
                    }
                    Err(error) => tracing::warn!(%error, "a connection was refused"),
                }
            });
        }
    });
    ReceiverStream::new(accepted)
}

const RETRY_ACCEPT: std::time::Duration = std::time::Duration::from_millis(100);

async fn secure(
    socket: Accepted,
    acceptor: Option<TlsAcceptor>,
    open: &Open,
) -> io::Result<Connection> {
    match socket {
        #[cfg(unix)]
        Accepted::Unix(socket) => over(socket, acceptor, open).await,
        Accepted::Tcp(socket) => over(socket, acceptor, open).await,
    }
}

fn over<S: Io + 'static>(
    socket: S,
    acceptor: Option<TlsAcceptor>,
    open: &Open,
) -> impl Future<Output = io::Result<Connection>> {
    let counted = open.count();
    async move {
        let io: Box<dyn Io> = match acceptor {
            Some(acceptor) => Box::new(acceptor.accept(socket).await?),
            None => Box::new(socket),
        };
        Ok(Connection { io, _counted: counted })
    }
}

/// Who is at the other end is known: it holds the one certificate that is accepted.
impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
