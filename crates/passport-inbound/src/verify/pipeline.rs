//! The verification steps. All steps are synchronous: if a token needs newer keys or a permit,
//! all steps run again when the keys or the permit are available.
//!
//! 1. A cached token is accepted if steps 2 to 4 would accept it now.
//! 2. The compact form, the header and the size of the signature are checked.
//! 3. The keys that the token can be signed with are selected, and the signature is verified
//!    under a permit.
//! 4. The claims are read and checked, and the token is cached.
//! 5. The `reject_if` predicate is called, for cached tokens as well.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, SystemTime},
};

use passport_core::{Clock, Waiter};
use tokio::time::Instant;

use super::{
    cache::{CacheEntry, VerifiedTokenCache},
    counters,
    diagnostics::{self, IssuerSlashWarning, TokenSizeWarning},
    error::VerifyError,
    limits::{VerificationPermit, VerificationPermits, WaitQueues},
};
use crate::{
    IdInfo, RejectionReason,
    jwks::{CurrentKeys, JwksCache, Key, Meters, RefreshStatus},
    jwt::{
        claims::Claims,
        compact::{Jws, MAX_HEADER, MAX_SIGNATURE, SMALL_BUFFER},
        header::Header,
        validation::Policy,
    },
};

/// The state of a verifier, shared by its clones.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) policy: Policy,
    pub(crate) jwks: Arc<JwksCache>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cache: Option<VerifiedTokenCache>,
    pub(crate) reject_if: Option<RejectPredicate>,
    pub(crate) permits: VerificationPermits,
    pub(crate) queues: WaitQueues,
    pub(crate) max_token_size: usize,
    pub(crate) slash_warning: IssuerSlashWarning,
    pub(crate) size_warning: TokenSizeWarning,
}

/// The predicate of `reject_if`: a valid token is rejected if the predicate returns `true` for
/// the caller of the token.
#[derive(Clone)]
pub(crate) struct RejectPredicate(pub(crate) Arc<dyn Fn(&IdInfo) -> bool + Send + Sync>);

/// The result of a verification, or the resource that the verification has to wait for.
#[derive(Debug)]
pub(crate) enum VerifyProgress {
    Done(Result<IdInfo, VerifyError>),
    Waiting(Wait),
}

/// The resource that a verification waits for.
#[derive(Debug)]
pub(crate) enum Wait {
    /// A JWKS refresh that is running. No installed key verifies the token.
    Keys(Waiter<()>),
    /// A verification permit. All permits are in use.
    Permit,
}

/// A token in the compact form with a valid header. Its signature is not verified yet.
struct ParsedToken<'a> {
    token: &'a [u8],
    jws: Jws<'a>,
    header: Header<'a>,
    signature: &'a [u8],
}

/// The installed keys, the permit and the time that one verification uses.
struct VerifyContext {
    installed: CurrentKeys,
    permit: Option<VerificationPermit>,
    /// Whether the token is allowed to cause a refresh of the keys.
    may_refresh: bool,
    now: SystemTime,
}

/// The result of a verification with the installed keys.
enum KeyVerification {
    Done(Result<IdInfo, RejectionReason>),
    /// There are no trusted keys.
    NoKeys,
    /// No installed key verifies the token. If the installed keys are the issuer's latest keys, the
    /// token is rejected for this reason.
    NoKey(RejectionReason),
    /// No verification permit is free.
    NoPermit,
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
        let now = self.clock.now();
        let installed = self.jwks.current(now);
        if let (Some(cache), Some(current)) = (&self.cache, &*installed) {
            let started = started_if_timed();
            if let Some(caller) = cache.get(token, &current.keys, now) {
                let outcome = self.apply_reject_if(caller);
                if let Some(started) = started {
                    current.meters.hit(started);
                }
                count(&current.meters, &outcome);
                return VerifyProgress::Done(outcome.map_err(Into::into));
            }
        }
        self.verify_uncached(token, VerifyContext { installed, permit, may_refresh, now })
    }

    /// Verifies a token that is not in the cache.
    fn verify_uncached(&self, token: &[u8], context: VerifyContext) -> VerifyProgress {
        match Jws::parse(token, self.max_token_size) {
            Ok(jws) if jws.fits_small_buffers() => {
                self.verify_with_buffers::<SMALL_BUFFER, SMALL_BUFFER>(token, jws, context)
            }
            Ok(jws) => self.verify_with_buffers::<MAX_HEADER, MAX_SIGNATURE>(token, jws, context),
            Err(reason) => {
                if reason == RejectionReason::TooLarge {
                    self.size_warning.log(token.len(), self.max_token_size, context.now);
                }
                reject_malformed(reason, token)
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
        token: &[u8],
        jws: Jws<'_>,
        context: VerifyContext,
    ) -> VerifyProgress {
        let (mut header, mut signature) = ([0; HEADER], [0; SIGNATURE]);
        match self.parse(token, jws, &mut header, &mut signature) {
            Ok(parsed) => self.verify_or_refresh(&parsed, context),
            Err(reason) => reject_malformed(reason, token),
        }
    }

    /// Decodes and validates the header, and decodes the signature.
    fn parse<'a>(
        &self,
        token: &'a [u8],
        jws: Jws<'a>,
        header: &'a mut [u8],
        signature: &'a mut [u8],
    ) -> Result<ParsedToken<'a>, RejectionReason> {
        let allowed = &self.jwks.allowed;
        let members = jws.header(header)?;
        let header = members
            .validate(allowed)
            .inspect_err(|reason| diagnostics::header(*reason, &members, allowed))?;
        let signature = jws.signature(signature)?;
        Ok(ParsedToken { token, jws, header, signature })
    }

    /// Verifies a token with the installed keys. If no installed key verifies the token, starts or
    /// joins a refresh of the keys, unless `may_refresh` is false.
    fn verify_or_refresh(&self, parsed: &ParsedToken<'_>, context: VerifyContext) -> VerifyProgress {
        let VerifyContext { mut installed, mut permit, may_refresh, now } = context;
        let jwks = &self.jwks;
        loop {
            let reason = match self.verify_with_keys(parsed, &installed, &mut permit, now) {
                KeyVerification::Done(outcome) => return VerifyProgress::Done(outcome.map_err(Into::into)),
                KeyVerification::NoPermit => return VerifyProgress::Waiting(Wait::Permit),
                KeyVerification::NoKey(reason) => Some(reason),
                KeyVerification::NoKeys => None,
            };
            let pause = if may_refresh {
                match jwks.refresh(installed.as_ref(), now) {
                    RefreshStatus::Running(keys) => return VerifyProgress::Waiting(Wait::Keys(keys)),
                    RefreshStatus::NotYet(pause) => pause,
                    RefreshStatus::Newer => {
                        installed = jwks.current(now);
                        continue;
                    }
                }
            } else {
                jwks.pause(installed.as_ref(), now)
            };
            return VerifyProgress::Done(Err(match reason {
                Some(reason) if pause.is_current => {
                    counters::rejected(reason);
                    diagnostics::key(reason, &parsed.header, &installed);
                    reason.into()
                }
                // The issuer can have a new key, even with a known `kid`. So the token is possibly
                // valid, and is not rejected as invalid.
                Some(reason) => {
                    diagnostics::not_verified(reason, &parsed.header, &installed);
                    keys_unavailable(pause.remaining)
                }
                None => keys_unavailable(pause.remaining),
            }));
        }
    }

    /// Verifies a token with the installed keys, under `permit` or a new permit. A new permit is
    /// stored in `permit` for the next call.
    fn verify_with_keys(
        &self,
        parsed: &ParsedToken<'_>,
        installed: &CurrentKeys,
        permit: &mut Option<VerificationPermit>,
        now: SystemTime,
    ) -> KeyVerification {
        let ParsedToken { jws, header, signature, .. } = parsed;
        let Some(installed) = &**installed else { return KeyVerification::NoKeys };
        if let Err(reason) = installed.keys.check_header(header) {
            return KeyVerification::NoKey(reason);
        }
        *permit = permit.take().or_else(|| self.permits.try_acquire());
        if permit.is_none() {
            return KeyVerification::NoPermit;
        }
        let started = Instant::now();
        let verified = installed.keys.verify(header, jws.message, signature);
        let outcome = verified.map(|key| self.accept(parsed, key, now));
        installed.meters.cold(started);
        match outcome {
            Some(outcome) => {
                count(&installed.meters, &outcome);
                KeyVerification::Done(outcome)
            }
            None => KeyVerification::NoKey(RejectionReason::SignatureInvalid),
        }
    }

    /// Checks the claims of a token with a valid signature, and caches the token.
    fn accept(
        &self,
        parsed: &ParsedToken<'_>,
        key: &Arc<Key>,
        now: SystemTime,
    ) -> Result<IdInfo, RejectionReason> {
        let payload = parsed.jws.payload()?;
        let claims = Claims::parse(&payload).map_err(|error| diagnostics::payload(&error))?;
        let validity = self.policy.check(&claims, now).inspect_err(|reason| {
            self.slash_warning.check(*reason, &claims, &self.policy);
            diagnostics::claims(*reason, &claims, &self.policy, now);
        })?;
        let caller = IdInfo::new(claims, payload, validity.until);
        if let Some(cache) = &self.cache {
            let verified = CacheEntry {
                token: parsed.token.into(),
                caller: caller.clone(),
                validity,
                key: Arc::clone(key),
                has_kid: parsed.header.kid.is_some(),
                is_in_overflow: AtomicBool::new(false),
            };
            cache.insert(verified, now);
        }
        self.apply_reject_if(caller)
    }

    /// Rejects the token if the `reject_if` predicate returns `true`. The results of the predicate
    /// are not cached.
    fn apply_reject_if(&self, caller: IdInfo) -> Result<IdInfo, RejectionReason> {
        match &self.reject_if {
            Some(RejectPredicate(rejects)) if rejects(&caller) => {
                diagnostics::revoked(&caller);
                Err(RejectionReason::Revoked)
            }
            _ => Ok(caller),
        }
    }
}

/// Returns the current time for one of 128 cache lookups, chosen at random. If that lookup is a
/// hit, its duration is recorded. Returns `None` for the other lookups, because reading the
/// clock twice takes longer than a cache hit.
fn started_if_timed() -> Option<Instant> {
    const TIMED_HITS: u8 = 128;
    fastrand::u8(..).is_multiple_of(TIMED_HITS).then(Instant::now)
}

/// Increments the counter of tokens. The outcome of the verification is the label `outcome`.
fn count(meters: &Meters, outcome: &Result<IdInfo, RejectionReason>) {
    match outcome {
        Ok(_) => meters.accepted(),
        Err(reason) => counters::rejected(*reason),
    }
}

/// Counts, logs and rejects a token that is too large, is not in the compact form, or has an
/// invalid header.
fn reject_malformed(reason: RejectionReason, token: &[u8]) -> VerifyProgress {
    counters::rejected(reason);
    diagnostics::form(reason, token.len());
    VerifyProgress::Done(Err(reason.into()))
}

/// Counts a token that cannot be verified without newer keys. Returns
/// [`VerifyError::KeysUnavailable`].
fn keys_unavailable(retry_after: Duration) -> VerifyError {
    counters::keys_unavailable();
    VerifyError::KeysUnavailable { retry_after }
}

impl fmt::Debug for RejectPredicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RejectPredicate")
    }
}

#[cfg(test)]
mod tests;
