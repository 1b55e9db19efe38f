//! The verification steps. All steps are synchronous: if a token needs newer keys or a permit,
//! all steps run again when the keys or the permit are available.
//!
//! 1. A cached token is accepted if the other steps would accept it now.
//! 2. The compact form, the members of the header and the size of the signature are checked.
//! 3. The trusted issuer of the token is chosen. Until step 5, this choice only says which keys
//!    and which rules apply.
//! 4. The keys of that issuer that the token can be signed with are selected, and the signature
//!    is verified under a permit.
//! 5. The claims are read and checked, with `iss` among them, and the token is cached.
//! 6. The deny list is searched and `reject_if` is called, for cached tokens as well.
//! 7. If the issuer must confirm the token, it is asked after these steps (`introspected`).

mod attempt;
mod key_refresh;
mod unrouted;

use std::{
    cell::Cell,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use passport_core::{SharedClock, Waiter, from_unix_nanos, unix_nanos};
use tokio::time::Instant;

pub(super) use self::key_refresh::KeyRefresh;
use self::{
    attempt::{Attempt, AttemptResult},
    unrouted::count_unrouted,
};
use super::{
    cache::VerifiedTokenCache,
    diagnostics::{self, TokenSizeWarning},
    error::VerifyError,
    issuer_entry::{IssuerEntry, RejectedToken},
    issuer_table::IssuerTable,
    limits::{KeyQueue, PermitQueue, VerificationPermit, VerificationPermits},
    reload_state::{FixedOptions, ReloadState},
};
use crate::{
    IdInfo, RejectionReason,
    deny_list::DenyList,
    jwks::{CurrentKeys, RefreshPause},
    jwt::{
        compact::{Jws, MAX_HEADER, MAX_SIGNATURE, SMALL_BUFFER},
        header::HeaderMembers,
    },
};

/// The state of a verifier, shared by its clones.
#[derive(Debug)]
pub(crate) struct Pipeline {
    /// The trusted issuers. A reload replaces the table.
    pub(crate) issuers: ArcSwap<IssuerTable>,
    pub(crate) clock: SharedClock,
    pub(crate) cache: Option<VerifiedTokenCache>,
    pub(crate) deny_list: Option<DenyList>,
    pub(crate) reject_if: Option<RejectPredicate>,
    pub(crate) permits: VerificationPermits,
    pub(crate) permit_queue: PermitQueue,
    /// How long a token waits for keys or for a permit.
    pub(crate) max_wait: Duration,
    pub(crate) max_token_size: usize,
    pub(crate) size_warning: TokenSizeWarning,
    pub(crate) fixed: FixedOptions,
    /// Locked while the trusted issuers are replaced.
    pub(crate) reload: Mutex<ReloadState>,
}

/// The predicate of `reject_if`: a valid token is rejected if the predicate returns `true` for
/// the caller of the token.
#[derive(Clone)]
pub(crate) struct RejectPredicate(pub(crate) Arc<dyn Fn(&IdInfo) -> bool + Send + Sync>);

/// The result of a verification, or the resource that the verification has to wait for. `T` is
/// what the verification of a valid token returns.
#[derive(Debug)]
pub(crate) enum VerifyProgress<T = Verified> {
    Done(Result<T, VerifyError>),
    Waiting(Wait),
}

/// The resource that a verification waits for.
#[derive(Debug)]
pub(crate) enum Wait {
    /// A JWKS refresh that is running. No installed key verifies the token.
    Keys(Waiter<()>, KeyQueue),
    /// A verification permit. All permits are in use.
    Permit,
}

/// The result of the verification of a token that is not rejected.
#[derive(Debug)]
pub(crate) enum Verified {
    /// The caller of an accepted token.
    Caller(IdInfo),
    /// The caller of a valid token that the issuer has to confirm.
    Unconfirmed(IdInfo, Arc<IssuerEntry>),
    /// The issuer of an opaque token, which has to be asked about the caller.
    Opaque(Arc<IssuerEntry>),
}

/// A token in the compact form, with a header that can be read. Its signature is not verified
/// yet.
struct ParsedToken<'a> {
    token: &'a [u8],
    jws: Jws<'a>,
    members: HeaderMembers<'a>,
    signature: &'a [u8],
}

/// The issuer that is tried first for a token.
enum FirstIssuer<'a> {
    /// The last verified token with the same header was from this issuer.
    Hinted(Arc<IssuerEntry>),
    /// The token claims to be from this issuer.
    OfToken(&'a Arc<IssuerEntry>),
}

/// The permit and the time that one verification uses.
struct VerifyContext {
    permit: Option<VerificationPermit>,
    /// Whether the token is allowed to cause a refresh of the keys.
    may_refresh: bool,
    now: SystemTime,
}

impl Pipeline {
    /// Verifies a token without waiting. `permit` is the verification permit, if one was acquired
    /// before. If `may_refresh` is false, the token causes no refresh of the keys, and the result
    /// is an error instead of [`Wait::Keys`].
    pub(super) fn verify(
        &self,
        token: &[u8],
        permit: Option<VerificationPermit>,
        may_refresh: bool,
    ) -> VerifyProgress {
        let now = self.clock.unix_nanos();
        if let Some(cache) = &self.cache {
            let started = started_if_timed();
            let hit = cache.get(token, now, |entry| {
                let outcome = self.check_revocation(entry.caller.for_request(now));
                if let Some(started) = started {
                    entry.installation.meters.hit(started);
                }
                match outcome {
                    Ok(caller) if caller.needs_introspection(now) => {
                        Ok(Verified::Unconfirmed(caller, Arc::clone(&entry.issuer)))
                    }
                    outcome => entry.issuer.conclude_hit(&entry.installation, outcome).map(Verified::Caller),
                }
            });
            if let Some(outcome) = hit {
                return VerifyProgress::Done(outcome);
            }
        }
        let now = from_unix_nanos(now);
        self.verify_uncached(token, VerifyContext { permit, may_refresh, now })
    }

    /// Returns the first issuer of the configuration.
    #[cfg(test)]
    pub(crate) fn first_issuer(&self) -> Arc<IssuerEntry> {
        Arc::clone(&self.issuers.load().entries[0])
    }

    /// Verifies a token that is not in the cache.
    fn verify_uncached(&self, token: &[u8], context: VerifyContext) -> VerifyProgress {
        let table = self.issuers.load();
        if let Some(progress) = self.verify_opaque(&table, token, context.now) {
            return progress;
        }
        match Jws::parse(token, self.max_token_size) {
            Ok(jws) if jws.fits_small_buffers() => {
                self.verify_with_buffers::<SMALL_BUFFER, SMALL_BUFFER>(&table, token, jws, context)
            }
            Ok(jws) => self.verify_with_buffers::<MAX_HEADER, MAX_SIGNATURE>(&table, token, jws, context),
            Err(reason) => {
                if reason == RejectionReason::TooLarge {
                    self.size_warning.log(token.len(), self.max_token_size, context.now);
                }
                count_unrouted(reason, token)
            }
        }
    }

    /// Verifies a token whose decoded header has at most `HEADER` bytes and whose decoded signature
    /// has at most `SIGNATURE` bytes.
    ///
    /// Not inlined, so that the stack frame of the calling function does not hold both sizes of
    /// buffers: zeroing the large buffers costs more than the rest of the work for an invalid
    /// token.
    #[inline(never)]
    fn verify_with_buffers<const HEADER: usize, const SIGNATURE: usize>(
        &self,
        table: &IssuerTable,
        token: &[u8],
        jws: Jws<'_>,
        context: VerifyContext,
    ) -> VerifyProgress {
        let (mut header, mut signature) = ([0; HEADER], [0; SIGNATURE]);
        let (members, first) = match first_issuer(table, &jws, &mut header) {
            Ok(found) => found,
            Err(reason) => return self.reject_unrouted(table, token, &jws, reason, context.now),
        };
        match jws.check_alphabet().and_then(|()| jws.signature(&mut signature)) {
            Ok(signature) => {
                let parsed = ParsedToken { token, jws, members, signature };
                self.verify_parsed(table, &parsed, first, context)
            }
            Err(reason) => self.reject_unrouted(table, token, &jws, reason, context.now),
        }
    }

    /// Verifies a token with the keys of the issuer that is tried first. If the header of the token
    /// only hints at that issuer, and the token is not from it, the `iss` of the token decides. So
    /// the result is the same as without the hint.
    fn verify_parsed(
        &self,
        table: &IssuerTable,
        parsed: &ParsedToken<'_>,
        first: FirstIssuer<'_>,
        mut context: VerifyContext,
    ) -> VerifyProgress {
        let hinted = match first {
            FirstIssuer::OfToken(issuer) => {
                let attempt = self.attempt(issuer, table, parsed, &mut context);
                return self.conclude_or_refresh(issuer, table, parsed, context, attempt);
            }
            FirstIssuer::Hinted(issuer) => issuer,
        };
        let attempt = self.attempt(&hinted, table, parsed, &mut context);
        match attempt.result {
            AttemptResult::Done(outcome) if !may_be_from_another_issuer(&outcome) => {
                return conclude(&hinted, &attempt.installed, outcome, context.now);
            }
            _ => {}
        }
        let issuer = match table.route(&parsed.jws) {
            Ok(issuer) => issuer,
            Err(reason) => {
                return self.reject_unrouted(table, parsed.token, &parsed.jws, reason, context.now);
            }
        };
        // A token is verified only once with the keys of an issuer.
        let attempt = if Arc::ptr_eq(&hinted, issuer) {
            attempt
        } else {
            self.attempt(issuer, table, parsed, &mut context)
        };
        self.conclude_or_refresh(issuer, table, parsed, context, attempt)
    }

    /// Returns the result of the first attempt to verify a token. If no installed key verifies the
    /// token, starts or joins a refresh of the keys, unless `may_refresh` is false.
    fn conclude_or_refresh(
        &self,
        issuer: &Arc<IssuerEntry>,
        table: &IssuerTable,
        parsed: &ParsedToken<'_>,
        mut context: VerifyContext,
        mut attempt: Attempt,
    ) -> VerifyProgress {
        let now = context.now;
        loop {
            let Attempt { installed, result } = attempt;
            let reason = match result {
                AttemptResult::Done(outcome) => {
                    return conclude(issuer, &installed, outcome, now);
                }
                AttemptResult::NoPermit => return VerifyProgress::Waiting(Wait::Permit),
                AttemptResult::NoKey(reason) => Some(reason),
                AttemptResult::NoKeys => None,
            };
            match KeyRefresh::begin(issuer, &installed, context.may_refresh, now) {
                KeyRefresh::Running(wait) => return VerifyProgress::Waiting(wait),
                KeyRefresh::Retired => return self.verify_uncached(parsed.token, context),
                KeyRefresh::Newer => attempt = self.attempt(issuer, table, parsed, &mut context),
                KeyRefresh::NotYet(pause) => {
                    let error = without_key(reason, pause, issuer, &parsed.members, &installed);
                    return VerifyProgress::Done(Err(error));
                }
            }
        }
    }

    /// Rejects the token if the deny list denies the caller, or if the `reject_if` predicate
    /// returns `true`. The results of the predicate are not cached.
    #[inline]
    pub(super) fn check_revocation(&self, caller: IdInfo) -> Result<IdInfo, RejectedToken> {
        let expected = if caller.is_denied() {
            "not in the deny list"
        } else if self.reject_if.as_ref().is_some_and(|RejectPredicate(rejects)| rejects(&caller)) {
            "reject_if returns false"
        } else {
            return Ok(caller);
        };
        diagnostics::revoked(&caller, expected);
        Err(RejectionReason::Revoked.into())
    }
}

/// Returns the members of the header, and the issuer whose keys are tried first: the issuer
/// whose tokens had the same header, or else the issuer that the token claims to be from.
///
/// # Errors
/// If no trusted issuer accepts the header, or if the token is from no trusted issuer.
fn first_issuer<'t, 'h>(
    table: &'t IssuerTable,
    jws: &Jws<'_>,
    header: &'h mut [u8],
) -> Result<(HeaderMembers<'h>, FirstIssuer<'t>), RejectionReason> {
    let members = jws.header(header)?;
    table.check_header(&members)?;
    let first = match table.memo.issuer(jws.header_segment()) {
        Some(hinted) => FirstIssuer::Hinted(hinted),
        None => FirstIssuer::OfToken(table.route(jws)?),
    };
    Ok((members, first))
}

/// Returns whether another issuer could accept a token that one issuer has verified: issuers can
/// have the same key, and each reads the claims by its own rules.
fn may_be_from_another_issuer(outcome: &Result<IdInfo, RejectedToken>) -> bool {
    let reason = outcome.as_ref().err().map(RejectedToken::reason);
    matches!(reason, Some(RejectionReason::IssuerMismatch | RejectionReason::Malformed))
}

/// Returns the current time for each 128th cache lookup of a thread. If that lookup is a hit, its
/// duration is recorded. Returns `None` for the other lookups, because reading the clock twice
/// takes longer than a cache hit.
fn started_if_timed() -> Option<Instant> {
    const TIMED_HITS: u32 = 128;
    thread_local! {
        static LOOKUPS: Cell<u32> = const { Cell::new(0) };
    }
    let lookups = LOOKUPS.get().wrapping_add(1);
    LOOKUPS.set(lookups);
    lookups.is_multiple_of(TIMED_HITS).then(Instant::now)
}

/// Counts, logs and returns the error of a token that no installed key verifies. `reason` is
/// `None` if there are no trusted keys.
fn without_key(
    reason: Option<RejectionReason>,
    pause: RefreshPause,
    issuer: &IssuerEntry,
    members: &HeaderMembers<'_>,
    installed: &CurrentKeys,
) -> VerifyError {
    match reason {
        Some(reason) if pause.is_current => {
            diagnostics::key(reason, members, installed, issuer);
            issuer.reject(reason)
        }
        // The issuer can have a new key, even with a known `kid`. So the token is possibly valid,
        // and is not rejected as invalid.
        Some(reason) => {
            diagnostics::not_verified(reason, members, installed, issuer);
            issuer.keys_unavailable(pause.remaining)
        }
        None => issuer.keys_unavailable(pause.remaining),
    }
}

/// Counts and logs the result of a verification, unless the issuer must confirm the token.
fn conclude(
    issuer: &Arc<IssuerEntry>,
    installed: &CurrentKeys,
    outcome: Result<IdInfo, RejectedToken>,
    now: SystemTime,
) -> VerifyProgress {
    VerifyProgress::Done(match (&**installed, outcome) {
        (_, Ok(caller)) if caller.needs_introspection(unix_nanos(now)) => {
            Ok(Verified::Unconfirmed(caller, Arc::clone(issuer)))
        }
        (Some(installed), Ok(caller)) => {
            installed.installation.meters.accepted();
            Ok(Verified::Caller(caller))
        }
        (None, Ok(caller)) => Ok(Verified::Caller(caller)),
        (_, Err(rejected)) => {
            diagnostics::rejected(&rejected, issuer, now);
            Err(issuer.reject(rejected.reason()))
        }
    })
}

impl fmt::Debug for RejectPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RejectPredicate")
    }
}

#[cfg(test)]
mod tests;
