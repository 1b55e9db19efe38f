//! Vault's HTTP API, as far as it is needed: <https://developer.hashicorp.com/vault/api-docs>.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use passport_core::{Secret, SecretErrorKind, Transport, request_to};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use url::Url;
use zeroize::Zeroizing;

use super::failure::{VaultError, VaultErrorResponse};
use crate::{
    deadline::send,
    sanitize::{self, LIMITS},
};

/// Where and how Vault is asked.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) address: Url,
    pub(super) namespace: Option<HeaderValue>,
    pub(super) transport: Transport,
}

/// A token.
#[derive(Debug)]
pub(super) struct GrantedToken {
    pub(super) token: Secret,
    pub(super) lease: TokenLease,
    /// Whether Vault has confirmed the token.
    pub(super) is_vouched: bool,
}

/// How long a token lives without a renewal; zero is for ever.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TokenLease {
    pub(super) time: Duration,
    pub(super) is_renewable: bool,
}

/// A longer time counts as this one.
const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl TokenLease {
    fn of(seconds: u64, is_renewable: bool) -> Self {
        Self { time: Duration::from_secs(seconds).min(LONG), is_renewable }
    }
}

/// A token that Vault grants or renews.
#[derive(Deserialize)]
struct Auth {
    client_token: String,
    lease_duration: u64,
    renewable: bool,
}

#[derive(Deserialize)]
struct WithAuth {
    auth: Auth,
}

#[derive(Deserialize)]
struct TokenLookup {
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Deserialize)]
struct WithData<T> {
    data: T,
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
    data: Option<Value>,
}

/// The fields of a secret, unparsed.
pub(super) type Fields = HashMap<String, Box<RawValue>>;

/// A secret of the engine's second version.
#[derive(Deserialize)]
pub(super) struct Versioned {
    pub(super) data: Fields,
    pub(super) metadata: Metadata,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) version: u64,
    /// When it will be deleted, if that is set.
    #[serde(default)]
    pub(super) deletion_time: String,
}

impl Api {
    /// `POST /v1/auth/<mount>/login`
    pub(super) async fn login(
        &self,
        mount: &str,
        proof: Zeroizing<String>,
    ) -> Result<GrantedToken, VaultError> {
        let path = ["auth"].into_iter().chain(mount.split('/')).chain(["login"]);
        let granted: WithAuth = self.ask(path, None, Some(proof)).await?;
        let lease = TokenLease::of(granted.auth.lease_duration, granted.auth.renewable);
        if granted.auth.client_token.is_empty() {
            let reason = "the login wants more: is MFA enforced for it?";
            return Err(VaultError::new(SecretErrorKind::Unauthenticated, reason));
        }
        Ok(GrantedToken { token: granted.auth.client_token.into(), lease, is_vouched: true })
    }

    /// `POST /v1/auth/token/renew-self`
    pub(super) async fn renew(&self, token: &Secret) -> Result<TokenLease, VaultError> {
        let path = ["auth", "token", "renew-self"];
        let granted: WithAuth = self.ask(path, Some(token), Some("{}".to_owned().into())).await?;
        Ok(TokenLease::of(granted.auth.lease_duration, granted.auth.renewable))
    }

    /// `GET /v1/auth/token/lookup-self`
    pub(super) async fn look_up(&self, token: &Secret) -> Result<TokenLease, VaultError> {
        let path = ["auth", "token", "lookup-self"];
        let found: WithData<TokenLookup> = self.ask(path, Some(token), None).await?;
        Ok(TokenLease::of(found.data.ttl, found.data.renewable))
    }

    /// `GET /v1/<path>`, whose answer has its `data`.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        path: impl IntoIterator<Item = &str>,
        token: Option<&Secret>,
    ) -> Result<T, VaultError> {
        let read: WithData<T> = self.ask(path, token, None).await?;
        Ok(read.data)
    }

    /// Sends a `GET`, or a `POST` with a body.
    async fn ask<T: DeserializeOwned>(
        &self,
        path: impl IntoIterator<Item = &str>,
        token: Option<&Secret>,
        body: Option<Zeroizing<String>>,
    ) -> Result<T, VaultError> {
        let request = self.request(path, token, body)?;
        let response = send(&self.transport, request, LIMITS).await.map_err(VaultError::not_reached)?;
        if !response.status().is_success() {
            return Err(failure_of(&response));
        }
        // The error would quote what it found.
        serde_json::from_slice(response.body()).map_err(|_| {
            VaultError::new(
                SecretErrorKind::Unreadable,
                "Vault's answer is not of the form that was expected; is it the engine's version, and its mount?",
            )
        })
    }

    fn request<'a>(
        &self,
        path: impl IntoIterator<Item = &'a str>,
        token: Option<&Secret>,
        body: Option<Zeroizing<String>>,
    ) -> Result<Request<Bytes>, VaultError> {
        let broken = || VaultError::new(SecretErrorKind::Unreadable, "no request can be made of it");
        let mut url = self.address.clone();
        url.path_segments_mut().map_err(|()| broken())?.pop_if_empty().push("v1").extend(path);
        let has_body = body.is_some();
        let mut request = request_to(&url, body.map(Bytes::from_owner).unwrap_or_default())
            .map_err(VaultError::not_reached)?;
        if has_body {
            *request.method_mut() = Method::POST;
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let headers = request.headers_mut();
        // Agents may be told to want it: no browser can be made to send it.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = &self.namespace {
            headers.insert("x-vault-namespace", namespace.clone());
        }
        if let Some(token) = token {
            let wrong = |_| {
                VaultError::new(SecretErrorKind::Unauthenticated, "the token has characters that none has")
            };
            let mut token = HeaderValue::from_str(token.expose()).map_err(wrong)?;
            token.set_sensitive(true);
            headers.insert("x-vault-token", token);
        }
        Ok(request)
    }
}

fn failure_of(response: &Response<Bytes>) -> VaultError {
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wait = wait.and_then(sanitize::retry_after);
    VaultError::response(response.status(), &error_response(response.body()), wait)
}

fn error_response(body: &[u8]) -> VaultErrorResponse {
    match serde_json::from_slice(body) {
        Ok(ErrorBody { errors: Some(errors), .. }) if errors.is_empty() => VaultErrorResponse::NoSecret,
        Ok(ErrorBody { errors: Some(errors), .. }) => VaultErrorResponse::Errors(errors),
        // Of the engine's second version, for a request of the first version.
        Ok(ErrorBody { warnings: Some(warnings), .. }) if !warnings.is_empty() => {
            VaultErrorResponse::Errors(warnings)
        }
        // A deleted version has the form of a secret, without its data.
        Ok(ErrorBody { data: Some(data), .. }) if data.pointer("/metadata/destroyed").is_some() => {
            VaultErrorResponse::NoSecret
        }
        _ => VaultErrorResponse::NotVault,
    }
}
