// A Socket.IO client that prints what it hears, one JSON array in each line: ["NAMESPACE", "WHAT", …].
//
//   node socketio.js URL '{"namespaces": {"/admin": "TOKEN"}, "transports": […], "emit": [["/admin", "EVENT", DATA], …]}'
//
// "flaky": its connections break off after so many milliseconds each, and it comes back by itself.
// "away": its connection breaks off at the first SIGUSR2, and it comes back at the second.
// "burst": that many events with acks are sent as soon as "/admin" is in, and what is printed is the order of their acks.
// "follow": it says with each CONNECT what it got last, as "since".
// What is asked to be answered is, with {"heard": "EVENT"}, unless "mute" is true.
"use strict";

const { io } = require(`${process.env.RESTCAST_TEST_NODE}/socket.io-client`);

const [url, text] = process.argv.slice(2);
const wanted = JSON.parse(text);
const { namespaces, transports, emit = [], burst = 0, away = false, mute = false, flaky = 0, follow = false } = wanted;
const say = (...words) => console.log(JSON.stringify(words));
const sockets = {};

for (const [name, token] of Object.entries(namespaces)) {
  const options = { auth: token ? { token } : {}, reconnectionDelay: 50, reconnectionDelayMax: 100 };
  let last = "";
  if (follow) options.auth = (show) => show({ token, since: last });
  if (away) options.reconnection = false;
  if (transports) options.transports = transports;
  const socket = io(url + name, options);
  sockets[name] = socket;
  socket.on("connect", () => say(name, "connect", socket.io.engine.id, socket.id, Boolean(socket.recovered)));
  socket.on("connect_error", (error) => say(name, "refused", error.message, error.data));
  socket.on("disconnect", (reason) => say(name, "disconnect", reason));
  socket.onAny((event, data, answer) => {
    if (data?.position) last = data.position;
    if (!burst) say(name, "event", event, data);
    if (typeof answer === "function" && !mute) answer({ heard: event });
  });
}

for (const [name, event, data] of emit) {
  sockets[name].emit(event, data, (...answer) => say(name, "ack", event, ...answer));
}

if (burst) {
  const acks = [];
  sockets["/admin"].once("connect", () => {
    for (let number = 0; number < burst; number += 1) {
      sockets["/admin"].emit("request_activity_feed", { limit: 2, offset: number }, () => {
        acks.push(number);
        if (acks.length === burst) say("/admin", "acks", acks, sockets["/admin"].io.engine.transport.name);
      });
    }
  });
}

if (flaky) {
  const [socket] = Object.values(sockets);
  // Without a word, as on a network that is gone; what is under way may come or not.
  const breakOff = () => {
    if (socket.connected) socket.io.engine._onClose("transport error");
    setTimeout(breakOff, Math.random() * 2 * flaky);
  };
  socket.once("admin_connected", breakOff);
}

if (away) {
  const [socket] = Object.values(sockets);
  // While it is away nothing else keeps the process.
  setInterval(() => {}, 1000);
  process.on("SIGUSR2", () => (socket.connected ? socket.io.engine.close() : socket.connect()));
}
