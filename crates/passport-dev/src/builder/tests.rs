use super::*;

#[tokio::test]
async fn non_loopback_address_needs_an_opt_in() {
    let any = || DevPassport::builder().address(([0, 0, 0, 0], 0).into());
    let not_loopback =
        |started: Result<DevPassport, StartError>| matches!(started, Err(StartError::NotLoopback(_)));
    assert!(not_loopback(any().start().await));
    assert!(not_loopback(any().issuer("http://passport").start().await));
    assert!(not_loopback(any().danger_any_address().start().await));
    let passport = any().danger_any_address().issuer("http://passport").start().await.unwrap();
    assert_eq!(passport.issuer(), "http://passport");
}

#[tokio::test]
async fn issuer_must_be_a_url() {
    let started = DevPassport::builder().issuer("passport:8090").start().await;
    assert!(matches!(started, Err(StartError::Issuer(_))));
}

#[tokio::test]
async fn debug_of_start_error_is_its_message_with_remedy() {
    let error = DevPassport::builder().address(([0, 0, 0, 0], 0).into()).start().await.unwrap_err();
    let printed = format!("{error:?}");
    assert_eq!(printed, error.to_string());
    assert!(printed.contains("0.0.0.0:0 is not a loopback address; to serve other hosts"), "{printed}");

    let passport = DevPassport::start().await.unwrap();
    let error = DevPassport::builder().address(passport.address()).start().await.unwrap_err();
    let printed = format!("{error:?}");
    assert_eq!(printed, error.to_string());
    assert!(printed.starts_with(&format!("cannot listen on {}: ", passport.address())), "{printed}");
    assert!(printed.ends_with("choose another address, or port 0 for a free port"), "{printed}");
}
