use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};

use super::{replay::sealed::Keep, *};

type BoxBody = UnsyncBoxBody<Bytes, Infallible>;

/// A body that cannot be cloned, in chunks.
fn chunks(chunks: &'static [&'static str]) -> BoxBody {
    let frames = chunks.iter().map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

fn keeping(max_bytes: usize) -> BufferBody<impl Fn(BufferedBody<BoxBody>) -> BoxBody + Clone> {
    BufferBody { max_bytes, wrap: |body: BufferedBody<BoxBody>| body.boxed_unsync() }
}

async fn text(body: BoxBody) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// What can be sent again after `read` chunks of the body went out.
async fn again(body: BoxBody, max_bytes: usize, read: usize) -> Option<String> {
    let keeping = keeping(max_bytes);
    let (request, kept) = keeping.keep(Request::new(body));
    let mut sent = request.into_body();
    for _ in 0..read {
        let _ = sent.frame().await;
    }
    let request = keeping.restore(kept.unwrap())?;
    Some(text(request.into_body()).await)
}

#[tokio::test]
async fn a_body_that_was_read_to_its_end_can_be_sent_again() {
    assert_eq!(again(chunks(&["one", "two"]), 6, 3).await.as_deref(), Some("onetwo"));
    assert_eq!(again(chunks(&[]), 0, 1).await.as_deref(), Some(""));
}

#[tokio::test]
async fn a_body_that_was_not_read_to_its_end_is_not_sent_again() {
    assert_eq!(again(chunks(&["one", "two"]), 100, 1).await, None);
    assert_eq!(again(chunks(&["one"]), 100, 0).await, None);
}

#[tokio::test]
async fn a_body_that_is_longer_than_the_bound_is_not_sent_again() {
    assert_eq!(again(chunks(&["one", "two"]), 5, 3).await, None);
    assert_eq!(again(chunks(&["onetwo", ""]), 5, 3).await, None);
}

#[tokio::test]
async fn a_body_of_known_length_need_not_be_read_past_it() {
    let full = || http_body_util::Full::new(Bytes::from_static(b"whole")).boxed_unsync();
    assert_eq!(again(full(), 5, 1).await.as_deref(), Some("whole"));
    let empty = http_body_util::Empty::new().boxed_unsync();
    assert_eq!(again(empty, 0, 0).await.as_deref(), Some(""), "an empty one is over before it begins");
}

#[tokio::test]
async fn a_body_that_broke_is_not_sent_again() {
    type Broken = UnsyncBoxBody<Bytes, std::io::Error>;
    let frames = [Ok(Frame::data(Bytes::from_static(b"one"))), Err(std::io::Error::other("disk"))];
    let body: Broken = StreamBody::new(stream::iter(frames)).boxed_unsync();
    let keeping = BufferBody { max_bytes: 100, wrap: |body: BufferedBody<Broken>| body.boxed_unsync() };
    let (request, kept) = keeping.keep(Request::new(body));
    assert!(request.into_body().collect().await.is_err());
    assert!(keeping.restore(kept.unwrap()).is_none());
}

#[tokio::test]
async fn trailers_are_sent_again_too() {
    let trailers = HeaderMap::from_iter([("x-checksum".parse().unwrap(), "7".parse().unwrap())]);
    let frames =
        [Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"one"))), Ok(Frame::trailers(trailers))];
    let keeping = keeping(100);
    let (request, kept) = keeping.keep(Request::new(StreamBody::new(stream::iter(frames)).boxed_unsync()));
    request.into_body().collect().await.unwrap();
    let again = keeping.restore(kept.unwrap()).unwrap().into_body().collect().await.unwrap();
    assert_eq!(again.trailers().unwrap()["x-checksum"], "7");
}

#[tokio::test]
async fn what_is_sent_is_what_would_have_been_sent() {
    let keeping = keeping(3);
    let (request, _kept) = keeping.keep(Request::new(chunks(&["one", "two", "three"])));
    assert_eq!(text(request.into_body()).await, "onetwothree");
    let full = http_body_util::Full::new(Bytes::from_static(b"whole")).boxed_unsync();
    let (request, _kept) = keeping.keep(Request::new(full));
    assert_eq!(http_body::Body::size_hint(request.body()).exact(), Some(5), "its length is still known");
}

#[tokio::test]
async fn a_refused_request_with_a_stream_for_a_body_is_sent_once_more() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair::<Request<BoxBody>, Answer>();
    let mut client =
        layer(&source).replay_buffered(1024, |body: BufferedBody<BoxBody>| body.boxed_unsync()).layer(mock);
    handle.allow(3);
    let request = || Request::post(API).body(chunks(&["one", "two"])).unwrap();
    let first = client.ready().await.unwrap().call(request());
    tokio::join!(first, answer(&mut handle, Response::new("first"))).0.unwrap();
    source.clock.advance(std::time::Duration::from_secs(5));

    let response = client.ready().await.unwrap().call(request());
    let (response, (first, second)) = tokio::join!(response, async {
        let (seen, respond) = handle.next_request().await.unwrap();
        let first = text(seen.into_body()).await;
        respond.send_response(refusal());
        let second = answer(&mut handle, Response::new("done")).await;
        assert_eq!(token_of(&second), "Bearer token-2");
        (first, text(second.into_body()).await)
    });
    assert_eq!(body(response.unwrap()), "done");
    assert_eq!((first.as_str(), second.as_str()), ("onetwo", "onetwo"));
}

#[tokio::test]
async fn a_reqwest_stream_can_be_sent_again() {
    let keeping =
        BufferBody { max_bytes: 100, wrap: |body: BufferedBody<reqwest::Body>| reqwest::Body::wrap(body) };
    let mut request = reqwest::Request::new(reqwest::Method::POST, API.parse().unwrap());
    let stream =
        StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"one")))]));
    *request.body_mut() = Some(reqwest::Body::wrap(stream));
    assert!(request.try_clone().is_none(), "reqwest itself cannot");
    let (mut request, kept) = keeping.keep(request);
    let sent = request.body_mut().take().unwrap().collect().await.unwrap().to_bytes();
    let mut again: reqwest::Request = keeping.restore(kept.unwrap()).unwrap();
    assert_eq!(again.body_mut().take().unwrap().collect().await.unwrap().to_bytes(), sent);

    let without_body = reqwest::Request::new(reqwest::Method::GET, API.parse().unwrap());
    let (_, kept) = keeping.keep(without_body);
    let again: reqwest::Request = keeping.restore(kept.unwrap()).unwrap();
    assert!(again.body().is_none());
}
