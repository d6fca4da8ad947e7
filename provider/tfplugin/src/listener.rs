//! Where Terraform connects to: a socket in a folder that only this user can enter.

use std::io;
use std::path::PathBuf;
#[cfg(unix)]
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use crate::start::StartError;

/// What the name of a socket's folder begins with.
#[cfg(unix)]
const PREFIX: &str = "tfplugin";
#[cfg(unix)]
const SOCKET: &str = "socket";
/// A younger folder may belong to a process that is about to listen.
#[cfg(unix)]
const STARTING: Duration = Duration::from_secs(60);

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

        remove_abandoned(folder);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(folder)?;
        let path = folder.path().join(SOCKET);
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

/// Removes the folders of killed processes: those with a socket without a listener. Failing to do
/// so does not prevent the start.
#[cfg(unix)]
fn remove_abandoned(folder: &std::path::Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && is_abandoned(&entry) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn is_abandoned(entry: &std::fs::DirEntry) -> bool {
    let changed = entry.metadata().and_then(|metadata| metadata.modified());
    let age = changed.ok().and_then(|changed| changed.elapsed().ok());
    // Running providers are probed as rarely as possible.
    age.is_some_and(|age| age > STARTING)
        && std::os::unix::net::UnixStream::connect(entry.path().join(SOCKET))
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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

    #[cfg(unix)]
    #[tokio::test]
    async fn only_sockets_of_killed_providers_are_removed() {
        let outer = tempfile::tempdir().unwrap();
        let long_ago = std::time::SystemTime::now() - STARTING * 2;
        let make = |name: &str| {
            let folder = outer.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            let socket = std::os::unix::net::UnixListener::bind(folder.join(SOCKET)).unwrap();
            let folder = std::fs::File::open(folder).unwrap();
            (socket, folder)
        };
        let (_listening, folder) = make("tfplugin-listening");
        folder.set_modified(long_ago).unwrap();
        for (name, is_old) in
            [("tfplugin-dead", true), ("tfplugin-starting", false), ("other", true)]
        {
            let (dead, folder) = make(name);
            drop(dead);
            if is_old {
                folder.set_modified(long_ago).unwrap();
            }
        }
        drop(Listener::bind(Transport::Unix, outer.path().to_owned()).await.unwrap());
        let left = outer.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, ["other", "tfplugin-listening", "tfplugin-starting"]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_provider_that_has_just_started_is_not_connected_to() {
        let outer = tempfile::tempdir().unwrap();
        let sibling = Listener::bind(Transport::Unix, outer.path().to_owned()).await.unwrap();
        drop(Listener::bind(Transport::Unix, outer.path().to_owned()).await.unwrap());
        let mut client = UnixStream::connect(sibling.address()).await.unwrap();
        client.write_all(b"!").await.unwrap();
        let Ok(Accepted::Unix(mut first)) = sibling.accept().await else { panic!("a socket") };
        let mut said = [0];
        assert_eq!(first.read(&mut said).await.unwrap(), 1, "nobody connected before");
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
    async fn a_missing_folder_is_named() {
        let folder = PathBuf::from("/nonexistent/folder");
        let error = Listener::bind(Transport::Unix, folder).await.unwrap_err().to_string();
        assert!(error.contains("/nonexistent/folder"), "{error}");
        assert!(error.contains("TMPDIR"), "{error}");
    }
}
