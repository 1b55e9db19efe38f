//! The house keeps its walls: who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Which members of the workspace each library may use. Inbound and outbound know nothing of each other.
fn allowed() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("passport-core", &[][..]),
        ("passport-outbound", &["passport-core"]),
        ("passport-inbound", &["passport-core"]),
        ("passport-dev", &["passport-core"]),
    ])
}

/// Not libraries: they may use everything.
const TOP: [&str; 3] = ["passport-examples", "passport-tests", "xtask"];

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
        let allowed = allowed.unwrap_or_else(|| panic!("{} has no place in the house yet", package.name));
        for dependency in &package.dependencies {
            // Tests may use the dev Passport and whatever else they need.
            let of_the_house =
                members.contains(&dependency.name) && dependency.kind != DependencyKind::Development;
            assert!(
                !of_the_house || allowed.contains(&dependency.name.as_str()),
                "{} must not depend on {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn no_library_turns_a_crypto_backend_of_jsonwebtoken_on() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    for package in metadata.packages.iter().filter(|package| !TOP.contains(&package.name.as_str())) {
        for dependency in package.dependencies.iter().filter(|dependency| dependency.name == "jsonwebtoken") {
            assert!(!dependency.uses_default_features && dependency.features.is_empty(), "{}", package.name);
        }
    }
}
