use super::*;

fn origins(urls: &[&str]) -> AllowedOrigins {
    AllowedOrigins::danger_plain_http(urls).unwrap()
}

#[test]
fn only_tls_to_other_hosts_uses_the_proxy() {
    for (urls, expected) in [
        (&["https://erp"][..], &[ClientRoute::Proxied][..]),
        (&["http://erp", "http://127.0.0.1:1"], &[ClientRoute::Plain]),
        (
            &["https://localhost", "https://erp", "http://erp"],
            &[ClientRoute::Proxied, ClientRoute::Direct, ClientRoute::Plain],
        ),
    ] {
        assert_eq!(routes(&origins(urls)), expected, "{urls:?}");
    }
    assert_eq!(routes(&AllowedOrigins::danger_any_https()), [ClientRoute::Proxied, ClientRoute::Direct]);
}

#[test]
fn equal_settings_share_one_client() {
    let pool = ClientPool::default();
    let made = |urls: &[&str], user_agent: Option<HeaderValue>| {
        let settings = ClientSettings { ca_file: None, user_agent };
        pool.clients(&settings, &origins(urls), &mut Vec::new()).unwrap();
        pool.0.lock().unwrap().len()
    };
    assert_eq!(made(&["http://a"], None), 1);
    assert_eq!(made(&["http://b"], None), 1);
    assert_eq!(made(&["http://b"], Some(HeaderValue::from_static("x/1"))), 2);
}
