use std::io;

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Outer {
    text: &'static str,
    #[source]
    cause: Arc<dyn Error + Send + Sync>,
}

#[test]
fn each_cause_is_printed_once_and_in_order() {
    let cause: Arc<dyn Error + Send + Sync> = Arc::new(io::Error::other("disk full"));
    let message = |text| with_causes(&Outer { text, cause: Arc::clone(&cause) });
    assert_eq!(message("not saved"), "not saved: disk full");
    assert_eq!(message("not saved: disk full"), "not saved: disk full");
}

#[test]
fn shared_and_wrapped_causes_can_be_downcast() {
    let parse = "x".parse::<u8>().unwrap_err();
    let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, parse));
    let outer = Outer { text: "not saved", cause: Arc::new(wrapped) };
    assert!(chain(&outer).nth(1).unwrap().is::<io::Error>());
    assert!(chain(&outer).nth(3).unwrap().is::<std::num::ParseIntError>());
    assert_eq!(with_causes(&outer), "not saved: invalid digit found in string");
}
