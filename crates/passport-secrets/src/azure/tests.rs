//! Tests of the duration and the error of a read when the managed identity or the vault cannot
//! be reached. The tests do nothing if environment variables of Azure are set.

use std::{env, time::Duration};

use ::http::{Request, Response};
use bytes::Bytes;
use passport_core::{HttpClient, ResponseLimits, SecretSource, TransportError, TransportErrorKind};
use tokio::time::Instant;

use super::*;

/// A vault that requires a token, and a token endpoint that fails.
#[derive(Clone, Copy, Debug)]
enum Azure {
    Silent,
    Unreachable,
    Unavailable,
}

impl HttpClient for Azure {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let is_vault = request.uri().host().is_some_and(|host| host.ends_with("vault.azure.net"));
        let challenge = "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\"";
        let response = Response::builder();
        let response = match self {
            _ if is_vault => response.status(401).header("www-authenticate", challenge),
            Self::Unreachable => return Err(TransportError::new(TransportErrorKind::Connect)),
            Self::Unavailable => response.status(503),
            Self::Silent => {
                tokio::time::sleep(limits.timeout).await;
                return Err(TransportError::new(TransportErrorKind::Timeout));
            }
        };
        Ok(response.body(Bytes::new()).unwrap())
    }
}

/// A network in which every response takes 4 s. The host `silent` does not respond to requests
/// for a token or a secret.
#[derive(Clone, Copy, Debug)]
struct Slow {
    silent: &'static str,
}

impl HttpClient for Slow {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or_default();
        let is_token = host == "169.254.169.254";
        let has_token = request.headers().contains_key("authorization");
        let delay = match (host == self.silent, is_token || has_token) {
            (true, true) => Duration::from_secs(60),
            _ => Duration::from_secs(4),
        };
        tokio::time::sleep(delay.min(limits.timeout)).await;
        if delay > limits.timeout {
            return Err(TransportError::new(TransportErrorKind::Timeout));
        }
        let challenge = "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\"";
        let token = r#"{"access_token":"t","expires_on":"4102444800","resource":"r","token_type":"Bearer"}"#;
        let response = Response::builder();
        let response = match is_token {
            true => response.status(200).body(Bytes::from_static(token.as_bytes())),
            false => response.status(401).header("www-authenticate", challenge).body(Bytes::new()),
        };
        Ok(response.unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn vault_and_identity_share_one_deadline() {
    if env::vars().any(|(name, _)| name.starts_with("AZURE_") || name.starts_with("IDENTITY_")) {
        return; // the SDK would use another identity
    }
    for (silent, cause) in [
        ("169.254.169.254", "169.254.169.254: no complete response within the time limit"),
        ("contoso.vault.azure.net", "cannot reach contoso.vault.azure.net: no complete response"),
    ] {
        let vault = AzureKeyVault::builder().transport(Transport::new(Slow { silent })).build().unwrap();
        let reference = "azure:https://contoso.vault.azure.net/secrets/payroll".parse().unwrap();
        let start = Instant::now();
        let error = SecretSource::new(vault, reference).resolve().await.unwrap_err();
        assert!(start.elapsed() < Duration::from_millis(9500), "{silent}: {:?}", start.elapsed());
        assert_eq!(error.kind(), SecretErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(cause), "{silent}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn unreachable_managed_identity_is_named() {
    if env::vars().any(|(name, _)| name.starts_with("AZURE_") || name.starts_with("IDENTITY_")) {
        return; // the SDK would use another identity
    }
    for (azure, cause) in [
        (Azure::Silent, "169.254.169.254: no complete response within the time limit"),
        (Azure::Unreachable, "169.254.169.254: no connection could be made"),
        (Azure::Unavailable, "169.254.169.254 responded with status 503"),
    ] {
        let vault = AzureKeyVault::builder().transport(Transport::new(azure)).build().unwrap();
        let reference = "azure:https://contoso.vault.azure.net/secrets/payroll".parse().unwrap();
        let start = Instant::now();
        let error = SecretSource::new(vault, reference).resolve().await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        assert_eq!(error.kind(), SecretErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(cause), "{error}");
    }
}
