//! Binds the Unix socket, and removes its file when the sidecar stops.

use std::{
    fs::{self, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use nix::unistd::{Group, User};
use tokio::net::UnixListener;

use crate::config::Listen;

/// The file of a Unix socket. The file is removed when this value is dropped, unless another
/// process has replaced the file.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// The device and the inode of the file. They distinguish this file from a file that another
    /// process has created at the same path.
    file: (u64, u64),
}

impl SocketFile {
    /// Binds the socket and creates its file. If the path already has the file of a socket that no
    /// process listens on, replaces this file.
    ///
    /// The file is created under another name and then renamed. Clients therefore never see the
    /// file with a mode, an owner or a group that is not the configured one.
    ///
    /// # Errors
    /// Returns an error that names the configuration key in these cases:
    /// - the file cannot be created;
    /// - another process listens on the path;
    /// - the path is that of a file that is not a socket;
    /// - the owner or the group is unknown.
    pub(super) fn bind(listen: &Listen) -> io::Result<(UnixListener, Self)> {
        let path = &listen.unix;
        let with_key = |error: io::Error| {
            io::Error::new(error.kind(), format!("listen.unix = {}: {error}", path.display()))
        };
        check_free(path).map_err(with_key)?;
        let temporary = path.with_extension("new");
        if is_a_socket(&temporary) {
            fs::remove_file(&temporary).map_err(with_key)?;
        }
        let listener = UnixListener::bind(&temporary).map_err(with_key)?;
        // Removes the file if a step below fails.
        let mut created = Self { file: file(&temporary).map_err(with_key)?, path: temporary };
        let mode = u32::from_str_radix(&listen.unix_mode, 8).map_err(io::Error::other)?;
        let (owner, group) = (owner(listen)?, group(listen)?);
        chown(&created.path, owner, group).map_err(with_key)?;
        fs::set_permissions(&created.path, Permissions::from_mode(mode)).map_err(with_key)?;
        fs::rename(&created.path, path).map_err(with_key)?;
        created.path.clone_from(path);
        Ok((listener, created))
    }

    /// Returns the path of the file, for logs.
    pub(crate) fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}

fn owner(listen: &Listen) -> io::Result<Option<u32>> {
    let Some(name) = &listen.unix_owner else { return Ok(None) };
    let user = User::from_name(name).map_err(io::Error::from)?;
    let user = user.ok_or_else(|| io::Error::other(format!("listen.unix_owner: unknown user `{name}`")))?;
    Ok(Some(user.uid.as_raw()))
}

fn group(listen: &Listen) -> io::Result<Option<u32>> {
    let Some(name) = &listen.unix_group else { return Ok(None) };
    let group = Group::from_name(name).map_err(io::Error::from)?;
    let group =
        group.ok_or_else(|| io::Error::other(format!("listen.unix_group: unknown group `{name}`")))?;
    Ok(Some(group.gid.as_raw()))
}

/// Checks that a socket can be created at `path`: no file exists there, or the file is a socket
/// that no process listens on.
fn check_free(path: &Path) -> io::Result<()> {
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused && is_a_socket(path) => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "the file is not a socket, or is a symbolic link: remove it, or choose another path",
        )),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(
            ErrorKind::AddrInUse,
            "another process is listening on this path: stop the process, or choose another path",
        )),
    }
}

fn is_a_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

fn file(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The file is removed only if it is still the same file. Another sidecar can have replaced
        // the file, or the directory of the file can have been removed.
        if file(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
