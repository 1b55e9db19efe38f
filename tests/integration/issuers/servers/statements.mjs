// Signs JWTs with the package `jose`. A line of the input has the header, the claims, and a private
// JWK, a shared `secret`, or neither. The response is a line with the JWT.

import { createInterface } from "node:readline";
import { SignJWT, UnsecuredJWT, importJWK } from "jose";

for await (const line of createInterface({ input: process.stdin })) {
  const { header, claims, key, secret } = JSON.parse(line);
  if (key || secret) {
    const signingKey = key ? await importJWK(key, header.alg) : new TextEncoder().encode(secret);
    console.log(await new SignJWT(claims).setProtectedHeader(header).sign(signingKey));
  } else {
    console.log(new UnsecuredJWT(claims).encode());
  }
}
