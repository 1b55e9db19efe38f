use http_body_util::Empty;

use super::*;

#[test]
fn response_body_has_size_and_end_of_its_content() {
    let full = |text: &'static str| ResponseBody::new(Full::new(Bytes::from(text)));
    let rejection = ResponseBody::<Full<Bytes>>::from_rejection(Bytes::from("no"));
    for (body, size) in [(full("four"), 4), (rejection, 2)] {
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(size), false));
    }
    assert!(ResponseBody::new(Empty::<Bytes>::new()).is_end_stream());
}
