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

/// A Unix socket's place in the file system. It is taken away with this value, if it is still the same.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl SocketFile {
    /// With its mode and group from the first moment on: it is made elsewhere, and then moved to where it is looked for. One that a
    /// sidecar has left that is no more is replaced.
    pub(super) fn bind(listen: &Listen) -> io::Result<(UnixListener, Self)> {
        let path = &listen.unix;
        let explained = |error: io::Error| {
            io::Error::new(error.kind(), format!("no socket at {}: {error}", path.display()))
        };
        check_free(path).map_err(explained)?;
        let elsewhere = path.with_extension("new");
        if is_a_socket(&elsewhere) {
            fs::remove_file(&elsewhere).map_err(explained)?;
        }
        let listener = UnixListener::bind(&elsewhere).map_err(explained)?;
        // Whatever goes wrong from here on, nothing is left behind.
        let mut made = Self { file: file(&elsewhere).map_err(explained)?, path: elsewhere };
        let mode = u32::from_str_radix(&listen.unix_mode, 8).map_err(io::Error::other)?;
        let (owner, group) = (owner(listen)?, group(listen)?);
        chown(&made.path, owner, group).map_err(explained)?;
        fs::set_permissions(&made.path, Permissions::from_mode(mode)).map_err(explained)?;
        fs::rename(&made.path, path).map_err(explained)?;
        made.path.clone_from(path);
        Ok((listener, made))
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

/// Nothing is there, or a socket with nobody behind it.
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
        // Another sidecar may have put its own there since; or it is gone with its folder.
        if file(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_has_its_mode_and_goes_with_whoever_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let listen = Listen {
            unix: folder.path().join("sidecar.sock"),
            unix_mode: "0600".to_owned(),
            ..Listen::default()
        };
        let (listener, socket) = SocketFile::bind(&listen).unwrap();
        assert_eq!(fs::metadata(&listen.unix).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SocketFile::bind(&listen).unwrap_err().kind(), ErrorKind::AddrInUse);
        // As after a kill: the file is there, and nobody behind it.
        std::mem::forget(socket);
        drop(listener);
        let (_listener, socket) = SocketFile::bind(&listen).unwrap();
        drop(socket);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn one_that_goes_late_leaves_its_successors_socket_alone() {
        let folder = tempfile::tempdir().unwrap();
        let listen = Listen { unix: folder.path().join("sidecar.sock"), ..Listen::default() };
        let (listener, first) = SocketFile::bind(&listen).unwrap();
        drop(listener);
        let (_listener, _second) = SocketFile::bind(&listen).unwrap();
        drop(first);
        UnixStream::connect(&listen.unix).expect("it is there");
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let listen = Listen { unix: folder.path().join("precious"), ..Listen::default() };
        fs::write(&listen.unix, "content").unwrap();
        assert!(SocketFile::bind(&listen).is_err());
        assert_eq!(fs::read_to_string(&listen.unix).unwrap(), "content");
    }
}
