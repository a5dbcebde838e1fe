//! Listening at a path: the control socket, and metrics where no port is wanted.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Its owner and its group may talk to the service.
const MODE: u32 = 0o660;

/// Why nobody can listen at a path.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A living service listens there.
    #[error("another shipper already listens at {}: stop it, or set {key} to another path", path.display())]
    Taken { path: PathBuf, key: &'static str },
    /// Something that is not a socket lies there.
    #[error("{} exists and is not a socket: remove it, or set {key} to another path", path.display())]
    NotASocket { path: PathBuf, key: &'static str },
    /// It cannot be made.
    #[error("cannot listen at {}: {source}; create its directory for this user, or set {key}", path.display())]
    Listen {
        path: PathBuf,
        key: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Listens at `path`, which `key` of the configuration names, in place of the socket of a dead service.
///
/// # Errors
/// [`SocketError`].
pub(super) async fn listen(path: &Path, key: &'static str) -> Result<UnixListener, SocketError> {
    let failed = |source| SocketError::Listen {
        path: path.to_owned(),
        key,
        source,
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            let path = path.to_owned();
            return Err(SocketError::NotASocket { path, key });
        }
        Ok(_) if UnixStream::connect(path).await.is_ok() => {
            let path = path.to_owned();
            return Err(SocketError::Taken { path, key });
        }
        Ok(_) => std::fs::remove_file(path).map_err(failed)?,
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    let mode = std::fs::Permissions::from_mode(MODE);
    std::fs::set_permissions(path, mode).map_err(failed)?;
    Ok(listener)
}

/// Removes the socket that `listener` listens at. One that stays behind is recognised as dead by the next [`listen`].
pub(super) fn remove(listener: &UnixListener) {
    if let Ok(address) = listener.local_addr() {
        let _ = address.as_pathname().map(std::fs::remove_file);
    }
}
