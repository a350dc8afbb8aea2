// json-server 1.0 as a backend: { "authors": [], "books": [] }, kept in memory.
//
//   node json_server_1.mjs [--port 0] [--timeout 300]
//
// The package is used as a module, for the reasons that json_server.js gives; its command line needs a newer Node
// besides. Prints {"port":P} when it listens; ends by itself after --timeout seconds.
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";

const { createApp } = await import(pathToFileURL(`${process.env.RESTCAST_TEST_NODE}/json-server-1/lib/app.js`));

const { values: options } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    timeout: { type: "string", default: "300" },
  },
});

// What its service asks of lowdb, less the file.
const database = { data: { authors: [], books: [] }, write: async () => {} };
const server = createApp(database).listen(
  Number(options.port),
  () => console.log(JSON.stringify({ port: server.address().port })),
  "127.0.0.1",
);
AbortSignal.timeout(Number(options.timeout) * 1000).addEventListener("abort", () => process.exit(1));
