//! The client secret lives in Azure Key Vault, by the two lines that .NET has for it, and is rotated there while the service
//! runs. It prints
//!
//! ```text
//! version 00000000000000000000000000000001 of the secret got a token
//! an hour after the rotation, with the old secret revoked: another token, 2 reads of the vault
//! ```
//!
//! A stand-in is in Azure's place here; what is different there is said.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use passport_config::ManagedIdentityConfig;
use passport_dev::DevPassport;
use passport_outbound::{ManualClock, ReqwestHttpClient, SecretProviders, Transport};
use passport_secrets::{AzureKeyVault, CachedSecrets};
// A stand-in that speaks the protocol of the vault.
use passport_test_support::key_vault::{KeyVault, VAULT_HOST};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll").create();
    let azure = KeyVault::start().await;
    let version = azure.put("payroll", registered.secret());

    // In a file: what a service is told of its identity.
    let config: ManagedIdentityConfig = serde_json::from_value(serde_json::json!({
        "passport_base_url": passport.issuer(),
        "client_id": registered.client_id(),
        "secret_provider": "AzureKeyVault",
        "client_secret_ref": azure.identifier("payroll"), // https://contoso.vault.azure.net/secrets/payroll
    }))?;

    // On Azure without credential and transport: the workload identity or managed identity is found in the environment.
    let vault = AzureKeyVault::builder()
        .credential(Arc::new(OfTheStandIn(azure.clone())))
        .transport(to(&azure)?)
        .build()?;
    let clock = ManualClock::at_unix_seconds(1_750_000_000); // Leave it out, too: it lets an hour pass here.
    let secrets = CachedSecrets::new(vault).clock(clock.clone());
    let secrets = SecretProviders::default().with("azure_key_vault", secrets);
    let identity = config.builder(&secrets)?.clock(clock.clone()).build()?;

    let first = identity.token().await?;
    println!("version {version} of the secret got a token");

    // An operator rotates the secret: a second one from Passport, into the vault, the first one revoked.
    azure.put("payroll", registered.generate_secret().value());
    registered.revoke_secret(registered.secret_id());
    clock.advance(Duration::from_secs(3600));

    let second = identity.token().await?;
    let (_, reads) = azure.counts();
    println!(
        "an hour after the rotation, with the old secret revoked: another token, {reads} reads of the vault"
    );
    let is_another = first.authorization() != second.authorization();
    if is_another && reads == 2 { Ok(()) } else { Err("it is not as it is said above".into()) }
}

/// A way to the stand-in, and trust in its authority.
fn to(azure: &KeyVault) -> Result<Transport, BoxError> {
    let root = reqwest::Certificate::from_pem(azure.ca_pem.as_bytes())?;
    let address: SocketAddr = azure.address;
    Ok(Transport::new(ReqwestHttpClient::configured(move |settings| {
        settings.tls_certs_only([root.clone()]).resolve(VAULT_HOST, address)
    })))
}

/// Who asks: any credential of `azure_identity` in its place.
#[derive(Debug)]
struct OfTheStandIn(KeyVault);

#[async_trait::async_trait]
impl TokenCredential for OfTheStandIn {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires = OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.grant_token(), expires))
    }
}
