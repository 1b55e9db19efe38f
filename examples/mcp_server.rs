//! Shows an MCP server (crate `rmcp`) that accepts only tokens issued for it. It publishes its
//! metadata (RFC 9728), and each rejection names the URL of the metadata. The example then calls
//! the server as a client without a token, with unsuitable tokens and with a valid one.
//!
//! With an address, the server continues to run for other clients:
//! `cargo run --example mcp_server -- 127.0.0.1:3000`

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::{future::pending, sync::Arc};

use axum::{Router, http::request::Parts};
use passport_dev::DevPassport;
use passport_examples::local_client;
use passport_inbound::{AuthenticateLayer, IdInfo, ProtectedResource, Requirement, TokenVerifier};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An MCP server with one tool, which returns the caller.
struct WhoAmI;

impl ServerHandler for WhoAmI {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let no_arguments = Map::from_iter([("type".to_owned(), Value::from("object"))]);
        let tool = Tool::new("whoami", "Returns the caller", Arc::new(no_arguments));
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name != "whoami" {
            return Err(ErrorData::invalid_params(format!("unknown tool: {}", request.name), None));
        }
        // rmcp adds the head of the HTTP request, in which the layer has stored the caller.
        let caller = context.extensions.get::<Parts>().and_then(|parts| parts.extensions.get::<IdInfo>());
        let caller = caller.ok_or_else(|| ErrorData::internal_error("missing AuthenticateLayer", None))?;
        let text = format!("{} of {}", caller.display_name(), caller.tenant_id());
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }
}

/// Returns the router of the server that clients reach at `url`. The tool is for callers that meet
/// `requirement`.
fn server(passport: &DevPassport, url: &str, requirement: Requirement) -> Result<Router, BoxError> {
    // A token must be for this server: its audience is the URL of the server.
    let verifier = TokenVerifier::builder(url).issuer(passport.issuer()).build()?;
    let resource =
        ProtectedResource::builder(&verifier, url).scopes("tools.call").resource_name("Who am I").build()?;
    let authenticates = AuthenticateLayer::new(verifier).require(requirement).resource_metadata(&resource);
    let config =
        StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    let sessions = Arc::new(LocalSessionManager::default());
    let mcp = StreamableHttpService::new(|| Ok(WhoAmI), sessions, config);
    Ok(Router::new().route_service("/mcp", mcp).layer(authenticates).merge(resource.into_router())) // the metadata needs no token
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = std::env::args().nth(1);
    let passport = DevPassport::start().await?;
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let server = server(&passport, &url, Requirement::scopes("tools.call")?)?;
    tokio::spawn(async { axum::serve(listener, server).await });

    let token = |audience: &str, scope: &str| {
        passport.user_token("alice").audience(audience).claim("scope", scope).build()
    };
    let valid = token(&url, "tools.call");
    for (caller, token, expected) in [
        ("no token", None, 401),
        ("alice, another audience", Some(token("https://other.example/mcp", "tools.call")), 401),
        ("alice, another scope", Some(token(&url, "openid")), 403),
        ("alice", Some(valid.clone()), 200),
    ] {
        let (status, answer) = call_whoami(&url, token.as_deref()).await?;
        println!("{caller:>24}  {status}  {answer}");
        if status != expected {
            return Err(format!("expected status {expected}").into());
        }
        if token.is_none() {
            println!("{:>24}       {}", "metadata", metadata(&answer).await?);
        }
    }
    if address.is_some() {
        println!("listening on {url}; token of alice for one hour: {valid}");
        pending::<()>().await;
    }
    Ok(())
}

/// Calls the tool. Returns the status, and the text of the tool or the challenge of the rejection.
async fn call_whoami(url: &str, token: Option<&str>) -> Result<(u16, String), BoxError> {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "whoami" } });
    let request =
        local_client()?.post(url).header("accept", "application/json, text/event-stream").json(&call);
    let response = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth).send().await?;
    let status = response.status().as_u16();
    if let Some(challenge) = response.headers().get("www-authenticate") {
        return Ok((status, challenge.to_str()?.to_owned()));
    }
    let answer: Value = response.json().await?;
    let text = answer["result"]["content"][0]["text"].as_str();
    Ok((status, text.ok_or_else(|| format!("no result: {answer}"))?.to_owned()))
}

/// Fetches the metadata from the URL in a challenge.
async fn metadata(challenge: &str) -> Result<String, BoxError> {
    let url = challenge.split("resource_metadata=\"").nth(1).and_then(|rest| rest.split('"').next());
    let url = url.ok_or("the challenge has no resource_metadata")?;
    Ok(local_client()?.get(url).send().await?.error_for_status()?.text().await?)
}

/// Tests with `fastmcp`, an MCP client in Python that implements the discovery and the grant of
/// OAuth itself. `cargo xtask test` installs it.
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use passport_test_support::python;
    use tokio::time::timeout;

    use super::*;

    /// Calls each tool. The arguments are the URL of the server, and nothing, a token, or the
    /// credentials of a client and the only issuer that may get them.
    const CALL_TOOLS: &str = "
import asyncio, sys
from fastmcp import Client
from fastmcp.client.auth import ClientCredentialsOAuthProvider

url, *credentials = sys.argv[1:]
auth = credentials[0] if credentials else None
if len(credentials) == 3:
    client_id, client_secret, issuer = credentials
    auth = ClientCredentialsOAuthProvider(
        client_id=client_id, client_secret=client_secret, scopes='openid roles', issuer=issuer)

async def call_tools():
    async with Client(url, auth=auth) as client:
        for tool in await client.list_tools():
            result = await client.call_tool(tool.name)
            print(tool.name, result.content[0].text, sep=': ')

asyncio.run(call_tools())
";

    /// Runs the client. Returns its output, or its error messages if it fails. If the client is not
    /// installed, reports that the test is skipped and returns `None`.
    async fn call_tools(arguments: &[&str]) -> Option<Result<String, String>> {
        let mut python = python::program("python")?;
        let output = python.args(["-c", CALL_TOOLS]).args(arguments).output();
        let output =
            timeout(Duration::from_secs(60), output).await.expect("the client takes seconds").unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Some(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
    }

    /// Starts the server, and a Passport that issues tokens for it. Returns the Passport, and the
    /// URL of the server.
    async fn start(requirement: Requirement) -> (DevPassport, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let passport = DevPassport::builder().audience(&url).start().await.unwrap();
        let server = server(&passport, &url, requirement).unwrap();
        tokio::spawn(async { axum::serve(listener, server).await });
        (passport, url)
    }

    #[tokio::test]
    async fn fastmcp_needs_a_token_to_call_the_tool() {
        let (passport, url) = start(Requirement::scopes("tools.call").unwrap()).await;
        let token = passport.user_token("alice").claim("scope", "tools.call").build();
        let Some(called) = call_tools(&[&url, &token]).await else { return };
        assert_eq!(called.unwrap(), "whoami: alice of tenant-1");
        let error = call_tools(&[&url]).await.unwrap().unwrap_err();
        assert!(error.contains("MCPError: Server returned an error response"), "{error}");
    }

    #[tokio::test]
    async fn fastmcp_finds_passport_and_fetches_a_token() {
        // Tokens of managed identities have roles instead of scopes.
        let (passport, url) = start(Requirement::role("tools.call")).await;
        let agent = passport.managed_identity("agent").role("tools.call").create();
        let credentials = [&*url, agent.client_id(), agent.secret(), passport.issuer()];
        let Some(called) = call_tools(&credentials).await else { return };
        assert_eq!(called.unwrap(), "whoami: agent of tenant-1");
        assert_eq!(passport.counters().token(), 1);
    }
}
