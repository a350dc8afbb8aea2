// The server that most people run: socket.io with its defaults (and so with ws), a namespace that asks for a token, one
// room. The body of each POST is told to that room as restcast tells it.
//
//     node socketio.js PORT SECRET

const { createHmac } = require("node:crypto");
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const [port, secret] = process.argv.slice(2);

/** The claims of a token (RFC 7519, HS256). */
function claims(token) {
  const [head, body, signature] = String(token).split(".");
  const expected = createHmac("sha256", secret).update(`${head}.${body}`).digest("base64url");
  const said = JSON.parse(Buffer.from(body, "base64url").toString());
  if (signature !== expected || said.exp < Date.now() / 1000) throw new Error("bad token");
  return said;
}

const http = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const data = JSON.parse(Buffer.concat(chunks).toString());
  const timestamp = new Date().toISOString();
  admins.to("admin").emit("author_create", { type: "create", author_id: data.id, data, timestamp });
  response.writeHead(202, { "content-length": 0 }).end();
});

const admins = new Server(http).of("/admin");
admins.use((socket, next) => {
  try {
    socket.data.claims = claims(socket.handshake.auth.token);
    next(socket.data.claims.role === "admin" ? undefined : new Error("Access denied"));
  } catch {
    next(new Error("Invalid token"));
  }
});
admins.on("connection", (socket) => socket.join("admin"));

http.listen(Number(port), "127.0.0.1");
