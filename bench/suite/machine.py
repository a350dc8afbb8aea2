"""The machine: what it is, what is installed on it, which core runs what."""

import json
import os
import platform
import re
import resource
import shutil
import subprocess
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CONF = REPOSITORY / "bench" / "conf"
OPEN_FILES = 20_000
EXAMPLES = ["bare_proxy", "broadcast_server", "load", "origin"]
NPM = REPOSITORY / "bench" / "npm"
NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")


def install_missing():
    """Installs Debian's packages of the servers that restcast is compared with."""
    missing = [name for name in ("nginx", "haproxy", "redis-server", "nats-server") if not find_server(name)]
    if not NCHAN_MODULE.exists():
        missing.append("libnginx-mod-nchan")
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    # Debian starts a server as soon as it is installed, except in the single-user run level.
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-q"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "-y", "--no-install-recommends", *missing], check=True)


def install_npm():
    """Installs npm's packages, at the versions that bench/npm pins, unless these are there already."""
    folder, names = npm_folder(), ("package.json", "package-lock.json")
    wanted = [(NPM / name).read_text() for name in names]
    stamp = folder / "stamp"
    if stamp.exists() and stamp.read_text() == "".join(wanted):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in names:
        shutil.copy(NPM / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True)
    stamp.write_text("".join(wanted))


def npm_folder():
    return target_folder() / "bench-npm"


def find_server(name):
    """The path of an installed server; Debian keeps them where a user's PATH may not look."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def build(profile, without):
    """Builds restcast and the benchmark's own programs."""
    command = ["cargo", "build", "--profile", profile]
    if "restcast" not in without:
        command += ["--bin", "restcast"]
    for example in EXAMPLES:
        command += ["--example", example]
    subprocess.run(command, cwd=REPOSITORY, check=True)


def binaries(profile):
    """Where cargo puts what it builds with `profile`."""
    return target_folder() / {"dev": "debug"}.get(profile, profile)


def target_folder():
    return Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve()


def allow_open_files():
    """As many open files as the benchmark needs, for this process and its children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class Cores:
    """Which cores the server has, and which everything else: the load, the readers, the backend."""

    def __init__(self, pin):
        cores = sorted(os.sched_getaffinity(0))
        self.pinned = pin and len(cores) > 1
        if self.pinned:
            self.server, self.others = ",".join(map(str, cores[:1])), ",".join(map(str, cores[1:]))

    def for_server(self):
        return ["taskset", "-c", self.server] if self.pinned else []

    def for_others(self):
        return ["taskset", "-c", self.others] if self.pinned else []

    def describe(self):
        if not self.pinned:
            return "no process is pinned to a core"
        return (
            f"every measured server is pinned to core {self.server}, "
            f"load, readers and backend to core(s) {self.others}"
        )


class Watch:
    """Notices what the rest of the machine does during a measurement, which makes it less true."""

    TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

    def __init__(self, pids):
        self.pids = pids
        self.begin = time.monotonic()
        self.foreign = self._foreign_seconds()

    def other_cores(self):
        """How many cores others kept busy since then. The load tool must have ended by now."""
        used = self._foreign_seconds() - self.foreign
        return max(0.0, used / (time.monotonic() - self.begin))

    def _foreign_seconds(self):
        """Time of all processes, less that of `pids` and of those this script has waited for."""
        times = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
        # See proc(5). Processes are charged for the interrupts that hit them; stolen time is the hypervisor's.
        user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = times
        ticks = user + nice + system + interrupts + soft_interrupts + stolen
        for pid in self.pids:
            ticks -= sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        waited_for = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ticks / self.TICKS_PER_SECOND - waited_for.ru_utime - waited_for.ru_stime


def cpu_seconds(pids):
    """CPU time of these processes so far."""
    ticks = 0
    for pid in pids:
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def real_time():
    """The command that gives a probe and its backend the core at once, where that is allowed."""
    command = ["chrt", "-f", "1"]
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    return command if allowed else []


def facts():
    """What a figure depends on besides the code."""
    return {
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "commit": commit(),
        "rustc": version("rustc", "--version"),
        "nginx": version("nginx", "-v"),
        "haproxy": version("haproxy", "-v"),
        "redis": version("redis-server", "--version"),
        "nats": version("nats-server", "--version"),
        "node": version("node", "--version"),
        "socket.io": npm_version("socket.io"),
        "ws": npm_version("ws"),
    }


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def commit():
    def git(*arguments):
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    head = git("rev-parse", "--short=12", "HEAD")
    if head.returncode != 0:
        return "none"
    return head.stdout.strip() + (" with changes" if git("status", "--porcelain").stdout.strip() else "")


def npm_version(name):
    path = npm_folder() / "node_modules" / name / "package.json"
    return json.loads(path.read_text())["version"] if path.exists() else "not installed"


def version(name, flag):
    path = find_server(name)
    if not path:
        return "not installed"
    said = subprocess.run([path, flag], capture_output=True, text=True, check=False)
    number = re.search(r"\d+\.\d+[\w.+-]*", said.stdout + said.stderr)
    return number.group() if number else "unknown"
