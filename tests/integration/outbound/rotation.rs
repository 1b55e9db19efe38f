//! Rotation of a mounted client secret.

use std::{fs, os::unix::fs::symlink};

use passport_outbound::SecretSource;

/// Kubernetes writes a new folder, and renames a symbolic link over the old one.
#[tokio::test]
async fn mounted_secret_is_read_whole_across_100_swaps() {
    let mount = tempfile::tempdir().unwrap();
    let put = |version: usize| {
        let folder = mount.path().join(format!("..version_{version}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("secret"), format!("secret-{version}").repeat(1000)).unwrap();
        symlink(&folder, mount.path().join("..data_tmp")).unwrap();
        fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
    };
    put(0);
    symlink("..data/secret", mount.path().join("secret")).unwrap();
    let source = SecretSource::file(mount.path().join("secret").to_str().unwrap());
    let reader = tokio::spawn({
        let source = source.clone();
        async move {
            for _ in 0..500 {
                let read = source.resolve().await.unwrap();
                let text = read.secret().expose();
                let one = &text[..text[1..].find("secret").unwrap() + 1];
                assert_eq!(one.repeat(1000), text);
                tokio::task::yield_now().await;
            }
        }
    });
    for version in 1..=100 {
        put(version);
        let read = source.resolve().await.unwrap();
        assert!(read.secret().expose().starts_with(&format!("secret-{version}secret")), "{version}");
    }
    reader.await.unwrap();
}
