//! Which headers are of one connection, or of the sidecar, and so go no further. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{guard::MARK, refusal::REFUSED};

/// Of a connection, and not of what it carries ([RFC 9110, section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
const OF_THE_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Makes a request's headers those of the request to the upstream. Who sends it to us has no say in what we say of identities.
pub(super) fn prepare(headers: &mut HeaderMap) {
    let takes_trailers = listed(headers, header::TE).any(|te| te.eq_ignore_ascii_case("trailers"));
    join_cookies(headers);
    remove(headers, |name| name == header::TE || name == header::HOST || is_ours(name));
    if takes_trailers {
        // gRPC wants to hear it.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn is_ours(name: &HeaderName) -> bool {
    // Some servers take `_` for `-`, and some whatever is no letter and no digit.
    let is_it = |(is, wanted): (u8, u8)| is == wanted || (wanted == b'-' && !is.is_ascii_alphanumeric());
    let name = name.as_str();
    [MARK.as_str(), "x-passport-"]
        .iter()
        .any(|prefix| name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(is_it))
}

/// HTTP/2 may have them in several fields, and HTTP/1 in one
/// ([RFC 9113, section 8.2.3](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3)).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(mut joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        joined.set_sensitive(true);
        headers.insert(header::COOKIE, joined);
    }
}

/// Makes a response's headers those of our response. What we have refused is told by a header that is ours alone.
pub(super) fn give_back(headers: &mut HeaderMap) {
    remove(headers, |name| *name == REFUSED);
}

/// Removes those of the connection, and those that `also` are not for the other side.
fn remove(headers: &mut HeaderMap, also: impl Fn(&HeaderName) -> bool) {
    let named: Vec<HeaderName> =
        listed(headers, header::CONNECTION).filter_map(|name| name.parse().ok()).collect();
    let is_one = |name: &&HeaderName| OF_THE_CONNECTION.contains(name) || named.contains(name) || also(name);
    let names: Vec<HeaderName> = headers.keys().filter(is_one).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn listed(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(sent: &[(&str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        prepare(&mut headers);
        let mut left: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        left.sort();
        left
    }

    #[test]
    fn what_is_of_the_connection_or_of_the_sidecar_goes_no_further() {
        let left = left(&[
            ("accept", "*/*"),
            ("connection", "close, x-of-the-hop"),
            ("x-of-the-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic x"),
            ("transfer-encoding", "chunked"),
            ("host", "localhost"),
            ("passport-sidecar", "true"),
            ("passport-sidecar-token", "hidden"),
            ("passport-sidecar-upstream", "erp"),
            ("x-passport-subject", "admin"),
            ("x_passport_roles", "admin"),
            ("x.passport~roles", "admin"),
            ("x-request-id", "7"),
        ]);
        assert_eq!(left, ["accept: */*", "x-request-id: 7"]);
    }

    #[test]
    fn of_te_only_the_trailers_are_left() {
        assert_eq!(left(&[("te", "trailers"), ("connection", "te")]), ["te: trailers"]);
        assert_eq!(left(&[("te", "deflate;q=0.5, Trailers")]), ["te: trailers"]);
        assert_eq!(left(&[("te", "gzip")]), [""; 0]);
    }

    #[test]
    fn cookies_are_in_one_field() {
        assert_eq!(left(&[("cookie", "a=1"), ("cookie", "b=2")]), ["cookie: a=1; b=2"]);
    }

    #[test]
    fn an_upstream_does_not_say_that_we_have_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(REFUSED, HeaderValue::from_static("invalid_client"));
        headers.insert(header::ETAG, HeaderValue::from_static("7"));
        give_back(&mut headers);
        assert_eq!(headers.len(), 1);
    }
}
