"""An application written for mdb_engine, on Flask, with restcast in the engine's place.

Its handlers are those of the document, run as they are (`--handlers FILE`): what they import from mdb_engine is made here,
`broadcast_to_app` becomes an action of the answer, or outside of a handler a request to the publish API (`--admin URL`).
`--script FILE` runs a snippet once and ends. Messages of the types below are handled here:

say {"text"}          one message to the sender          fail {"times"}   500 so often for each delivery, then as say
to {"user_id"}        one to a user's connections        refuse           400
bye {"code"}          closes                             redirect         302 to another path
nothing               204                                hang             no answer before POST /release
huge, noise           what restcast should not take

POST /hook            the webhook; 403 unless the signature is right, by code of its own
GET  /log             what came: delivery, message, and how many were being handled then
"""

import argparse
import ast
import asyncio
import contextvars
import json
import logging
import signal
import sys
import threading
import types
import urllib.request

from flask import Flask, Response, jsonify, request
from signature import is_signed
from werkzeug.serving import make_server

app = Flask(__name__)
handlers = {}
log = []
busy = threading.Lock()
inside = 0
released = threading.Event()
actions = contextvars.ContextVar("actions", default=None)


def publish(slug, message, user_id):
    body = {"message": message} | ({"user_id": user_id} if user_id is not None else {})
    call = urllib.request.Request(
        f"{options.admin}/api/apps/{slug}/broadcast", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(call) as answer:
        return json.load(answer)["sent"]


async def broadcast_to_app(slug, message, user_id=None):
    if actions.get() is None:
        return publish(slug, message, user_id)
    actions.get().append({"broadcast": {"message": message, "user_id": user_id}})


def register_message_handler(slug, endpoint, handler):
    handlers[slug, endpoint] = handler


def run(path):
    engine = types.ModuleType("mdb_engine.routing.websockets")
    engine.broadcast_to_app, engine.register_message_handler = broadcast_to_app, register_message_handler
    for name in ("mdb_engine", "mdb_engine.routing"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[engine.__name__] = engine
    with open(path, encoding="utf-8") as file:
        code = compile(file.read(), path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    pending = eval(code, {"__name__": "snippet"})
    if pending is not None:
        asyncio.run(pending)


def say(message):
    return [{"send": {"message": {"type": "said", "text": message.get("text")}}}]


def handle(call, attempt):
    message, kind = call["message"], call["message"].get("type")
    if kind == "hang":
        released.wait()
    if kind == "fail" and attempt <= message["times"]:
        return Response(status=500)
    if kind == "refuse":
        return Response(status=400)
    if kind == "redirect":
        return Response(status=302, headers={"Location": "/log"})
    if kind == "nothing":
        return Response(status=204)
    if kind == "noise":
        return Response("ok")
    if kind == "huge":
        return Response("{" + " " * 300_000 + "}")
    wanted = []
    if kind in ("say", "fail", "hang"):
        wanted = say(message)
    elif kind == "to":
        wanted = [{"broadcast": {"message": {"type": "told"}, "user_id": message["user_id"]}}] + say(message)
    elif kind == "bye":
        wanted = say(message) + [{"close": {"code": message["code"]}}]
    elif handler := handlers.get((call["app_slug"], call["endpoint"])):
        actions.set(wanted)
        asyncio.run(handler(None, message))
        actions.set(None)
    return jsonify(actions=wanted)


@app.post("/hook")
def hook():
    global inside
    body = request.get_data()
    if not is_signed(options.secret, request.headers, body):
        return Response(status=403)
    call = json.loads(body)
    delivery = request.headers["X-Restcast-Delivery"]
    with busy:
        inside += 1
        log.append({"delivery": delivery, "inside": inside, **call})
        attempt = sum(entry["delivery"] == delivery for entry in log)
    try:
        return handle(call, attempt)
    finally:
        with busy:
            inside -= 1


@app.post("/release")
def release():
    released.set()
    return Response(status=204)


@app.get("/log")
def entries():
    with busy:
        return jsonify(log)


parser = argparse.ArgumentParser(description="an application written for mdb_engine")
parser.add_argument("--port", type=int, default=0, help="0: a free one")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
parser.add_argument("--secret", default="secret")
parser.add_argument("--handlers")
parser.add_argument("--script")
parser.add_argument("--admin")
options = parser.parse_args()
signal.alarm(options.timeout)
if options.handlers:
    run(options.handlers)
if options.script:
    run(options.script)
    sys.exit()
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
server = make_server("127.0.0.1", options.port, app, threaded=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
