//! Measures tower-passport against its peers and against the floor. `cargo xtask bench` runs all of
//! it.

pub mod claims;
pub mod fleet;
pub mod inbound;
pub mod instructions;
pub mod outbound;
pub mod report;
pub mod rig;
pub mod site;
pub mod subject;

#[cfg(feature = "peers")]
pub mod allocations;
#[cfg(feature = "peers")]
pub mod areas;
#[cfg(feature = "peers")]
pub mod proxies;
#[cfg(feature = "peers")]
pub mod serve;

/// jsonwebtoken's signatures are made by whatever the process chose first, and its version 10
/// panics when two were linked and none was chosen. All get the faster one.
///
/// # Panics
/// When somebody has chosen before.
#[cfg(feature = "peers")]
pub fn choose_signatures() {
    let chosen = jsonwebtoken10::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let chosen = chosen.is_ok() && jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default().is_ok();
    assert!(chosen, "somebody has chosen before");
}
