use axum::body::Body;
use http::Request;

use super::*;

fn ensured(sent: Option<&str>) -> (HeaderValue, Option<HeaderValue>) {
    let sent = sent.into_iter();
    let request = sent.fold(Request::builder(), |builder, id| builder.header(REQUEST_ID, id));
    let mut request = request.body(Body::empty()).unwrap();
    let id = ensure(&mut request);
    (id, request.headers().get(REQUEST_ID).cloned())
}

#[test]
fn safe_id_of_a_client_is_kept() {
    for id in ["7", "a-b_c.9", &"x".repeat(64)] {
        let (ensured, forwarded) = ensured(Some(id));
        assert_eq!(ensured, id);
        assert_eq!(forwarded.unwrap(), id);
    }
}

#[test]
fn unsafe_or_missing_id_is_replaced_by_a_random_one() {
    for sent in [None, Some("a b"), Some("a=b"), Some(&*"x".repeat(65))] {
        let (first, forwarded) = ensured(sent);
        assert_eq!(forwarded.unwrap(), first);
        let text = first.to_str().unwrap();
        assert!(text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
        assert_ne!(first, ensured(sent).0);
    }
}

#[test]
fn id_of_the_upstream_stays_in_the_response() {
    let mut response = Response::new(Body::empty());
    propagate(HeaderValue::from_static("ours"), &mut response);
    propagate(HeaderValue::from_static("other"), &mut response);
    assert_eq!(response.headers().get_all(REQUEST_ID).iter().collect::<Vec<_>>(), ["ours"]);
}
