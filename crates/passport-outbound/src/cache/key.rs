use aws_lc_rs::digest::{Context, SHA256};
use passport_core::{ClientId, Scopes};
use url::Url;

/// What a token was asked for with: the client id first, then a digest of the rest.
///
/// The parts go into the digest with their lengths, so that no two questions share a key. The secret is not among
/// them: all active secrets of an identity give the same token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    client_id: ClientId,
    question: [u8; 32],
}

impl CacheKey {
    pub(crate) fn new(client_id: &ClientId, token_url: &Url, scopes: &Scopes) -> Self {
        let mut digest = Context::new(&SHA256);
        for part in [token_url.as_str(), "client_secret_basic"].into_iter().chain(scopes.iter()) {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut question = [0; 32];
        question.copy_from_slice(digest.finish().as_ref());
        Self { client_id: client_id.clone(), question }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(client_id: &str, url: &str, scopes: &str) -> CacheKey {
        CacheKey::new(&client_id.parse().unwrap(), &url.parse().unwrap(), &scopes.parse().unwrap())
    }

    #[test]
    fn the_order_of_scopes_does_not_matter() {
        assert_eq!(key("a", "https://p/t", "x y"), key("a", "https://p/t", "y x y"));
    }

    #[test]
    fn every_part_counts_and_no_two_run_together() {
        let base = key("a", "https://p/t", "x y");
        for other in [
            key("b", "https://p/t", "x y"),
            key("a", "https://p/t2", "x y"),
            key("a", "https://p/t", "x"),
            key("a", "https://p/t", "xy"),
        ] {
            assert_ne!(base, other);
        }
    }
}
