//! Mutation tests of the code that makes decisions, by cargo-mutants. A mutant that survives is
//! a change of the code that no unit test notices: write the test, or add the mutant to
//! [`EQUIVALENT`].

use std::{fs, path::Path};

use crate::{
    USAGE,
    run::{Outcome, answers, cargo, cargo_with},
};

/// The version that was tried.
const CARGO_MUTANTS: &str = "cargo-mutants@27.1.0";

/// Where the results are written: `mutants.out/missed.txt` names the survivors.
const OUTPUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/mutants");

/// The target directory of all runs, so that dependencies are built once.
const BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/mutants/build");

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The code that makes decisions: files, and folders of files, below `crates`.
const DECISIONS: [&str; 68] = [
    // Token parsing and verification.
    "passport-inbound/src/authenticate/bearer.rs",
    "passport-inbound/src/authenticate/credential_rules.rs",
    "passport-inbound/src/authenticate/extensions.rs",
    "passport-inbound/src/authenticate/pending_caller.rs",
    "passport-inbound/src/authenticate/public_paths.rs",
    "passport-inbound/src/jwks/clock_set_back.rs",
    "passport-inbound/src/jwks/key.rs",
    "passport-inbound/src/jwks/key_life.rs",
    "passport-inbound/src/jwks/key_set.rs",
    "passport-inbound/src/jwks/negative_cache.rs",
    "passport-inbound/src/jwks/refresh_policy.rs",
    "passport-inbound/src/jwt",
    "passport-inbound/src/verify/cache.rs",
    "passport-inbound/src/verify/limits.rs",
    "passport-inbound/src/verify/mod.rs",
    "passport-inbound/src/verify/pipeline.rs",
    // Authorization.
    "passport-inbound/src/authorize",
    "passport-inbound/src/request_path.rs",
    // Responses to rejected requests, audit, and the end of streams.
    "passport-inbound/src/audit/event.rs",
    "passport-inbound/src/audit/future.rs",
    "passport-inbound/src/response/future.rs",
    "passport-inbound/src/response/drain.rs",
    "passport-inbound/src/response/protocol.rs",
    "passport-inbound/src/response/rejection.rs",
    "passport-inbound/src/response/rejection_config.rs",
    "passport-inbound/src/response/render.rs",
    "passport-inbound/src/token_deadline/body.rs",
    "passport-inbound/src/token_deadline/deadline.rs",
    "passport-inbound/src/token_deadline/service.rs",
    // Token cache, entry and schedule.
    "passport-outbound/src/cache/key.rs",
    "passport-outbound/src/cache/token_cache.rs",
    "passport-outbound/src/token/retry_backoff.rs",
    "passport-outbound/src/token/cached_token.rs",
    "passport-outbound/src/token/cache_entry.rs",
    "passport-outbound/src/token/monotonic_clock.rs",
    "passport-outbound/src/token/schedule.rs",
    "passport-outbound/src/token/cache_entry_state.rs",
    "passport-outbound/src/token/action.rs",
    "passport-core/src/backoff.rs",
    "passport-core/src/shared_task",
    // Values that a caller or a configuration brings, and where an issuer's endpoints are.
    "passport-core/src/client_id.rs",
    "passport-core/src/discovery.rs",
    "passport-core/src/issuer.rs",
    "passport-core/src/retry_after.rs",
    "passport-core/src/scope.rs",
    "passport-core/src/token.rs",
    // Allowed origins.
    "passport-core/src/origin.rs",
    "passport-outbound/src/attach/allowed_origins.rs",
    "passport-outbound/src/attach/destination.rs",
    "passport-outbound/src/attach/host_header.rs",
    "passport-outbound/src/attach/policy.rs",
    "passport-outbound/src/attach/token_rejection.rs",
    // Shared cache protocol and envelope.
    "passport-outbound/src/cache/shared",
    "passport-outbound/src/cache/store/circuit_breaker.rs",
    "passport-outbound/src/cache/store/session.rs",
    "passport-outbound/src/cache/store/stored_token.rs",
    "passport-redis/src/deny_list/records.rs",
    "passport-redis/src/deny_list/reply.rs",
    "passport-redis/src/deny_list/skipped.rs",
    "passport-redis/src/encryption_keys.rs",
    "passport-redis/src/envelope.rs",
    "passport-redis/src/keyring.rs",
    "passport-redis/src/key_names.rs",
    "passport-redis/src/scripts.rs",
    "passport-redis/src/sealed_value.rs",
    "passport-redis/src/sealing_key.rs",
    "passport-redis/src/store/stored_value.rs",
    "passport-redis/src/task_outcome.rs",
];

/// The mutants that no test can tell from the code, as regular expressions on their names.
const EQUIVALENT: [&str; 12] = [
    // `Debug` is for people. A test of the whole workspace makes sure that it shows no secret.
    "impl (fmt::)?Debug for",
    // Only objects reach this visitor, so its error text is never shown.
    "impl Visitor<'de> for ClaimsVisitor>::expecting",
    // The visitor accepts every JSON type.
    "impl Visitor<'de> for Skipped>::expecting",
    // `is_plain` only selects a faster comparison.
    "replace Text<'a>::is_plain -> bool with false",
    // The sets of characters are disjoint.
    r"replace \| with \^ in is_base64url",
    // Without the small buffers the result is the same, with more bytes cleared.
    r"replace match guard jws.fits_small_buffers\(\) with false",
    // Without the flag the overflow cache is searched, and has nothing.
    "replace match guard !self.has_large",
    // The capacity of the first allocation.
    "delete field texts from struct Claims",
    // Equal times are no step back either way.
    "replace < with <= in was_set_back",
    // Of the two functions, the one without axum is not compiled with all features.
    "replace routed_path -> &'a str with",
    // On a machine of two processors, the default is one permit in each case.
    "replace VerificationPermits::default_number -> NonZeroUsize with 1",
    "replace / with % in VerificationPermits::default_number",
];

/// The time after which a mutant that hangs is ended. On a busy machine of two cores the tests
/// of passport-inbound take a minute.
const TIMEOUT_SECONDS: &str = "300";

/// Runs the unit tests of each crate with its mutants: all, or those of one shard (`0/8` is the
/// first of eight). After `--`, only files with one of these texts in their path are mutated.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let (shard, filters) = match arguments {
        ["--shard", shard, rest @ ..] => (Some(*shard), rest),
        rest => (None, rest),
    };
    let files = match filters {
        [] => files(&[""])?,
        ["--", parts @ ..] => files(parts)?,
        _ => return Err(USAGE.to_owned()),
    };
    if !answers("cargo", &["mutants", "--version"]) {
        cargo(&["install", CARGO_MUTANTS, "--locked"])?;
    }
    // The build of a mutant takes the arguments of cargo, and not those of its tests.
    let mut command = vec!["mutants", "--workspace", "--all-features", "--cargo-arg=--lib"];
    command.extend(["--timeout", TIMEOUT_SECONDS, "--output", OUTPUT]);
    command.extend(files.iter().flat_map(|file| ["--file", file]));
    command.extend(EQUIVALENT.iter().flat_map(|mutants| ["--exclude-re", mutants]));
    // Each shard is a sample of all.
    command.extend(shard.iter().flat_map(|shard| ["--sharding", "round-robin", "--shard", shard]));
    fs::create_dir_all(OUTPUT).map_err(|error| format!("{OUTPUT} cannot be made: {error}"))?;
    cargo_with(&[("CARGO_TARGET_DIR", BUILD)], &command)
}

/// Returns the files to mutate with one of `parts` in their path.
fn files(parts: &[&str]) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    for decisions in DECISIONS {
        let decisions = format!("crates/{decisions}");
        if decisions.ends_with(".rs") {
            if !Path::new(ROOT).join(&decisions).exists() {
                return Err(format!("{decisions} does not exist: correct the list of decisions"));
            }
            files.push(decisions);
        } else {
            files.extend(files_in(&decisions)?);
        }
    }
    files.retain(|file| parts.iter().any(|part| file.contains(part)));
    if files.is_empty() { Err(format!("none of the files has {parts:?} in its path")) } else { Ok(files) }
}

/// Returns the files of a folder, but not of the folders in it, which are tests.
fn files_in(folder: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(format!("{ROOT}/{folder}"));
    let entries = entries.map_err(|error| format!("{folder} cannot be listed: {error}"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut files: Vec<_> =
        names.filter(|name| name.ends_with(".rs")).map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    Ok(files)
}
