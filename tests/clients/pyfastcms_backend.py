"""FastCMS itself, with an SQLite file in --folder: its own server of `app.main`, an account and the collection `rows`.

Prints `{"port": P, "token": T}` when it listens, where T is the account's; it is killed when no longer needed, and by
its own alarm after --timeout seconds.
"""

import argparse
import json
import os
import signal
import socket
import threading
import warnings

parser = argparse.ArgumentParser(description="FastCMS with a collection of rows")
parser.add_argument("--folder", required=True, help="an empty one, for its files")
parser.add_argument("--timeout", type=int, default=300, help="seconds until it ends by itself")
options = parser.parse_args()
signal.alarm(options.timeout)

# It reads its settings when it is imported, and looks for files where it stands.
os.chdir(options.folder)
os.environ.update(
    DATABASE_URL="sqlite+aiosqlite:///app.db",
    ENVIRONMENT="production",
    LOG_LEVEL="CRITICAL",
    RATE_LIMIT_ENABLED="false",
    REDIS_ENABLED="false",
    SECRET_KEY="a secret of more than thirty-two bytes",
)
warnings.simplefilter("ignore")

import httpx  # noqa: E402 (their warnings)
import uvicorn  # noqa: E402
from app.main import app  # noqa: E402 (needs the settings)

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
port = listener.getsockname()[1]
server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
thread.start()

with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False, timeout=60) as client:
    password = "Passw0rd-1"
    account = {"email": "ann@example.com", "password": password, "password_confirm": password}
    token = client.post("/auth/register", json=account).raise_for_status().json()["token"]["access_token"]
    types = {"name": "text", "age": "number", "score": "number", "active": "bool"}
    schema = [{"name": name, "type": kind} for name, kind in types.items()]
    headers = {"Authorization": f"Bearer {token}"}
    client.post("/collections", json={"name": "rows", "schema": schema}, headers=headers).raise_for_status()
print(json.dumps({"port": port, "token": token}), flush=True)
thread.join()
