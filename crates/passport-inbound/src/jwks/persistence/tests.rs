use super::*;

fn keys(document: &'static str) -> SavedKeys {
    let fetched_at = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
    SavedKeys { fetched_at, document: Bytes::from_static(document.as_bytes()) }
}

#[tokio::test]
async fn saved_keys_are_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = JwksCacheFile { path: folder.path().join("keys.json") };
    assert!(file.load("i").await.unwrap().is_none());
    for document in [r#"{"keys":[]}"#, r#"{"keys": [1]}"#] {
        file.save("i", keys(document)).await.unwrap();
        let saved = file.load("i").await.unwrap().unwrap();
        assert_eq!((saved.document, saved.fetched_at), (Bytes::from(document), keys("").fetched_at));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files are removed");
}

#[tokio::test]
async fn keys_of_another_issuer_are_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let file = JwksCacheFile { path: folder.path().join("keys.json") };
    file.save("https://a", keys("{}")).await.unwrap();
    assert!(matches!(file.load("https://a/").await, Err(JwksCacheFileError::OtherIssuer)));
}

#[tokio::test]
async fn invalid_cache_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    for content in ["", "{}", r#"{"keys":[]}"#, r#"{"issuer":"i","fetched_at":-1,"jwks":{}}"#] {
        fs::write(&path, content).unwrap();
        assert!(
            matches!(
                JwksCacheFile { path: path.clone() }.load("i").await,
                Err(JwksCacheFileError::InvalidContent)
            ),
            "{content}"
        );
    }
    fs::write(&path, r#"{"issuer":"i","fetched_at":18446744073709551615,"jwks":{}}"#).unwrap();
    assert!(JwksCacheFile { path }.load("i").await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn named_pipe_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    assert!(matches!(JwksCacheFile { path }.load("i").await, Err(JwksCacheFileError::Io(_))));
}

#[tokio::test(start_paused = true)]
async fn hanging_cache_file_costs_1_second_and_one_thread() {
    let file = JwksCacheFile { path: PathBuf::from("keys.json") };
    let (go_on, waits) = std::sync::mpsc::channel::<()>();
    let (ended, has_ended) = std::sync::mpsc::channel::<()>();
    let hanging = move || {
        let _ended = ended;
        Ok(waits.recv().is_ok())
    };
    assert!(matches!(file.with_timeout(hanging).await, Err(JwksCacheFileError::TimedOut)));
    let second = file.with_timeout(|| -> Result<(), _> { panic!("there is no second thread") }).await;
    assert!(matches!(second, Err(JwksCacheFileError::TimedOut)));
    tokio::time::resume();
    drop(go_on);
    let _ = has_ended.recv();
    assert!(file.with_timeout(|| Ok(())).await.is_ok());
}

#[tokio::test]
async fn unwritable_cache_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = JwksCacheFile { path: folder.path().join("missing").join("keys.json") };
    assert!(matches!(file.save("i", keys("{}")).await, Err(JwksCacheFileError::Io(_))));
}
