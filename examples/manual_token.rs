//! A token for code that sends it in a way of its own: Passport's `ManualTokenService`. For HTTP clients there are layers.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::fs;

use passport_dev::DevPassport;
use passport_inbound::TokenVerifier;
use passport_outbound::{
    AccessToken, ConfigError, ManagedIdentity, SecretProviders, SecretSource, TokenError,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Made once, and kept: the identity keeps the token until it has to be refreshed, and leaves Passport alone for a while
/// after a refusal.
struct ManualTokenService {
    identity: ManagedIdentity,
}

impl ManualTokenService {
    fn new(passport: &str, client_id: &str, secret: SecretSource) -> Result<Self, ConfigError> {
        let identity = ManagedIdentity::builder(client_id, secret)
            .issuer(passport)
            .scopes("openid roles") // the default
            .build()?;
        Ok(Self { identity })
    }

    async fn token(&self) -> Result<AccessToken, TokenError> {
        self.identity.token().await
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("report-builder").create();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("client-secret");
    fs::write(&file, registered.secret())?;

    let reference = format!("file:{}", file.display()); // or env:PASSPORT_CLIENT_SECRET
    let secret = SecretProviders::default().source(None, &reference)?;
    let tokens = ManualTokenService::new(passport.issuer(), registered.client_id(), secret)?;
    let token = tokens.token().await?;
    // `token.authorization()` is a header's value, marked as sensitive; `token.expose()` the bare text; `Debug` shows neither.
    println!("{token:?}");

    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let caller = verifier.verify(token.expose()).await?;
    println!("whoever gets it sees {} ({})", caller.display_name(), caller.user_id());
    Ok(())
}
