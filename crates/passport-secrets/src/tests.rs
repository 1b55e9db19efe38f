//! Tests of transport errors of all providers: the kind of the error, the message, and the
//! number of requests.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use bytes::Bytes;
use http::{Request, Response};
use passport_core::{
    HttpClient, ResponseLimits, SecretError, SecretErrorKind, SecretSource, TlsFailure, Transport,
    TransportError, TransportErrorKind,
};

use crate::{AwsSecretsManager, AzureKeyVault, HashiCorpVault, VaultAuth, azure};

const ENTRA: &str = "login.microsoftonline.com";
const TENANT: &str = "00000000-0000-0000-0000-000000000001";

/// An HTTP client that fails requests to `host`, or all requests if `host` is `None`. It
/// responds to other requests like a vault that requires a token.
#[derive(Clone, Debug)]
struct Failing {
    kind: TransportErrorKind,
    host: Option<&'static str>,
    failed: Arc<AtomicUsize>,
}

impl Failing {
    fn new(kind: TransportErrorKind, host: Option<&'static str>) -> Self {
        Self { kind, host, failed: Arc::default() }
    }

    fn transport(&self) -> Transport {
        Transport::new(self.clone())
    }
}

impl HttpClient for Failing {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        if self.host.is_none_or(|host| request.uri().host() == Some(host)) {
            self.failed.fetch_add(1, Ordering::SeqCst);
            return Err(TransportError::new(self.kind));
        }
        let challenge = format!(
            "Bearer authorization=\"https://{ENTRA}/{TENANT}\", resource=\"https://vault.azure.net\""
        );
        Ok(Response::builder().status(401).header("www-authenticate", challenge).body(Bytes::new()).unwrap())
    }
}

fn vault(failing: &Failing) -> SecretSource {
    let auth = VaultAuth::app_role("role", SecretSource::from_value("secret-id"));
    let vault = HashiCorpVault::builder("https://vault.example.com", auth).transport(failing.transport());
    SecretSource::new(vault.build().unwrap(), "vault:payroll#secret".parse().unwrap())
}

fn aws(failing: &Failing) -> SecretSource {
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

    let key = Credentials::new("id", "key", None, None, "tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(key))
        .build();
    let secrets = AwsSecretsManager::builder().sdk_config(config).transport(failing.transport()).build();
    SecretSource::new(secrets.unwrap(), "aws:payroll".parse().unwrap())
}

fn azure(failing: &Failing) -> SecretSource {
    let client_options =
        azure::http::retrying(&failing.transport(), &crate::last_failure::LastFailure::default());
    let options = ClientSecretCredentialOptions { client_options };
    let credential =
        ClientSecretCredential::new(TENANT, "application".into(), "secret".into(), Some(options)).unwrap();
    let vault = AzureKeyVault::builder().credential(credential).transport(failing.transport());
    let reference = "azure:https://contoso.vault.azure.net/secrets/payroll".parse().unwrap();
    SecretSource::new(vault.build().unwrap(), reference)
}

async fn error(source: &SecretSource) -> SecretError {
    source.resolve().await.unwrap_err()
}

#[tokio::test]
async fn untrusted_certificate_is_not_transient() {
    let failure = TlsFailure::UnknownIssuer;
    for (provider, host) in
        [(vault as fn(&Failing) -> SecretSource, None), (aws, None), (azure, None), (azure, Some(ENTRA))]
    {
        let failing = Failing::new(TransportErrorKind::Tls(failure), host);
        let error = error(&provider(&failing)).await;
        assert_eq!(error.kind(), SecretErrorKind::Tls(failure), "{error}");
        assert!(!error.is_transient() && !error.is_definitive(), "{error}");
        assert!(error.to_string().contains(&failure.to_string()), "{error}");
        let cause = TransportError::find(&error).map(TransportError::kind);
        assert_eq!(cause, Some(TransportErrorKind::Tls(failure)), "{error}");
        assert_eq!(failing.failed.load(Ordering::SeqCst), 1, "no retry: {error}");
    }
}

#[tokio::test]
async fn unresolved_host_is_transient_and_has_a_remedy() {
    for provider in [vault as fn(&Failing) -> SecretSource, aws, azure] {
        let error = error(&provider(&Failing::new(TransportErrorKind::Dns, None))).await;
        assert_eq!(error.kind(), SecretErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("the host name could not be resolved"), "{error}");
        assert!(error.to_string().contains("check DNS, firewalls and the proxy"), "{error}");
    }
}

#[tokio::test]
async fn response_of_another_protocol_is_not_transient() {
    for provider in [vault as fn(&Failing) -> SecretSource, aws, azure] {
        let error = error(&provider(&Failing::new(TransportErrorKind::NotHttp, None))).await;
        assert!(!error.is_transient() && !error.is_definitive(), "{error}");
        assert!(error.to_string().contains("check the scheme and the port"), "{error}");
    }
}

#[tokio::test]
async fn tls_error_of_one_source_outweighs_a_missing_other() {
    let missing = || SecretSource::env("PASSPORT_NO_SUCH_VARIABLE");
    let kind = TransportErrorKind::Tls(TlsFailure::Expired);
    let untrusted = || vault(&Failing::new(kind, None));
    for source in [untrusted().or(missing()), missing().or(untrusted())] {
        let error = error(&source).await;
        assert_eq!(error.kind(), SecretErrorKind::Tls(TlsFailure::Expired), "{error}");
    }
}
