//! Permits of forwarded requests.

use std::{sync::Arc, time::Duration};

use axum::response::Response;

use crate::{
    callers::Caller,
    open_files::OpenFile,
    refusal::Refusal,
    router::Shared,
    shares::{Exhausted, Share, held_by},
    telemetry::{self, Forwarded},
};

/// A forwarded request, until its body and the body of its response have ended.
#[derive(Clone, Debug)]
pub(super) struct Permit {
    _held: Arc<(Share, OpenFile, Forwarded)>,
}

impl Permit {
    /// # Errors
    /// 429 when the caller has too many requests on their way, and 503 when all callers together
    /// have.
    pub(super) fn take(shared: &Shared, caller: &Caller) -> Result<Self, Refusal> {
        let share = shared.forwarded.take(Some(&caller.name)).map_err(|exhausted| {
            let (limit, refusal) = match exhausted {
                Exhausted::Caller => {
                    let text =
                        "this caller has too many requests on their way; see limits.forwarded_per_caller";
                    ("forwarded_per_caller", Refusal::too_many(text))
                }
                Exhausted::All => {
                    let text = "too many requests are on their way; see limits.forwarded";
                    ("forwarded", Refusal::later(text, Duration::ZERO))
                }
            };
            telemetry::not_forwarded(limit);
            refusal
        })?;
        let file = shared.files.take().ok_or_else(|| {
            telemetry::not_forwarded("open_files");
            Refusal::later("too many files are open; see LimitNOFILE", Duration::ZERO)
        })?;
        Ok(Self { _held: Arc::new((share, file, Forwarded::begin())) })
    }

    /// Gives the permit back when the body of `response` has ended.
    pub(super) fn held_by(self, response: Response) -> Response {
        held_by(self, response)
    }
}
