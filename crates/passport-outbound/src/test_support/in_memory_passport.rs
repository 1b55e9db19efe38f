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

/// A token endpoint that knows one secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct InMemoryPassport {
    pub(crate) good_secret: Arc<Mutex<String>>,
    pub(crate) requests: Arc<AtomicUsize>,
    /// What it says that it grants, if it says anything.
    pub(crate) grants: Option<&'static str>,
}

impl InMemoryPassport {
    pub(crate) fn knowing(secret: &str) -> Self {
        let passport = Self::default();
        passport.now_knows(secret);
        passport
    }

    pub(crate) fn now_knows(&self, secret: &str) {
        secret.clone_into(&mut self.good_secret.lock().unwrap());
    }

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
        let shown = request.headers()[AUTHORIZATION].to_str().unwrap().strip_prefix("Basic ").unwrap();
        let expected = format!("mi-1:{}", self.good_secret.lock().unwrap());
        let (status, body) = if BASE64_STANDARD.decode(shown).unwrap() == expected.as_bytes() {
            let token = format!("token-{number}");
            let (kind, scope) = ("Bearer", self.grants);
            (200, json!({ "access_token": token, "token_type": kind, "expires_in": 3600, "scope": scope }))
        } else {
            (401, json!({ "error": "invalid_client" }))
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    }
}
