//! Where everything is measured: one Passport on a loopback socket, and the tokens that it signs.

use std::time::Duration;

use http::HeaderValue;
use passport_dev::{DevPassport, TestJwtBuilder};

/// Whom the tokens are for.
pub const AUDIENCE: &str = "passport-api-managed";

/// A Passport, and what a contender has to know of it.
#[derive(Debug)]
pub struct Site {
    pub passport: DevPassport,
    /// The one that every contender is shown.
    pub token: String,
}

impl Site {
    pub async fn start() -> Result<Self, passport_dev::StartError> {
        let passport = DevPassport::builder()
            .audience(AUDIENCE)
            .token_lifetime(Duration::from_secs(24 * 3600))
            .start()
            .await?;
        let token = draft(&passport).build();
        Ok(Self { passport, token })
    }

    /// The exact value of `iss`.
    pub fn issuer(&self) -> &str {
        self.passport.issuer()
    }

    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.issuer())
    }

    /// Another like it, to be changed before it is signed for a contender that cannot take ours.
    pub fn draft(&self) -> TestJwtBuilder {
        draft(&self.passport)
    }
}

/// A token of a managed identity as Passport gives them: RS256, 2048 bits.
fn draft(passport: &DevPassport) -> TestJwtBuilder {
    let scheduler = passport.managed_identity("payroll-scheduler").role("payroll.read").role("payroll.write");
    scheduler.create().token()
}

pub fn bearer(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("a token is visible ASCII")
}
