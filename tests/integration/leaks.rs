//! No secret and no token in any log, error or `Debug`, whatever goes wrong.

use std::{
    io,
    sync::{Arc, Mutex},
};

use passport_dev::{DevPassport, Endpoint, Fault, Hostile};
use passport_inbound::TokenVerifier;
use passport_outbound::{ManagedIdentity, SecretSource};

use crate::support::{api, client, get_with, identity, verifier};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that is traced, at every level and by every crate, while `work` runs.
async fn traced(work: impl Future<Output = String>) -> String {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber only, tracing asks the thread that meets an event first whether it wants it; that may be the
    // thread of another test, which does not. With two, it asks the subscribers.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    // The runtime of a test has one thread, so this covers the tasks that are spawned, too.
    let _guard = tracing::subscriber::set_default(subscriber);
    let printed = work.await;
    let traced = String::from_utf8_lossy(&captured.0.lock().unwrap()).into_owned();
    format!("{traced}\n{printed}")
}

#[tokio::test]
async fn neither_traces_nor_errors_nor_debug_output_hold_a_secret_or_a_token() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let hostile: Vec<_> = Hostile::ALL.iter().map(|hostile| passport.hostile_token(*hostile)).collect();
    let output = traced(async {
        let mut printed = vec![use_both_sides(&passport, &registered).await];
        printed.push(fail_to_get_tokens(&passport, &registered).await);
        printed.push(refuse(&verifier(&passport), &hostile).await);
        printed.join("\n")
    })
    .await;

    assert!(output.contains("token fetched"), "the capture works");
    assert!(output.contains("signing keys installed"), "the capture works");
    assert!(!output.contains(registered.secret()), "a client secret");
    for token in &hostile {
        let signature = token.rsplit('.').next().unwrap();
        assert!(signature.len() < 20 || !output.contains(signature), "a hostile token");
    }
    assert!(!output.contains("passw0rd"), "credentials in a URL");
    assert!(!output.contains("eyJ"), "something that looks like a token");
    let basic = base64_of(&format!("{}:{}", registered.client_id(), registered.secret()));
    assert!(!output.contains(&basic), "Basic credentials");
}

async fn use_both_sides(passport: &DevPassport, registered: &passport_dev::DevIdentity) -> String {
    let api = api(passport).await;
    let identity = identity(passport, registered);
    let with_query = ManagedIdentity::builder("mi", SecretSource::fixed("x"))
        .token_url("https://host/token?code=passw0rd")
        .build()
        .unwrap();
    let client = client(identity.clone(), &api);
    let status = get_with(&client, &format!("{api}/whoami")).await.unwrap().status();
    let token = identity.token().await.unwrap();
    format!("{with_query:?} {status} {identity:?} {client:?} {token:?} {registered:?} {passport:?}")
}

async fn fail_to_get_tokens(passport: &DevPassport, registered: &passport_dev::DevIdentity) -> String {
    let mut printed = Vec::new();
    for fault in [Fault::Down, Fault::Html, Fault::Truncated, Fault::Oversize(100_000)] {
        passport.inject(Endpoint::Token, fault);
        let error = identity(passport, registered).token().await.unwrap_err();
        printed.push(format!("{error} {error:?}"));
    }
    passport.heal(Endpoint::Token);
    registered.disable();
    let error = identity(passport, registered).token().await.unwrap_err();
    printed.push(format!("{error} {error:?}"));
    registered.enable();

    let pasted = registered.secret().parse::<passport_outbound::SecretRef>();
    printed.push(format!("{pasted:?}"));
    let builder = ManagedIdentity::builder("", SecretSource::fixed(registered.secret()))
        .issuer("http://user:passw0rd@host")
        .token_url("https://host/token?code=passw0rd")
        .scopes("\"");
    printed.push(format!("{builder:?}"));
    printed.push(format!("{:?}", builder.build()));
    printed.join("\n")
}

async fn refuse(verifier: &TokenVerifier, tokens: &[String]) -> String {
    let mut printed = vec![format!("{verifier:?}")];
    for token in tokens {
        let outcome = verifier.verify(token).await;
        printed.push(format!("{outcome:?}"));
    }
    printed.join("\n")
}

fn base64_of(text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}
