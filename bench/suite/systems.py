"""The systems that are measured: how each is started, and the URLs at which it does the work."""

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .processes import Process, free_port, running

SECRET = "the benchmark's secret, which is none"


@dataclass
class System:
    """A running system."""

    process: Process
    http: str
    """Where requests go, without a path."""
    readers: str
    """Where WebSockets connect."""
    publish: str
    """Where a POST causes an event."""

    def pid_options(self):
        return list(itertools.chain.from_iterable(("--pid", str(pid)) for pid in self.process.pids()))


class Laboratory:
    """Starts systems, one at a time, in front of one backend that runs all the time."""

    def __init__(self, binaries, cores, logs):
        self.examples = binaries / "examples"
        self.restcast = binaries / "restcast"
        self.cores = cores
        self.logs = logs
        self.origin = None
        self.backend_process = None

    @contextlib.contextmanager
    def backend(self):
        """The REST backend, at real-time priority where allowed: it is never what is measured."""
        port = free_port()
        self.origin = f"127.0.0.1:{port}"
        command = [
            *self.cores.for_others(),
            *machine.real_time(),
            str(self.examples / "origin"),
            "--listen",
            self.origin,
        ]
        with running("origin", command, port, self.logs / "origin.log") as self.backend_process:
            yield

    def backend_pids(self):
        return self.backend_process.pids()

    @contextlib.contextmanager
    def system(self, name, threads=1, pinned=True):
        port = free_port()
        listen = f"127.0.0.1:{port}"
        with tempfile.TemporaryDirectory(prefix="restcast-bench-") as folder:
            command = COMMANDS[name](self, Path(folder), listen, threads)
            command = [*(self.cores.for_server() if pinned else []), *command]
            with running(name, command, port, self.logs / f"{name}.log") as process:
                yield System(process, f"http://{listen}", *urls(name, listen))

    def load(self):
        return [*self.cores.for_others(), str(self.examples / "load")]

    def filled(self, name, folder, listen, threads=1, admin=None, more=""):
        """A configuration file with its placeholders filled in, and `more` behind it."""
        text = (machine.CONF / name).read_text() + more
        values = {
            "@LISTEN@": listen,
            "@UPSTREAM@": self.origin,
            "@ADMIN@": f"127.0.0.1:{admin or free_port()}",
            "@THREADS@": str(threads),
            "@DIR@": str(folder),
            "@SECRET@": SECRET,
        }
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        path = folder / name
        path.write_text(text)
        return path


def token(claims):
    """A token of HS256 (RFC 7519)."""

    def part(content):
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    signed = part(b'{"alg":"HS256"}') + "." + part(json.dumps(claims).encode())
    return signed + "." + part(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))


TOKEN = token({"user_id": 1, "role": "admin", "exp": 4_000_000_000})


def urls(name, listen):
    if name in ("socketio", "npm"):
        return f"ws://{listen}/socket.io/?EIO=4&transport=websocket", f"http://{listen}/api/authors"
    if name in ("nchan", "broadcast"):
        return f"ws://{listen}/ws", f"http://{listen}/publish"
    return f"ws://{listen}/ws?topic=author", f"http://{listen}/api/authors"


def restcast(config, more=""):
    def command(laboratory, folder, listen, threads):
        path = laboratory.filled(config, folder, listen, threads, more=more)
        return [str(laboratory.restcast), "serve", "--config", str(path)]

    return command


def bare(laboratory, _folder, listen, threads):
    program = str(laboratory.examples / "bare_proxy")
    return [program, "--listen", listen, "--upstream", laboratory.origin, "--threads", str(threads)]


def broadcast(laboratory, _folder, listen, _threads):
    return [str(laboratory.examples / "broadcast_server"), "--listen", listen]


def nginx(config):
    def command(laboratory, folder, listen, _threads):
        # nginx drops its privileges, and its workers must reach their files.
        folder.chmod(0o755)
        path = laboratory.filled(config, folder, listen)
        return [machine.find_server("nginx"), "-p", str(folder), "-c", str(path)]

    return command


def npm(_laboratory, folder, listen, _threads):
    # Node looks for packages beside the program.
    program = shutil.copy(machine.NPM / "socketio.js", folder)
    (folder / "node_modules").symlink_to(machine.npm_folder() / "node_modules")
    return ["node", program, listen.rsplit(":", 1)[1], SECRET]


def haproxy(laboratory, folder, listen, _threads):
    return [machine.find_server("haproxy"), "-db", "-f", str(laboratory.filled("haproxy.cfg", folder, listen))]


COMMANDS = {
    "restcast": restcast("restcast.toml"),
    "without_history": restcast("restcast.toml", "\n[history]\nsize = 0\n"),
    "fastcms": restcast("fastcms.toml"),
    "websocketspec": restcast("websocketspec.toml"),
    "socketio": restcast("socketio.toml"),
    "npm": npm,
    "bare": bare,
    "broadcast": broadcast,
    "nchan": nginx("nchan.conf"),
    "nginx": nginx("nginx_proxy.conf"),
    "haproxy": haproxy,
}
