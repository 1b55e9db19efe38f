//! Azure Key Vault: Microsoft's Rust client in a child process, against the stand-in.
//! Microsoft's Python client checks the stand-in.

use std::sync::Arc;

use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::{Duration, OffsetDateTime},
};
use passport_core::{ReqwestHttpClient, SecretSource, Transport};
use passport_secrets::AzureKeyVault;
use passport_test_support::key_vault::{
    APPLICATION, APPLICATION_SECRET, CLIENT_ASSERTION, ENTRA_HOST, IDENTITY_HEADER, KeyVault, TENANT,
    VAULT_HOST, VaultFault,
};
use tempfile::{NamedTempFile, TempDir};
use tokio::time::Instant;

use crate::{python, reader_process::ReaderProcess};

struct Setup {
    vault: KeyVault,
    folder: TempDir,
}

impl Setup {
    async fn new() -> Self {
        let (vault, folder) = (KeyVault::start().await, tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("ca.pem"), &vault.ca_pem).unwrap();
        Self { vault, folder }
    }

    /// Starts a service that trusts the stand-in. `who` has the environment variables of its
    /// credentials.
    fn reader(&self, who: &[(&str, &str)]) -> ReaderProcess {
        let ca = self.folder.path().join("ca.pem").display().to_string();
        let (hosts, authority) = (format!("{VAULT_HOST} {ENTRA_HOST}"), self.vault.authority());
        let mut environment = vec![
            ("SSL_CERT_FILE", &*ca),
            ("ON_THIS_MACHINE", &*hosts),
            ("AZURE_AUTHORITY_HOST", &*authority),
            // Unused: requests to this machine bypass the proxy.
            ("HTTP_PROXY", "http://127.0.0.1:9"),
        ];
        environment.extend(who);
        ReaderProcess::start("azure", &environment)
    }

    fn application(&self) -> ReaderProcess {
        self.reader(&[
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", APPLICATION),
            ("AZURE_CLIENT_SECRET", APPLICATION_SECRET),
        ])
    }

    fn payroll(&self) -> String {
        self.vault.identifier("payroll")
    }
}

#[tokio::test]
async fn current_or_named_version_is_read() {
    let setup = Setup::new().await;
    let (first, second) = (setup.vault.put("payroll", "one"), setup.vault.put("payroll", "two"));
    setup.vault.expire_at("payroll", 1_900_000_000);
    let mut reader = setup.application();
    let read = reader.read(&setup.payroll()).await;
    assert_eq!((&read["secret"], &read["version"]), (&"two".into(), &second.into()));
    assert_eq!(read["expires"], 1_900_000_000);
    assert_eq!(reader.secret(&format!("{}/{first}", setup.payroll())).await, "one");
    assert_eq!(setup.vault.counts(), (1, 2), "one token for both");
}

/// Returns a file with the token of a pod.
fn assertion() -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CLIENT_ASSERTION).unwrap();
    file
}

#[tokio::test]
async fn credentials_are_found_in_the_environment() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "one");
    let file = assertion();
    let base = setup.vault.serve_managed_identities().await;
    let endpoint = format!("{base}/msi/token");
    let tenant = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", APPLICATION)];
    let pod = [("AZURE_FEDERATED_TOKEN_FILE", file.path().to_str().unwrap())];
    let secret = [("AZURE_CLIENT_SECRET", APPLICATION_SECRET)];
    let app_service = [("IDENTITY_ENDPOINT", &*endpoint), ("IDENTITY_HEADER", IDENTITY_HEADER)];
    let machine = [("MACHINE_METADATA", &*base)];
    for who in [
        [&tenant[..], &pod, &app_service].concat(),
        [&tenant[..], &secret, &app_service].concat(),
        app_service.to_vec(),
        [&app_service[..], &[("AZURE_CLIENT_ID", "mine")]].concat(),
        machine.to_vec(),
        [&machine[..], &[("AZURE_CLIENT_ID", "mine")]].concat(),
    ] {
        let mut reader = setup.reader(&who);
        assert_eq!(reader.secret(&setup.payroll()).await, "one", "{who:?}");
        let (log, hidden) = (reader.log().await, [CLIENT_ASSERTION, APPLICATION_SECRET, "token-of-entra"]);
        assert!(hidden.iter().all(|hidden| !log.contains(hidden)), "{who:?}");
    }
    let mine = Some("mine".to_owned());
    assert_eq!(setup.vault.identities(), [None, mine.clone(), None, mine], "the others asked Entra");
    assert_eq!(setup.vault.api_versions(), ["7.4"]);
}

#[tokio::test]
async fn errors_of_the_vault_are_reported_with_kind_and_message() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "one");
    let mut reader = setup.application();
    for (status, code, inner_code, kind, told) in [
        (
            403,
            "Forbidden",
            Some("ForbiddenByRbac"),
            "Forbidden",
            "403 Forbidden, ForbiddenByRbac: on purpose",
        ),
        (403, "Forbidden", Some("ForbiddenByPolicy"), "Forbidden", "403 Forbidden, ForbiddenByPolicy: "),
        (
            403,
            "Forbidden",
            Some("ForbiddenByFirewall"),
            "Unavailable",
            "403 Forbidden, ForbiddenByFirewall: ",
        ),
        (400, "BadParameter", None, "Unreadable", "400 BadParameter: on purpose"),
        (500, "InternalServerError", None, "Unavailable", "500 InternalServerError: on purpose"),
        (503, "ServiceUnavailable", None, "Unavailable", "503 ServiceUnavailable: on purpose"),
    ] {
        setup.vault.inject(Some(VaultFault { status, code, inner_code, retry_after: None }));
        let (seen, text) = reader.error(&setup.payroll()).await;
        assert_eq!(seen, kind, "{text}");
        assert!(text.contains(told) && text.contains(&setup.payroll()), "{text}");
    }
    setup.vault.inject(None);
    let (kind, text) = reader.error(&setup.vault.identifier("missing")).await;
    assert!(kind == "NotFound" && text.contains("404 SecretNotFound: A secret with"), "{kind} {text}");
    setup.vault.disable("payroll");
    let (kind, text) = reader.error(&setup.payroll()).await;
    assert!(kind == "Disabled" && text.contains("403 Forbidden, SecretDisabled: "), "{kind} {text}");
}

#[tokio::test]
async fn throttled_read_is_not_repeated_and_reports_retry_after() {
    let setup = Setup::new().await;
    let throttled = VaultFault { status: 429, code: "Throttled", inner_code: None, retry_after: Some(17) };
    setup.vault.inject(Some(throttled));
    let read = setup.application().read(&setup.payroll()).await;
    assert_eq!((&read["kind"], &read["retry_after"]), (&"Throttled".into(), &17.into()));
    assert_eq!(setup.vault.counts().1, 1, "the client does not retry");
}

#[tokio::test]
async fn revoked_token_is_replaced() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "one");
    let mut reader = setup.application();
    reader.secret(&setup.payroll()).await;
    setup.vault.revoke_tokens();
    assert_eq!(reader.secret(&setup.payroll()).await, "one");
    assert_eq!(setup.vault.counts(), (2, 2));
}

/// A credential that issues valid tokens.
#[derive(Debug)]
struct OwnCredential(KeyVault);

#[async_trait::async_trait]
impl TokenCredential for OwnCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://vault.azure.net/.default"]);
        Ok(AccessToken::new(self.0.issue_token(), OffsetDateTime::now_utc() + Duration::hours(1)))
    }
}

#[tokio::test]
async fn own_credential_and_configured_vault_are_used() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "one");
    let (root, address) = (setup.vault.ca_pem.clone(), setup.vault.address);
    let transport = ReqwestHttpClient::configured(move |settings| {
        let root = reqwest::Certificate::from_pem(root.as_bytes()).unwrap();
        settings.tls_certs_only([root]).resolve(VAULT_HOST, address)
    });
    let vault = AzureKeyVault::builder()
        .vault(format!("https://{VAULT_HOST}:{}", address.port()))
        .credential(Arc::new(OwnCredential(setup.vault.clone())))
        .api_version("2025-07-01")
        .transport(Transport::new(transport))
        .build()
        .unwrap();
    let read = SecretSource::new(vault, "azure_key_vault:payroll".parse().unwrap()).resolve().await;
    assert_eq!(read.unwrap().secret().expose(), "one");
    assert_eq!(setup.vault.api_versions(), ["2025-07-01"]);
}

#[tokio::test]
async fn tenant_in_the_challenge_of_a_vault_is_not_trusted() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "one");
    setup.vault.challenge_with(
        r#"authorization="https://login.windows.net/another-tenant", scope="https://vault.azure.net/.default""#,
    );
    assert_eq!(setup.application().secret(&setup.payroll()).await, "one");
}

/// A malicious server could request tokens for other resources.
#[tokio::test]
async fn no_token_for_another_resource_is_sent_to_a_vault() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "one");
    for challenge in [
        r#"resource="https://graph.microsoft.com""#,
        r#"resource="https://vault.azure.net.""#,
        r#"resource="https://oso.vault.azure.net""#,
        r#"scope="https://graph.microsoft.com/.default""#,
    ] {
        setup.vault.challenge_with(challenge);
        let (kind, text) = setup.application().error(&setup.payroll()).await;
        assert!(kind == "Unauthenticated" && text.contains("challenge resource"), "{kind} {text}");
    }
    assert_eq!(setup.vault.counts(), (0, 0));
}

#[tokio::test]
async fn invalid_credentials_are_unauthenticated() {
    let setup = Setup::new().await;
    let wrong = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", APPLICATION),
        ("AZURE_CLIENT_SECRET", "wrong-and-hidden"),
    ];
    let (kind, text) = setup.reader(&wrong).error(&setup.payroll()).await;
    assert!(kind == "Unauthenticated" && text.contains("AADSTS7000215"), "{kind} {text}");
    assert!(!text.contains("hidden"), "{text}");
    let (kind, text) = setup.reader(&wrong[1..]).error(&setup.payroll()).await;
    assert!(kind == "Unauthenticated" && text.contains("AZURE_TENANT_ID is not set"), "{kind} {text}");
}

#[tokio::test]
async fn unreachable_or_untrusted_entra_is_named_within_the_deadline() {
    let (setup, untrusted) = (Setup::new().await, KeyVault::start().await);
    setup.vault.put("payroll", "one");
    for (authority, expected, cause) in [
        (
            format!("https://{ENTRA_HOST}:9"),
            "Unavailable",
            "login.microsoftonline.com: no connection could be made",
        ),
        (
            untrusted.authority(),
            "Tls(UnknownIssuer)",
            "login.microsoftonline.com: the server's certificate is not trusted",
        ),
    ] {
        let mut reader = setup.reader(&[
            ("AZURE_TENANT_ID", TENANT),
            ("AZURE_CLIENT_ID", APPLICATION),
            ("AZURE_CLIENT_SECRET", APPLICATION_SECRET),
            ("AZURE_AUTHORITY_HOST", &authority),
        ]);
        let start = Instant::now();
        let (kind, text) = reader.error(&setup.payroll()).await;
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
        assert!(kind == expected && text.contains(cause), "{kind} {text}");
    }
}

#[tokio::test]
async fn authority_without_a_scheme_is_named() {
    let setup = Setup::new().await;
    let mut reader = setup.reader(&[
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", APPLICATION),
        ("AZURE_CLIENT_SECRET", APPLICATION_SECRET),
        ("AZURE_AUTHORITY_HOST", "login.microsoftonline.us"),
    ]);
    let (kind, text) = reader.error(&setup.payroll()).await;
    assert!(
        kind == "Unauthenticated" && text.contains("AZURE_AUTHORITY_HOST has no scheme"),
        "{kind} {text}"
    );
}

#[tokio::test]
async fn trailing_line_breaks_are_ignored() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "one\r\n");
    let credential = format!("{APPLICATION_SECRET}\n");
    let mut reader = setup.reader(&[
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", APPLICATION),
        ("AZURE_CLIENT_SECRET", &credential),
    ]);
    assert_eq!(reader.secret(&setup.payroll()).await, "one");
}

#[tokio::test]
async fn untrusted_and_unreachable_vaults_are_distinguished() {
    let setup = Setup::new().await;
    let mut reader = setup.application();
    let elsewhere = format!("https://{VAULT_HOST}:9/secrets/payroll");
    assert_eq!(reader.error(&elsewhere).await.0, "Unavailable");
    std::fs::write(setup.folder.path().join("ca.pem"), KeyVault::start().await.ca_pem).unwrap();
    let (kind, text) = setup.application().error(&setup.payroll()).await;
    assert!(kind == "Tls(UnknownIssuer)" && text.contains("certificate"), "{kind} {text}");
}

#[tokio::test]
async fn logs_contain_no_secret_and_no_token() {
    let setup = Setup::new().await;
    setup.vault.put("payroll", "a-secret-of-payroll");
    let mut reader = setup.application();
    reader.secret(&setup.payroll()).await;
    setup.vault.revoke_tokens();
    reader.secret(&setup.payroll()).await;
    setup.vault.disable("payroll");
    let failed = reader.read(&setup.payroll()).await.to_string();
    let log = reader.log().await;
    assert!(log.contains("sending request 'https://contoso"), "the log includes the client libraries");
    for hidden in ["a-secret-of-payroll", APPLICATION_SECRET, "token-of-entra"] {
        assert!(!log.contains(hidden) && !failed.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn stand_in_satisfies_microsofts_python_client() {
    let setup = Setup::new().await;
    let (file, base) = (assertion(), setup.vault.serve_managed_identities().await);
    let port = setup.vault.address.port().to_string();
    let identities = format!("{base}/msi/token");
    let said = python::run(
        "key_vault.py",
        &[
            &port,
            VAULT_HOST,
            ENTRA_HOST,
            TENANT,
            APPLICATION,
            APPLICATION_SECRET,
            file.path().to_str().unwrap(),
            &identities,
            IDENTITY_HEADER,
        ],
        &setup.folder.path().join("ca.pem"),
    )
    .await;
    assert!(said.is_none_or(|said| said == "content"));
}
