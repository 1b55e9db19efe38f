use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::reply;
use crate::{
    access_log::AskedBy,
    callers::{Caller, Peer},
    connection::TcpConnection,
    refusal::Refusal,
    router::{MAX_FORM, Shared, peer},
    shares::Share,
};

/// What a client of OAuth2 sends, whatever it is written in.
struct Asked {
    client_id: String,
    /// The caller's token is where the client's secret would be. In a Basic header it may be encoded or not: clients do not agree.
    caller_tokens: Vec<String>,
    scope: Option<String>,
}

/// How many forms of one connection are read at a time before it is known whose they are. A client
/// that gets tokens needs one.
pub(crate) const UNKNOWN_FORMS: usize = 4;

/// Bounds the memory that a stranger's connection takes: a form that waits would hold what came
/// with it.
#[derive(Clone, Debug)]
pub(crate) struct UnknownForms(Arc<Semaphore>);

impl Default for UnknownForms {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UNKNOWN_FORMS)))
    }
}

impl UnknownForms {
    fn take(self) -> Result<OwnedSemaphorePermit, Refusal> {
        let Self(permits) = self;
        permits.try_acquire_owned().map_err(|_| {
            Refusal::too_many("too many forms on this connection; send the caller's token in a Basic header")
        })
    }
}

/// `POST /passport/token`, as Passport has it ([RFC 6749, section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)): any client
/// of OAuth2 works when one URL is changed.
pub(crate) async fn drop_in(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match admitted(&shared, request).await {
        Ok((asked, Admitted { caller, share })) => {
            let outcome = answered(&shared, &caller, &asked).await;
            let mut response = outcome.unwrap_or_else(IntoResponse::into_response);
            response.extensions_mut().insert(AskedBy(caller));
            share.held_by(response)
        }
        Err(refusal) => refusal.challenge("Basic realm=\"passport-sidecar\"").into_response(),
    }
}

/// A caller, and the memory of its request.
struct Admitted {
    caller: Arc<Caller>,
    share: Share,
}

impl Admitted {
    async fn new(
        shared: &Shared,
        peer: Peer,
        connection: Option<TcpConnection>,
        shown: &[&str],
    ) -> Result<Self, Refusal> {
        let caller = shared.admit(peer, connection, shown).await?;
        let share = shared.own_share(&caller)?;
        Ok(Self { caller, share })
    }
}

/// Admits the caller before the form is read, unless the form has its token.
async fn admitted(shared: &Shared, request: Request) -> Result<(Asked, Admitted), Refusal> {
    let peer = peer(&request);
    let (parts, body) = request.into_parts();
    see_that_it_is_a_form(&parts.headers)?;
    let basic = parts.headers.get(header::AUTHORIZATION);
    let basic = basic.map(|value| basic_credentials(value.as_bytes())).transpose()?;
    let is_known = basic.is_some() || peer != Peer::Tcp;
    let shown = basic.iter().flat_map(|(_, tokens)| tokens);
    let shown: Vec<&str> = shown.map(String::as_str).filter(|token| !token.is_empty()).collect();
    let connection: Option<TcpConnection> = parts.extensions.get().cloned();
    let unknown: UnknownForms = parts.extensions.get().cloned().unwrap_or_default();
    // A head may be larger than the form that is waited for.
    drop(parts);
    let admit = async |shown: &[&str]| Admitted::new(shared, peer, connection.clone(), shown).await;
    let early = if is_known { Some(admit(&shown).await?) } else { None };
    let _permit = if is_known { None } else { Some(unknown.take()?) };
    let form = to_bytes(body, MAX_FORM).await;
    let asked = asked(basic, &form.map_err(|_| Refusal::invalid("the form is too large"))?)?;
    let shown: Vec<&str> = asked.caller_tokens.iter().map(String::as_str).collect();
    let admitted = match early {
        Some(admitted) => admitted,
        None => admit(&shown).await?,
    };
    Ok((asked, admitted))
}

async fn answered(shared: &Shared, caller: &Caller, asked: &Asked) -> Result<Response, Refusal> {
    let wanted = shared.wanted(caller, &asked.client_id, asked.scope.as_deref())?;
    let token = wanted.token(std::time::Duration::ZERO).await?;
    Ok(reply::of(&token, &wanted.granted()))
}

fn see_that_it_is_a_form(headers: &HeaderMap) -> Result<(), Refusal> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form { Ok(()) } else { Err(Refusal::invalid("send a form: application/x-www-form-urlencoded")) }
}

/// Client id and secret are in a Basic header or in the form
/// ([RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn asked(basic: Option<Basic>, body: &[u8]) -> Result<Asked, Refusal> {
    let mut form = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(body) {
        // What is there twice could mean the one here, and the other elsewhere.
        if form.insert(key.into_owned(), value.into_owned()).is_some() {
            return Err(Refusal::invalid("a parameter is there twice"));
        }
    }
    if form.get("grant_type").is_none_or(|grant| grant != "client_credentials") {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "grant_type is client_credentials here",
        ));
    }
    let of_the_form = form.remove("client_id");
    let (client_id, mut caller_tokens) = match (basic, of_the_form) {
        (Some((id, _)), Some(other)) if id != other => {
            return Err(Refusal::invalid("client_id is one in the form and another in the header"));
        }
        (Some((id, tokens)), _) => (id, tokens.to_vec()),
        (None, Some(id)) => (id, form.remove("client_secret").into_iter().collect()),
        (None, None) => return Err(Refusal::invalid("client_id is missing: which identity is it?")),
    };
    caller_tokens.retain(|token| !token.is_empty());
    Ok(Asked { client_id, caller_tokens, scope: form.remove("scope") })
}

/// The client id, and its secret in both of its readings.
type Basic = (String, [String; 2]);

fn basic_credentials(value: &[u8]) -> Result<Basic, Refusal> {
    let wrong = || Refusal::invalid("the Authorization header is not Basic with id and secret");
    let text = std::str::from_utf8(value).map_err(|_| wrong())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| wrong())?;
    let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(wrong)?;
    let plain = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned)
    };
    let read = plain(secret).unwrap_or_default();
    Ok((plain(id).map_err(|_| wrong())?, [read, secret.to_owned()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: Option<&str>, form: &str) -> Result<(String, Vec<String>), &'static str> {
        let basic = authorization.map(|value| basic_credentials(value.as_bytes())).transpose();
        basic
            .and_then(|basic| asked(basic, form.as_bytes()))
            .map(|asked| (asked.client_id, asked.caller_tokens))
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_client_says_who_it_is_as_its_kind_does() {
        let grant = "grant_type=client_credentials";
        let basic = format!("Basic {}", BASE64_STANDARD.encode("mi-1:to%2Bken"));
        let both = ("mi-1".to_owned(), vec!["to+ken".to_owned(), "to%2Bken".to_owned()]);
        assert_eq!(read(Some(&basic), grant), Ok(both.clone()));
        assert_eq!(read(Some(&basic), &format!("{grant}&client_id=mi-1")), Ok(both.clone()));
        let of_a_form = ("mi-1".to_owned(), vec!["to+ken".to_owned()]);
        assert_eq!(read(None, &format!("{grant}&client_id=mi-1&client_secret=to%2Bken")), Ok(of_a_form));
        assert_eq!(
            read(None, &format!("{grant}&client_id=mi-1&client_secret=")),
            Ok(("mi-1".to_owned(), vec![]))
        );
    }

    #[test]
    fn what_is_no_such_request_is_told() {
        let grant = "grant_type=client_credentials&client_id=mi-1";
        assert_eq!(read(None, "client_id=mi-1").unwrap_err(), "unsupported_grant_type");
        assert_eq!(read(None, "grant_type=password&client_id=mi-1").unwrap_err(), "unsupported_grant_type");
        assert_eq!(read(None, "grant_type=client_credentials").unwrap_err(), "invalid_request");
        assert_eq!(read(None, &format!("{grant}&scope=a&scope=b")).unwrap_err(), "invalid_request");
        assert_eq!(read(Some("Bearer x"), grant).unwrap_err(), "invalid_request");
        let other = format!("Basic {}", BASE64_STANDARD.encode("mi-2:x"));
        assert_eq!(read(Some(&other), grant).unwrap_err(), "invalid_request");
        assert!(see_that_it_is_a_form(&HeaderMap::new()).is_err());
    }
}
