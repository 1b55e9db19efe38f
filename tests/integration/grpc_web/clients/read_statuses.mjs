// Calls grpc.health.v1.Health/Check with each client, and prints the status that it reads.
// Arguments: the URL of the server, and a token.

import { createRequire } from "node:module";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-node";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";

const require = createRequire(import.meta.url);
global.XMLHttpRequest = require("xhr2");
const { GrpcWebClientBase, MethodDescriptor, MethodType } = require("grpc-web");

const [, , server, token] = process.argv;
const authorization = `Bearer ${token}`;

// `Empty` skips the fields of the response, so no generated code is needed.
const method = {
  kind: "rpc",
  name: "Check",
  localName: "check",
  parent: { kind: "service", typeName: "grpc.health.v1.Health" },
  methodKind: "unary",
  input: EmptySchema,
  output: EmptySchema,
  idempotency: 0,
};

async function connect() {
  const transport = createGrpcWebTransport({ baseUrl: server, httpVersion: "1.1" });
  try {
    await transport.unary(method, undefined, 10_000, { authorization }, create(EmptySchema));
    return 0;
  } catch (error) {
    const { code, message } = ConnectError.from(error);
    return code === Code.Internal ? `${code} ${message}` : code;
  }
}

function google(format) {
  const bytes = () => new Uint8Array();
  const check = new MethodDescriptor(
    "/grpc.health.v1.Health/Check", MethodType.UNARY, Object, Object, bytes, () => ({}),
  );
  const client = new GrpcWebClientBase({ format });
  return new Promise((resolve) => {
    const url = `${server}/grpc.health.v1.Health/Check`;
    client.rpcCall(url, {}, { authorization }, check, (error) => resolve(error ? error.code : 0));
  });
}

console.log(`connect binary: ${await connect()}`);
console.log(`grpc-web binary: ${await google("binary")}`);
console.log(`grpc-web text: ${await google("text")}`);
