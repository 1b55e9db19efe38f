use super::*;

#[tokio::test]
async fn socket_file_has_its_mode_and_is_removed_on_drop() {
    let folder = tempfile::tempdir().unwrap();
    let listen = Listen {
        unix: folder.path().join("sidecar.sock"),
        unix_mode: "0600".to_owned(),
        ..Listen::default()
    };
    let (listener, socket) = SocketFile::bind(&listen).unwrap();
    assert_eq!(fs::metadata(&listen.unix).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SocketFile::bind(&listen).unwrap_err().kind(), ErrorKind::AddrInUse);
    // As after SIGKILL: the file exists, and no process listens on it.
    std::mem::forget(socket);
    drop(listener);
    let (_listener, socket) = SocketFile::bind(&listen).unwrap();
    drop(socket);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn drop_leaves_the_socket_of_a_successor() {
    let folder = tempfile::tempdir().unwrap();
    let listen = Listen { unix: folder.path().join("sidecar.sock"), ..Listen::default() };
    let (listener, first) = SocketFile::bind(&listen).unwrap();
    drop(listener);
    let (_listener, _second) = SocketFile::bind(&listen).unwrap();
    drop(first);
    UnixStream::connect(&listen.unix).expect("the second socket is listening");
}

#[tokio::test]
async fn regular_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let listen = Listen { unix: folder.path().join("precious"), ..Listen::default() };
    fs::write(&listen.unix, "content").unwrap();
    let error = SocketFile::bind(&listen).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("the file is not a socket"), "{error}");
    assert_eq!(fs::read_to_string(&listen.unix).unwrap(), "content");
}
