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

/// The file of a Unix socket. It is removed with this value, unless another process has replaced it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
}

impl SocketFile {
    /// Binds the socket and creates its file. The file of a sidecar that is gone is replaced.
    ///
    /// The file is created under another name and then renamed, so that clients never see it with
    /// another mode, owner or group.
    pub(super) fn bind(listen: &Listen) -> io::Result<(UnixListener, Self)> {
        let path = &listen.unix;
        let explained = |error: io::Error| {
            io::Error::new(error.kind(), format!("no socket at {}: {error}", path.display()))
        };
        check_free(path).map_err(explained)?;
        let temporary = path.with_extension("new");
        if is_a_socket(&temporary) {
            fs::remove_file(&temporary).map_err(explained)?;
        }
        let listener = UnixListener::bind(&temporary).map_err(explained)?;
        // It removes the file on each error from here on.
        let mut created = Self { file: file(&temporary).map_err(explained)?, path: temporary };
        let mode = u32::from_str_radix(&listen.unix_mode, 8).map_err(io::Error::other)?;
        let (owner, group) = (owner(listen)?, group(listen)?);
        chown(&created.path, owner, group).map_err(explained)?;
        fs::set_permissions(&created.path, Permissions::from_mode(mode)).map_err(explained)?;
        fs::rename(&created.path, path).map_err(explained)?;
        created.path.clone_from(path);
        Ok((listener, created))
    }

    pub(crate) fn path(&self) -> std::path::Display<'_> {
        self.path.display()
    }
}

fn owner(listen: &Listen) -> io::Result<Option<u32>> {
    let Some(name) = &listen.unix_owner else { return Ok(None) };
    let user = User::from_name(name).map_err(io::Error::from)?;
    let user = user.ok_or_else(|| io::Error::other(format!("there is no user `{name}`")))?;
    Ok(Some(user.uid.as_raw()))
}

fn group(listen: &Listen) -> io::Result<Option<u32>> {
    let Some(name) = &listen.unix_group else { return Ok(None) };
    let group = Group::from_name(name).map_err(io::Error::from)?;
    let group = group.ok_or_else(|| io::Error::other(format!("there is no group `{name}`")))?;
    Ok(Some(group.gid.as_raw()))
}

/// Checks that there is no file, or the socket of a process that is gone.
fn check_free(path: &Path) -> io::Result<()> {
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused && is_a_socket(path) => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another sidecar listens there")),
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
        // Another sidecar may have replaced it, or its folder may be gone.
        if file(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
