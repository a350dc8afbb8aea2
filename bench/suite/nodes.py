"""Two nodes with a broker between them, and one node alone: an event that one node is told of, on its way to the readers of
another."""

import contextlib
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .processes import Process, free_port, running
from .systems import urls

READY_TIMEOUT = 15.0
KINDS = ["one", "redis", "nats"]


@dataclass
class Nodes:
    """What runs."""

    nodes: list
    """The first is told of events, and the last has the readers."""
    server: Process | None
    readers: str
    publish: str

    def pids(self):
        return [pid for node in self.nodes for pid in node.pids()]

    def broker_pids(self):
        return self.server.pids() if self.server else []

    def pid_options(self):
        return [option for pid in self.pids() for option in ("--pid", str(pid))]


@contextlib.contextmanager
def started(laboratory, kind):
    """One node, or two with a server of that kind."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="restcast-bench-")))
        server, broker = None, ""
        if kind != "one":
            port = free_port()
            command = [*laboratory.cores.for_server(), *SERVERS[kind](folder, port)]
            server = stack.enter_context(running(kind, command, port, laboratory.logs / f"{kind}.log"))
            broker = f'\n[broker]\nkind = "{kind}"\nurl = "{kind}://127.0.0.1:{port}"\n'
        nodes, listens = [], []
        for number in range(1 if kind == "one" else 2):
            port, admin = free_port(), free_port()
            own = folder / str(number)
            own.mkdir()
            path = laboratory.filled("restcast.toml", own, f"127.0.0.1:{port}", admin=admin, more=broker)
            command = [*laboratory.cores.for_server(), str(laboratory.restcast), "serve", "--config", str(path)]
            log = laboratory.logs / f"{kind}-{number}.log"
            nodes.append(stack.enter_context(running("restcast", command, port, log)))
            listens.append(f"127.0.0.1:{port}")
            wait_until_ready(admin)
        _, publish = urls("restcast", listens[0])
        readers, _ = urls("restcast", listens[-1])
        yield Nodes(nodes, server, readers, publish)


def wait_until_ready(admin):
    """A node is ready once it has read the broker's log."""
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=1).close()
            return
        time.sleep(0.02)
    raise RuntimeError("a node does not become ready")


def redis(folder, port):
    return [
        *(machine.find_server("redis-server"), "--port", str(port), "--bind", "127.0.0.1"),
        *("--dir", str(folder), "--save", "", "--appendonly", "no"),
    ]


def nats(folder, port):
    return [machine.find_server("nats-server"), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]


SERVERS = {"redis": redis, "nats": nats}
