use super::*;

#[test]
fn plain_http_base_url_is_rejected_with_its_opt_in() {
    let base = base_url("http://erp", false).unwrap_err().to_string();
    assert!(base.contains("with danger_plain_http in"), "{base}");
}
