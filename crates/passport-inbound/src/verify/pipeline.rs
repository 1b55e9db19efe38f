//! What is to be said of a token with what is at hand: a known token, or keys. Synchronous; whoever has to wait comes again.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::{
    IdInfo, RejectionReason, VerifyError,
    jwks::{Installed, Key, Known, Meters, Refresh, Standing},
    jwt::{
        claims::Claims,
        compact::{Header, Jws, MAX_HEADER, MAX_SIGNATURE, USUAL},
    },
    verify::{DenyList, Shared, Verdict, Wait, cache::KnownToken, counters, diagnostics, limits::Place},
};

/// A token whose form and header are acceptable.
struct Candidate<'a> {
    token: &'a [u8],
    jws: Jws<'a>,
    header: Header<'a>,
    signature: &'a [u8],
}

/// With what a token is judged.
struct AtHand {
    installed: Installed,
    turn: Option<Place>,
    may_ask: bool,
    now: SystemTime,
}

/// What the keys at hand say to a token.
enum Finding {
    Settled(Result<IdInfo, RejectionReason>),
    /// There are no keys.
    NoKeys,
    /// None of them verifies it. If there are no newer ones, this is the reason.
    NoKey(RejectionReason),
    /// It is not its turn.
    NoTurn,
}

impl Shared {
    /// Known tokens first, then everything from the beginning. `may_ask` is whether newer keys may be asked for.
    pub(crate) fn judge(&self, token: &[u8], turn: Option<Place>, may_ask: bool) -> Verdict {
        let now = self.clock.now();
        let installed = self.keeper.installed(now);
        if let (Some(cache), Some(snapshot)) = (&self.cache, &*installed) {
            let started = started_if_timed();
            if let Some(caller) = cache.get(token, now) {
                let outcome = self.admit(caller);
                if let Some(started) = started {
                    snapshot.meters.hit(started);
                }
                count(&snapshot.meters, &outcome);
                return Verdict::Settled(outcome.map_err(Into::into));
            }
        }
        self.judge_unknown(token, AtHand { installed, turn, may_ask, now })
    }

    fn judge_unknown(&self, token: &[u8], at_hand: AtHand) -> Verdict {
        match Jws::parse(token, self.max_token_size) {
            Ok(jws) if jws.is_usual() => self.judge_within::<USUAL, USUAL>(token, jws, at_hand),
            Ok(jws) => self.judge_within::<MAX_HEADER, MAX_SIGNATURE>(token, jws, at_hand),
            Err(reason) => {
                if reason == RejectionReason::TooLong {
                    self.size_warning.log(token.len(), self.max_token_size, at_hand.now);
                }
                refused_for_its_form(reason, token)
            }
        }
    }

    /// Not inlined, so that nobody makes room for buffers that somebody else needs: that room is cleared.
    #[inline(never)]
    fn judge_within<const HEADER: usize, const SIGNATURE: usize>(
        &self,
        token: &[u8],
        jws: Jws<'_>,
        at_hand: AtHand,
    ) -> Verdict {
        let (mut header, mut signature) = ([0; HEADER], [0; SIGNATURE]);
        match self.candidate(token, jws, &mut header, &mut signature) {
            Ok(candidate) => self.consult(&candidate, at_hand),
            Err(reason) => refused_for_its_form(reason, token),
        }
    }

    fn candidate<'a>(
        &self,
        token: &'a [u8],
        jws: Jws<'a>,
        header: &'a mut [u8],
        signature: &'a mut [u8],
    ) -> Result<Candidate<'a>, RejectionReason> {
        let allowed = &self.keeper.allowed;
        let members = jws.header(header)?;
        let header =
            members.judge(allowed).inspect_err(|reason| diagnostics::header(*reason, &members, allowed))?;
        let signature = jws.signature(signature)?;
        Ok(Candidate { token, jws, header, signature })
    }

    /// Looks at the keys at hand, and asks for others if they do not settle it.
    fn consult(&self, candidate: &Candidate<'_>, at_hand: AtHand) -> Verdict {
        let AtHand { mut installed, mut turn, may_ask, now } = at_hand;
        let keeper = &self.keeper;
        loop {
            let reason = match self.examine(candidate, &installed, &mut turn, now) {
                Finding::Settled(outcome) => return Verdict::Settled(outcome.map_err(Into::into)),
                Finding::NoTurn => return Verdict::Waits(Wait::Turn),
                Finding::NoKey(reason) => Some(reason),
                Finding::NoKeys => None,
            };
            let pause = if may_ask {
                match keeper.refresh(installed.as_ref(), now) {
                    Refresh::Wait(keys) => return Verdict::Waits(Wait::Keys(keys)),
                    Refresh::TooSoon(pause) => pause,
                    // Newer keys have come since we looked.
                    Refresh::Done => {
                        installed = keeper.installed(now);
                        continue;
                    }
                }
            } else {
                keeper.pause(installed.as_ref(), now)
            };
            return Verdict::Settled(Err(match reason {
                Some(reason) if pause.is_current => {
                    rejected_for_its_key(reason, candidate, &installed).into()
                }
                // Its key may be new, also under an old name.
                Some(reason) => {
                    diagnostics::not_verified(reason, &candidate.header, &installed);
                    keys_unavailable(pause.left)
                }
                None => keys_unavailable(pause.left),
            }));
        }
    }

    fn examine(
        &self,
        candidate: &Candidate<'_>,
        installed: &Installed,
        turn: &mut Option<Place>,
        now: SystemTime,
    ) -> Finding {
        let Candidate { jws, header, signature, .. } = candidate;
        let Some(snapshot) = &**installed else { return Finding::NoKeys };
        match snapshot.keys.knows(header) {
            Known::Yes => {}
            Known::ForAnotherAlgorithm => return Finding::NoKey(RejectionReason::AlgorithmMismatch),
            Known::No => return Finding::NoKey(RejectionReason::KeyNotFound),
        }
        *turn = turn.take().or_else(|| self.turns.take());
        if turn.is_none() {
            return Finding::NoTurn;
        }
        let started = Instant::now();
        let verified = snapshot.keys.verify(header, jws.message, signature);
        let outcome = verified.map(|(key, standing)| self.accept(candidate, key, standing, now));
        snapshot.meters.cold(started);
        match outcome {
            Some(outcome) => {
                count(&snapshot.meters, &outcome);
                Finding::Settled(outcome)
            }
            None => Finding::NoKey(RejectionReason::SignatureInvalid),
        }
    }

    /// The signature is good; are the claims?
    fn accept(
        &self,
        candidate: &Candidate<'_>,
        key: &Arc<Key>,
        standing: Standing,
        now: SystemTime,
    ) -> Result<IdInfo, RejectionReason> {
        let payload = candidate.jws.payload()?;
        let claims = Claims::parse(&payload).map_err(|error| diagnostics::payload(&error))?;
        let validity = self.policy.check(&claims, now).inspect_err(|reason| {
            self.slash_warning.check(*reason, &claims, &self.policy);
            diagnostics::claims(*reason, &claims, &self.policy, now);
        })?;
        let caller = IdInfo::new(claims, payload, validity.until);
        if let Some(cache) = &self.cache {
            let known = KnownToken {
                token: candidate.token.into(),
                caller: caller.clone(),
                validity,
                key: Arc::clone(key),
                standing,
                is_behind: AtomicBool::new(false),
            };
            cache.insert(known, now);
        }
        self.admit(caller)
    }

    /// Asks the deny list, of which nothing is kept.
    fn admit(&self, caller: IdInfo) -> Result<IdInfo, RejectionReason> {
        match &self.deny_list {
            Some(DenyList(denies)) if denies(&caller) => {
                diagnostics::denied(&caller);
                Err(RejectionReason::Denied)
            }
            _ => Ok(caller),
        }
    }
}

/// Returns the time now for one cache hit in so many: reading the clock twice takes longer than a hit.
fn started_if_timed() -> Option<Instant> {
    const TIMED_HITS: u8 = 128;
    fastrand::u8(..).is_multiple_of(TIMED_HITS).then(Instant::now)
}

fn count(meters: &Meters, outcome: &Result<IdInfo, RejectionReason>) {
    match outcome {
        Ok(_) => meters.accepted(),
        Err(reason) => counters::rejected(*reason),
    }
}

fn refused_for_its_form(reason: RejectionReason, token: &[u8]) -> Verdict {
    counters::rejected(reason);
    diagnostics::form(reason, token.len());
    Verdict::Settled(Err(reason.into()))
}

fn rejected_for_its_key(
    reason: RejectionReason,
    candidate: &Candidate<'_>,
    installed: &Installed,
) -> RejectionReason {
    counters::rejected(reason);
    diagnostics::key(reason, &candidate.header, installed);
    reason
}

fn keys_unavailable(retry_after: Duration) -> VerifyError {
    counters::keys_unavailable();
    VerifyError::KeysUnavailable { retry_after }
}

#[cfg(test)]
mod tests;
