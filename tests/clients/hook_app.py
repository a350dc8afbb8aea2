"""An application on Flask that is asked by the hooks of a websocketspec endpoint.

POST /hook     the webhook; 403 unless the signature is right, else what was said last for that hook, or 204
POST /answers  {"before_read": {…}}: what hooks are answered from now on; a number is a status
GET  /log      what came
"""

import argparse
import json
import logging
import signal

from flask import Flask, Response, jsonify, request
from signature import is_signed
from werkzeug.serving import make_server

app = Flask(__name__)
answers = {}
log = []


@app.post("/hook")
def hook():
    body = request.get_data()
    if not is_signed(options.secret, request.headers, body):
        return Response(status=403)
    call = json.loads(body)
    log.append(call)
    answer = answers.get(call["hook"])
    if isinstance(answer, int):
        return Response(status=answer)
    return Response(status=204) if answer is None else jsonify(answer)


@app.post("/answers")
def say():
    answers.update(request.get_json())
    return Response(status=204)


@app.get("/log")
def entries():
    return jsonify(log)


parser = argparse.ArgumentParser(description="an application with hooks")
parser.add_argument("--port", type=int, default=0, help="0: a free one")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
parser.add_argument("--secret", default="secret")
options = parser.parse_args()
signal.alarm(options.timeout)
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
server = make_server("127.0.0.1", options.port, app, threaded=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
