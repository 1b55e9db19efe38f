//! Tests of poll messages, with the examples of RFC 8936, section 2.5.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::security_events::error::Problem;

#[test]
fn response_of_the_rfc_is_read() {
    let response = json!({ "sets": {
        "4d3559ec67504aaba65d40b0363faad8": "eyJhbGciOiJub25lIn0.eyJqdGkiOiI0In0.",
        "3d0c3cf797584bd193bd0fb1bd4e7d30": "eyJhbGciOiJub25lIn0.eyJqdGkiOiIzIn0.",
    } });
    let response: PollResponse = serde_json::from_value(response).unwrap();
    assert_eq!(response.sets.len(), 2);
    let more = serde_json::from_str::<PollResponse>(r#"{"sets":{},"moreAvailable":true}"#).unwrap();
    assert!(more.sets.is_empty());
    for invalid in ["{}", "[]", r#"{"sets":[]}"#, r#"{"sets":{"1":2}}"#] {
        assert!(serde_json::from_str::<PollResponse>(invalid).is_err(), "{invalid}");
    }
}

#[test]
fn results_are_acknowledged_or_reported() {
    let mut results = PollResults::default();
    assert!(results.is_empty());
    assert!(results.add("1".to_owned(), Ok("1".to_owned())));
    assert!(results.add("2".to_owned(), Err(EventError::invalid(Problem::Audience))));
    assert!(results.add("3".to_owned(), Ok("other".to_owned())));
    assert!(!results.add("4".to_owned(), Err(EventError::Unavailable(Duration::ZERO))));
    assert_eq!(results.ack, ["1"]);
    let request = PollRequest {
        max_events: 5,
        return_immediately: true,
        ack: &results.ack,
        set_errs: &results.set_errs,
    };
    let request = serde_json::to_value(&request).unwrap();
    assert_eq!(request["setErrs"]["2"]["err"], "invalid_audience");
    assert_eq!(request["setErrs"]["3"]["err"], "invalid_request");
    assert!(request["setErrs"].get("4").is_none());
}
