use std::{fmt::Debug, io};

use futures_util::FutureExt;
use http_body::Body;
use http_body_util::Empty;

use super::*;
use crate::ResponseBody;

/// Returns the content of a rejection in a body of the type `B`.
fn content<B>(rejection: &'static str) -> Bytes
where
    B: RejectionBody + Body<Data = Bytes, Error: Debug>,
{
    let body = B::from_rejection(Bytes::from(rejection));
    assert_eq!(body.size_hint().exact(), Some(rejection.len() as u64));
    assert_eq!(body.is_end_stream(), rejection.is_empty());
    body.collect().now_or_never().unwrap().unwrap().to_bytes()
}

#[test]
fn each_body_type_holds_the_content_of_a_rejection() {
    for rejection in ["rejected", ""] {
        let contents = [
            content::<Full<Bytes>>(rejection),
            content::<BoxBody<Bytes, io::Error>>(rejection),
            content::<UnsyncBoxBody<Bytes, io::Error>>(rejection),
            content::<ResponseBody<Empty<Bytes>>>(rejection),
            #[cfg(feature = "axum")]
            content::<axum_core::body::Body>(rejection),
            #[cfg(feature = "tonic")]
            content::<tonic::body::Body>(rejection),
        ];
        assert!(contents.iter().all(|content| content == rejection), "{contents:?}");
    }
}
