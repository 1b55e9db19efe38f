use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header::CONTENT_TYPE};
use passport_core::{AccessToken, ClientId, Clock, Limits, Scopes, TransportError, request_to};

use super::{
    super::{
        token_response::{self, MAX_RESPONSE},
        transport_failure::no_response,
    },
    Sidecar,
};
use crate::token::{Failure, FetchFuture, FetchRequest, FetchedToken, TokenErrorKind, TokenSource};

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// The tokens of one identity, for one set of scopes, of the sidecar.
#[derive(Debug)]
pub(crate) struct SidecarSource {
    pub(crate) sidecar: Sidecar,
    pub(crate) client_id: ClientId,
    pub(crate) scopes: Scopes,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TokenSource for SidecarSource {
    fn fetch(&self, ask: FetchRequest) -> FetchFuture<'_> {
        Box::pin(async move { Ok(self.minted(ask).await?) })
    }
}

impl SidecarSource {
    async fn minted(&self, ask: FetchRequest) -> Result<FetchedToken, Failure> {
        let asked_at = self.clock.now();
        let request = match &ask.excluded {
            Some(excluded) => self.replacing(excluded),
            None => self.lasting(ask.current.as_ref().map(|current| {
                // Another one than that. Each side has counted in whole seconds.
                current.expires_at().duration_since(asked_at).unwrap_or_default() + Duration::from_secs(3)
            })),
        };
        let mut request = request.map_err(no_response)?;
        let limits = Limits { timeout: self.timeout, max_body: MAX_RESPONSE };
        request.headers_mut().insert("passport-sidecar", HeaderValue::from_static("true"));
        if let Some(token) = &self.sidecar.caller_token {
            let token = token.resolve().await.map_err(Failure::secret)?;
            let value = HeaderValue::from_str(token.secret().expose());
            let mut value = value.map_err(|error| Failure::of(TokenErrorKind::Secret).caused_by(error))?;
            value.set_sensitive(true);
            request.headers_mut().insert("passport-sidecar-token", value);
        }
        let response = self.sidecar.transport.exchange(request, limits).await.map_err(no_response)?;
        token_response::read(&response, &self.scopes, asked_at)
    }

    /// `GET /v1/token`, for one that lives for as long yet.
    fn lasting(&self, life: Option<Duration>) -> Result<Request<Bytes>, TransportError> {
        let mut url = self.sidecar.base.clone();
        url.set_path("/v1/token");
        url.query_pairs_mut()
            .append_pair("identity", self.client_id.as_str())
            .append_pair("scope", &self.scopes.to_string());
        if let Some(life) = life {
            url.query_pairs_mut().append_pair("min_ttl", &life.as_secs().to_string());
        }
        request_to(&url, Bytes::new())
    }

    /// `POST /v1/token/refresh`, for another one than that, which a receiver has refused.
    fn replacing(&self, refused: &AccessToken) -> Result<Request<Bytes>, TransportError> {
        let mut url = self.sidecar.base.clone();
        url.set_path("/v1/token/refresh");
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("identity", self.client_id.as_str())
            .append_pair("scope", &self.scopes.to_string())
            .append_pair("rejected", &hash(refused))
            .finish();
        let mut request = request_to(&url, form.into())?;
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, FORM);
        Ok(request)
    }
}

/// SHA-256, in hexadecimal digits.
fn hash(token: &AccessToken) -> String {
    digest(&SHA256, token.expose().as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
