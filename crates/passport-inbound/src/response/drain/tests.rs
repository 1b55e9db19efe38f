use axum_core::body::Body as AxumBody;
use futures_util::stream;
use tokio_test::{assert_pending, assert_ready, task};

use super::*;

fn request(body: AxumBody) -> Request<AxumBody> {
    Request::new(body)
}

fn endless(chunk: usize) -> AxumBody {
    AxumBody::from_stream(stream::repeat_with(move || Ok::<_, Error>(Bytes::from(vec![0; chunk]))))
}

#[tokio::test(start_paused = true)]
async fn body_is_read_up_to_the_limits() {
    let mut drain = Drain::of(&mut request(AxumBody::from("five"))).unwrap();
    assert_ready!(task::spawn(()).enter(|cx, _| drain.poll(cx)));
    let mut drain = Drain::of(&mut request(endless(1000))).unwrap();
    assert_ready!(task::spawn(()).enter(|cx, _| drain.poll(cx)), "the limit is reached");
    let never = stream::pending::<Result<Bytes, Error>>();
    let mut drain = Drain::of(&mut request(AxumBody::from_stream(never))).unwrap();
    let mut task = task::spawn(());
    assert_pending!(task.enter(|cx, _| drain.poll(cx)));
    tokio::time::advance(MAX_TIME).await;
    assert_ready!(task.enter(|cx, _| drain.poll(cx)));
}

#[tokio::test]
async fn body_is_not_read_without_need() {
    assert!(Drain::of(&mut request(AxumBody::empty())).is_none());
    assert!(Drain::of(&mut request(AxumBody::from(vec![0; 100_000]))).is_none());
    let mut expects = request(endless(1));
    expects.headers_mut().insert(EXPECT, "100-continue".parse().unwrap());
    assert!(Drain::of(&mut expects).is_none());
    let mut over_http2 = request(endless(1));
    *over_http2.version_mut() = Version::HTTP_2;
    assert!(Drain::of(&mut over_http2).is_none());
    assert!(Drain::of(&mut Request::new(())).is_none());
}

#[tokio::test]
async fn body_of_64_kib_is_read_and_a_larger_one_is_not() {
    for (length, is_read) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        assert_eq!(Drain::of(&mut request(AxumBody::from(vec![0; length]))).is_some(), is_read, "{length}");
    }
}
