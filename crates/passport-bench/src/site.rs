//! The issuer of all measurements: one dev Passport on a loopback socket, and its tokens.

use std::time::Duration;

use http::HeaderValue;
use passport_dev::{DevPassport, TestJwtBuilder};

/// The audience of the tokens.
pub const AUDIENCE: &str = "passport-api-managed";

/// A Passport, and the data that contenders are configured with.
#[derive(Debug)]
pub struct Site {
    issuer: String,
    /// `None` if the Passport runs in another process.
    passport: Option<DevPassport>,
    /// The token that most contenders get.
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
        Ok(Self { issuer: passport.issuer().to_owned(), passport: Some(passport), token })
    }

    /// Returns a handle of the Passport `issuer` in another process, with one of its tokens.
    pub fn in_another_process(issuer: String, token: String) -> Self {
        Self { issuer, passport: None, token }
    }

    /// Returns the Passport.
    ///
    /// # Panics
    ///
    /// If it runs in another process.
    pub fn passport(&self) -> &DevPassport {
        self.passport.as_ref().expect("the Passport runs in this process")
    }

    /// Returns the exact value of `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.issuer())
    }

    /// Returns a token of an issuer that no contender trusts, with the header of a key that no
    /// contender knows.
    #[must_use]
    pub fn of_unknown_issuer(&self) -> String {
        self.draft().claim("iss", "https://login.example/realms/other").header("kid", "other").build()
    }

    /// Returns tokens that are rejected, each with the end of the name under which `paths` sends
    /// it. The last two differ from the known token in one letter, and have its place in the token
    /// cache.
    #[must_use]
    pub fn rejected_tokens(&self) -> [(&'static str, String); 4] {
        let with_star_at = |position: usize| {
            let mut token = self.token.clone();
            token.replace_range(position..=position, "*");
            token
        };
        [
            (", rejected", "not-a-token".to_owned()),
            (", unknown issuer", self.of_unknown_issuer()),
            (", first letter differs", with_star_at(0)),
            (", end differs", with_star_at(self.token.len() - 17)),
        ]
    }

    /// Returns another such token, to be changed before it is signed for a contender that needs it.
    pub fn draft(&self) -> TestJwtBuilder {
        draft(self.passport())
    }
}

/// Returns a token of a managed identity as Passport issues it: RS256, 2048 bits.
fn draft(passport: &DevPassport) -> TestJwtBuilder {
    let scheduler = passport.managed_identity("payroll-scheduler").role("payroll.read").role("payroll.write");
    scheduler.create().token()
}

pub fn bearer(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("a token is visible ASCII")
}
