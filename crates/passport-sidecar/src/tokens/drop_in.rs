//! The drop-in replacement of Passport's token endpoint.

use std::{sync::Arc, time::Duration};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::header;

use super::{
    form::{self, TokenForm},
    request::TokenEndpoints,
};
use crate::{
    access_log::RequestCaller,
    body::hold_until_end,
    caller_auth::Caller,
    error::ErrorResponse,
    limits::{ClientConnection, MAX_FORM, Share},
    peer::Peer,
};

/// `POST /passport/token`: the client credentials grant, as at Passport
/// ([RFC 6749, section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).
///
/// To use this endpoint, an OAuth2 client needs only another token URL. On TCP it also needs the
/// caller token as its client secret.
pub(super) async fn token(State(endpoints): State<Arc<TokenEndpoints>>, request: Request) -> Response {
    match admit(&endpoints, request).await {
        Ok((form, caller, share)) => {
            let scope = form.scope.as_deref();
            let token = endpoints.token(&caller, &form.client_id, scope, Duration::ZERO).await;
            let mut response = token.unwrap_or_else(IntoResponse::into_response);
            response.extensions_mut().insert(RequestCaller(caller));
            hold_until_end(share, response)
        }
        Err(error) => error.challenge("Basic realm=\"passport-sidecar\"").into_response(),
    }
}

/// Identifies the client as a configured caller, reads the form, and takes a permit for the
/// request:
/// - on the Unix socket, and for a request with a Basic header, the client is identified before
///   the form is read;
/// - for any other request the form is read first, because it contains the caller token.
///
/// Returns the form, the caller, and the permit of the request.
async fn admit(
    endpoints: &TokenEndpoints,
    request: Request,
) -> Result<(TokenForm, Arc<Caller>, Share), ErrorResponse> {
    let connection = ClientConnection::of(&request);
    let (parts, body) = request.into_parts();
    form::check_content_type(&parts.headers)?;
    let basic = parts.headers.get(header::AUTHORIZATION);
    let basic = basic.map(|value| form::basic_credentials(value.as_bytes())).transpose()?;
    let is_authenticated_early = basic.is_some() || connection.peer() != Peer::Tcp;
    let tokens = basic.iter().flat_map(|(_, tokens)| tokens);
    let tokens: Vec<&str> = tokens.map(String::as_str).filter(|token| !token.is_empty()).collect();
    // Frees the memory of the request's head before the form is read, because the head can be
    // larger than the form.
    drop(parts);
    let admit = async |tokens: &[&str]| {
        let caller = endpoints.admission.authenticate(&connection, tokens).await?;
        let share = endpoints.admission.own_request(&caller)?;
        Ok::<_, ErrorResponse>((caller, share))
    };
    let early = if is_authenticated_early { Some(admit(&tokens).await?) } else { None };
    let _permit = if is_authenticated_early { None } else { Some(connection.unknown_forms().take()?) };
    let form = to_bytes(body, MAX_FORM).await;
    let form =
        form::parse(basic, &form.map_err(|_| ErrorResponse::invalid("the form is larger than 16 KiB"))?)?;
    let tokens: Vec<&str> = form.caller_tokens.iter().map(String::as_str).collect();
    let (caller, share) = match early {
        Some(admitted) => admitted,
        None => admit(&tokens).await?,
    };
    Ok((form, caller, share))
}
