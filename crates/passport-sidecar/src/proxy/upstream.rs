use std::{fmt, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri, Version, header};
use http_body_util::BodyExt;
use passport_core::{Origin, with_causes};
use passport_outbound::{AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, TokenError};
use rustls::ClientConfig;
use tower::{BoxError, Layer, ServiceExt};
use url::Url;

use super::{
    base_url::Place,
    headers,
    permit::Permit,
    pool::{CallerName, Connections},
    request_body::Sent,
};
use crate::{caller_auth::Caller, error::Refusal, limits::Limits};

/// In whose name requests go out.
#[derive(Debug)]
pub(crate) enum Whose {
    Identity(String, ManagedIdentity),
    /// With the token that they bring.
    Caller,
    /// With the token that they bring, if they do.
    CallerOrIdentity(String, ManagedIdentity),
}

/// A service that requests are passed on to.
pub(crate) struct Upstream {
    name: String,
    place: Place,
    version: Version,
    whose: Whose,
    plain: Connections,
    attaching: Option<AttachToken<Connections>>,
    idle_time: Duration,
    answer_time: Duration,
}

impl Upstream {
    /// The service at `base`, which speaks HTTP/2 without TLS if `http2`.
    pub(crate) fn new(
        name: &str,
        base: &Url,
        tls: ClientConfig,
        http2: bool,
        whose: Whose,
        limits: &Limits,
        idle_connections: usize,
    ) -> Result<Self, BoxError> {
        let plain = Connections::new(tls, http2, *limits, idle_connections);
        let attaching = match &whose {
            Whose::Identity(_, identity) | Whose::CallerOrIdentity(_, identity) => {
                // Whether its URL may be plain http was decided before.
                let origins = AllowedOrigins::danger_plain_http([Origin::of(base)?.to_string()])?;
                Some(AttachTokenLayer::new(identity.clone(), origins).layer(plain.clone()))
            }
            Whose::Caller => None,
        };
        let version = if http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        let place = Place::at(base)?;
        let (idle_time, answer_time) = (limits.idle_time(), limits.answer_time());
        Ok(Self { name: name.to_owned(), place, version, whose, plain, attaching, idle_time, answer_time })
    }

    /// The identity that is behind it, which a caller has to be allowed.
    pub(crate) fn identity(&self) -> Option<(&str, &ManagedIdentity)> {
        match &self.whose {
            Whose::Identity(name, identity) | Whose::CallerOrIdentity(name, identity) => {
                Some((name, identity))
            }
            Whose::Caller => None,
        }
    }

    /// Where `path` is there. It stays below the base.
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Result<Uri, Refusal> {
        let wrong = "the path cannot be passed on: it begins with a slash, and does not lead up";
        self.place.uri(path, query).ok_or_else(|| Refusal::invalid(wrong))
    }

    pub(super) async fn call(
        &self,
        caller: &Caller,
        permit: Permit,
        request: Request,
    ) -> Result<Response, Refusal> {
        let (mut parts, body) = request.into_parts();
        if self.version == Version::HTTP_11 && headers::needs_chunks(&parts.method, &body) {
            parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let (body, progress) = Sent::watched(body);
        let mut request = http::Request::from_parts(parts, body.holding(permit.clone()));
        *request.version_mut() = self.version;
        request.extensions_mut().insert(CallerName(Arc::clone(&caller.name)));
        // The time for an answer begins when all is sent, so that what is large, or a stream, may take as long as it takes.
        tokio::select! {
            outcome = self.answered(request) => outcome.map(|response| permit.held_by(response)),
            () = progress.late(self.idle_time, self.answer_time) => Err(self.late()),
        }
    }

    async fn answered(&self, mut request: http::Request<Sent>) -> Result<Response, Refusal> {
        let brings_one = request.headers().contains_key(header::AUTHORIZATION);
        let attaching = match (&self.attaching, &self.whose) {
            (Some(attaching), Whose::Identity(..)) => attaching,
            (Some(attaching), _) if !brings_one => attaching,
            (None, _) if !brings_one => {
                let description =
                    "this upstream is called in the caller's name; send its token in Authorization";
                return Err(Refusal::unauthorized("Bearer", "invalid_token", description));
            }
            _ => {
                let response = self.plain.clone().oneshot(request).await;
                return self.given_back(response.map_err(|error| self.failed(&with_causes(&error)))?);
            }
        };
        // It is for the sidecar, if anything.
        request.headers_mut().remove(header::AUTHORIZATION);
        let response = attaching.clone().oneshot(request).await;
        self.given_back(response.map_err(|error| self.without(&error))?)
    }

    /// Makes an upstream's response ours.
    fn given_back<B>(&self, response: http::Response<B>) -> Result<Response, Refusal>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if response.status().is_informational() {
            return Err(self.failed("the upstream switched protocols, which no request asks for"));
        }
        headers::check_length(response.headers()).map_err(|problem| self.failed(problem))?;
        let mut response = response.map(|body| Body::new(body.map_frame(headers::without_odd_trailers)));
        headers::give_back(response.headers_mut());
        *response.version_mut() = Version::HTTP_11;
        Ok(response)
    }

    fn without(&self, error: &BoxError) -> Refusal {
        let identity = self.identity().map(|(_, identity)| identity);
        match (error.downcast_ref::<TokenError>(), identity) {
            (Some(error), Some(identity)) => Refusal::without_token(identity, error),
            _ => self.failed(&with_causes(&**error)),
        }
    }

    fn failed(&self, error: &str) -> Refusal {
        tracing::warn!(
            target: crate::metrics::TARGET,
            upstream = self.name,
            error,
            "request could not be forwarded"
        );
        Refusal::new(
            StatusCode::BAD_GATEWAY,
            "server_error",
            format!("the upstream `{}` did not answer", self.name),
        )
    }

    fn late(&self) -> Refusal {
        let description =
            format!("the upstream `{}` did not answer in time, or there was no token in time", self.name);
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, "server_error", description)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.name)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}
