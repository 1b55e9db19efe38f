//! Benchmarks of tower-passport, compared with peers and with a floor. `cargo xtask bench` runs
//! all of them.

pub mod claims;
pub mod fleet;
pub mod inbound;
pub mod instructions;
pub mod outbound;
pub mod report;
pub mod rig;
pub mod sidecar;
pub mod site;
pub mod subject;

#[cfg(feature = "peers")]
pub mod allocations;
#[cfg(feature = "peers")]
pub mod areas;
#[cfg(feature = "peers")]
pub mod load;
#[cfg(feature = "peers")]
pub mod proxies;
#[cfg(feature = "peers")]
pub mod serve;

/// Installs the faster crypto backend of jsonwebtoken for all contenders. Version 10 panics if
/// two backends are linked and none is installed.
///
/// # Panics
///
/// If a backend was installed before.
#[cfg(feature = "peers")]
pub fn install_crypto_provider() {
    let chosen = jsonwebtoken10::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let chosen = chosen.is_ok() && jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().is_ok();
    assert!(chosen, "a crypto backend was already installed");
}
