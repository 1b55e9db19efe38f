//! Shows the `ManualTokenService` of Passport's .NET documentation: a token for code that
//! attaches it to requests itself. HTTP clients use `AttachTokenLayer` instead.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::fs;

use passport_dev::DevPassport;
use passport_inbound::TokenVerifier;
use passport_outbound::{
    AccessToken, ConfigError, ManagedIdentity, SecretProviders, SecretSource, TokenError,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service that is created once: the identity caches the token, refreshes it, and backs off
/// after a rejection.
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
    // `authorization()` is the header value, marked as sensitive. `expose()` is the token. `Debug`
    // omits it.
    println!("{token:?}");

    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let caller = verifier.verify(token.expose()).await?;
    println!("the receiver authenticates {} ({})", caller.display_name(), caller.user_id());
    Ok(())
}
