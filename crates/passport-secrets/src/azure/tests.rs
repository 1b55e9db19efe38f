//! What a managed identity costs, and says, that cannot be reached. No variable of Azure may be
//! set.

use std::{env, time::Duration};

use ::http::{Request, Response};
use bytes::Bytes;
use passport_core::{HttpExchange, Limits, SecretSource, TransportError, TransportErrorKind};
use tokio::time::Instant;

use super::*;

/// A vault that asks for a token, and an identity endpoint that fails.
#[derive(Clone, Copy, Debug)]
enum Azure {
    Silent,
    Refusing,
    Unavailable,
}

impl HttpExchange for Azure {
    async fn exchange(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let is_vault = request.uri().host().is_some_and(|host| host.ends_with("vault.azure.net"));
        let challenge = "Bearer authorization=\"https://login.microsoftonline.com/t\", resource=\"https://vault.azure.net\"";
        let response = Response::builder();
        let response = match self {
            _ if is_vault => response.status(401).header("www-authenticate", challenge),
            Self::Refusing => return Err(TransportError::new(TransportErrorKind::Connect)),
            Self::Unavailable => response.status(503),
            Self::Silent => {
                tokio::time::sleep(limits.timeout).await;
                return Err(TransportError::new(TransportErrorKind::Timeout));
            }
        };
        Ok(response.body(Bytes::new()).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn unreachable_identity_is_named_before_the_deadline() {
    if env::vars().any(|(name, _)| name.starts_with("AZURE_") || name.starts_with("IDENTITY_")) {
        return; // another identity would be asked
    }
    for (azure, cause) in [
        (Azure::Silent, "169.254.169.254: no complete response within the time limit"),
        (Azure::Refusing, "169.254.169.254: no connection could be made"),
        (Azure::Unavailable, "169.254.169.254 answered 503"),
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
