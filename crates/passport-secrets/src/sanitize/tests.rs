use super::*;

#[test]
fn provider_text_is_one_line_of_300_characters() {
    assert_eq!(one_line("no\r\n such \u{1b}[31msecret\t"), "no such [31msecret");
    assert_eq!(one_line(&"ä".repeat(301)), format!("{}...", "ä".repeat(300)));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    assert_eq!(retry_after(" 17 "), Some(Duration::from_secs(17)));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    assert!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT").is_some_and(|wait| !wait.is_zero()));
    assert_eq!(retry_after("soon"), None);
}
