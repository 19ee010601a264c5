// The Lambda runtime loop: next, handler, response, as the managed runtime does it.
"use strict";

const http = require("node:http");

const VERSION = "/2018-06-01/runtime/invocation/";
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Length": body.length };
    const request = http.request({ agent, hostname, port, method, path: VERSION + path, headers });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.end(body);
  });
}

// Serves invocations until the Runtime API goes away.
exports.run = async function run(handler) {
  for (;;) {
    const invocation = await call("GET", "next");
    const answer = await handler(JSON.parse(invocation.body.toString()));
    const requestId = invocation.headers["lambda-runtime-aws-request-id"];
    await call("POST", requestId + "/response", Buffer.from(JSON.stringify(answer)));
  }
};
