//! Which headers are of one connection, or of the sidecar, and so go no further. Pure.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::guard::MARK;

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
    let takes_trailers =
        headers.get_all(header::TE).iter().any(|te| te.as_bytes().eq_ignore_ascii_case(b"trailers"));
    remove(headers, |name| name == header::TE || name == header::HOST || is_ours(name));
    if takes_trailers {
        // gRPC wants to hear it.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

fn is_ours(name: &HeaderName) -> bool {
    // Some servers take `_` for `-`.
    let is_it = |(is, wanted): (u8, u8)| is == wanted || (is, wanted) == (b'_', b'-');
    let name = name.as_str();
    [MARK.as_str(), "x-passport-"]
        .iter()
        .any(|prefix| name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(is_it))
}

/// Makes a response's headers those of our response.
pub(super) fn of_the_connection(headers: &mut HeaderMap) {
    remove(headers, |_| false);
}

/// Removes those of the connection, and those that `also` are not for the other side.
fn remove(headers: &mut HeaderMap, also: impl Fn(&HeaderName) -> bool) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let is_one = |name: &&HeaderName| OF_THE_CONNECTION.contains(name) || named.contains(name) || also(name);
    let names: Vec<HeaderName> = headers.keys().filter(is_one).cloned().collect();
    for name in names {
        headers.remove(name);
    }
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
            ("x-request-id", "7"),
        ]);
        assert_eq!(left, ["accept: */*", "x-request-id: 7"]);
    }

    #[test]
    fn of_te_only_the_trailers_are_left() {
        assert_eq!(left(&[("te", "trailers"), ("connection", "te")]), ["te: trailers"]);
        assert_eq!(left(&[("te", "gzip")]), [""; 0]);
    }
}
