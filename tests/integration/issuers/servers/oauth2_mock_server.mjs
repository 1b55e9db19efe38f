// An issuer of the package `oauth2-mock-server`, which accepts every client. The audience of a
// token is the `aud` of the token request. The first key signs; all keys are published.

import { randomUUID } from "node:crypto";
import { OAuth2Issuer, OAuth2Service } from "oauth2-mock-server";
import { serve } from "./serve.mjs";

await serve(async (url, { keys, claims }) => {
  const issuer = new OAuth2Issuer();
  issuer.url = url;
  for (const key of keys) {
    await issuer.keys.add(key);
  }
  // By default, the keys sign in turn.
  const { get } = issuer.keys;
  issuer.keys.get = (kid = keys[0].kid) => get.call(issuer.keys, kid);
  const service = new OAuth2Service(issuer);
  service.on("beforeTokenSigning", ({ payload }, request) => {
    Object.assign(payload, { sub: request.body.client_id, jti: randomUUID() }, claims);
  });
  return service.requestHandler;
});
