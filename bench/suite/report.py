"""The table: medians of all rounds, ratios, and whether each bar is met."""

from dataclasses import dataclass
from statistics import median

KILOBYTE = 1000


class Medians:
    """The raw results, by row, system and figure."""

    def __init__(self, results):
        self.results = results

    def values(self, row, system, figure):
        """One value for each round."""
        found = (result for result in self.results if (result["row"], result["system"]) == (row, system))
        return [result[figure] for result in found if result.get(figure) is not None]

    def of(self, row, system, figure):
        values = self.values(row, system, figure)
        return median(values) if values else None

    def systems(self, row):
        """Every system that has this row, in the order of the first round."""
        return list(dict.fromkeys(result["system"] for result in self.results if result["row"] == row))


@dataclass
class Bar:
    """One line of the table: a figure of restcast against a peer's."""

    what: str
    row: str
    figure: str
    unit: str
    peer: str
    bound: float | None = None
    """The ratio that is wanted; without one, the line is for comparison only."""
    at_most: bool = True
    system: str = "restcast"

    def line(self, medians):
        value = medians.of(self.row, self.system, self.figure)
        other = medians.of(self.row, self.peer, self.figure)
        peer = f"{self.peer} {shown(other, self.unit)}"
        if value is None or not other:
            return [self.what, shown(value, self.unit), peer, "–", self.bar(), "not measured"]
        ratio = value / other
        cells = [self.what, shown(value, self.unit), peer, f"{ratio:.2f} × ({self.spread(medians)})", self.bar()]
        return [*cells, "–" if self.bound is None else verdict(ratio, self.bound, self.at_most)]

    def spread(self, medians):
        """Smallest and largest ratio of the two in one round."""
        mine = medians.values(self.row, self.system, self.figure)
        theirs = medians.values(self.row, self.peer, self.figure)
        ratios = [value / other for value, other in zip(mine, theirs) if other]
        return f"{min(ratios):.2f}–{max(ratios):.2f}"

    def bar(self):
        if self.bound is None:
            return "–"
        return f"{'at most' if self.at_most else 'at least'} {self.bound:.2f} ×"


EVENT = "server_cpu_us_per_event"
FRAME = "server_cpu_us_per_frame"
REQUEST = "server_cpu_us_per_request"
USER = "server_user_us_per_frame"
MEMORY = "bytes_per_connection"
RATE = "requests_per_second"
BARS = [
    Bar("CPU per delivered frame", "fanout", FRAME, "µs", "nchan", 0.80),
    Bar("CPU per delivered frame", "fanout", FRAME, "µs", "broadcast", 0.60),
    Bar("CPU per delivered event of Socket.IO", "socketio", FRAME, "µs", "npm", 0.35, system="socketio"),
    Bar("the same, eight events at once", "socketio_burst", FRAME, "µs", "npm", 0.35, system="socketio"),
    Bar("memory per connection of Socket.IO", "socketio_idle", MEMORY, "B", "npm", 0.35, system="socketio"),
    Bar("CPU per delivered frame, with history", "history", FRAME, "µs", "without_history", 1.15),
    Bar("the same, the first of a new server", "socketio_first", MEMORY, "B", "npm", 0.35, system="socketio"),
    Bar("GET, ten routes", "get", RATE, "/s", "bare", 0.95, at_most=False),
    Bar("tapped POST, no reader", "post", RATE, "/s", "bare", 0.85, at_most=False),
    Bar("CPU per event, 9,000 filters of which 10 match", "filters", EVENT, "µs", "plain", 2.0, system="filtered"),
    Bar("read over a WebSocket", "reads", RATE, "/s", "get", 0.8, at_most=False, system="socket"),
    Bar("CPU per read over a WebSocket", "reads", REQUEST, "µs", "get", 1.25, system="socket"),
    Bar("p99 of GET during 100,000 deliveries/s", "latency", "p99_us", "µs", "idle", 2.0, system="busy"),
]
COMPARISONS = [
    Bar("CPU per frame, readers that read in batches", "fanout_batched", FRAME, "µs", "nchan"),
    Bar("CPU per frame, readers that read in batches", "fanout_batched", FRAME, "µs", "broadcast"),
    Bar("CPU per event of Socket.IO, readers that read in batches", "socketio_batched", FRAME, "µs", "npm", system="socketio"),
    Bar("CPU per event of Socket.IO, without the kernel's", "socketio", USER, "µs", "npm", system="socketio"),
    Bar("write at one node to reader of another, p50", "nodes", "delivery_p50_us", "µs", "one", system="redis"),
    Bar("the same, p99", "nodes", "delivery_p99_us", "µs", "one", system="redis"),
    Bar("CPU per event, both nodes", "nodes", EVENT, "µs", "one", system="redis"),
    Bar("write at one node to reader of another, p50", "nodes", "delivery_p50_us", "µs", "one", system="nats"),
    Bar("the same, p99", "nodes", "delivery_p99_us", "µs", "one", system="nats"),
    Bar("CPU per event, both nodes", "nodes", EVENT, "µs", "one", system="nats"),
    Bar("CPU per GET", "get", REQUEST, "µs", "bare"),
    Bar("CPU per tapped POST", "post", REQUEST, "µs", "bare"),
    Bar("GET", "get", RATE, "/s", "nginx"),
    Bar("GET", "get", RATE, "/s", "haproxy"),
    Bar("POST", "post", RATE, "/s", "nginx"),
    Bar("POST", "post", RATE, "/s", "haproxy"),
    Bar("p99 of GET, default threads, not pinned", "latency_default", "p99_us", "µs", "idle", system="busy"),
]
MEMORY_BOUND = 10 * KILOBYTE

# What is printed beside the bars: row, its title, and its columns.
FANOUT_COLUMNS = [
    ("CPU per frame", FRAME, "µs"),
    ("not the kernel's", USER, "µs"),
    ("payload", "payload_bytes", "B"),
    ("delivered", "delivered_per_second", "/s"),
    ("delivery p50", "delivery_p50_us", "µs"),
    ("delivery p99", "delivery_p99_us", "µs"),
]
IDLE_COLUMNS = [
    ("per connection", MEMORY, "B"),
    ("before", "resident_bytes_before", "B"),
    ("after", "resident_bytes_after", "B"),
]
HTTP_COLUMNS = [
    ("requests", RATE, "/s"),
    ("CPU per request", REQUEST, "µs"),
    ("cores used", "server_cpu_share", ""),
    ("p50", "p50_us", "µs"),
    ("p99", "p99_us", "µs"),
    ("body", "body_bytes", "B"),
]
FILTERS_COLUMNS = [
    ("CPU per event", EVENT, "µs"),
    ("payload", "payload_bytes", "B"),
    ("delivered", "delivered_per_second", "/s"),
    ("delivery p50", "delivery_p50_us", "µs"),
    ("delivery p99", "delivery_p99_us", "µs"),
]
NODES_COLUMNS = [
    ("delivery p50", "delivery_p50_us", "µs"),
    ("delivery p99", "delivery_p99_us", "µs"),
    ("CPU per event, all nodes", EVENT, "µs"),
    ("the broker's own", "broker_cpu_us_per_event", "µs"),
]
NODES_RATE_COLUMNS = [("before lag grows", "events_per_second", "events/s"), *NODES_COLUMNS]
LATENCY_COLUMNS = [
    ("p50", "p50_us", "µs"),
    ("p90", "p90_us", "µs"),
    ("p99", "p99_us", "µs"),
    ("longest", "max_us", "µs"),
    ("p50 without proxy", "control_p50_us", "µs"),
    ("p99 without proxy", "control_p99_us", "µs"),
    ("delivered meanwhile", "delivered_per_second", "/s"),
]
DETAILS = [
    ("fanout", "Fan-out: 1,000 readers of one topic, 100 events/s", FANOUT_COLUMNS),
    ("fanout_batched", "The same with readers that read every millisecond", FANOUT_COLUMNS),
    ("idle", "9,000 idle WebSockets", IDLE_COLUMNS),
    ("socketio", "Socket.IO: 1,000 readers of one room, 20 events/s", FANOUT_COLUMNS),
    ("socketio_batched", "Socket.IO: the same with readers that read every millisecond", FANOUT_COLUMNS),
    ("socketio_burst", "Socket.IO: the same, eight events at once", FANOUT_COLUMNS),
    ("socketio_idle", "1,000 connections of Socket.IO that do nothing", IDLE_COLUMNS),
    ("history", "Fan-out with and without history: 1,000 readers, 100 events/s", FANOUT_COLUMNS),
    ("nodes", "500 events/s: written at one node, read at another, 10 readers", NODES_COLUMNS),
    ("nodes_rate", "The highest rate at which 99 of 100 deliveries take less than 0.1 s", NODES_RATE_COLUMNS),
    ("socketio_first", "The same, the first of a server that has just started", IDLE_COLUMNS),
    ("get", "GET as a proxy, 32 connections", HTTP_COLUMNS),
    ("post", "POST as a proxy (tapped in restcast), 32 connections", HTTP_COLUMNS),
    ("filters", "10 readers of each event: among 9,000 with filters, and alone without", FILTERS_COLUMNS),
    ("reads", "One record: by messages over 32 WebSockets, and by GETs over 32 connections", HTTP_COLUMNS),
    ("latency", "200 GET/s beside a fan-out, one thread on one core", LATENCY_COLUMNS),
    ("latency_default", "The same with restcast's default threads, not pinned", LATENCY_COLUMNS),
]


def quietness(results):
    """How much of the machine belonged to others, as a note."""
    others = [result["other_processes_cores"] for result in results if "other_processes_cores" in result]
    if not others:
        return []
    return [f"other processes kept {median(others):.2f} cores busy (median; at most {max(others):.2f})"]


def markdown(results, calls, facts, notes):
    medians = Medians([{**result.get("fanout", {}), **result} for result in results])
    rows = {result["row"] for result in results}
    lines = [bar.line(medians) for bar in BARS if bar.row in rows]
    if "idle" in rows:
        # After the two lines of the fan-out.
        lines.insert(2 if "fanout" in rows else 0, memory_line(medians))
    comparisons = [bar.line(medians)[:4] for bar in COMPARISONS if bar.row in rows]
    headings = ["what", "value", "peer", "ratio (rounds)", "bar", "met?"]
    parts = [table(headings, lines)] if lines else []
    parts += ["### For comparison\n\n" + table(headings[:4], comparisons)] if comparisons else []
    parts += [details(medians, *detail) for detail in DETAILS if detail[0] in rows]
    if calls:
        parts.append(table(["load", "system", "system calls per frame or request", "profile"], calls))
    parts.append("\n".join(f"- {name}: {value}" for name, value in facts.items()))
    parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def memory_line(medians):
    value = medians.of("idle", "restcast", MEMORY)
    peers = [name for name in medians.systems("idle") if name != "restcast"]
    peers = ", ".join(f"{name} {kilobytes(medians.of('idle', name, MEMORY))}" for name in peers)
    met = "not measured" if value is None else verdict(value, MEMORY_BOUND, at_most=True)
    return ["resident memory per idle WebSocket", kilobytes(value), peers, "", "at most 10 KB", met]


def details(medians, row, title, columns):
    lines = [
        [system, *(shown(medians.of(row, system, figure), unit) for _, figure, unit in columns)]
        for system in sorted(medians.systems(row), key=lambda name: (name != "restcast", name))
    ]
    return f"### {title}\n\n" + table(["", *(heading for heading, _, _ in columns)], lines)


def table(headings, lines):
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def verdict(value, bound, at_most):
    return "yes" if (value <= bound if at_most else value >= bound) else "**no**"


def kilobytes(value):
    return "–" if value is None else f"{value / KILOBYTE:.1f} KB"


def shown(value, unit):
    if value is None:
        return "–"
    number = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
    return f"{number} {unit}".strip()
