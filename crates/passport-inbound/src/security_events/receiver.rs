//! The HTTP service to which issuers push logout tokens and security events.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use passport_core::{ConfigError, ConfigProblem};
use tokio::time::timeout;
use tower_service::Service;
use url::form_urlencoded;

use super::{
    processor::{Delivery, EventProcessor},
    replay::ReplayMemory,
    response::{self, ErrorFormat},
};
use crate::TokenVerifier;

/// The path of back-channel logout.
pub(crate) const LOGOUT_PATH: &str = "/backchannel-logout";
/// The path of pushed security events.
pub(crate) const EVENTS_PATH: &str = "/security-events";

/// The maximum size of a request body, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// The time limit for receiving a request body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service that receives logout tokens and security events, and denies their subjects.
///
/// | Request | Specification | Success |
/// |---|---|---|
/// | `POST /backchannel-logout` | [OIDC Back-Channel Logout 1.0] | 200 |
/// | `POST /security-events` | [RFC 8417], [RFC 8935] | 202 |
///
/// A statement is verified with the trusted issuers and the keys of the verifier. It needs no
/// further authentication. Its `typ` is exactly `logout+jwt` or `secevent+jwt`, so an access token
/// is never accepted as a statement. It denies only tokens of the same issuer. The response is a
/// success only after the [`DenyList`](crate::DenyList) has saved the denial. A repeated statement
/// is a success without another effect.
///
/// These events deny their subject:
///
/// - CAEP: `session-revoked`, and `credential-change` unless a credential was created;
/// - RISC: `account-disabled`, `account-purged`, `credential-compromise`, `sessions-revoked`.
///
/// All other events are accepted and counted. Subjects are `iss_sub`, `opaque`, `jwt_id`, `aliases`
/// and complex subjects with a session, a user or a tenant ([RFC 9493]), or `sub`. An event with
/// another subject is rejected. Tokens that were issued until `event_timestamp`, `toe` or `iat` are
/// denied.
///
/// | Rejected because of | Status |
/// |---|---|
/// | an invalid statement, or a subject that cannot be used | 400, as in the specification |
/// | unavailable keys, too many verifications, or an unsaved denial | 503, `Retry-After` |
///
/// A request body has at most 64 KiB, and must arrive within 10 s.
///
/// ```no_run
/// # #[cfg(feature = "axum")] mod example {
/// use axum::Router;
/// use passport_inbound::{AuthenticateLayer, DenyList, SecurityEventReceiver, TokenVerifier};
///
/// # async fn example(api: Router) -> Result<(), Box<dyn std::error::Error>> {
/// let list = DenyList::builder().file("/var/lib/orders/denied").open().await?;
/// let verifier = TokenVerifier::builder("bizfirstgo-api").deny_list(list).build()?;
/// let events = SecurityEventReceiver::new(&verifier)?;
/// // Issuers send no access token, so the layer is only around the other routes.
/// let app = api.layer(AuthenticateLayer::new(verifier)).merge(events.into_router());
/// # let _ = app; Ok(()) }
/// # }
/// # fn main() {}
/// ```
///
/// [OIDC Back-Channel Logout 1.0]: https://openid.net/specs/openid-connect-backchannel-1_0.html
/// [RFC 8417]: https://www.rfc-editor.org/rfc/rfc8417
/// [RFC 8935]: https://www.rfc-editor.org/rfc/rfc8935
/// [RFC 9493]: https://www.rfc-editor.org/rfc/rfc9493
#[derive(Clone, Debug)]
#[must_use = "a receiver does nothing until it serves requests"]
pub struct SecurityEventReceiver {
    pub(super) processor: Arc<EventProcessor>,
}

impl SecurityEventReceiver {
    /// Creates a receiver of statements of the issuers that `verifier` trusts. The receiver fills
    /// the [deny list](crate::TokenVerifierBuilder::deny_list) of the verifier.
    ///
    /// # Errors
    /// [`ConfigError`] if the verifier has no deny list: events would have no effect.
    pub fn new(verifier: &TokenVerifier) -> Result<Self, ConfigError> {
        let Some(deny_list) = verifier.deny_list() else {
            let problem = "missing, so that events would have no effect; set `deny_list` of the verifier";
            return Err(ConfigError::new(vec![ConfigProblem::new("deny_list", problem)]));
        };
        let processor = EventProcessor {
            verifier: verifier.clone(),
            deny_list: deny_list.clone(),
            audiences: Vec::new(),
            accepts_untyped_logout: false,
            replays: Arc::new(ReplayMemory::default()),
        };
        Ok(Self { processor: Arc::new(processor) })
    }

    /// Adds an accepted audience (`aud`) of logout tokens and security events, such as the client
    /// id of an app or the URL of this receiver. By default, the audiences of the access tokens of
    /// the issuer are accepted.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.processor).audiences.push(audience.into());
        self
    }

    /// Accepts logout tokens without `typ`, or with the `typ` `JWT`. By default, `typ` must be
    /// `logout+jwt`.
    ///
    /// **Danger:** only the claims of the token then show that it is a logout token. Use this
    /// option only for an issuer that cannot set the `typ`, as older versions of many identity
    /// providers.
    pub fn danger_untyped_logout_tokens(mut self) -> Self {
        Arc::make_mut(&mut self.processor).accepts_untyped_logout = true;
        self
    }
}

impl<B> Service<Request<B>> for SecurityEventReceiver
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = SecurityEventFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let processor = Arc::clone(&self.processor);
        SecurityEventFuture(Box::pin(async move { respond(&processor, request).await }))
    }
}

/// The response future of a [`SecurityEventReceiver`].
///
/// # Cancel safety
/// If the future is dropped, the denial of the request is possibly in effect without being saved.
/// The issuer sends the statement again, because it gets no response.
pub struct SecurityEventFuture(Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>);

impl Future for SecurityEventFuture {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for SecurityEventFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityEventFuture").finish_non_exhaustive()
    }
}

async fn respond<B>(processor: &EventProcessor, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (format, media_type) = match request.uri().path() {
        LOGOUT_PATH => (ErrorFormat::Logout, "application/x-www-form-urlencoded"),
        EVENTS_PATH => (ErrorFormat::Event, "application/secevent+jwt"),
        _ => return response::not_found(),
    };
    let invalid = |status, description| response::of_invalid_request(status, description, format);
    if request.method() != Method::POST {
        return invalid(StatusCode::METHOD_NOT_ALLOWED, "the method must be POST");
    }
    if !has_media_type(request.headers(), media_type) {
        return invalid(
            StatusCode::BAD_REQUEST,
            "the request has another Content-Type than the specification",
        );
    }
    let body = match read(request.into_body()).await {
        Ok(body) => body,
        Err((status, description)) => return invalid(status, description),
    };
    match format {
        ErrorFormat::Event => {
            let processed = processor.event(body.trim_ascii(), Delivery::Push).await;
            response::of_event(processed.map(drop))
        }
        ErrorFormat::Logout => match logout_token(&body) {
            Some(token) => response::of_logout(processor.logout(token.as_bytes()).await),
            None => invalid(StatusCode::BAD_REQUEST, "the form must have exactly one field logout_token"),
        },
    }
}

/// Reads a request body. Returns the status and the message of the rejection if it cannot be read.
async fn read<B>(body: B) -> Result<Bytes, (StatusCode, &'static str)>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "the request body is larger than 64 KiB"))
        }
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the request body could not be read")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the request body did not arrive within 10 s")),
    }
}

/// Returns whether the `Content-Type` is this media type. Its parameters are ignored.
fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let media = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media.trim_ascii().eq_ignore_ascii_case(media_type.as_bytes())
}

/// Returns the field `logout_token` of a form. Returns `None` if there is none, or more than one.
fn logout_token(form: &[u8]) -> Option<String> {
    let mut fields = form_urlencoded::parse(form).filter(|(name, _)| name == "logout_token");
    match (fields.next(), fields.next()) {
        (Some((_, token)), None) => Some(token.into_owned()),
        _ => None,
    }
}
