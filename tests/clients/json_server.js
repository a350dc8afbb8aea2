// json-server 0.17 as a backend: { "authors": [], "books": [], "users": [] } under --prefix, kept in memory; or --db,
// a file, which it writes to.
//
//   node json_server.js [--port 0] [--prefix /api] [--db FILE] [--timeout 300]
//
// The package is used as a module, which is what its own command line does, because only so is the free port known
// without a race, and nothing is left behind when the process is killed. Answers of 1 KiB and more are gzip for clients
// that accept it. Prints {"port":P} when it listens; ends by itself after --timeout seconds.
"use strict";

const { parseArgs } = require("node:util");
const jsonServer = require(`${process.env.RESTCAST_TEST_NODE}/json-server`);

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    prefix: { type: "string", default: "/" },
    db: { type: "string" },
    timeout: { type: "string", default: "300" },
  },
});

const app = jsonServer.create();
app.use(jsonServer.defaults({ logger: false }));
app.use(options.prefix, jsonServer.router(options.db ?? { authors: [], books: [], users: [] }));

const server = app.listen(Number(options.port), "127.0.0.1", () => {
  console.log(JSON.stringify({ port: server.address().port }));
});
AbortSignal.timeout(Number(options.timeout) * 1000).addEventListener("abort", () => process.exit(1));
