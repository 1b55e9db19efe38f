//! The floor: the least that a safe layer can do for a token that it has verified before. It has
//! a table of verified tokens, indexed by bytes of the signature; compares the whole token in
//! constant time; checks the expiry and the generation of the keys; and returns the claims. It
//! has one key that never changes, checks only signature and expiry, and has no metrics and no
//! second level for evicted tokens. It is not fit for production; it shows the lower bound.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::UNIX_EPOCH,
};

use arc_swap::ArcSwapOption;
use aws_lc_rs::{constant_time::verify_slices_are_equal, signature::ParsedPublicKey};
use axum::{Extension, Router, routing::get};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, Response, StatusCode, header::AUTHORIZATION};
use passport_core::{Clock, SystemClock};

use super::{
    Contender,
    bare::Handler,
    on_axum::{protected, respond},
    raw::only_key,
};
use crate::{claims::PassportClaims, site::Site, subject::Subject};

const SLOTS: usize = 1024;

/// The claims that the handler gets.
#[derive(Clone, Debug)]
pub struct Caller(pub Arc<PassportClaims>);

struct Entry {
    token: Vec<u8>,
    generation: u64,
    claims: Caller,
}

struct Table {
    slots: [ArcSwapOption<Entry>; SLOTS],
    key: ParsedPublicKey,
    /// The generation of the current keys.
    generation: AtomicU64,
}

#[derive(Clone)]
pub struct FloorLayer(Arc<Table>);

#[derive(Clone)]
pub struct Floor<S> {
    inner: S,
    table: Arc<Table>,
}

impl FloorLayer {
    pub fn of(site: &Site) -> Self {
        let key = only_key(&site.passport().jwks());
        let slots = [const { ArcSwapOption::const_empty() }; SLOTS];
        Self(Arc::new(Table { slots, key, generation: AtomicU64::new(1) }))
    }
}

impl<S> tower::Layer<S> for FloorLayer {
    type Service = Floor<S>;

    fn layer(&self, inner: S) -> Floor<S> {
        Floor { inner, table: Arc::clone(&self.0) }
    }
}

/// Returns an index from eight letters of the signature, which are as good as random. The last
/// letter is not used, because it may hold only two bits.
fn slot(token: &[u8]) -> usize {
    let letters =
        token.len().checked_sub(9).and_then(|start| token[start..].first_chunk()).unwrap_or(&[0; 8]);
    (u64::from_le_bytes(*letters).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize % SLOTS
}

impl Table {
    fn look_up(&self, headers: &HeaderMap) -> Option<Caller> {
        let token = headers.get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")?;
        let slot = &self.slots[slot(token)];
        let entry = slot.load();
        match entry.as_ref() {
            Some(entry) if verify_slices_are_equal(&entry.token, token).is_ok() => self.caller(entry),
            _ => {
                let entry = Arc::new(self.verify(token)?);
                slot.store(Some(Arc::clone(&entry)));
                self.caller(&entry)
            }
        }
    }

    fn caller(&self, entry: &Entry) -> Option<Caller> {
        let now = SystemClock.now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let still_good =
            now < entry.claims.0.exp && entry.generation == self.generation.load(Ordering::Relaxed);
        still_good.then(|| entry.claims.clone())
    }

    #[inline(never)]
    fn verify(&self, token: &[u8]) -> Option<Entry> {
        let text = str::from_utf8(token).ok()?;
        let (message, signature) = text.rsplit_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.key.verify_sig(message.as_bytes(), &signature).ok()?;
        let payload = BASE64_URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
        let claims = Caller(Arc::new(serde_json::from_slice(&payload).ok()?));
        Some(Entry { token: token.to_vec(), generation: self.generation.load(Ordering::Relaxed), claims })
    }
}

impl<S, B, R> tower::Service<Request<B>> for Floor<S>
where
    S: tower::Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = futures_util::future::Either<S::Future, std::future::Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.table.look_up(request.headers()) {
            Some(caller) => {
                request.extensions_mut().insert(caller);
                futures_util::future::Either::Left(self.inner.call(request))
            }
            None => {
                let mut rejection = Response::new(R::default());
                *rejection.status_mut() = StatusCode::UNAUTHORIZED;
                futures_util::future::Either::Right(std::future::ready(Ok(rejection)))
            }
        }
    }
}

/// The floor around a bare service.
pub struct FloorOnAService;

impl Contender for FloorOnAService {
    const NAME: &'static str = "floor prototype";

    async fn protect(site: &Site) -> Subject {
        let handler =
            Handler(|extensions| extensions.get::<Caller>().is_some_and(|caller| !caller.0.sub.is_empty()));
        Subject::new(tower::Layer::layer(&FloorLayer::of(site), handler))
    }
}

async fn handler(Extension(Caller(claims)): Extension<Caller>) -> StatusCode {
    respond(&claims.sub)
}

/// The floor on axum.
pub struct FloorOnAxum<const AROUND: bool>;

impl<const AROUND: bool> Contender for FloorOnAxum<AROUND> {
    const NAME: &'static str = "floor prototype";

    async fn protect(site: &Site) -> Subject {
        protected::<AROUND, _, _>(Router::new().route("/", get(handler)), FloorLayer::of(site))
    }
}
