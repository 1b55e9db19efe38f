//! Requests to the HTTP API of Vault: <https://developer.hashicorp.com/vault/api-docs>.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use passport_core::{Secret, SecretErrorKind, Transport, TransportError, request_to};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use url::Url;
use zeroize::Zeroizing;

use super::failure::{VaultError, VaultErrorResponse};
use crate::{
    deadline::send,
    sanitize::{self, LIMITS},
};

/// The address of a Vault server, and the namespace and the transport of requests to it.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) address: Url,
    pub(super) namespace: Option<HeaderValue>,
    pub(super) transport: Transport,
}

/// A token that Vault issued or that the program configured, and its lease.
#[derive(Debug)]
pub(super) struct GrantedToken {
    pub(super) token: Secret,
    pub(super) lease: TokenLease,
    /// Whether Vault has confirmed that the token is valid. If false, a "forbidden" response to a
    /// read can mean that the token is invalid, instead of lacking a permission.
    pub(super) is_confirmed: bool,
}

/// How long a token is valid if it is not renewed, and whether it can be renewed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TokenLease {
    /// The remaining lifetime of the token. Zero if the token does not expire.
    pub(super) time: Duration,
    pub(super) is_renewable: bool,
}

/// The maximum duration of a lease, 10 years. A longer lease is shortened to this maximum, so
/// that adding its duration to an instant does not overflow.
const MAX_LEASE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl TokenLease {
    /// Creates the lease of a token that expires in `seconds`. If `seconds` is 0, the token does
    /// not expire.
    fn new(seconds: u64, is_renewable: bool) -> Self {
        Self { time: Duration::from_secs(seconds).min(MAX_LEASE), is_renewable }
    }
}

/// The member `auth` of a response in which Vault issues or renews a token.
#[derive(Deserialize)]
struct Auth {
    client_token: String,
    lease_duration: u64,
    renewable: bool,
}

/// The response to a login or a renewal.
#[derive(Deserialize)]
struct AuthResponse {
    auth: Auth,
}

/// The data of the response to `lookup-self`.
#[derive(Deserialize)]
struct TokenLookup {
    /// The remaining lifetime of the token, in seconds. 0 if the token does not expire.
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

/// A response with a member `data`.
#[derive(Deserialize)]
struct DataResponse<T> {
    data: T,
}

/// The body of a response that is not a success.
#[derive(Deserialize)]
struct ErrorBody {
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
    data: Option<Value>,
}

/// The fields of a secret by name. The value of a field is unparsed JSON.
pub(super) type Fields = HashMap<String, Box<RawValue>>;

/// The data in a response of a key-value engine of version 2: a secret, and the metadata of the
/// returned version of the secret.
#[derive(Deserialize)]
pub(super) struct Versioned {
    pub(super) data: Fields,
    pub(super) metadata: Metadata,
}

/// The metadata of one version of a secret.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) version: u64,
    /// The time at which Vault will delete the version (RFC 3339). Empty if Vault will not delete
    /// it.
    #[serde(default)]
    pub(super) deletion_time: String,
}

impl Api {
    /// Logs in: sends `POST /v1/auth/<mount>/login` with `credentials` as the body. Returns the
    /// issued token.
    pub(super) async fn login(
        &self,
        mount: &str,
        credentials: Zeroizing<String>,
    ) -> Result<GrantedToken, VaultError> {
        let path = ["auth"].into_iter().chain(mount.split('/')).chain(["login"]);
        let granted: AuthResponse = self.call(path, None, Some(credentials)).await?;
        let lease = TokenLease::new(granted.auth.lease_duration, granted.auth.renewable);
        if granted.auth.client_token.is_empty() {
            let reason = "the login returned no token; disable login MFA for this auth method";
            return Err(VaultError::new(SecretErrorKind::Unauthenticated, reason));
        }
        Ok(GrantedToken { token: granted.auth.client_token.into(), lease, is_confirmed: true })
    }

    /// Renews `token`: sends `POST /v1/auth/token/renew-self`. Returns the new lease of the token.
    pub(super) async fn renew(&self, token: &Secret) -> Result<TokenLease, VaultError> {
        let path = ["auth", "token", "renew-self"];
        let granted: AuthResponse = self.call(path, Some(token), Some("{}".to_owned().into())).await?;
        Ok(TokenLease::new(granted.auth.lease_duration, granted.auth.renewable))
    }

    /// Requests the lease of `token`: sends `GET /v1/auth/token/lookup-self`. Returns an error if
    /// Vault rejects the request.
    pub(super) async fn look_up(&self, token: &Secret) -> Result<TokenLease, VaultError> {
        let path = ["auth", "token", "lookup-self"];
        let found: DataResponse<TokenLookup> = self.call(path, Some(token), None).await?;
        Ok(TokenLease::new(found.data.ttl, found.data.renewable))
    }

    /// Sends `GET /v1/<path>`, and returns the member `data` of the response.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        path: impl IntoIterator<Item = &str>,
        token: Option<&Secret>,
    ) -> Result<T, VaultError> {
        let read: DataResponse<T> = self.call(path, token, None).await?;
        Ok(read.data)
    }

    /// Sends a request to `/v1/<path>`, and parses the response as JSON. The method is `POST` if
    /// there is a `body`, otherwise `GET`.
    async fn call<T: DeserializeOwned>(
        &self,
        path: impl IntoIterator<Item = &str>,
        token: Option<&Secret>,
        body: Option<Zeroizing<String>>,
    ) -> Result<T, VaultError> {
        let request = self.build_request(path, token, body)?;
        let response =
            send(&self.transport, request, LIMITS).await.map_err(|error| self.unreachable(error))?;
        if !response.status().is_success() {
            return Err(self.error_of(&response));
        }
        // The error of the JSON parser is omitted, because it quotes the response.
        serde_json::from_slice(response.body()).map_err(|_| {
            VaultError::new(
                SecretErrorKind::Unreadable,
                "the response has an unexpected form; check the version and the mount of the key-value engine",
            )
        })
    }

    /// Builds a request to `/v1/<path>` with the token and the headers that Vault needs.
    fn build_request<'a>(
        &self,
        path: impl IntoIterator<Item = &'a str>,
        token: Option<&Secret>,
        body: Option<Zeroizing<String>>,
    ) -> Result<Request<Bytes>, VaultError> {
        let invalid_url = || {
            VaultError::new(
                SecretErrorKind::Unreadable,
                "the URL cannot be built; check the address of Vault",
            )
        };
        let mut url = self.address.clone();
        url.path_segments_mut().map_err(|()| invalid_url())?.pop_if_empty().push("v1").extend(path);
        let has_body = body.is_some();
        let mut request = request_to(&url, body.map(Bytes::from_owner).unwrap_or_default())
            .map_err(|error| self.unreachable(error))?;
        if has_body {
            *request.method_mut() = Method::POST;
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let headers = request.headers_mut();
        // A Vault Agent may require the header `X-Vault-Request`, as a protection against
        // server-side request forgery.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            headers.insert("x-vault-namespace", namespace.clone());
        }
        if let Some(token) = token {
            let invalid = |_| {
                VaultError::new(
                    SecretErrorKind::Unauthenticated,
                    "the token has characters that a Vault token cannot have; check the text at its source",
                )
            };
            let mut token = HeaderValue::from_str(token.expose()).map_err(invalid)?;
            token.set_sensitive(true);
            headers.insert("x-vault-token", token);
        }
        Ok(request)
    }
}

impl Api {
    /// Returns the scheme, host and port of the address of Vault, for error messages.
    fn origin(&self) -> String {
        self.address.origin().ascii_serialization()
    }

    /// Creates the error of a request that failed with `error`, without a response.
    fn unreachable(&self, error: TransportError) -> VaultError {
        VaultError::unreachable(&self.origin(), error)
    }

    /// Creates the error of a response that is not a success.
    fn error_of(&self, response: &Response<Bytes>) -> VaultError {
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(sanitize::retry_after);
        VaultError::response(&self.origin(), response.status(), &error_response(response.body()), wait)
    }
}

/// Parses the body of a response that is not a success.
fn error_response(body: &[u8]) -> VaultErrorResponse {
    match serde_json::from_slice(body) {
        Ok(ErrorBody { errors: Some(errors), .. }) if errors.is_empty() => VaultErrorResponse::NoSecret,
        Ok(ErrorBody { errors: Some(errors), .. }) => VaultErrorResponse::Errors(errors),
        // An engine of version 2 responds with warnings to a request for an engine of version 1.
        Ok(ErrorBody { warnings: Some(warnings), .. }) if !warnings.is_empty() => {
            VaultErrorResponse::Errors(warnings)
        }
        // A deleted version has metadata, but no data.
        Ok(ErrorBody { data: Some(data), .. }) if data.pointer("/metadata/destroyed").is_some() => {
            VaultErrorResponse::NoSecret
        }
        _ => VaultErrorResponse::NotVault,
    }
}
