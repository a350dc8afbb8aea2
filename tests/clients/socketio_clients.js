// Socket.IO clients of socket.io-client, told by lines of JSON on standard input what to do.
//
//   node socketio_clients.js [--timeout 60]
//
// {"open":NAME,"url":URL,"options":{…}}    a socket; its options as in the package, and forceNew: false shares a connection
// {"who":NAME,"emit":[EVENT,…],"ack":true} emits; with ack: wants an acknowledgement
// {"who":NAME,"burst":N,"emit":[EVENT]}    emits N times with acks, some in each turn of the loop, from now on
// {"who":NAME,"close":true}                closes the socket
//
// Prints what happens as {"who":NAME,"got":WHAT,"args":[…]}: connect (with the socket's id, the connection's and the
// transport), connect_error (message, data), disconnect (reason), upgrade (transport), ping, ack (with "number" in a
// burst), and "event" with its name first; one that wants an answer gets {"who","heard"}. Ends with standard input, and
// with 1 when the time is over.
"use strict";

const readline = require("node:readline");
const { parseArgs } = require("node:util");
const { io } = require(`${process.env.RESTCAST_TEST_NODE}/socket.io-client`);

const { values: options } = parseArgs({ options: { timeout: { type: "string", default: "60" } } });
const sockets = new Map();
const say = (who, got, ...args) => console.log(JSON.stringify({ who, got, args }));

// A connection has another engine each time it is made.
function watch(who, engine) {
  engine.on("upgrade", (transport) => say(who, "upgrade", transport.name));
  engine.on("ping", () => say(who, "ping"));
}

function open({ open: who, url, options: given }) {
  const socket = io(url, { forceNew: true, reconnectionDelay: 50, randomizationFactor: 0, ...given });
  sockets.set(who, socket);
  let watched;
  const engine = () => {
    if (socket.io.engine === watched) return;
    watched = socket.io.engine;
    watch(who, watched);
  };
  engine();
  socket.io.on("reconnect_attempt", () => setImmediate(engine));
  socket.on("connect", () => {
    engine();
    say(who, "connect", socket.id, socket.io.engine.id, socket.io.engine.transport.name);
  });
  socket.on("connect_error", (error) => say(who, "connect_error", error.message, error.data, socket.connected));
  socket.on("disconnect", (reason) => say(who, "disconnect", reason, socket.active));
  socket.onAny((...event) => {
    const answer = typeof event.at(-1) === "function" ? event.pop() : undefined;
    say(who, "event", ...event);
    answer?.({ who, heard: event[0] });
  });
}

function burst(who, count, event) {
  let number = 0;
  const some = () => {
    for (let end = Math.min(number + 3, count); number < end; number += 1) {
      const own = number;
      sockets.get(who).emit(...event, (...args) => say(who, "ack", own, ...args));
    }
    if (number < count) setTimeout(some, 1);
  };
  some();
}

// {"bytes":[…]} stands for bytes, wherever it is.
function withBytes(value) {
  if (value === null || typeof value !== "object") return value;
  if (value.bytes) return Buffer.from(value.bytes);
  if (Array.isArray(value)) return value.map(withBytes);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withBytes(one)]));
}

function act(order) {
  if (order.open) return open(order);
  const socket = sockets.get(order.who);
  if (order.burst) return burst(order.who, order.burst, order.emit);
  if (order.emit) {
    const ack = order.ack ? [(...args) => say(order.who, "ack", ...args)] : [];
    return socket.emit(...withBytes(order.emit), ...ack);
  }
  return socket.close();
}

const input = readline.createInterface({ input: process.stdin });
input.on("line", (line) => act(JSON.parse(line)));
input.on("close", () => process.exit(0));
AbortSignal.timeout(Number(options.timeout) * 1000).addEventListener("abort", () => process.exit(1));
