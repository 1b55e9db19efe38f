// An issuer of the package `oidc-provider`, with one client. The audience of a token is the
// `resource` of the token request. The first key signs; all keys are published.

import Provider from "oidc-provider";
import { serve } from "./serve.mjs";

// Its advice for production would be mixed with the responses to the test.
console.info = console.warn = () => {};

await serve((url, { client, keys, claims }) => {
  const getResourceServerInfo = (_context, audience) => ({
    audience,
    scope: "",
    accessTokenFormat: "jwt",
    accessTokenTTL: 3600,
    jwt: { sign: { alg: "RS256", kid: keys[0].kid } },
  });
  const provider = new Provider(url, {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        token_endpoint_auth_method: "client_secret_post",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    jwks: { keys },
    extraTokenClaims: () => claims,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo },
    },
  });
  provider.on("server_error", (_context, error) => console.error(error));
  return provider.callback();
});
