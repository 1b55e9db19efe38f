use std::io::Write;

use super::*;

fn read(content: &[u8]) -> Result<CaCertificates, InvalidCaFile> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    CaCertificates::from_pem_file(file.path())
}

#[test]
fn all_certificates_of_a_file_are_read() {
    let ca = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.pem();
    assert_eq!(read((ca("a") + &ca("b")).as_bytes()).unwrap().iter().count(), 2);
}

#[test]
fn error_names_the_problem_and_no_content() {
    for (content, problem) in [
        (&b""[..], "no section BEGIN CERTIFICATE"),
        (b"\x30\x82\x01\x0a", "openssl x509 -inform der"),
        (b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n", "not base64"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not an X.509"),
    ] {
        let error = read(content).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("cannot use"), "{error}");
    }
    for one_line in ["-----END PRIVATE KEY----", "-----END PRIVATE KEY-----"] {
        let content = format!("-----BEGIN PRIVATE KEY-----hidden{one_line}");
        let error = read(content.as_bytes()).unwrap_err();
        let message = format!("{} {error:?}", with_causes(&error));
        assert!(message.contains("not base64") && !message.contains("hidden"), "{message}");
        assert!(error.problem.source().is_none(), "{:?}", error.problem.source());
    }
    let pasted = "-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----";
    let error = CaCertificates::from_pem_file(pasted).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
    let error = CaCertificates::from_pem_file("/no/such/ca.pem").unwrap_err().to_string();
    assert!(error.contains("/no/such/ca.pem") && error.contains("No such file"), "{error}");
}

#[test]
fn directory_or_large_file_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let message = |path: &Path| CaCertificates::from_pem_file(path).unwrap_err().to_string();
    assert!(message(directory.path()).contains("not a regular file"), "{}", message(directory.path()));
    let large = directory.path().join("large.pem");
    let write = |size| File::create(&large).unwrap().set_len(size).unwrap();
    write(MAX_SIZE + 1);
    assert!(message(&large).contains("larger than 1 MiB"), "{}", message(&large));
    write(MAX_SIZE);
    assert!(message(&large).contains("no section"), "{}", message(&large));
}

#[cfg(unix)]
#[test]
fn fifo_is_rejected_without_blocking() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("ca.pem");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let error = CaCertificates::from_pem_file(&fifo).unwrap_err().to_string();
    assert!(error.contains("not a regular file"), "{error}");
}

#[test]
fn parser_error_is_the_source_of_the_problem() {
    for content in [
        "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = read(content.as_bytes()).unwrap_err();
        assert!(error.source().is_some_and(|problem| problem.source().is_some()), "{error}");
    }
}

#[test]
fn debug_is_the_message_with_its_remedy() {
    let error = read(b"").unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(format!("{error:?}").contains("use the PEM file of the CA's certificate"), "{error:?}");
}
