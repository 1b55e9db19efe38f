//! A token for code that sends it in a way of its own: Passport's `ManualTokenService`. For HTTP clients there are layers.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use passport_dev::DevPassport;
use passport_inbound::TokenVerifier;
use passport_outbound::{AccessToken, ManagedIdentity, SecretSource, TokenCache};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct ManualTokenService {
    passport: String,
}

impl ManualTokenService {
    /// A token of its own for each call, as a function does it that ends with its invocation. Without the line about the
    /// cache, an identity that lives longer fetches one an hour.
    async fn token(&self, client_id: &str, secret: SecretSource) -> Result<AccessToken, BoxError> {
        let identity = ManagedIdentity::builder(client_id, secret)
            .issuer(&self.passport)
            .scopes("openid roles") // the default
            .token_cache(TokenCache::disabled())
            .build()?;
        Ok(identity.token().await?)
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("report-builder").create();

    let tokens = ManualTokenService { passport: passport.issuer().to_owned() };
    let secret = SecretSource::fixed(registered.secret()); // SecretSource::env("PASSPORT_CLIENT_SECRET") in a service
    let token = tokens.token(registered.client_id(), secret).await?;
    // `token.authorization()` is a header's value, marked as sensitive; `token.expose()` the bare text; `Debug` shows neither.
    println!("{token:?}");

    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let caller = verifier.verify(token.expose()).await?;
    println!("whoever gets it sees {} ({})", caller.display_name(), caller.user_id());
    Ok(())
}
