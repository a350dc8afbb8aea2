"""The REST side of the Socket.IO document on Flask: platforms, features and packages, and what its pages ask for.

POST /api/auth/login {"user", "seconds"?}                 {"token"}: a JWT of one of ACCOUNTS, of 15 minutes
PUT  /api/admin/{platforms,features,packages}/<id>        changes fields; {"success", "platform" …, "message"}
POST /api/admin/{platforms,features,packages}/<id>/toggle {"is_enabled"}
POST /api/admin/features/check                            {"has_access"}
GET  /api/admin/dashboard/{overview,activity-feed,system-health}
GET  /api/client/config                                   {"features", "platforms"} of the token's customer
PUT, DELETE /broken                                       from now on everything below /api/ fails, or not
PUT, DELETE /held                                         from now on /api/client/config is not answered, or it is
GET  /<file>                                              a file of --pages

All below /api/ but the login needs a token as `Authorization: Bearer`, and what is below /api/admin/ one of an
administrator (but the check of a feature). A write with {"fail": 500} is answered so, and one with {"fail": 200} with
`"success": false`.

Prints `{"port": P}` when it listens; it is killed when no longer needed, and by its own alarm after --timeout seconds.
"""

import argparse
import json
import logging
import signal
import threading
import time

import jwt
from flask import Flask, abort, g, request, send_from_directory
from werkzeug.serving import make_server

parser = argparse.ArgumentParser(description="a REST backend of platforms, features and packages")
parser.add_argument("--port", type=int, default=0, help="0: a free one")
parser.add_argument("--secret", required=True, help="what tokens are signed with")
parser.add_argument("--pages", default="/nonexistent", help="a folder of static files")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
options = parser.parse_args()

app = Flask(__name__, static_folder=None)
app.json.sort_keys = False
broken = set()
may_answer = threading.Event()
may_answer.set()


def account(user, role, **claims):
    empty = {"admin_id": None, "admin_role": None, "permissions": [], "client_id": None, "company": None}
    return {"user_id": user, "email": f"user{user}@example.com", "role": role, **empty, **claims}


ACCOUNTS = {
    "owner": account(7, "admin", admin_id=1, admin_role="owner", permissions=["all"]),
    "helper": account(8, "admin", admin_id=2, admin_role="support", permissions=["read"]),
    "client3": account(13, "client", client_id=3, company="Three", package_id=2),
    "client4": account(14, "client", client_id=4, company="Four", package_id=1),
    "nobody": account(20, "guest"),
}
TABLES = {
    "platforms": {n: {"id": n, "platform": name, "is_enabled": True, "display_name": name.title(), "active_clients": 2}
                  for n, name in enumerate(["talabat", "jahez", "deliveroo"], 1)},
    "features": {n: {"id": n, "feature_key": name, "is_enabled": True, "sub_features": []}
                 for n, name in enumerate(["reports", "exports", "webhooks"], 1)},
    "packages": {n: {"id": n, "name": name, "price_kwd": 10.5, "is_active": True}
                 for n, name in enumerate(["basic", "premium"], 1)},
}
ACTIVITIES = [{"id": n, "action": "login"} for n in range(1, 6)]


@app.before_request
def check_token():
    if not request.path.startswith("/api/") or request.path == "/api/auth/login":
        return
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        g.claims = jwt.decode(token, options.secret, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        abort(401)
    is_open = not request.path.startswith("/api/admin/") or request.path.endswith("/check")
    if not is_open and g.claims["role"] != "admin":
        abort(403)
    if broken:
        return {"success": False, "error": "broken"}, 500


@app.post("/api/auth/login")
def login():
    given = request.get_json()
    claims = {**ACCOUNTS[given["user"]], "exp": time.time() + given.get("seconds", 900)}
    return {"token": jwt.encode(claims, options.secret, algorithm="HS256")}


def find(table, number):
    return TABLES.get(table, {}).get(number) or abort(404)


def written(table, record, change):
    """The answer to a write, which may be asked to fail."""
    status = change.pop("fail", None)
    if status:
        return {"success": False, "error": "as asked"}, status
    record.update(change, id=record["id"])
    return {"success": True, table.removesuffix("s"): record, "message": "saved"}


@app.put("/api/admin/<table>/<int:number>")
def put(table, number):
    return written(table, find(table, number), request.get_json())


@app.post("/api/admin/<table>/<int:number>/toggle")
def toggle(table, number):
    return written(table, find(table, number), request.get_json())


@app.post("/api/admin/features/check")
def check_feature():
    given = request.get_json()
    assert set(given) == {"client_id", "feature_key", "sub_key"}, given
    return {"success": True, "has_access": given["client_id"] == 3 and given["feature_key"] == "reports"}


@app.get("/api/admin/dashboard/overview")
def overview():
    return {"success": True, "overview": {"clients": 2, "platforms": len(TABLES["platforms"])}}


@app.get("/api/admin/dashboard/activity-feed")
def activity_feed():
    size, page = int(request.args["per_page"]), int(request.args["page"])
    return {"success": True, "activities": ACTIVITIES[(page - 1) * size : page * size]}


@app.get("/api/admin/dashboard/system-health")
def system_health():
    return {"success": True, "health": {"database": "ok"}}


@app.get("/api/client/config")
def client_config():
    may_answer.wait(options.timeout)
    features = {record["feature_key"]: record["is_enabled"] for record in TABLES["features"].values()}
    platforms = [record["platform"] for record in TABLES["platforms"].values()]
    return {"features": {**features, "of": g.claims["client_id"]}, "platforms": platforms}


@app.route("/broken", methods=["PUT", "DELETE"])
def break_it():
    broken.add(True) if request.method == "PUT" else broken.clear()
    return "", 204


@app.route("/held", methods=["PUT", "DELETE"])
def hold():
    may_answer.clear() if request.method == "PUT" else may_answer.set()
    return "", 204


@app.get("/<path:file>")
def page(file):
    return send_from_directory(options.pages, file)


signal.alarm(options.timeout)
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
server = make_server("127.0.0.1", options.port, app, threaded=True)
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
