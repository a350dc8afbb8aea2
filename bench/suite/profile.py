"""What limits a figure: system calls per frame or request, and where the server's time goes.

Runs by itself (`bench/run profile`), since being watched costs the server time. It needs `perf`.
"""

import contextlib
import json
import shutil
import subprocess
import sys

from .measure import EVENTS_PER_SECOND, GET_PATH, HTTP_CONNECTIONS, POST_PATH, READERS, RECORD_BYTES

SYSTEM_CALLS = "raw_syscalls:sys_enter"


def run(measurements, folder):
    """Profiles each system under each load; gives the lines of a table."""
    if not shutil.which("perf"):
        raise RuntimeError("`bench/run profile` needs perf (Debian: linux-perf)")
    lines = []
    for load, names in (
        ("fanout", ["restcast", "nchan", "broadcast"]),
        ("get", ["restcast", "bare"]),
        ("post", ["restcast", "bare"]),
    ):
        for name in measurements.in_turns(0, names):
            path = folder / f"profile-{load}-{name}.txt"
            with measurements.laboratory.system(name) as system:
                units, calls = watch(measurements, load, system, path)
            lines.append([load, name, f"{calls / units:.2f}", f"`{path.name}`"])
            print(f"profile {load} {name}: {calls / units:.2f} system calls each", file=sys.stderr)
    return lines


def watch(measurements, load, system, path):
    """How many frames or requests and how many system calls there were; writes the profile."""
    seconds = measurements.plan.seconds
    with traffic(measurements, load, system, 2 * seconds + 3) as report:
        calls = count_system_calls(system, seconds)
        sample(system, seconds, path)
    if load == "fanout":
        return EVENTS_PER_SECOND * READERS * seconds, calls
    return report["requests_per_second"] * seconds, calls


@contextlib.contextmanager
def traffic(measurements, load, system, seconds):
    """Load for some seconds; what it reports is there after the block."""
    if load == "fanout":
        with measurements.readers(system, seconds) as report:
            yield report
        return
    path = [system.http + POST_PATH, "--post-bytes", str(RECORD_BYTES)] if load == "post" else [system.http + GET_PATH]
    options = ["--connections", str(HTTP_CONNECTIONS), "--seconds", str(seconds), "--warmup", "0"]
    command = [*measurements.laboratory.load(), "http", "--url", *path, *options, *system.pid_options()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as requests:
        try:
            report = {}
            yield report
            output, _ = requests.communicate(timeout=seconds + 30)
            report.update(json.loads(output))
        finally:
            requests.kill()


def count_system_calls(system, seconds):
    command = ["perf", "stat", "-x", ",", "-e", SYSTEM_CALLS, "-p", pids(system), "--", "sleep", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stderr.split(",", 1)[0])


def sample(system, seconds, path):
    """Writes the functions that take most of the time to `path`."""
    data = path.with_suffix(".data")
    record = ["perf", "record", "-q", "-F", "999", "-o", str(data), "-p", pids(system), "--", "sleep", str(seconds)]
    subprocess.run(record, capture_output=True, check=True)
    show = ["perf", "report", "--stdio", "--no-children", "--percent-limit", "0.5", "-i", str(data)]
    shown = subprocess.run(show, capture_output=True, text=True, check=True)
    path.write_text(shown.stdout)
    data.unlink()


def pids(system):
    return ",".join(map(str, system.process.pids()))
