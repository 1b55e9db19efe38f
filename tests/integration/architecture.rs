//! Checks the dependencies between the crates.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Returns the workspace members that each library may use. Inbound and outbound do not depend
/// on each other.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("passport-core", &[][..]),
        ("passport-outbound", &["passport-core"]),
        ("passport-inbound", &["passport-core"]),
        ("passport-config", &["passport-core", "passport-inbound", "passport-outbound"]),
        // A configuration may name the store that it implements for the outbound side. Its other
        // store is for the deny list of the inbound side.
        ("passport-redis", &["passport-config", "passport-core", "passport-inbound", "passport-outbound"]),
        ("passport-secrets", &["passport-core"]),
        ("passport-dev", &["passport-core"]),
        (
            "passport-sidecar",
            &[
                "passport-config",
                "passport-core",
                "passport-inbound",
                "passport-outbound",
                "passport-redis",
                "passport-secrets",
            ],
        ),
    ])
}

/// Unpublished packages, which may use every crate. Libraries may use them only in tests.
const TOP: [&str; 4] = ["passport-examples", "passport-test-support", "passport-tests", "xtask"];

#[test]
fn each_crate_depends_only_on_crates_below_it() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let members: BTreeSet<_> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    for package in &metadata.packages {
        if TOP.contains(&package.name.as_str()) {
            continue;
        }
        let allowed = allowed();
        let allowed = allowed.get(package.name.as_str());
        let allowed = allowed.unwrap_or_else(|| panic!("{} is missing in `allowed`", package.name));
        for dependency in &package.dependencies {
            // Tests may also use the dev Passport.
            let is_workspace_dependency =
                members.contains(&dependency.name) && dependency.kind != DependencyKind::Development;
            assert!(
                !is_workspace_dependency || allowed.contains(&dependency.name.as_str()),
                "{} must not depend on {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn no_library_enables_a_crypto_backend_of_jsonwebtoken() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for package in metadata.packages.iter().filter(|package| !TOP.contains(&package.name.as_str())) {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.name == "jsonwebtoken") {
            assert!(!dependency.uses_default_features && dependency.features.is_empty(), "{}", package.name);
        }
    }
}
