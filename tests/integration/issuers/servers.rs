//! OIDC servers of npm packages, as child processes on loopback.

use std::{net::SocketAddr, time::Duration};

use passport_test_support::{processes::LineProcess, servers::client};
use serde_json::{Value, json};
use tokio::{net::TcpSocket, time::timeout};

use crate::npm;

/// The client to which the servers issue tokens. It is the subject of the tokens.
pub(crate) const CLIENT_ID: &str = "orders";
const CLIENT_SECRET: &str = "the secret of orders";

/// How long a test waits for a server.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// The software of an issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Software {
    /// Its tokens have the `typ` `at+jwt`.
    OidcProvider,
    /// Its tokens have the `typ` `JWT`.
    OAuth2MockServer,
}

impl Software {
    pub(crate) const ALL: [Self; 2] = [Self::OidcProvider, Self::OAuth2MockServer];

    fn script(self) -> &'static str {
        match self {
            Self::OidcProvider => "oidc_provider.mjs",
            Self::OAuth2MockServer => "oauth2_mock_server.mjs",
        }
    }
}

/// A server that issues tokens. The process ends when the value is dropped.
pub(crate) struct IssuerServer {
    software: Software,
    keys: Vec<Value>,
    claims: Value,
    port: u16,
    /// `None` while the server is stopped.
    process: Option<LineProcess>,
    /// Keeps the port of a stopped server from other tests, whose servers use any free port.
    reserved_port: Option<TcpSocket>,
}

impl IssuerServer {
    /// Starts a server on a free port. If the packages are not installed, reports that the test is
    /// skipped and returns `None`.
    ///
    /// `key` is a private JWK that signs the tokens. `claims` are in each token, in addition to
    /// those that the server sets.
    pub(crate) async fn start(software: Software, key: Value, claims: Value) -> Option<Self> {
        let (keys, process, reserved_port) = (vec![key], None, None);
        let mut server = Self { software, keys, claims, port: 0, process, reserved_port };
        server.spawn().await.then_some(server)
    }

    /// Starts the process on the port. Returns whether the packages are installed.
    async fn spawn(&mut self) -> bool {
        let lock_file = include_str!("servers/package-lock.json");
        let Some(mut node) = npm::script("issuers", lock_file, self.software.script()) else { return false };
        self.process = Some(LineProcess::spawn(node.arg(self.port.to_string())));
        self.apply_settings().await;
        true
    }

    /// Returns the `iss` of the tokens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Publishes another key, a private JWK, and signs new tokens with it. The old keys stay
    /// published.
    pub(crate) async fn sign_with(&mut self, key: Value) {
        self.keys.insert(0, key);
        self.apply_settings().await;
    }

    async fn apply_settings(&mut self) {
        let client = json!({ "id": CLIENT_ID, "secret": CLIENT_SECRET });
        let settings = json!({ "client": client, "keys": self.keys, "claims": self.claims });
        let response = self.ask(&json!({ "settings": settings })).await;
        self.port = response["port"].as_u64().unwrap().try_into().unwrap();
    }

    /// Returns the number of requests for the keys and for the discovery document since the start
    /// of the process.
    pub(crate) async fn key_requests(&mut self) -> usize {
        let requests = self.ask(&json!({})).await["requests"].take();
        requests.as_array().unwrap().iter().filter(|request| *request != "POST /token").count()
    }

    async fn ask(&mut self, line: &Value) -> Value {
        let process = self.process.as_mut().expect("the server is running");
        process.send(&line.to_string()).await;
        let response = timeout(TIMEOUT, process.receive()).await.expect("the server responds");
        serde_json::from_str(&response).unwrap()
    }

    /// Fetches a token for `audience`, which must be a URI. No two tokens are equal.
    pub(crate) async fn token(&self, audience: &str) -> String {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", CLIENT_ID)
            .append_pair("client_secret", CLIENT_SECRET)
            // The name of the parameter depends on the software.
            .append_pair("resource", audience)
            .append_pair("aud", audience)
            .finish();
        let request = client()
            .post(format!("{}/token", self.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .timeout(TIMEOUT);
        let response: Value = request.send().await.unwrap().json().await.unwrap();
        response["access_token"].as_str().unwrap_or_else(|| panic!("{response}")).to_owned()
    }

    /// Ends the process. Then nothing listens on the port.
    pub(crate) async fn stop(&mut self) {
        let process = self.process.take().expect("the server is running");
        assert!(process.finish().await.success(), "{:?}", self.software);
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], self.port))).unwrap();
        self.reserved_port = Some(socket);
    }

    /// Starts a stopped server again on its port, with the same keys and claims.
    pub(crate) async fn restart(&mut self) {
        // On Linux, the server can listen on the port while it is reserved.
        let _reserved = self.reserved_port.take().filter(|_| cfg!(target_os = "linux"));
        assert!(self.spawn().await, "the packages are still installed");
    }
}
