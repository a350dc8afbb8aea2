"""The measurements. Each takes its turns in every round and adds to the raw results."""

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass

from . import machine, nodes
from .systems import TOKEN

READERS = 1000
EVENTS_PER_SECOND = 100
BATCH_MICROSECONDS = 1000
IDLE_CONNECTIONS = 9000
HTTP_CONNECTIONS = 32
RECORD_BYTES = 250
SOCKETIO_SYSTEMS = ["socketio", "npm"]
SOCKETIO_EVENTS_PER_SECOND = 20
SOCKETIO_BURST = 8
NODES_READERS = 10
NODES_EVENTS_PER_SECOND = 500
NODES_RATES = [1000, 2000, 3000, 4000, 6000, 8000, 12000]
NODES_RATE_SECONDS = 3
LAG_P99_US = 100_000
SOCKETIO_FORMER = 64
FILTERED_READERS = 10
OTHER_READERS = 8990
FILTERED_EVENTS_PER_SECOND = 500
FILTERED_PAYLOAD_BYTES = 500
GET_PATH = "/api/books/7"
POST_PATH = "/api/books"
PROBES_PER_SECOND = 200
LOAD_TIMEOUT = 180


@dataclass
class Plan:
    """How long and on what."""

    rounds: int
    seconds: int
    without: set


class Measurements:
    """Runs the load tool against one system after the other."""

    def __init__(self, laboratory, plan):
        self.laboratory = laboratory
        self.plan = plan
        self.results = []

    def run(self, names):
        for turn in range(self.plan.rounds):
            for name in names:
                getattr(self, name)(turn)

    def fanout(self, turn):
        """With readers that wake up for each frame, then with such as read in batches."""
        for name in self.in_turns(turn, ["restcast", "nchan", "broadcast"]):
            with self.laboratory.system(name) as system:
                arguments = fanout_arguments(system, self.plan.seconds)
                self.record(turn, "fanout", name, self.measured(system, arguments))
                arguments += ["--batch-us", str(BATCH_MICROSECONDS)]
                self.record(turn, "fanout_batched", name, self.measured(system, arguments))

    def idle(self, turn):
        for name in self.in_turns(turn, ["restcast", "nchan", "broadcast"]):
            with self.laboratory.system(name) as system:
                arguments = ["idle", "--url", system.readers, "--connections", str(IDLE_CONNECTIONS)]
                self.record(turn, "idle", name, self.measured(system, [*arguments, *system.pid_options()]))

    def socketio(self, turn):
        """Readers of a room, each with a token; slow enough that no server falls behind. First each event comes alone, also
        for readers that read in batches, then eight at once, as an import or a bulk action has them. Then as many that do nothing, of a server that
        has had a few before, and of one that has just started."""
        for name in self.in_turns(turn, SOCKETIO_SYSTEMS):
            with self.laboratory.system(name) as system:
                arguments = fanout_arguments(system, self.plan.seconds, SOCKETIO_EVENTS_PER_SECOND)
                arguments += ["--token", TOKEN]
                self.record(turn, "socketio", name, self.measured(system, arguments))
                batched = [*arguments, "--batch-us", str(BATCH_MICROSECONDS)]
                self.record(turn, "socketio_batched", name, self.measured(system, batched))
                arguments += ["--burst", str(SOCKETIO_BURST)]
                self.record(turn, "socketio_burst", name, self.measured(system, arguments))
            for row, former in (("socketio_idle", SOCKETIO_FORMER), ("socketio_first", 0)):
                with self.laboratory.system(name) as system:
                    arguments = ["idle", "--url", system.readers, "--connections", str(READERS), "--token", TOKEN]
                    arguments += ["--former", str(former), *system.pid_options()]
                    self.record(turn, row, name, self.measured(system, arguments))

    def history(self, turn):
        """The fan-out with the last events kept, and without."""
        for name in self.in_turns(turn, ["restcast", "without_history"]):
            with self.laboratory.system(name) as system:
                arguments = fanout_arguments(system, self.plan.seconds)
                self.record(turn, "history", name, self.measured(system, arguments))

    def nodes(self, turn):
        """From a write at one node to the readers of another; then ever more of them, until they are late."""
        for kind in self.in_turns(turn, nodes.KINDS):
            with nodes.started(self.laboratory, kind) as started:
                answer = self.across(started, NODES_EVENTS_PER_SECOND, self.plan.seconds)
                self.record(turn, "nodes", kind, answer)
            self.record(turn, "nodes_rate", kind, self.most(kind))

    def across(self, started, rate, seconds):
        arguments = [
            *("fanout", "--url", started.readers, "--publish", started.publish),
            *("--readers", str(NODES_READERS), "--rate", str(rate), "--payload", str(RECORD_BYTES)),
            *("--seconds", str(seconds), *started.pid_options()),
        ]
        before = machine.cpu_seconds(started.broker_pids())
        answer = self.load(arguments)
        used = machine.cpu_seconds(started.broker_pids()) - before
        # That of the warm-up is in it, and so are its events.
        events = rate * (seconds + 1)
        return {**answer, "broker_cpu_us_per_event": used * 1e6 / events}

    def most(self, kind):
        """The highest rate at which 99 of 100 deliveries are in time."""
        best = {"events_per_second": 0}
        for rate in NODES_RATES:
            with nodes.started(self.laboratory, kind) as started:
                try:
                    answer = self.across(started, rate, NODES_RATE_SECONDS)
                except RuntimeError:
                    # Readers were too slow, or events did not come within the load tool's time.
                    return best
            reached = answer["delivered_per_second"] / NODES_READERS
            if answer["delivery_p99_us"] > LAG_P99_US or reached < 0.95 * rate:
                return best
            best = {**answer, "events_per_second": rate}
        return best

    def http(self, turn):
        for name in self.in_turns(turn, ["restcast", "bare", "nginx", "haproxy"]):
            with self.laboratory.system(name) as system:
                options = ["--connections", str(HTTP_CONNECTIONS), "--seconds", str(self.plan.seconds)]
                options += system.pid_options()
                get = ["http", "--url", system.http + GET_PATH, *options]
                self.record(turn, "get", name, self.measured(system, get))
                post = ["http", "--url", system.http + POST_PATH, "--post-bytes", str(RECORD_BYTES), *options]
                self.record(turn, "post", name, self.measured(system, post))

    def filters(self, turn):
        """Readers that a filter lets through among many that it does not, and as many without filters alone."""
        if "restcast" in self.plan.without:
            return
        phases = [("filtered", ["--others", str(OTHER_READERS)]), ("plain", [])]
        for phase, others in phases if turn % 2 == 0 else phases[::-1]:
            with self.laboratory.system("fastcms") as system:
                arguments = [
                    *("fanout", "--url", system.readers, "--publish", system.publish),
                    *("--readers", str(FILTERED_READERS), "--collection", "author", *others),
                    *("--rate", str(FILTERED_EVENTS_PER_SECOND), "--payload", str(FILTERED_PAYLOAD_BYTES)),
                    *("--seconds", str(self.plan.seconds), *system.pid_options()),
                ]
                self.record(turn, "filters", phase, self.measured(system, arguments))

    def reads(self, turn):
        """One record by a message over an open WebSocket, and the same by a GET."""
        if "restcast" in self.plan.without:
            return
        message = '{"id":"m","type":"request","operation":"read","entity":"books","record_id":"7"}'
        phases = [("socket", ["--message", message, '"success":true']), ("get", [])]
        for phase, options in phases if turn % 2 == 0 else phases[::-1]:
            with self.laboratory.system("websocketspec") as system:
                url = system.http + ("/ws" if phase == "socket" else GET_PATH)
                options += ["--connections", str(HTTP_CONNECTIONS), "--seconds", str(self.plan.seconds)]
                arguments = ["http", "--url", url, *options, *system.pid_options()]
                self.record(turn, "reads", phase, self.measured(system, arguments))

    def latency(self, turn):
        """Like the other rows, with one thread on one core; then as restcast runs by default."""
        if "restcast" in self.plan.without:
            return
        for kind, settings in (
            ("latency", {"threads": 1, "pinned": True}),
            ("latency_default", {"threads": 0, "pinned": False}),
        ):
            for phase in ("idle", "busy") if turn % 2 == 0 else ("busy", "idle"):
                with self.laboratory.system("restcast", **settings) as system:
                    seconds = self.plan.seconds + 3
                    readers = self.readers(system, seconds) if phase == "busy" else contextlib.nullcontext({})
                    with readers as fanout:
                        answer = self.probe(system)
                    self.record(turn, kind, phase, {**answer, "fanout": fanout})

    def probe(self, system):
        arguments = ["latency", "--url", system.http + GET_PATH, "--rate", str(PROBES_PER_SECOND)]
        arguments += ["--control", f"http://{self.laboratory.origin}{GET_PATH}"]
        arguments += ["--seconds", str(self.plan.seconds)]
        return self.load(arguments, machine.real_time())

    @contextlib.contextmanager
    def readers(self, system, seconds):
        """Readers with events for some seconds; what they report is there after the block."""
        command = [*self.laboratory.load(), *fanout_arguments(system, seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as fanout:
            try:
                if "measuring" not in fanout.stderr.readline():
                    raise RuntimeError(f"the readers failed: {fanout.stderr.read()}")
                report = {}
                yield report
                output, errors = fanout.communicate(timeout=LOAD_TIMEOUT)
                if fanout.returncode != 0:
                    raise RuntimeError(f"the readers failed: {errors}")
                report.update(json.loads(output))
            finally:
                fanout.kill()

    def in_turns(self, turn, names):
        """Another one begins in each round."""
        names = [name for name in names if name not in self.plan.without]
        first = turn % len(names) if names else 0
        return names[first:] + names[:first]

    def measured(self, system, arguments):
        """Like `load`, with what other processes of the machine used meanwhile."""
        ours = [*system.process.pids(), *self.laboratory.backend_pids()]
        watch = machine.Watch(ours)
        answer = self.load(arguments)
        return {**answer, "other_processes_cores": watch.other_cores()}

    def load(self, arguments, prefix=()):
        command = [*prefix, *self.laboratory.load(), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_TIMEOUT, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        return json.loads(done.stdout)

    def record(self, turn, row, system, answer):
        self.results.append({"round": turn + 1, "row": row, "system": system, **answer})
        print(f"round {turn + 1} {row} {system}: {brief(answer)}", file=sys.stderr, flush=True)


def fanout_arguments(system, seconds, rate=EVENTS_PER_SECOND):
    return [
        *("fanout", "--url", system.readers, "--publish", system.publish),
        *("--readers", str(READERS), "--rate", str(rate)),
        *("--payload", str(RECORD_BYTES), "--seconds", str(seconds)),
        *system.pid_options(),
    ]


def brief(answer):
    """The few figures that a person who waits wants to see."""
    wanted = (
        *("server_cpu_us_per_event", "server_cpu_us_per_frame", "payload_bytes", "bytes_per_connection", "requests_per_second"),
        *("server_cpu_us_per_request", "server_cpu_share", "p50_us", "p99_us", "control_p99_us"),
        *("delivered_per_second", "delivery_p50_us", "delivery_p99_us", "events_per_second", "broker_cpu_us_per_event"),
        "other_processes_cores",
    )
    shown = {**answer.get("fanout", {}), **answer}
    return ", ".join(f"{name} {shown[name]:.5g}" for name in wanted if shown.get(name) is not None)
