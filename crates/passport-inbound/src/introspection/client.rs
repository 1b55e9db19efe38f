//! Sends one introspection request, and reads the answer ([RFC 7662, section
//! 2](https://www.rfc-editor.org/rfc/rfc7662#section-2)).

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use passport_core::{
    ClientAuthentication, ClientId, ClientProof, Clock, Form, ResolvedSecret, ResponseLimits, Secret,
    SecretSource, SharedClock, Transport,
};
use tokio::time::timeout;
use url::Url;

use super::{answer::InvalidAnswer, error::CallError, signed};

/// The maximum size of an answer, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The client of an introspection endpoint.
pub(super) struct IntrospectionClient {
    pub(super) client_id: ClientId,
    pub(super) secret: SecretSource,
    pub(super) authentication: ClientAuthentication,
    pub(super) url: Url,
    pub(super) transport: Transport,
    pub(super) timeout: Duration,
    pub(super) clock: SharedClock,
    /// Whether only signed answers are accepted.
    pub(super) requires_signed: bool,
}

impl IntrospectionClient {
    /// Asks the issuer about a token, and returns the body of its answer.
    pub(super) async fn call(&self, token: &[u8]) -> Result<Bytes, CallError> {
        timeout(self.timeout, self.call_with_secret(token)).await.unwrap_or(Err(CallError::Timeout))
    }

    /// Reads the secret, and asks the issuer. If the issuer rejects the client, and the secret was
    /// rotated, asks again with the new secret.
    async fn call_with_secret(&self, token: &[u8]) -> Result<Bytes, CallError> {
        let secret = self.secret.resolve().await.map_err(CallError::Secret)?;
        let rejected = match self.send(token, secret.secret()).await {
            Err(error @ CallError::ClientRejected) => error,
            result => return result,
        };
        // The same secret is not sent twice: each rejection is an entry in Passport's audit.
        match self.newer(&secret).await {
            Some(newer) => self.send(token, newer.secret()).await,
            None => Err(rejected),
        }
    }

    /// Reads the secret again. Returns `None` if it is the rejected secret, or cannot be read.
    async fn newer(&self, rejected: &ResolvedSecret) -> Option<ResolvedSecret> {
        let current = self.secret.refresh(rejected).await.ok()?;
        (!current.has_same_secret(rejected)).then_some(current)
    }

    async fn send(&self, token: &[u8], secret: &Secret) -> Result<Bytes, CallError> {
        // Only tokens in ASCII are introspected.
        let mut form = Form::of("token", str::from_utf8(token).unwrap_or_default());
        form.push("token_type_hint", "access_token");
        let proof = ClientProof {
            method: &self.authentication,
            client_id: &self.client_id,
            secret,
            audience: self.url.as_str(),
        };
        let mut request = proof.request(&self.url, form, self.clock.now()).map_err(CallError::Request)?;
        if self.requires_signed {
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static(signed::MEDIA_TYPE));
        }
        let limits = ResponseLimits { timeout: self.timeout, max_body: MAX_BODY };
        body(self.transport.send(request, limits).await?, self.requires_signed)
    }

    /// Returns what to check when the issuer rejects the client.
    pub(super) fn remedy(&self) -> &'static str {
        self.authentication.remedy()
    }
}

/// Omits the URL, because its query can contain credentials.
impl fmt::Debug for IntrospectionClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionClient").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Returns the body of a response with status 200 and the content type of a plain or a signed
/// answer.
fn body(response: Response<Bytes>, is_signed: bool) -> Result<Bytes, CallError> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(CallError::ClientRejected),
        status => return Err(CallError::Status(status)),
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let expected = if is_signed { signed::MEDIA_TYPE } else { "application/json" };
    if !media_type.eq_ignore_ascii_case(expected) {
        return Err(InvalidAnswer::ContentType.into());
    }
    Ok(response.into_body())
}
