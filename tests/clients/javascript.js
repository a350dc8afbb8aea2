// Prints a TypeScript file as JavaScript: what is left without its types.
//
//   node javascript.js FILE
"use strict";

const fs = require("node:fs");
const { transformSync } = require(`${process.env.RESTCAST_TEST_NODE}/esbuild`);

process.stdout.write(transformSync(fs.readFileSync(process.argv[2], "utf8"), { loader: "ts", target: "es2022" }).code);
