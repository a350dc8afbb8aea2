"""Socket.IO clients of python-socketio, told by lines of JSON on standard input what to do, as in `socketio_clients.js`:

{"open": NAME, "url": URL, "namespaces": […], "auth": {…}, "transports": […]?}   connects
{"who": NAME, "namespace": N, "emit": [EVENT, DATA], "ack": true}               emits; with ack: wants an acknowledgement
{"who": NAME, "close": true}                                                    closes the connection
{"who": NAME, "break": true}                                                    has its WebSocket break off

Prints what happens as `{"who": NAMESPACE of NAME, "got": WHAT, "args": […]}`, NAMESPACE of NAME as `NAME/admin`. Ends with
standard input.
"""

import json
import os
import socket
import sys
import threading

import socketio

clients = {}
writing = threading.Lock()


def say(who, got, *args):
    with writing:
        print(json.dumps({"who": who, "got": got, "args": args}, default=list), flush=True)


def follow(client, name, namespace):
    who = name + namespace

    @client.on("connect", namespace=namespace)
    def connect():
        say(who, "connect", client.get_sid(namespace), client.transport())

    @client.on("connect_error", namespace=namespace)
    def connect_error(data):
        say(who, "connect_error", data)

    @client.on("disconnect", namespace=namespace)
    def disconnect(reason):
        say(who, "disconnect", reason)

    @client.on("*", namespace=namespace)
    def event(name, *args):
        say(who, "event", name, *args)


def open_client(order):
    client = socketio.Client(reconnection_delay=0.05, reconnection_delay_max=0.1, randomization_factor=0)
    clients[order["open"]] = client
    for namespace in order["namespaces"]:
        follow(client, order["open"], namespace)
    try:
        client.connect(
            order["url"],
            namespaces=order["namespaces"],
            auth=order.get("auth"),
            transports=order.get("transports"),
            wait_timeout=10,
        )
        say(order["open"], "open", client.transport())
    except socketio.exceptions.ConnectionError as error:
        say(order["open"], "failed", str(error))


def act(order):
    if "open" in order:
        return open_client(order)
    client = clients[order["who"]]
    if "break" in order:
        return client.eio.ws.sock.shutdown(socket.SHUT_RDWR)
    if "emit" not in order:
        return client.disconnect()
    namespace = order["namespace"]
    who = order["who"] + namespace
    callback = (lambda *args: say(who, "ack", *args)) if order.get("ack") else None
    client.emit(*order["emit"], namespace=namespace, callback=callback)


for line in sys.stdin:
    act(json.loads(line))
os._exit(0)  # the clients' threads go on otherwise
