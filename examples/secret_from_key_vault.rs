//! Shows a client secret that is stored in Azure Key Vault, and rotated there while the service
//! runs. The configuration keys are those of .NET. It prints
//!
//! ```text
//! fetched a token with version 00000000000000000000000000000001 of the secret
//! an hour after the rotation: fetched a new token; requests to the vault: 2
//! ```
//!
//! The example uses a local server instead of Azure. Comments describe what differs on Azure.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use passport_config::ManagedIdentityConfig;
use passport_dev::DevPassport;
use passport_outbound::{ManualClock, ReqwestHttpClient, SecretProviders, Transport};
use passport_secrets::{AzureKeyVault, CachedSecrets};
// A local server with the protocol of Key Vault.
use passport_test_support::key_vault::{KeyVault, VAULT_HOST};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll").create();
    let azure = KeyVault::start().await;
    let version = azure.put("payroll", registered.secret());

    // In a service, this configuration is in a file.
    let config: ManagedIdentityConfig = serde_json::from_value(serde_json::json!({
        "passport_base_url": passport.issuer(),
        "client_id": registered.client_id(),
        "secret_provider": "AzureKeyVault",
        "client_secret_ref": azure.identifier("payroll"), // https://contoso.vault.azure.net/secrets/payroll
    }))?;

    // On Azure, omit `credential` and `transport`: the environment determines the workload identity
    // or managed identity.
    let vault = AzureKeyVault::builder()
        .credential(Arc::new(LocalCredential(azure.clone())))
        .transport(local_transport(&azure)?)
        .build()?;
    let clock = ManualClock::at_unix_seconds(1_750_000_000); // a service omits `clock`
    let secrets = CachedSecrets::new(vault).clock(clock.clone());
    let secrets = SecretProviders::default().with("azure_key_vault", secrets);
    let identity = config.builder(&secrets)?.clock(clock.clone()).build()?;

    let first = identity.token().await?;
    println!("fetched a token with version {version} of the secret");

    // An operator rotates the secret: creates a second one in Passport, stores it in the vault, and
    // revokes the first one.
    azure.put("payroll", registered.generate_secret().value());
    registered.revoke_secret(registered.secret_id());
    clock.advance(Duration::from_secs(3600));

    let second = identity.token().await?;
    let (_, reads) = azure.counts();
    println!("an hour after the rotation: fetched a new token; requests to the vault: {reads}");
    let is_new = first.authorization() != second.authorization();
    if is_new && reads == 2 { Ok(()) } else { Err("expected a new token and 2 requests".into()) }
}

/// Returns a transport that connects to the local server and trusts its certificate authority.
fn local_transport(azure: &KeyVault) -> Result<Transport, BoxError> {
    let root = reqwest::Certificate::from_pem(azure.ca_pem.as_bytes())?;
    let address: SocketAddr = azure.address;
    Ok(Transport::new(ReqwestHttpClient::configured(move |settings| {
        settings.tls_certs_only([root.clone()]).resolve(VAULT_HOST, address)
    })))
}

/// The credential for the local server. In a service, use a credential of `azure_identity`.
#[derive(Debug)]
struct LocalCredential(KeyVault);

#[async_trait::async_trait]
impl TokenCredential for LocalCredential {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires = OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.issue_token(), expires))
    }
}
