use super::{super::allowed_origins::PLAIN_HTTP, *};

#[test]
fn plain_http_base_url_is_rejected_with_its_opt_in() {
    let base = base_url("http://erp", false, PLAIN_HTTP).unwrap_err().to_string();
    assert!(base.contains("with danger_plain_http in"), "{base}");
}

#[test]
fn plain_http_origin_of_a_base_url_names_its_own_opt_in() {
    let message = AllowedOrigins::base_url("http://erp/api").unwrap_err().to_string();
    assert!(message.contains("with danger_plain_http (in code danger_plain_http_base_url) in"), "{message}");
}

#[test]
fn origin_of_a_base_url_is_allowed() {
    for url in ["https://erp/api", "https://ERP:443", "http://127.0.0.1:9/api/"] {
        assert!(AllowedOrigins::base_url(url).is_ok(), "{url}");
    }
    assert!(AllowedOrigins::danger_plain_http_base_url("http://erp/api").is_ok());
    for url in ["erp", "http://erp", "https://user:hidden@erp", "https://erp?key=hidden", "https://erp#part"]
    {
        let error = AllowedOrigins::base_url(url).unwrap_err();
        assert_eq!(error.problems()[0].option, "base_url");
        assert!(!error.to_string().contains("hidden"), "{error}");
    }
}
