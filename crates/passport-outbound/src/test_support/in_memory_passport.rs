//! A token endpoint in memory.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use passport_core::{HttpClient, ResponseLimits, TransportError};
use serde_json::json;

/// A token endpoint that issues tokens to `mi-1` with one accepted secret, and rejects all
/// other requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct InMemoryPassport {
    pub(crate) accepted_secret: Arc<Mutex<String>>,
    pub(crate) requests: Arc<AtomicUsize>,
    /// The value of `scope` in the response. `None` for a response without `scope`.
    pub(crate) grants: Option<&'static str>,
}

impl InMemoryPassport {
    /// Creates an endpoint that accepts `secret`.
    pub(crate) fn knowing(secret: &str) -> Self {
        let passport = Self::default();
        secret.clone_into(&mut passport.accepted_secret.lock().unwrap());
        passport
    }

    /// Returns the number of token requests.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl HttpClient for InMemoryPassport {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let credentials = request.headers()[AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
        let expected = format!("mi-1:{}", self.accepted_secret.lock().unwrap());
        let (status, body) = if BASE64_STANDARD.decode(credentials).unwrap() == expected.as_bytes() {
            let token = format!("token-{number}");
            let (token_type, scope) = ("Bearer", self.grants);
            let expires_in = 3600;
            (
                200,
                json!({ "access_token": token, "token_type": token_type, "expires_in": expires_in, "scope": scope }),
            )
        } else {
            (401, json!({ "error": "invalid_client" }))
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    }
}
