// Shows what the socket of a document gets; build.js puts its code beside this file, as snippet.js.
import "./before.js";
import { socket } from "./snippet.js";

const list = document.getElementById("came");
function show(text) {
  const row = document.createElement("li");
  row.textContent = text;
  list.append(row);
}

socket.on("connect", () => show("connect"));
socket.onAny((event) => show(event));
socket.io.engine.on("upgrade", (transport) => show(`upgrade: ${transport.name}`));
