use super::*;
use crate::test_support::state;

#[tokio::test]
async fn discovery_names_only_the_endpoints_that_passport_documents() {
    let Json(document) = discovery(State(state())).await;
    for name in ["introspection_endpoint", "revocation_endpoint"] {
        assert!(document.get(name).is_none(), "{document}");
    }
    assert_eq!(document["token_endpoint"], "http://passport.test/passport/token");
}
