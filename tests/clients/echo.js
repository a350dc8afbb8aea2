// Sends random messages to a WebSocket that returns each of them, with the ws package, and compares.
//
//   node echo.js --url URL --count N --seed S [--bytes 200000] [--timeout 60]
//
// Text and binary, up to --bytes long, some in fragments, with PINGs in between, all sent at once. Prints {"echoed":N}
// and ends with 0 when all came back and the close was answered with 1000; otherwise {"error":…} and 1.
"use strict";

const { parseArgs } = require("node:util");
const WebSocket = require(`${process.env.RESTCAST_TEST_NODE}/ws`);

const { values: options } = parseArgs({
  options: {
    url: { type: "string" },
    count: { type: "string" },
    seed: { type: "string" },
    bytes: { type: "string", default: "200000" },
    timeout: { type: "string", default: "60" },
  },
});

const ALPHABET = [..."aZ0 \u0000\u007f\u00e4\u07ff\u4e16\uffff\u{1f388}\u{10ffff}"];

// mulberry32: the same numbers for the same seed.
let state = Number(options.seed);
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}
const below = (limit) => Math.floor(random() * limit);

function message() {
  const length = Math.floor(Number(options.bytes) ** random()); // as many short ones as long ones
  const isText = random() < 0.5;
  const data = isText
    ? Buffer.from(Array.from({ length: Math.floor(length / 4) }, () => ALPHABET[below(ALPHABET.length)]).join(""))
    : Buffer.from(Array.from({ length }, () => below(256)));
  return { isText, data };
}

// Cuts at any byte, so also in the middle of a character.
function send(socket, { isText, data }) {
  const cut = random() < 0.3 ? below(data.length + 1) : data.length;
  if (cut < data.length) socket.send(data.subarray(0, cut), { binary: !isText, fin: false });
  socket.send(cut < data.length ? data.subarray(cut) : data, { binary: !isText, fin: true });
  if (random() < 0.2) socket.ping(data.subarray(0, 125));
}

function fail(reason) {
  console.log(JSON.stringify({ error: String(reason) }));
  process.exit(1);
}

const messages = Array.from({ length: Number(options.count) }, message);
const socket = new WebSocket(options.url, { perMessageDeflate: false });
let echoed = 0;
socket.on("open", () => messages.forEach((one) => send(socket, one)));
socket.on("message", (data, isBinary) => {
  const sent = messages[echoed++];
  if (isBinary === sent.isText || !data.equals(sent.data)) fail(`message ${echoed - 1} differs`);
  if (echoed === messages.length) socket.close(1000);
});
socket.on("error", fail);
socket.on("close", (code) => {
  if (code !== 1000 || echoed !== messages.length) fail(`closed with ${code} after ${echoed}`);
  console.log(JSON.stringify({ echoed }));
  process.exit(0);
});
AbortSignal.timeout(Number(options.timeout) * 1000).addEventListener("abort", () => fail("not done in time"));
