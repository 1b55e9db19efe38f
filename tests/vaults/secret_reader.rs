//! A service that reads secrets, as it is deployed: who it is, where its vault is and whom it trusts are in its environment. It
//! reads references, a line each, and says what came of each. What it logs goes to stderr, all of it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "it belongs to tests")]

use std::{env, io::stderr, net::SocketAddr, time::UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{
    HttpExchange, HttpTransport, Limits, ResolvedSecret, SecretError, SecretSource, Transport, TransportError,
};
use passport_secrets::{AwsSecretsManager, AzureKeyVault};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(stderr).init();
    let kind = env::args().nth(1).unwrap();
    let transport = Transport::new(HttpTransport::configured(|mut settings| {
        for host in env::var("ON_THIS_MACHINE").unwrap_or_default().split_whitespace() {
            settings = settings.resolve(host, SocketAddr::from(([127, 0, 0, 1], 0)));
        }
        settings
    }));
    let transport = Transport::new(InACloud(transport));
    let source: Box<dyn Fn(&str) -> SecretSource> = match &*kind {
        "azure" => {
            let vault = AzureKeyVault::builder().transport(transport).build().unwrap();
            Box::new(move |place| SecretSource::new(vault.clone(), format!("azure:{place}").parse().unwrap()))
        }
        "aws" => {
            let secrets = AwsSecretsManager::builder()
                .transport(transport)
                .build()
                .expect("the transport has its trust");
            Box::new(move |place| SecretSource::new(secrets.clone(), format!("aws:{place}").parse().unwrap()))
        }
        _ => panic!("there is no such provider"),
    };
    let mut places = BufReader::new(tokio::io::stdin()).lines();
    while let Some(place) = places.next_line().await.unwrap() {
        println!("{}", told(source(&place).resolve().await));
    }
}

/// Asks the address at which a cloud tells a machine who it is where the tests have put it.
#[derive(Debug)]
struct InACloud(Transport);

impl HttpExchange for InACloud {
    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.uri().host() == Some("169.254.169.254") {
            let path = request.uri().path_and_query().unwrap();
            let elsewhere = format!("{}{path}", env::var("MACHINE_METADATA").unwrap());
            *request.uri_mut() = elsewhere.parse().unwrap();
        }
        self.0.exchange(request, limits).await
    }
}

fn told(read: Result<ResolvedSecret, SecretError>) -> Value {
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
