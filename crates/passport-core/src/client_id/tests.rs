use super::*;

#[test]
fn every_documented_format_is_accepted() {
    for id in ["mi-payroll-scheduler-clientid", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "a b:c%"] {
        assert_eq!(id.parse::<ClientId>().unwrap().as_str(), id);
    }
}

#[test]
fn empty_padded_long_or_non_ascii_id_is_rejected() {
    for id in ["", " x", "x\n", "caf\u{e9}", &"x".repeat(257)] {
        assert!(id.parse::<ClientId>().is_err(), "{id:?}");
    }
}

#[test]
fn id_of_256_bytes_is_accepted() {
    let id = "x".repeat(256);
    assert_eq!(id.parse::<ClientId>().unwrap().to_string(), id);
}

#[test]
fn debug_of_the_error_is_its_message() {
    let error = "".parse::<ClientId>().unwrap_err();
    assert_eq!(format!("{error:?}"), "invalid client id: it must not be empty");
}
