// Serves an issuer on loopback, for a test that writes JSON lines to the standard input.
// Argument: the port, or 0 for a free one.
//
// A line of the input with `settings` replaces the issuer. `execute` gets each line. The response to
// each line is a line of the output: the port, and the requests since the start. The process ends
// when the input ends.

import { createServer } from "node:http";
import { createInterface } from "node:readline";

export async function serve(createIssuer, execute = () => {}) {
  const requests = [];
  let handle = (_request, response) => response.writeHead(503).end();
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    handle(request, response);
  });
  await new Promise((listening) => server.listen(process.argv[2], "127.0.0.1", listening));
  const { port } = server.address();
  for await (const text of createInterface({ input: process.stdin })) {
    const line = JSON.parse(text);
    if (line.settings) {
      handle = await createIssuer(`http://127.0.0.1:${port}`, line.settings);
    }
    await execute(line);
    console.log(JSON.stringify({ port, requests }));
  }
  // Open connections would keep the process running.
  process.exit();
}
