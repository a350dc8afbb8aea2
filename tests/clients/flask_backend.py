"""A legacy REST backend of books on Flask that wraps its records and compresses every answer.

One record comes as `{"status": "ok", "data": {…}}`, several as `{"items": […], "total": n}`. Answers are gzip unless
the query says otherwise: `?coding=gzip|deflate|deflate-raw|br|zstd|identity`, whatever the client accepts. (deflate is
the zlib format that RFC 9110 means, deflate-raw the bare stream that some servers send under the same name.)

GET, POST /api/books · GET, PUT, PATCH, DELETE /api/books/<id> (DELETE: 204 without body)
POST /api/books/bulk           a list of records; answers all of them
POST /api/books/located        201 with nothing but Location
POST /api/books/huge?bytes=N   the record with a filler of N bytes
POST /api/books/fail?status=N  nothing is stored
GET  /api/events               three server-sent events: the first at once, each other after a POST /api/events/next
WS   /backend-ws               echo

Prints `{"port": P}` when it listens; it is killed when no longer needed, and by its own alarm after --timeout seconds.
"""

import argparse
import gzip
import itertools
import json
import logging
import queue
import signal
import zlib

import brotli
import zstandard
from flask import Flask, Response, request
from flask_sock import Sock
from werkzeug.serving import make_server


def deflate_raw(body):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


# What `?coding=` may say: the name in Content-Encoding, and the function behind it.
CODINGS = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate-raw": ("deflate", deflate_raw),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
}

app = Flask(__name__)
sock = Sock(app)
books = {}
next_id = itertools.count(1)
released = queue.Queue()  # one entry for each further server-sent event


def store(fields):
    identifier = next(next_id)
    books[identifier] = {**fields, "id": identifier}
    return books[identifier]


def answer(value, status=200, headers=None):
    response = Response(json.dumps(value), status, headers, mimetype="application/json")
    coding = request.args.get("coding", "gzip")
    if coding != "identity":
        name, compress = CODINGS[coding]
        response.data = compress(response.data)
        response.headers["Content-Encoding"] = name
    return response


def one(record, status=200, headers=None):
    return answer({"status": "ok", "data": record}, status, headers)


def several(records, status=200):
    return answer({"items": records, "total": len(records)}, status)


def location(record):
    return {"Location": f"/api/books/{record['id']}"}


@app.get("/api/books")
def list_books():
    return several(list(books.values()))


@app.post("/api/books")
def create():
    record = store(request.get_json())
    return one(record, 201, location(record))


@app.post("/api/books/bulk")
def create_several():
    return several([store(fields) for fields in request.get_json()], 201)


@app.post("/api/books/located")
def create_located():
    return Response(status=201, headers=location(store(request.get_json())))


@app.post("/api/books/huge")
def create_huge():
    return one(store({**request.get_json(), "filler": "x" * int(request.args["bytes"])}), 201)


@app.post("/api/books/fail")
def fail():
    return answer({"status": "error"}, int(request.args["status"]))


@app.route("/api/books/<int:identifier>", methods=["GET", "PUT", "PATCH", "DELETE"])
def item(identifier):
    if identifier not in books:
        return answer({"status": "error"}, 404)
    if request.method == "DELETE":
        del books[identifier]
        return Response(status=204)
    if request.method == "PUT":
        books[identifier] = {**request.get_json(), "id": identifier}
    if request.method == "PATCH":
        books[identifier] = {**books[identifier], **request.get_json(), "id": identifier}
    return one(books[identifier])


@app.get("/api/events")
def events():
    def stream():
        for number in range(3):
            if number:
                released.get()
            yield f"id: {number}\ndata: {json.dumps({'number': number})}\n\n"

    return Response(stream(), mimetype="text/event-stream")


@app.post("/api/events/next")
def release_event():
    released.put(None)
    return Response(status=204)


@sock.route("/backend-ws")
def echo(socket):
    while True:
        socket.send(socket.receive())


parser = argparse.ArgumentParser(description="a REST backend that wraps and compresses its answers")
parser.add_argument("--port", type=int, default=0, help="0: a free one")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
options = parser.parse_args()
signal.alarm(options.timeout)
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
server = make_server("127.0.0.1", options.port, app, threaded=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
