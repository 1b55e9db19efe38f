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
async fn issuer_has_to_be_a_url() {
    let started = DevPassport::builder().issuer("passport:8090").start().await;
    assert!(matches!(started, Err(StartError::Issuer(_))));
}
