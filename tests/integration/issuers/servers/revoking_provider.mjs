// An issuer of the package `oidc-provider` with opaque tokens, introspection (plain and signed),
// revocation and back-channel logout. It has one client. A line with `logout` sends a logout token
// to the client.

import Provider from "oidc-provider";
import { serve } from "./serve.mjs";

// Its advice for production would be mixed with the responses to the test.
console.info = console.warn = () => {};

let provider;

const createIssuer = (url, { client, keys, claims }) => {
  const getResourceServerInfo = (_context, audience) => ({
    audience,
    scope: "",
    accessTokenFormat: "opaque",
    accessTokenTTL: 3600,
  });
  provider = new Provider(url, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        token_endpoint_auth_method: "client_secret_basic",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        introspection_signed_response_alg: "RS256",
        backchannel_logout_uri: client.logoutUri,
        backchannel_logout_session_required: true,
      },
    ],
    jwks: { keys },
    extraTokenClaims: () => claims,
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      jwtIntrospection: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo },
      revocation: { enabled: true },
    },
  });
  provider.on("server_error", (_context, error) => console.error(error));
  return provider.callback();
};

await serve(createIssuer, async ({ logout }) => {
  if (logout) {
    const client = await provider.Client.find(logout.client);
    await client.backchannelLogout(logout.sub, logout.sid);
  }
});
