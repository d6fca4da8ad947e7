//! Where Terraform connects to: a socket in a folder that only this user can enter.

use std::io;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use crate::start::StartError;

/// A bound socket. The folder it is in goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    network: &'static str,
    address: String,
    _folder: Option<TempDir>,
}

/// What can be listened on here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    #[cfg(unix)]
    Unix,
    #[cfg_attr(unix, allow(dead_code, reason = "where there are sockets, only tests take it"))]
    Tcp,
}

/// An accepted connection, before TLS.
pub(crate) enum Accepted {
    #[cfg(unix)]
    Unix(UnixStream),
    Tcp(TcpStream),
}

#[derive(Debug)]
enum Socket {
    #[cfg(unix)]
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Transport {
    /// A socket in the file system where there is such a thing, the loopback device elsewhere.
    #[cfg(unix)]
    pub(crate) const NATIVE: Self = Self::Unix;
    /// A socket in the file system where there is such a thing, the loopback device elsewhere.
    #[cfg(not(unix))]
    pub(crate) const NATIVE: Self = Self::Tcp;
}

impl Listener {
    /// Listens. `folder` is where the private folder is made.
    pub(crate) async fn bind(transport: Transport, folder: PathBuf) -> Result<Self, StartError> {
        let bound = match transport {
            #[cfg(unix)]
            Transport::Unix => Self::unix(&folder),
            Transport::Tcp => Self::tcp().await,
        };
        bound.map_err(|source| StartError::Listen { folder, source })
    }

    #[cfg(unix)]
    fn unix(folder: &std::path::Path) -> io::Result<Self> {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::Builder::new()
            .prefix("tfplugin")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(folder)?;
        let path = folder.path().join("socket");
        let socket = UnixListener::bind(&path)?;
        set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self {
            socket: Socket::Unix(socket),
            network: "unix",
            address: path.display().to_string(),
            _folder: Some(folder),
        })
    }

    async fn tcp() -> io::Result<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?.to_string();
        Ok(Self { socket: Socket::Tcp(socket), network: "tcp", address, _folder: None })
    }

    /// "unix" or "tcp".
    pub(crate) fn network(&self) -> &'static str {
        self.network
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            #[cfg(unix)]
            Socket::Unix(socket) => Ok(Accepted::Unix(socket.accept().await?.0)),
            Socket::Tcp(socket) => Ok(Accepted::Tcp(socket.accept().await?.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[tokio::test]
    async fn only_this_user_reaches_the_socket_and_nothing_of_it_stays() {
        use std::os::unix::fs::PermissionsExt;

        let outer = tempfile::tempdir().unwrap();
        let listener = Listener::bind(Transport::Unix, outer.path().to_owned()).await.unwrap();
        let socket = PathBuf::from(listener.address());
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&socket), 0o600);
        assert_eq!(mode(socket.parent().unwrap()), 0o700);
        drop(listener);
        assert_eq!(outer.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn listens_on_the_loopback_device_where_there_are_no_sockets() {
        let listener = Listener::bind(Transport::Tcp, std::env::temp_dir()).await.unwrap();
        assert_eq!(listener.network(), "tcp");
        let (_there, here) =
            tokio::join!(TcpStream::connect(listener.address()), listener.accept());
        assert!(matches!(here, Ok(Accepted::Tcp(_))));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let folder = PathBuf::from("/nonexistent/folder");
        let error = Listener::bind(Transport::Unix, folder).await.unwrap_err().to_string();
        assert!(error.contains("/nonexistent/folder"), "{error}");
        assert!(error.contains("TMPDIR"), "{error}");
    }
}
