//! A Passport, a workforce and a partner: three issuers that one service trusts. Each has its own
//! audience, claims and tenant.

use passport_dev::{DevPassport, Endpoint, Fault};
use passport_inbound::{ClaimMap, TenantRule, TrustedIssuer};
use serde_json::{Value, json};

use super::*;

pub(super) const PASSPORT: usize = 0;
pub(super) const WORKFORCE: usize = 1;
pub(super) const PARTNER: usize = 2;

/// The audience of the partner's tokens. The workforce's tokens have [`AUDIENCE`].
pub(super) const PARTNER_AUDIENCE: &str = "urn:example:orders-for-partners";

/// Returns the first key of [`WORKFORCE`] or [`PARTNER`].
pub(super) fn key_of(issuer: usize) -> &'static TokenFactory {
    &KEYS[issuer - WORKFORCE]
}

/// Three issuers, and a clock that is set to the time of their start.
pub(super) struct ThreeIssuers {
    pub(super) all: [RunningIssuer; 3],
    pub(super) clock: ManualClock,
}

impl ThreeIssuers {
    /// Starts all issuers. Returns `None` if the servers of npm are not installed.
    pub(super) async fn start() -> Option<Self> {
        let workforce = key_of(WORKFORCE).private_jwk("workforce");
        Self::start_with_keys(workforce, key_of(PARTNER).private_jwk("partner")).await
    }

    /// Starts all issuers, with the first private keys of the workforce and of the partner.
    pub(super) async fn start_with_keys(workforce: Value, partner: Value) -> Option<Self> {
        let workforce = IssuerServer::start(Software::OidcProvider, workforce, workforce_claims()).await?;
        let partner = IssuerServer::start(Software::OAuth2MockServer, partner, partner_claims()).await?;
        let clock = clock_at(&workforce.token(AUDIENCE).await);
        let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
        let [workforce, partner] = [(workforce, AUDIENCE, &*KEYS[2]), (partner, PARTNER_AUDIENCE, &*KEYS[3])]
            .map(|(server, audience, next_key)| RunningIssuer::Server {
                server: Box::new(server),
                audience,
                next_key,
            });
        Some(Self { all: [RunningIssuer::Passport(passport), workforce, partner], clock })
    }

    /// Returns a verifier that trusts all issuers.
    pub(super) fn verifier(&self) -> TokenVerifier {
        let [passport, workforce, partner] = self.urls();
        let workforce_claims = ClaimMap::new()
            .email(["email", "upn"])
            .roles_from(["realm_access.roles"])
            .role("sales", "orders.write");
        let partner_claims = ClaimMap::new()
            .roles_from(["https://acme.example/groups"])
            .roles([("Clerks", "orders.read"), ("Clerks EU", "orders.read")]);
        TokenVerifier::builder("bizfirstgo-api")
            .issuer(passport)
            .trust(
                TrustedIssuer::external(&workforce)
                    .name("workforce")
                    .audience(AUDIENCE)
                    .claims(workforce_claims)
                    .tenant(TenantRule::fixed("contoso")),
            )
            .trust(
                TrustedIssuer::external(partner)
                    .name("partner")
                    .audience(PARTNER_AUDIENCE)
                    .claims(partner_claims)
                    .tenant(TenantRule::table("organization", [("org-1", "acme"), ("org-2", "contoso")])),
            )
            .allowed_issuers("contoso", [workforce])
            .clock(self.clock.clone())
            .build()
            .unwrap()
    }

    pub(super) fn urls(&self) -> [String; 3] {
        self.all.each_ref().map(RunningIssuer::url)
    }

    /// Returns a new token of each issuer.
    pub(super) async fn tokens(&self) -> [String; 3] {
        let [passport, workforce, partner] = &self.all;
        [passport.token().await, workforce.token().await, partner.token().await]
    }

    /// Returns the number of requests for the keys and for the discovery document of each issuer.
    pub(super) async fn key_requests(&mut self) -> [usize; 3] {
        let [passport, workforce, partner] = &mut self.all;
        [passport.key_requests().await, workforce.key_requests().await, partner.key_requests().await]
    }
}

/// One of the issuers.
pub(super) enum RunningIssuer {
    Passport(DevPassport),
    Server { server: Box<IssuerServer>, audience: &'static str, next_key: &'static TokenFactory },
}

impl RunningIssuer {
    /// Returns the server of the workforce or of the partner.
    pub(super) fn server(&mut self) -> &mut IssuerServer {
        match self {
            Self::Passport(_) => panic!("Passport has no server of npm"),
            Self::Server { server, .. } => server,
        }
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Passport(passport) => passport.issuer().to_owned(),
            Self::Server { server, .. } => server.url(),
        }
    }

    /// Returns a new token for the service.
    pub(super) async fn token(&self) -> String {
        match self {
            Self::Passport(passport) => passport.user_token("ada").role("orders.admin").build(),
            Self::Server { server, audience, .. } => server.token(audience).await,
        }
    }

    pub(super) async fn key_requests(&mut self) -> usize {
        match self {
            Self::Passport(passport) => {
                let counters = passport.counters();
                (counters.discovery() + counters.jwks()).try_into().unwrap()
            }
            Self::Server { server, .. } => server.key_requests().await,
        }
    }

    /// Signs new tokens with a new key. The old keys stay published. Only once for each issuer.
    pub(super) async fn rotate_key(&mut self) {
        match self {
            Self::Passport(passport) => passport.rotate_keys().await,
            Self::Server { server, next_key, .. } => server.sign_with(next_key.private_jwk("rotated")).await,
        }
    }

    /// Begins an outage of the endpoints that a verifier uses.
    pub(super) async fn stop(&mut self) {
        match self {
            Self::Passport(passport) => {
                passport.inject(Endpoint::Discovery, Fault::Down);
                passport.inject(Endpoint::Jwks, Fault::Down);
            }
            Self::Server { server, .. } => server.stop().await,
        }
    }

    /// Ends the outage.
    pub(super) async fn restart(&mut self) {
        match self {
            Self::Passport(passport) => {
                passport.clear_fault(Endpoint::Discovery);
                passport.clear_fault(Endpoint::Jwks);
            }
            Self::Server { server, .. } => server.restart().await,
        }
    }
}

/// The claims of the workforce's tokens. Those that only Passport may set must have no effect.
fn workforce_claims() -> Value {
    json!({
        "realm_access": { "roles": ["sales", "offline_access"] },
        "upn": "ada@contoso.example",
        "tenant_id": "tenant-1", "roles": ["orders.admin"], "is_service_account": true,
    })
}

/// The claims of the partner's tokens, as for [`workforce_claims`].
fn partner_claims() -> Value {
    json!({
        "https://acme.example/groups": ["Clerks", "Clerks EU", "orders.admin"],
        "organization": "org-1",
        "email": "bob@acme.example",
        "tenant_id": "tenant-1", "roles": ["orders.admin"], "is_service_account": true,
    })
}
