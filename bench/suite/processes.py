"""Processes: every one that the benchmark starts is ended by it, by its id, whatever happens."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

START_TIMEOUT = 15.0
STOP_TIMEOUT = 3.0


class Process:
    """A server that was started here."""

    def __init__(self, name, command, log):
        self.name = name
        self.log = Path(log)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A group of its own, so that its workers end with it.
                start_new_session=True,
            )

    def pids(self):
        """Its process and those that it started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            with contextlib.suppress(FileNotFoundError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                todo.extend(map(int, children))
        return found

    def wait_until_listening(self, port):
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.last_words()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} does not listen at port {port}:\n{self.last_words()}")

    def last_words(self):
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self):
        group = self.process.pid
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT)
        # Whatever is left of the group, which only this object has filled.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def running(name, command, port, log):
    """A server that runs inside the `with` block."""
    process = Process(name, command, log)
    try:
        process.wait_until_listening(port)
        yield process
    finally:
        process.stop()


def free_port():
    """A port of 127.0.0.1 that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def die_properly():
    """Makes SIGTERM and SIGHUP leave the `with` blocks, as Ctrl-C does."""

    def leave(number, _frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
