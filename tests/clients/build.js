// Builds a page of pages/ with Vite, as an application would be, around a snippet of a document.
//
//   node build.js --page FOLDER --snippet FILE --work FOLDER --out FOLDER
//
// --work gets a copy of the page, the snippet as snippet.js or snippet.jsx (by its own ending), and the packages of
// RESTCAST_TEST_NODE as node_modules; --out the page. Both are made anew.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { parseArgs } = require("node:util");

const { values: options } = parseArgs({
  options: {
    page: { type: "string" },
    snippet: { type: "string" },
    work: { type: "string" },
    out: { type: "string" },
  },
});
const packages = process.env.RESTCAST_TEST_NODE;

async function main() {
  fs.rmSync(options.work, { recursive: true, force: true });
  fs.cpSync(options.page, options.work, { recursive: true });
  fs.copyFileSync(options.snippet, path.join(options.work, `snippet${path.extname(options.snippet)}`));
  fs.symlinkSync(path.resolve(packages), path.join(options.work, "node_modules"));
  const { build } = await import(`${packages}/vite/dist/node/index.js`);
  await build({
    configFile: false,
    root: options.work,
    base: "./",
    logLevel: "warn",
    esbuild: { jsx: "automatic" },
    build: { outDir: path.resolve(options.out), emptyOutDir: true },
  });
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
