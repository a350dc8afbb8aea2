"""A Socket.IO client that prints what it hears, one JSON array in each line: ["NAMESPACE", "WHAT", …].

python socketio.py URL '{"namespaces": {"/admin": "TOKEN"}, "transports": […], "emit": [["/admin", "EVENT", DATA], …]}'

All namespaces show the token of the first.
"""

import json
import os
import sys

# This file has the name of the package.
sys.path = [place for place in sys.path if place != os.path.dirname(os.path.abspath(__file__))]

import socketio  # noqa: E402

url, wanted = sys.argv[1], json.loads(sys.argv[2])
namespaces = wanted["namespaces"]


def say(*words):
    # At once: several threads say something.
    os.write(1, f"{json.dumps(words)}\n".encode())


client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.1)


def refusal(data):
    """A text where it is not the server that says it."""
    return (data["message"], data["data"]) if isinstance(data, dict) else (data,)


def hear(name):
    client.on("connect", lambda: say(name, "connect"), namespace=name)
    client.on("disconnect", lambda reason=None: say(name, "disconnect", reason), namespace=name)
    client.on("connect_error", lambda data: say(name, "refused", *refusal(data)), namespace=name)
    client.on("*", lambda event, *data: say(name, "event", event, *data), namespace=name)


for name in namespaces:
    hear(name)
token = next(iter(namespaces.values()))
options = {"transports": wanted["transports"]} if wanted.get("transports") else {}
try:
    client.connect(url, namespaces=list(namespaces), auth={"token": token} if token else None, **options)
except socketio.exceptions.ConnectionError as error:
    say("", "failed", str(error))
    sys.exit()
say("", "transport", client.transport())
for name, event, data in wanted.get("emit", []):
    say(name, "ack", event, client.call(event, data, namespace=name))
client.wait()
