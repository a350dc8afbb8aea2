"""A REST backend of collections on Flask, as the FastCMS document's clients expect it, with logins.

POST /api/v1/auth/login {"email", "password"}       {"access_token"}: a JWT with `sub` and `email`
GET, POST /api/v1/collections/<name>/records        GET: {"items": […], "total": n}, the newest first
GET, PATCH, DELETE /api/v1/collections/<name>/records/<id>   DELETE: 204 without body
GET /<file>                                         a file of --pages

A record is flat, with its `id`: a number, or with `--ids uuid` a UUID. Everybody may read and write, but a token that is
sent has to be valid. The password of any email is `password`; the user's id is what stands before the `@`.

Prints `{"port": P}` when it listens; it is killed when no longer needed, and by its own alarm after --timeout seconds.
"""

import argparse
import itertools
import json
import logging
import signal
import time
import uuid

import jwt
from flask import Flask, abort, request, send_from_directory
from werkzeug.serving import make_server

parser = argparse.ArgumentParser(description="a REST backend of collections")
parser.add_argument("--port", type=int, default=0, help="0: a free one")
parser.add_argument("--secret", required=True, help="what tokens are signed with")
parser.add_argument("--ids", choices=["integer", "uuid"], default="integer")
parser.add_argument("--pages", default="/nonexistent", help="a folder of static files")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
options = parser.parse_args()

app = Flask(__name__, static_folder=None)
app.json.sort_keys = False
collections = {}
numbers = itertools.count(1)
RECORDS = "/api/v1/collections/<collection>/records"


@app.before_request
def check_token():
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        try:
            jwt.decode(token, options.secret, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            abort(401)


@app.post("/api/v1/auth/login")
def login():
    given = request.get_json()
    if given["password"] != "password":
        abort(401)
    user, _, _ = given["email"].partition("@")
    claims = {"sub": user, "email": given["email"], "exp": int(time.time()) + 300}
    return {"access_token": jwt.encode(claims, options.secret, algorithm="HS256")}


def records(collection):
    return collections.setdefault(collection, {})


@app.get(RECORDS)
def several(collection):
    items = list(reversed(records(collection).values()))
    return {"items": items, "total": len(items)}


@app.post(RECORDS)
def create(collection):
    identifier = next(numbers) if options.ids == "integer" else str(uuid.uuid4())
    record = {**request.get_json(), "id": identifier}
    records(collection)[str(identifier)] = record
    return record, 201


@app.route(f"{RECORDS}/<identifier>", methods=["GET", "PATCH", "DELETE"])
def one(collection, identifier):
    record = records(collection).get(identifier) or abort(404)
    if request.method == "DELETE":
        del records(collection)[identifier]
        return "", 204
    if request.method == "PATCH":
        record.update({**request.get_json(), "id": record["id"]})
    return record


@app.get("/<path:file>")
def page(file):
    return send_from_directory(options.pages, file)


signal.alarm(options.timeout)
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
server = make_server("127.0.0.1", options.port, app, threaded=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
