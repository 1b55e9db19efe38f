use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::HeaderMap;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};

use super::{retry_mode::sealed::SaveRequest, *};

type BoxBody = UnsyncBoxBody<Bytes, BoxError>;

/// Returns a body that consists of `chunks` and cannot be cloned.
fn chunks(chunks: &'static [&'static str]) -> BoxBody {
    let frames =
        chunks.iter().map(|chunk| Ok::<_, BoxError>(Frame::data(Bytes::from_static(chunk.as_bytes()))));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

fn boxed(body: impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static) -> BoxBody {
    body.map_err(|never| match never {}).boxed_unsync()
}

fn buffering(max_bytes: usize) -> RetryBuffered<impl Fn(BufferedBody<BoxBody>) -> BoxBody + Clone> {
    RetryBuffered { max_bytes, wrap: |body: BufferedBody<BoxBody>| body.boxed_unsync() }
}

async fn text(body: BoxBody) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Reads `read` chunks of the first body. Returns the text of the retry's body, or `None` if the
/// request cannot be retried.
async fn retried_body(body: BoxBody, max_bytes: usize, read: usize) -> Option<String> {
    let mode = buffering(max_bytes);
    let (request, saved) = mode.save(Request::new(body));
    let mut sent = request.into_body();
    for _ in 0..read {
        let _ = sent.frame().await;
    }
    let request = mode.restore(saved.unwrap())?;
    Some(text(request.into_body()).await)
}

#[tokio::test]
async fn partly_read_body_is_restored_completely() {
    for read in 0..=3 {
        assert_eq!(retried_body(chunks(&["one", "two"]), 6, read).await.as_deref(), Some("onetwo"), "{read}");
    }
    assert_eq!(retried_body(chunks(&[]), 0, 1).await.as_deref(), Some(""));
}

#[tokio::test]
async fn empty_chunks_are_not_recorded() {
    let mode = buffering(3);
    let (request, saved) = mode.save(Request::new(chunks(&["", "", "one", ""])));
    text(request.into_body()).await;
    let mut again = mode.restore(saved.unwrap()).unwrap().into_body();
    assert_eq!(again.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
    assert!(again.frame().await.is_none());
}

#[tokio::test]
async fn body_read_beyond_the_limit_is_not_retried() {
    assert_eq!(retried_body(chunks(&["one", "two"]), 5, 3).await, None);
    let begun = retried_body(chunks(&["one", "two"]), 5, 1).await;
    assert_eq!(begun.as_deref(), Some("onetwo"), "only the bytes that were read count");
    assert_eq!(retried_body(chunks(&["onetwo", ""]), 5, 2).await, None);
}

#[tokio::test]
async fn known_body_length_is_preserved() {
    let mode = buffering(100);
    let full = boxed(http_body_util::Full::new(Bytes::from_static(b"whole")));
    let (request, saved) = mode.save(Request::new(full));
    let mut sent = request.into_body();
    assert_eq!(sent.size_hint().exact(), Some(5));
    sent.frame().await.unwrap().unwrap();
    assert!(sent.is_end_stream());
    let again = mode.restore(saved.unwrap()).unwrap().into_body();
    assert_eq!((again.size_hint().exact(), again.is_end_stream()), (Some(5), false));
    let (request, _saved) = mode.save(Request::new(boxed(http_body_util::Empty::new())));
    assert!(request.body().is_end_stream());
}

/// The first body must end with an error. If it ended without an error, the half-sent body would
/// look complete. If it stayed pending, the connection of the first request would stay open
/// forever.
#[tokio::test]
async fn first_sender_is_woken_and_aborts() {
    let mode = buffering(100);
    let one = stream::iter([Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"one")))]);
    let body = StreamBody::new(one.chain(stream::pending())).boxed_unsync();
    let (request, saved) = mode.save(Request::new(body));
    let mut first = request.into_body();
    first.frame().await.unwrap().unwrap();
    let mut frame = task::spawn(first.frame());
    assert_pending!(frame.poll());
    let mut again = mode.restore(saved.unwrap()).unwrap().into_body();
    assert!(frame.is_woken());
    assert!(frame.await.unwrap().unwrap_err().to_string().contains("sent again"));
    assert_eq!(again.frame().await.unwrap().unwrap().into_data().unwrap(), "one");
}

#[tokio::test]
async fn body_is_not_recorded_when_a_retry_is_impossible() {
    let mode = buffering(100);
    let (first, second) = (Bytes::from("one".to_owned()), Bytes::from("two".to_owned()));
    let frames = [first.clone(), second.clone()].map(|chunk| Ok::<_, BoxError>(Frame::data(chunk)));
    let (request, saved) = mode.save(Request::new(StreamBody::new(stream::iter(frames)).boxed_unsync()));
    let mut sent = request.into_body();
    drop(sent.frame().await);
    drop(saved);
    drop(sent.frame().await);
    assert!(first.is_unique() && second.is_unique());
}

#[tokio::test]
async fn failed_body_is_not_retried() {
    let frames = [Ok(Frame::data(Bytes::from_static(b"one"))), Err(BoxError::from("disk"))];
    let body: BoxBody = StreamBody::new(stream::iter(frames)).boxed_unsync();
    let mode = buffering(100);
    let (request, saved) = mode.save(Request::new(body));
    assert!(request.into_body().collect().await.is_err());
    assert!(mode.restore(saved.unwrap()).is_none());
}

#[tokio::test]
async fn trailers_are_sent_again() {
    let trailers = HeaderMap::from_iter([("x-checksum".parse().unwrap(), "7".parse().unwrap())]);
    let frames = [Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"one"))), Ok(Frame::trailers(trailers))];
    let mode = buffering(100);
    let (request, saved) = mode.save(Request::new(StreamBody::new(stream::iter(frames)).boxed_unsync()));
    request.into_body().collect().await.unwrap();
    let again = mode.restore(saved.unwrap()).unwrap().into_body().collect().await.unwrap();
    assert_eq!(again.trailers().unwrap()["x-checksum"], "7");
}

#[tokio::test]
async fn body_beyond_the_limit_is_sent_unchanged() {
    let mode = buffering(3);
    let (request, _saved) = mode.save(Request::new(chunks(&["one", "two", "three"])));
    assert_eq!(text(request.into_body()).await, "onetwothree");
}

#[tokio::test]
async fn rejected_request_with_a_stream_is_retried() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair::<Request<BoxBody>, MockResponse>();
    let mut client = layer(&source)
        .retry_unauthorized_buffered(1024, |body: BufferedBody<BoxBody>| body.boxed_unsync())
        .layer(mock);
    handle.allow(3);
    let request = || Request::post(API).body(chunks(&["one", "two"])).unwrap();
    let first = client.ready().await.unwrap().call(request());
    tokio::join!(first, respond(&mut handle, Response::new("first"))).0.unwrap();
    source.clock.advance(std::time::Duration::from_secs(5));

    let response = client.ready().await.unwrap().call(request());
    let (response, (first, second)) = tokio::join!(response, async {
        let (seen, sender) = handle.next_request().await.unwrap();
        let first = text(seen.into_body()).await;
        sender.send_response(rejection_response());
        let second = respond(&mut handle, Response::new("done")).await;
        assert_eq!(token_of(&second), "Bearer token-2");
        (first, text(second.into_body()).await)
    });
    assert_eq!(response.unwrap().into_body(), "done");
    assert_eq!((first.as_str(), second.as_str()), ("onetwo", "onetwo"));
}

/// The token is too young to be replaced. So the response that rejects the token is returned,
/// and the upload of the first request continues.
#[tokio::test]
async fn first_body_continues_if_the_request_is_not_retried() {
    let source = ScriptedSource::new();
    let (mock, mut handle) = mock::pair::<Request<BoxBody>, MockResponse>();
    let mut client = layer(&source)
        .retry_unauthorized_buffered(1024, |body: BufferedBody<BoxBody>| body.boxed_unsync())
        .layer(mock);
    handle.allow(1);
    let response =
        client.ready().await.unwrap().call(Request::post(API).body(chunks(&["one", "two"])).unwrap());
    let (response, sent) = tokio::join!(response, async {
        let (seen, respond) = handle.next_request().await.unwrap();
        let mut sent = seen.into_body();
        sent.frame().await.unwrap().unwrap();
        respond.send_response(rejection_response());
        sent
    });
    assert_eq!(response.unwrap().status(), 401);
    assert_eq!(text(sent).await, "two");
}

#[cfg(feature = "reqwest")]
#[tokio::test]
async fn reqwest_stream_is_sent_again() {
    let mode =
        RetryBuffered { max_bytes: 100, wrap: |body: BufferedBody<reqwest::Body>| reqwest::Body::wrap(body) };
    let mut request = reqwest::Request::new(reqwest::Method::POST, API.parse().unwrap());
    let stream =
        StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"one")))]));
    *request.body_mut() = Some(reqwest::Body::wrap(stream));
    assert!(request.try_clone().is_none(), "reqwest cannot clone a stream");
    let (mut request, saved) = mode.save(request);
    let sent = request.body_mut().take().unwrap().collect().await.unwrap().to_bytes();
    let mut again: reqwest::Request = mode.restore(saved.unwrap()).unwrap();
    assert_eq!(again.body_mut().take().unwrap().collect().await.unwrap().to_bytes(), sent);

    let mut with_bytes = reqwest::Request::new(reqwest::Method::POST, API.parse().unwrap());
    *with_bytes.body_mut() = Some("bytes".into());
    let (sent, _) = mode.save(with_bytes);
    assert!(sent.try_clone().is_some(), "reqwest follows redirects with 307 and 308 with a clone");

    let without_body = reqwest::Request::new(reqwest::Method::GET, API.parse().unwrap());
    let (_, saved) = mode.save(without_body);
    let again: reqwest::Request = mode.restore(saved.unwrap()).unwrap();
    assert!(again.body().is_none());
}
