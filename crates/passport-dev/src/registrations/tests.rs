use super::*;

fn read(extension: &str, content: &str) -> Result<Registrations, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("identities.{extension}"));
    std::fs::write(&path, content).unwrap();
    Registrations::read(&path)
}

#[test]
fn toml_json_and_yaml_files_are_read() {
    for (extension, content) in [
        ("toml", "[identities.Erp-Sync]\nroles = [\"erp.read\"]\n[users.Alice]\nroles = [\"clerk\"]\n"),
        (
            "json",
            r#"{"identities":{"Erp-Sync":{"roles":["erp.read"]}},"users":{"Alice":{"roles":["clerk"]}}}"#,
        ),
        ("yaml", "identities:\n  Erp-Sync:\n    roles: [erp.read]\nusers:\n  Alice:\n    roles: [clerk]\n"),
    ] {
        let read = read(extension, content).unwrap();
        assert_eq!(read.identities["Erp-Sync"].roles, ["erp.read"], "{extension}");
        assert_eq!(read.users["Alice"].roles, ["clerk"], "{extension}");
    }
}

#[test]
fn invalid_file_is_rejected() {
    for (content, expected) in [
        ("[identities.erp]\nrole = \"a\"\n", "identities.toml: unknown field `role`"),
        ("[users.alice]\n", "no identities"),
        ("identities", "identities.toml"),
    ] {
        let error = read("toml", content).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(Registrations::read(Path::new("/no/such.toml")).unwrap_err().to_string().contains("such.toml"));
}
