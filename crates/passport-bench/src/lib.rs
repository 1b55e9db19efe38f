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
pub mod cold;
#[cfg(feature = "peers")]
pub mod load;
#[cfg(feature = "peers")]
pub mod proxies;
#[cfg(feature = "peers")]
pub mod serve;

/// Installs the faster crypto backend of jsonwebtoken for all contenders.
///
/// # Panics
///
/// If a backend was installed before.
#[cfg(feature = "peers")]
pub fn install_crypto_provider() {
    install_jsonwebtoken10_provider();
    install_jsonwebtoken11_provider();
}

/// Installs the faster crypto backend of jsonwebtoken 10, which panics if two backends are linked
/// and none is installed.
///
/// # Panics
///
/// If a backend was installed before.
#[cfg(feature = "peers")]
pub fn install_jsonwebtoken10_provider() {
    let installed = jsonwebtoken10::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    assert!(installed.is_ok(), "a crypto backend was already installed");
}

/// Installs the faster crypto backend of jsonwebtoken 11. See
/// [`install_jsonwebtoken10_provider`].
///
/// # Panics
///
/// If a backend was installed before.
#[cfg(feature = "peers")]
pub fn install_jsonwebtoken11_provider() {
    let installed = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    assert!(installed.is_ok(), "a crypto backend was already installed");
}
