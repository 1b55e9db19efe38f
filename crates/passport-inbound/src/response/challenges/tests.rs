use super::*;
use crate::{RejectionReason, Requirement};

const URL: &str = "https://api.example/.well-known/oauth-protected-resource";

/// Returns the challenge of a rejection with the standard challenge `standard`.
fn challenge(challenges: &Challenges, rejection: &Rejection, hides_details: bool, standard: &str) -> String {
    let standard = Some(HeaderValue::try_from(standard).unwrap());
    let challenge = challenges.challenge(rejection, hides_details, standard);
    challenge.unwrap().to_str().unwrap().to_owned()
}

#[test]
fn challenge_of_a_401_has_url_and_scope() {
    let with_scope = Challenges::new(URL, Some("read write"));
    for (challenges, scope) in [(Challenges::new(URL, None), ""), (with_scope, ", scope=\"read write\"")] {
        let of = |rejection, hides| challenge(&challenges, &rejection, hides, "Bearer");
        let expected =
            |error| format!("Bearer realm=\"passport\"{error}{scope}, resource_metadata=\"{URL}\"");
        assert_eq!(of(Rejection::MissingCredentials, false), expected(""));
        assert_eq!(of(Rejection::MissingCredentials, true), expected(""));
        let expired = || Rejection::from(RejectionReason::Expired);
        assert_eq!(
            of(expired(), false),
            expected(", error=\"invalid_token\", error_description=\"TokenExpired\"")
        );
        assert_eq!(of(expired(), true), expected(", error=\"invalid_token\""));
    }
}

#[test]
fn each_reason_has_its_own_challenge() {
    let challenges = Challenges::new(URL, None);
    for (index, reason) in [
        RejectionReason::AudienceMismatch,
        RejectionReason::MissingClaim("sub"),
        RejectionReason::IssuerMismatch,
        RejectionReason::KeyNotFound,
        RejectionReason::Malformed,
        RejectionReason::SignatureInvalid,
        RejectionReason::Expired,
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(CoarseReason::ALL[index], reason.coarse());
        let text = challenge(&challenges, &reason.into(), false, "Bearer");
        assert!(text.contains(&format!("error_description=\"{}\"", reason.passport_name())), "{text}");
    }
}

#[test]
fn challenge_for_unmet_scopes_gets_the_url() {
    let unmet = Rejection::Forbidden(Requirement::scopes("read").unwrap().into());
    let standard = "Bearer error=\"insufficient_scope\", scope=\"read\"";
    assert_eq!(
        challenge(&Challenges::new(URL, Some("other")), &unmet, false, standard),
        format!("{standard}, resource_metadata=\"{URL}\"")
    );
}

#[test]
fn rejection_without_a_challenge_gets_none() {
    let challenges = Challenges::new(URL, Some("read"));
    for rejection in [
        Rejection::PermissionCheckFailed,
        Rejection::Forbidden(Requirement::user().into()),
        Rejection::MissingAuthenticateLayer,
    ] {
        assert_eq!(challenges.challenge(&rejection, false, None), None);
    }
}
