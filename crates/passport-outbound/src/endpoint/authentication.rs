//! How a client proves to the token endpoint who it is, and which of the ways is taken.

use std::fmt;

use passport_core::{Issuer, Transport, discover};
use tokio::sync::OnceCell;

use crate::telemetry;

/// How an identity proves to Passport who it is
/// ([RFC 6749, section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// The secret in a Basic header, form-encoded first, as the RFC has it. For the letters of Passport's own ids and secrets
    /// that makes no difference.
    ClientSecretBasic,
    /// The secret in a Basic header as it is, for servers that do not decode it. A colon in the client id is refused.
    ClientSecretBasicRaw,
    /// The secret in the body.
    ClientSecretPost,
    /// A statement that is signed with a private key, which takes the place of the secret: its reference leads to a PEM file
    /// (PKCS#8). The key stays here; each statement is good for one request within a minute
    /// ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)).
    PrivateKeyJwt(PrivateKeyJwt),
}

/// What a [`ClientAuthentication::PrivateKeyJwt`] is signed with, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKeyJwt {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) key_id: Option<String>,
    pub(super) audience: Option<String>,
}

/// The algorithm of a signature ([RFC 7518, section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSA, PKCS#1 v1.5, SHA-256. For a key of 2048 bits or more.
    Rs256,
    /// RSA, PSS, SHA-256. For a key of 2048 bits or more.
    Ps256,
    /// ECDSA on P-256, SHA-256.
    Es256,
}

impl PrivateKeyJwt {
    /// Signed by `algorithm`, for the token endpoint.
    #[must_use]
    pub fn new(algorithm: SigningAlgorithm) -> Self {
        Self { algorithm, key_id: None, audience: None }
    }

    /// Names the key (`kid`), so that Passport need not try all that it knows of this client. None by default.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Whom the statement is for (`aud`). Defaults to the token URL; some servers want their issuer's.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }
}

impl From<PrivateKeyJwt> for ClientAuthentication {
    fn from(signed: PrivateKeyJwt) -> Self {
        Self::PrivateKeyJwt(signed)
    }
}

/// What was chosen, or who is to be asked what to choose.
pub(crate) enum Authentication {
    Chosen(ClientAuthentication),
    /// By secret, as this issuer wants it. Asked once; a failure is made up for and asked again at the next attempt.
    AsTheIssuerSays {
        issuer: Box<Issuer>,
        answer: OnceCell<ClientAuthentication>,
    },
}

impl Authentication {
    /// `issuer` is whom to ask, if anybody.
    pub(crate) fn new(chosen: Option<ClientAuthentication>, issuer: Option<&Issuer>) -> Self {
        match (chosen, issuer) {
            (Some(chosen), _) => Self::Chosen(chosen),
            (None, Some(issuer)) => {
                Self::AsTheIssuerSays { issuer: Box::new(issuer.clone()), answer: OnceCell::new() }
            }
            (None, None) => Self::Chosen(ClientAuthentication::ClientSecretBasic),
        }
    }

    /// A name for it that is the same for all instances of a service.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Chosen(ClientAuthentication::PrivateKeyJwt(_)) => "private_key_jwt",
            Self::Chosen(_) | Self::AsTheIssuerSays { .. } => "client_secret",
        }
    }

    /// The way to take now.
    pub(super) async fn method(&self, transport: &Transport) -> ClientAuthentication {
        let (issuer, answer) = match self {
            Self::Chosen(chosen) => return chosen.clone(),
            Self::AsTheIssuerSays { issuer, answer } => (issuer, answer),
        };
        let asked = answer.get_or_try_init(|| async {
            discover(transport, issuer).await.map(|metadata| chosen_from(&metadata.client_authentication))
        });
        asked.await.cloned().unwrap_or_else(|error| {
            telemetry::authentication_unknown(issuer, &error);
            ClientAuthentication::ClientSecretBasic
        })
    }
}

/// The first of the ways to show a secret that the issuer takes. Basic if it names none: that is what it means by it
/// ([RFC 8414, section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).
fn chosen_from(supported: &[String]) -> ClientAuthentication {
    let has = |method: &str| supported.iter().any(|supported| supported == method);
    if has("client_secret_post") && !has("client_secret_basic") {
        ClientAuthentication::ClientSecretPost
    } else {
        ClientAuthentication::ClientSecretBasic
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen(chosen) => chosen.fmt(f),
            Self::AsTheIssuerSays { issuer, answer } => f
                .debug_struct("AsTheIssuerSays")
                .field("issuer", issuer)
                .field("answer", &answer.get())
                .finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_taken_unless_only_post_is_named() {
        use ClientAuthentication::{ClientSecretBasic, ClientSecretPost};
        for (supported, chosen) in [
            (&[][..], ClientSecretBasic),
            (&["client_secret_basic", "client_secret_post", "private_key_jwt"], ClientSecretBasic),
            (&["client_secret_post", "client_secret_basic"], ClientSecretBasic),
            (&["client_secret_post", "private_key_jwt"], ClientSecretPost),
            (&["private_key_jwt"], ClientSecretBasic),
        ] {
            let supported: Vec<_> = supported.iter().map(|method| (*method).to_owned()).collect();
            assert_eq!(chosen_from(&supported), chosen, "{supported:?}");
        }
    }
}
