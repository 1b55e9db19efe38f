use serde_json::json;

use super::*;
use crate::TokenError;

const NOW: u64 = 1_750_000_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn response(status: u16, body: &impl ToString) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn read_token(body: &Value) -> Result<FetchedToken, FetchFailure> {
    read(&response(200, body), &Scopes::default(), at(NOW))
}

fn failure(status: u16, body: &impl ToString) -> FetchFailure {
    read(&response(status, body), &Scopes::default(), at(NOW)).err().unwrap()
}

/// Returns a JWT with `claims`.
fn jwt(claims: &Value) -> String {
    format!("e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Returns the lifetime in seconds for `expires_in` and `token`.
fn lifetime_of(expires_in: Option<&Value>, token: &str) -> Option<u64> {
    let mut body = json!({ "access_token": token, "token_type": "Bearer" });
    if let Some(expires_in) = expires_in {
        body["expires_in"] = expires_in.clone();
    }
    read_token(&body).ok().map(|fetched| fetched.lifetime.as_secs())
}

#[test]
fn expires_in_is_parsed_leniently_and_capped() {
    for (expires_in, seconds) in [
        (json!(3600), Some(3600)),
        (json!(3600.7), Some(3600)),
        (json!("3600"), Some(3600)),
        (json!(" 3600 "), Some(3600)),
        (json!(1e18), Some(MAX_LIFETIME.as_secs())),
        (json!(u64::MAX), Some(MAX_LIFETIME.as_secs())),
        (json!(1e300), Some(MAX_LIFETIME.as_secs())),
        (json!("soon"), Some(300)),
        (json!(true), Some(300)),
        (json!([3600]), Some(300)),
        (json!(null), Some(300)),
        (json!(0), None),
        (json!(-5), None),
        (json!("0"), None),
    ] {
        assert_eq!(lifetime_of(Some(&expires_in), "opaque"), seconds, "{expires_in}");
    }
    assert_eq!(lifetime_of(None, "opaque"), Some(300));
}

#[test]
fn claims_replace_a_missing_or_invalid_expires_in() {
    let token = jwt(&json!({ "exp": NOW + 600 }));
    for expires_in in [None, Some(json!(0)), Some(json!(-1)), Some(json!("soon")), Some(json!(null))] {
        assert_eq!(lifetime_of(expires_in.as_ref(), &token), Some(600), "{expires_in:?}");
    }
}

#[test]
fn claims_limit_the_lifetime() {
    let token = jwt(&json!({ "iat": 1000, "exp": 1900 }));
    assert_eq!(
        lifetime_of(Some(&json!(3600)), &token),
        Some(900),
        "exp - iat counts, whatever the local clock"
    );
    assert_eq!(lifetime_of(Some(&json!(60)), &token), Some(60));
    let cached = jwt(&json!({ "iat": NOW - 3500, "exp": NOW + 100 }));
    assert_eq!(lifetime_of(Some(&json!(3600)), &cached), Some(100), "the token was issued earlier");
    for iat in [1000, 1900] {
        let invalid = jwt(&json!({ "iat": iat, "exp": 1000 }));
        assert_eq!(lifetime_of(Some(&json!(3600)), &invalid), Some(3600), "{iat}");
    }
}

#[test]
fn clock_behind_does_not_extend_the_lifetime() {
    let token = jwt(&json!({ "iat": NOW + 7200, "exp": NOW + 7200 + 900 }));
    assert_eq!(lifetime_of(None, &token), Some(900));
}

#[test]
fn clock_ahead_by_a_lifetime_does_not_shorten_it() {
    for by in [0.0, 0.1, 0.9] {
        let token = jwt(&json!({ "iat": NOW - 3600, "exp": NOW as f64 + by }));
        assert_eq!(lifetime_of(Some(&json!(3600)), &token), Some(3600), "{by}");
    }
}

#[test]
fn invalid_payload_is_ignored() {
    for token in ["a.b.c", "a.~~.c", "a.e30.c", "..", &jwt(&json!({ "exp": "soon" })), &jwt(&json!([]))] {
        assert_eq!(lifetime_of(Some(&json!(60)), token), Some(60), "{token}");
        assert_eq!(lifetime_of(None, token), Some(300), "{token}");
    }
}

#[test]
fn token_type_is_bearer_in_any_case() {
    let body = |token_type: &str| json!({ "access_token": "t", "token_type": token_type, "expires_in": 60 });
    for token_type in ["Bearer", "bearer", "BEARER"] {
        assert!(read_token(&body(token_type)).is_ok(), "{token_type}");
    }
    for token_type in ["DPoP", "mac", "N_A", "", "Bearer ", "BearerX"] {
        assert!(read_token(&body(token_type)).is_err(), "{token_type}");
    }
    assert!(read_token(&json!({ "access_token": "t", "expires_in": 60 })).is_err(), "token_type is required");
}

#[test]
fn token_with_header_breaking_characters_is_rejected() {
    for token in ["", " ", "a b", "a\r\nX-Evil: 1", "a\0", "tökén", "a\"b", "a,b"] {
        let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 60 });
        let failure = read_token(&body).err().unwrap();
        assert_eq!(failure.kind, TokenErrorKind::InvalidResponse, "{token:?}");
    }
}

#[test]
fn missing_scopes_are_reported() {
    let missing = |scope: Value| {
        let body = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": scope });
        read_token(&body).unwrap().missing_scopes
    };
    assert_eq!(missing(json!("openid")), ["roles"]);
    assert_eq!(missing(json!("other")), ["openid", "roles"]);
    for granted in [json!("roles openid"), json!("openid roles tenant"), json!(""), json!(null), json!(7)] {
        assert!(missing(granted.clone()).is_empty(), "{granted}");
    }
}

#[test]
fn rejections_outages_and_invalid_responses_differ() {
    use TokenErrorKind::{InvalidResponse, Rejected, Unavailable};
    let error = |code: &str| json!({ "error": code, "error_description": "no" }).to_string();
    for (status, body, kind, code) in [
        (401, error("invalid_client"), Rejected, Some("invalid_client")),
        (400, error("invalid_client"), Rejected, Some("invalid_client")),
        (403, error("unauthorized_client"), Rejected, Some("unauthorized_client")),
        (400, error("invalid_scope"), Rejected, Some("invalid_scope")),
        (400, error("temporarily_unavailable"), Unavailable, Some("temporarily_unavailable")),
        (403, "<html>".to_owned(), Rejected, None),
        (401, String::new(), Rejected, None),
        (400, error("mics_sk_ECHO"), Rejected, None),
        (408, String::new(), Unavailable, None),
        (429, String::new(), Unavailable, None),
        (500, String::new(), Unavailable, None),
        (503, "<html>".to_owned(), Unavailable, None),
        (302, String::new(), InvalidResponse, None),
        (307, String::new(), InvalidResponse, None),
        (404, "<html>".to_owned(), InvalidResponse, None),
        (204, String::new(), InvalidResponse, None),
    ] {
        let failure = failure(status, &body);
        assert_eq!((failure.kind, failure.oauth_error.as_deref()), (kind, code), "{status} {body}");
    }
}

#[test]
fn body_that_is_no_token_response_is_invalid() {
    for body in [
        "",
        "<html>",
        "[]",
        "null",
        "{\"access_token\":\"t\"",
        "{\"access_token\":5,\"token_type\":\"Bearer\"}",
        "{\"access_token\":null,\"token_type\":\"Bearer\"}",
        "\u{feff}{}",
    ] {
        assert_eq!(failure(200, &body).kind, TokenErrorKind::InvalidResponse, "{body}");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(failure(200, &deep).kind, TokenErrorKind::InvalidResponse);
}

#[test]
fn unknown_members_are_ignored_at_any_depth() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = format!("{{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":60,\"x\":{deep}}}");
    assert!(read(&response(200, &body), &Scopes::default(), at(NOW)).is_ok());
}

#[test]
fn retry_after_is_parsed_as_seconds_and_as_a_date() {
    let wait = |text: &str| {
        let mut response = response(503, &"");
        response.headers_mut().insert(RETRY_AFTER, text.parse().unwrap());
        let failure = read(&response, &Scopes::default(), at(784_111_777)).err().unwrap();
        TokenError::new(&"mi".parse().unwrap(), failure).retry_after().map(|wait| wait.as_secs())
    };
    assert_eq!(wait("120"), Some(120));
    assert_eq!(wait("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
    assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "a date in the past");
    for nonsense in ["soon", "-1", "1.5", "99999999999999999999999", ""] {
        assert_eq!(wait(nonsense), None, "{nonsense}");
    }
}

/// Returns the error message for a response.
fn message(status: u16, body: &impl ToString) -> String {
    TokenError::new(&"mi".parse().unwrap(), failure(status, body)).to_string()
}

#[test]
fn success_is_200_201_and_203() {
    let body = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": 60 });
    for status in [200, 201, 203] {
        assert!(read(&response(status, &body), &Scopes::default(), at(NOW)).is_ok(), "{status}");
    }
    for status in [202, 204, 206, 302] {
        let failure = failure(status, &body);
        assert_eq!(failure.kind, TokenErrorKind::InvalidResponse, "{status}");
    }
}

#[test]
fn registered_oauth_error_counts_with_any_status() {
    use TokenErrorKind::{InvalidResponse, Rejected, Unavailable};
    let error = |code: &str| json!({ "error": code });
    for (status, body, kind, code) in [
        (200, error("invalid_client"), Rejected, Some("invalid_client")),
        (201, error("invalid_scope"), Rejected, Some("invalid_scope")),
        (202, error("access_denied"), Rejected, Some("access_denied")),
        (200, error("temporarily_unavailable"), Unavailable, Some("temporarily_unavailable")),
        (200, error("server_error"), Unavailable, Some("server_error")),
        (404, error("invalid_client"), Rejected, Some("invalid_client")),
        (422, error("unauthorized_client"), Rejected, Some("unauthorized_client")),
        (404, error("not_found"), InvalidResponse, Some("not_found")),
        (503, error("invalid_client"), Unavailable, Some("invalid_client")),
        (200, json!({ "error": "invalid_client", "access_token": "" }), Rejected, Some("invalid_client")),
        (200, error("mics_sk_ECHO"), InvalidResponse, None),
        (200, json!({ "error": true }), InvalidResponse, None),
    ] {
        let failure = failure(status, &body);
        assert_eq!((failure.kind, failure.oauth_error.as_deref()), (kind, code), "{status} {body}");
    }
    for status in [200, 401] {
        let text = message(status, &error("invalid_client"));
        assert!(text.contains("invalid_client); check the client id"), "{text}");
    }
}

#[test]
fn token_with_an_invalid_error_member_is_accepted() {
    for error in [json!(null), json!(""), json!("none"), json!(0)] {
        let body = json!({ "access_token": "t", "token_type": "Bearer", "error": error });
        assert!(read_token(&body).is_ok(), "{body}");
    }
}

#[test]
fn message_names_the_problem_of_the_response() {
    let with_type = |token_type: Value| json!({ "access_token": "t", "token_type": token_type }).to_string();
    let token = json!({ "access_token": "t", "token_type": "Bearer" }).to_string();
    for (status, body, problem) in [
        (200, String::new(), "the body is empty"),
        (200, " \r\n".to_owned(), "the body is empty"),
        (200, "<!doctype html>".to_owned(), "a web page"),
        (200, format!("\u{feff}{token}"), "byte order mark (BOM)"),
        (200, json!({ "token_type": "Bearer" }).to_string(), "access_token is missing"),
        (200, json!({ "access_token": 7, "token_type": "Bearer" }).to_string(), "access_token is missing"),
        (200, json!({ "access_token": "t" }).to_string(), "token_type is missing"),
        (200, with_type(json!(null)), "token_type is missing"),
        (200, with_type(json!("dpop")), "token_type is DPoP"),
        (200, with_type(json!("mics_sk_hidden")), "token_type is an unknown type"),
        (200, with_type(json!(["Bearer"])), "token_type is an unknown type"),
        (200, json!(["t", "Bearer", 60, null, null]).to_string(), "not a JSON object"),
        (200, "access_token=t&token_type=Bearer".to_owned(), "not a JSON object"),
        (302, String::new(), "a redirect, which is not followed"),
        (404, "<html>".to_owned(), "check the token URL"),
        (407, String::new(), "the proxy requires authentication"),
    ] {
        let text = message(status, &body);
        assert!(text.starts_with("no token for `mi`: ") && text.contains(problem), "{body}: {text}");
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn rejection_without_an_oauth_error_names_a_firewall() {
    for status in [400, 401, 403] {
        let text = message(status, &"<html>blocked</html>");
        assert!(text.contains("a firewall or proxy in front of Passport"), "{text}");
    }
    let text = message(403, &json!({ "error": "invalid_client" }));
    assert!(!text.contains("firewall"), "{text}");
}
