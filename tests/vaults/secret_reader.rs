//! A service that reads secrets, as deployed: its credentials, vault and trusted certificates
//! come from its environment. It reads references from standard input, one per line, and writes
//! a report for each. It logs to standard error, at every level.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "only tests run it")]

use std::{env, io::stderr, net::SocketAddr, time::UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{
    HttpClient, ReqwestHttpClient, ResolvedSecret, ResponseLimits, SecretError, SecretSource, Transport,
    TransportError,
};
use passport_secrets::{AwsSecretsManager, AzureKeyVault};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(stderr).init();
    let kind = env::args().nth(1).unwrap();
    let transport = Transport::new(ReqwestHttpClient::configured(|mut settings| {
        for host in env::var("ON_THIS_MACHINE").unwrap_or_default().split_whitespace() {
            settings = settings.resolve(host, SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        settings
    }));
    let transport = Transport::new(LocalMetadata(transport));
    let source: Box<dyn Fn(&str) -> SecretSource> = match &*kind {
        "azure" => {
            let vault = AzureKeyVault::builder().transport(transport).build().unwrap();
            Box::new(move |reference| {
                SecretSource::new(vault.clone(), format!("azure:{reference}").parse().unwrap())
            })
        }
        "aws" => {
            let secrets = AwsSecretsManager::builder()
                .transport(transport)
                .build()
                .expect("the transport has its trust");
            Box::new(move |reference| {
                SecretSource::new(secrets.clone(), format!("aws:{reference}").parse().unwrap())
            })
        }
        _ => panic!("there is no such provider"),
    };
    let mut references = BufReader::new(tokio::io::stdin()).lines();
    while let Some(reference) = references.next_line().await.unwrap() {
        println!("{}", report(source(&reference).resolve().await));
    }
}

/// Redirects requests for the metadata of a cloud machine to the server of the tests.
#[derive(Debug)]
struct LocalMetadata(Transport);

impl HttpClient for LocalMetadata {
    async fn send(
        &self,
        mut request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.uri().host() == Some("169.254.169.254") {
            let path = request.uri().path_and_query().unwrap();
            let redirected = format!("{}{path}", env::var("MACHINE_METADATA").unwrap());
            *request.uri_mut() = redirected.parse().unwrap();
        }
        self.0.send(request, limits).await
    }
}

fn report(read: Result<ResolvedSecret, SecretError>) -> Value {
    match read {
        Ok(read) => json!({
            "secret": read.secret().expose(),
            "version": read.version(),
            "expires": read.expires_at().map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs()),
        }),
        Err(error) => json!({
            "kind": format!("{:?}", error.kind()),
            "error": error.to_string(),
            "debug": format!("{error:?}"),
            "retry_after": error.retry_after().map(|time| time.as_secs()),
        }),
    }
}
