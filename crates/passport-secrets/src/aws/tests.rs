use std::sync::Mutex;

use ::http::{Request, Response};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, future::ProvideCredentials as ProvideFuture},
};
use bytes::Bytes;
use passport_core::{HttpClient, ResponseLimits, SecretSource, TransportError};

use super::*;

/// An HTTP client that returns the same response to every request, and stores the hosts of the
/// requests.
#[derive(Clone, Debug)]
struct Aws(Arc<(u16, &'static str, Mutex<Vec<String>>)>);

impl HttpClient for Aws {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let (status, body, hosts) = &*self.0;
        hosts.lock().unwrap().push(request.uri().host().unwrap_or_default().to_owned());
        let response = Response::builder().status(*status).header("retry-after", "17");
        Ok(response.body(Bytes::from_static(body.as_bytes())).unwrap())
    }
}

impl Aws {
    fn responding(status: u16, body: &'static str) -> Self {
        Self(Arc::new((status, body, Mutex::default())))
    }

    fn secret(&self, path: &str) -> SecretSource {
        let key = Credentials::new("id", "key", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(key))
            .build();
        let builder = AwsSecretsManager::builder().sdk_config(config);
        let secrets = builder.transport(Transport::new(self.clone())).build().unwrap();
        SecretSource::new(secrets, format!("aws:{path}").parse().unwrap())
    }
}

/// The bodies of the responses are copied from AWS.
#[tokio::test]
async fn error_of_aws_is_reported_with_kind_and_message() {
    for (status, body, kind, expected) in [
        (
            400,
            r#"{"__type":"AccessDeniedException","Message":"User: x is not authorized to perform: secretsmanager:GetSecretValue"}"#,
            SecretErrorKind::Forbidden,
            "400 AccessDeniedException User: x is not authorized",
        ),
        (
            400,
            r#"{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find the specified secret."}"#,
            SecretErrorKind::NotFound,
            "can't find",
        ),
        (
            400,
            r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
            SecretErrorKind::Throttled,
            "Rate exceeded",
        ),
        (
            400,
            r#"{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}"#,
            SecretErrorKind::Unauthenticated,
            "security token",
        ),
        (500, r#"{"__type":"InternalServiceError"}"#, SecretErrorKind::Unavailable, "500"),
        (503, "<html>hidden", SecretErrorKind::Unavailable, "503"),
        (403, "<html>hidden", SecretErrorKind::Unauthenticated, "403"),
        (200, "<html>hidden", SecretErrorKind::Unreadable, "responded with status 200"),
    ] {
        let error = Aws::responding(status, body).secret("payroll").resolve().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error} {error:?}").contains("hidden"));
        assert_eq!(error.retry_after().map(|time| time.as_secs()), Some(17), "{error}");
    }
}

#[tokio::test]
async fn arn_selects_the_region() {
    let aws = Aws::responding(200, r#"{"SecretString":"one","VersionId":"v1"}"#);
    let arn = "arn:aws:secretsmanager:us-east-2:123456789012:secret:payroll-a1b2c3";
    for path in ["payroll", arn, "payroll"] {
        assert_eq!(aws.secret(path).resolve().await.unwrap().secret().expose(), "one");
    }
    let [default, of_arn] =
        ["eu-central-1", "us-east-2"].map(|region| format!("secretsmanager.{region}.amazonaws.com"));
    assert_eq!(*aws.0.2.lock().unwrap(), [default.clone(), of_arn, default]);
}

#[test]
fn key_selects_a_string_of_a_json_object() {
    let json = r#"{ "id": "mi-1", "sec\u0072et": "a\nb", "number": 7 }"#;
    let read = |key| at_key(json, key).map(|secret| secret.expose().to_owned());
    assert_eq!(read("secret").as_deref(), Ok("a\nb"));
    assert_eq!(read("number"), Err("the value at the key is not a string; store it as a JSON string"));
    assert_eq!(
        read("other"),
        Err("the JSON of the secret has no such key; check the text behind # in the reference")
    );
    assert!(at_key("a text", "secret").unwrap_err().starts_with("the secret is not a JSON object"));
}

#[test]
fn ca_file_is_read_and_contradicts_a_transport() {
    let builder = AwsSecretsManager::builder().ca_file("/no/such/ca.pem");
    for builder in [builder.clone(), builder.transport(Transport::default())] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.problems()[0].option, "ca_file", "{error}");
    }
}

/// A network in which no server responds, neither the metadata service nor a token service.
#[derive(Clone, Debug)]
struct Silent;

impl HttpClient for Silent {
    async fn send(
        &self,
        _: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        tokio::time::sleep(limits.timeout).await;
        Err(TransportError::new(passport_core::TransportErrorKind::Timeout))
    }
}

/// A credential provider that responds after 4 s.
#[derive(Debug)]
struct SlowCredentials;

impl ProvideCredentials for SlowCredentials {
    fn provide_credentials<'a>(&'a self) -> ProvideFuture<'a>
    where
        Self: 'a,
    {
        ProvideFuture::new(async {
            tokio::time::sleep(std::time::Duration::from_secs(4)).await;
            Ok(Credentials::new("id", "key", None, None, "tests"))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_and_secrets_manager_share_one_deadline() {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(SlowCredentials))
        .build();
    let builder = AwsSecretsManager::builder().sdk_config(config);
    let secrets = builder.transport(Transport::new(Silent)).build().unwrap();
    let start = tokio::time::Instant::now();
    let source = SecretSource::new(secrets, "aws:payroll".parse().unwrap());
    let error = source.resolve().await.unwrap_err();
    assert!(start.elapsed().as_millis() < 9500, "{:?}", start.elapsed());
    assert_eq!(error.kind(), SecretErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("cannot reach AWS in eu-central-1: no complete response"), "{error}");
}

#[test]
fn failed_request_is_transient_if_its_transport_error_is() {
    use passport_core::{TlsFailure, TransportErrorKind as Kind};
    for (kind, expected) in [
        (Kind::Timeout, true),
        (Kind::Connect, true),
        (Kind::Tls(TlsFailure::UnknownIssuer), false),
        (Kind::NotHttp, false),
    ] {
        let last = LastFailure::default();
        last.record("sts.amazonaws.com", &Err(TransportError::new(kind)));
        assert_eq!(failure::is_transient(&last.get().unwrap()), expected, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn unreachable_metadata_service_is_named() {
    if std::env::vars().any(|(name, _)| name.starts_with("AWS_")) {
        return; // the SDK would use another identity
    }
    let secrets = AwsSecretsManager::builder().transport(Transport::new(Silent)).build().unwrap();
    let reference = "aws:arn:aws:secretsmanager:us-east-2:123456789012:secret:payroll-a1b2c3";
    let start = tokio::time::Instant::now();
    let error = SecretSource::new(secrets, reference.parse().unwrap()).resolve().await.unwrap_err();
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    let message = error.to_string();
    assert!(message.contains("169.254.169.254: no complete response"), "{message}");
    assert!(message.contains("set AWS_ROLE_ARN"), "{message}");
}
