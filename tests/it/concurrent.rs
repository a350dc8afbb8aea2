//! Many writes to few records at the same time: every reader hears of each once, in the order in which the
//! answers ended, and nobody is left with a record that the backend does not hold.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

use crate::harness::*;
use crate::wire::*;

const WRITES: usize = 1000;
const WRITERS: usize = 32;
const RECORDS: usize = 50;
/// Records that one writer alone writes, one write after the other.
const ALONE: usize = 5;
/// The first write of every writer goes here, and the first answer waits for all of them.
const CROWDED: usize = RECORDS - 1;

const TABLES: &str = r#"
[[route]]
path = "/w/{write}/things/{id}"
model = "thing"

[[endpoint]]
path = "/ws"
dialect = "flarchitect"

[[endpoint]]
path = "/events"
dialect = "canonical"
"#;

/// The record of a write, and how it is written.
fn target(write: usize) -> (usize, &'static str) {
    let writer = write % WRITERS;
    let record = match write {
        _ if write < WRITERS => CROWDED,
        _ if writer < ALONE => writer,
        _ => ALONE + write * 31 % (CROWDED - ALONE),
    };
    (record, ["PUT", "POST", "PATCH", "DELETE", "PUT", "PUT", "PATCH"][write * 13 % 7])
}

/// A backend that stores at once and answers the last of those that wait first. Of each record one answer
/// is under way at a time, until the writer has it: so the order in which they end is known.
#[derive(Default)]
struct Things {
    records: Mutex<Vec<Thing>>,
    changed: Condvar,
}

#[derive(Default, Clone)]
struct Thing {
    holds: Option<usize>,
    arrived: usize,
    waiting: Vec<usize>,
    answering: bool,
    answered: Vec<usize>,
}

impl Things {
    fn start() -> (Arc<Self>, SocketAddr) {
        let records = Mutex::new(vec![Thing::default(); RECORDS]);
        let things = Arc::new(Self { records, changed: Condvar::new() });
        let shared = Arc::clone(&things);
        (things, backend(move |_, wire| shared.serve(wire)))
    }

    fn serve(&self, mut wire: Wire) {
        loop {
            let (line, headers) = wire.head();
            let mut words = line.split(['/', ' ']);
            let (Some(method), Some(write)) = (words.next(), words.nth(2)) else { return };
            let length = find_header(&headers, "content-length").map_or(0, |length| length.parse().unwrap());
            wire.take(length);
            let write = write.parse().unwrap();
            if method != "GET" {
                wire.send(self.write(write));
                continue;
            }
            let record = &self.lock()[write];
            wire.send(answer(200, &record.holds.map_or(Value::Null, |by| json!({"id": write, "by": by}))));
        }
    }

    /// Stores a write and gives the answer, when it is its turn.
    fn write(&self, write: usize) -> String {
        let (id, method) = target(write);
        let mut records = self.lock();
        let record = &mut records[id];
        record.holds = (method != "DELETE").then_some(write);
        record.arrived += 1;
        record.waiting.push(write);
        self.changed.notify_all();
        let mut records = self.wait(records, |records| {
            let record = &records[id];
            let complete = id != CROWDED || record.arrived == WRITERS;
            complete && !record.answering && record.waiting.last() == Some(&write)
        });
        let record = &mut records[id];
        record.waiting.pop();
        record.answering = true;
        record.answered.push(write);
        let body = json!({"id": id, "by": write});
        if method == "DELETE" {
            "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
        } else {
            answer(200 + write % 2, &body)
        }
    }

    /// The writer has its answer.
    fn confirm(&self, id: usize) {
        self.lock()[id].answering = false;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Thing>> {
        self.records.lock().unwrap()
    }

    fn wait<'a>(
        &self,
        records: MutexGuard<'a, Vec<Thing>>,
        until: impl Fn(&[Thing]) -> bool,
    ) -> MutexGuard<'a, Vec<Thing>> {
        let (records, waited) =
            self.changed.wait_timeout_while(records, DEADLINE, |records| !until(records)).unwrap();
        assert!(!waited.timed_out(), "an answer had no turn");
        records
    }
}

/// Of known length or in chunks.
fn answer(status: usize, body: &Value) -> String {
    let (body, head) =
        (body.to_string(), format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"));
    let length = body.len();
    if status == 200 {
        format!("{head}Content-Length: {length}\r\n\r\n{body}")
    } else {
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")
    }
}

/// Does the writes of one writer, one after the other on one connection.
fn write(things: &Things, proxy: SocketAddr, writer: usize) {
    let mut wire = Wire::connect(proxy);
    for write in (writer..WRITES).step_by(WRITERS) {
        let (id, method) = target(write);
        let path = if method == "POST" { String::new() } else { format!("/{id}") };
        wire.send(format!(
            "{method} /w/{write}/things{path} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        assert!(matches!(wire.answer().status, 200 | 201 | 204));
        things.confirm(id);
    }
}

/// All events as readers of this endpoint get them.
fn read(proxy: &Proxy, path: &str) -> thread::JoinHandle<Vec<Value>> {
    let mut reader = proxy.reader(path);
    thread::spawn(move || (0..WRITES).map(|_| reader.next()).collect())
}

/// The number of the write that an event in `canonical` comes from.
fn number(event: &Value) -> usize {
    event["http"]["path"].as_str().unwrap().split('/').nth(2).unwrap().parse().unwrap()
}

struct Outcome {
    things: Arc<Things>,
    proxy: Proxy,
    canonical: Vec<Vec<Value>>,
    flarchitect: Vec<Vec<Value>>,
}

fn play() -> Outcome {
    let (things, address) = Things::start();
    let proxy = Proxy::with_server("threads = 4", &format!("servers = [\"http://{address}\"]"), TABLES);
    let readers = ["/events", "/events", "/ws", "/ws"].map(|path| read(&proxy, path));
    let writer = |writer: usize| {
        let (things, address) = (Arc::clone(&things), proxy.address);
        thread::spawn(move || write(&things, address, writer))
    };
    let writers: Vec<_> = (0..WRITERS).map(writer).collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let [a, b, c, d] = readers.map(|reader| reader.join().unwrap());
    Outcome { things, proxy, canonical: vec![a, b], flarchitect: vec![c, d] }
}

/// Per record, in the order in which they came.
fn by_record(events: &[Value]) -> BTreeMap<usize, Vec<&Value>> {
    let mut records: BTreeMap<usize, Vec<&Value>> = BTreeMap::new();
    for event in events {
        records.entry(target(number(event)).0).or_default().push(event);
    }
    records
}

/// The mark of an event, and how much its one item proves.
fn mark(event: &Value) -> (bool, &str) {
    (event["overlapping"] == true, event["items"][0]["strength"].as_str().unwrap())
}

/// What the last event of a record shows is what there is, or it says that one has to ask.
fn check_last(proxy: &Proxy, id: usize, thing: &Thing, last: &Value) {
    let truth = thing.holds.map_or(Value::Null, |by| json!({"id": id, "by": by}));
    let shown = &last["items"][0]["record"];
    if mark(last).0 {
        assert!(shown.is_null(), "{last}");
    } else {
        assert_eq!(*shown, truth, "{last}");
    }
    assert_eq!(proxy.get(&format!("/w/{id}/things/{id}")).text(), truth.to_string());
}

#[test]
fn no_reader_keeps_a_stale_record_of_a_thousand_writes_at_the_same_time() {
    let Outcome { things, proxy, canonical, flarchitect } = play();
    assert_eq!((&canonical[0], &flarchitect[0]), (&canonical[1], &flarchitect[1]));

    // Each event once, and in both dialects in the same order.
    let mut numbers: Vec<usize> = canonical[0].iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..WRITES).collect::<Vec<_>>());
    for (event, frame) in canonical[0].iter().zip(&flarchitect[0]) {
        let item = &event["items"][0];
        assert_eq!((&item["id"], &item["record"]), (&frame["id"], &frame["payload"]), "{event} {frame}");
    }

    let events = by_record(&canonical[0]);
    let records = things.lock().clone();
    for (id, thing) in records.iter().enumerate() {
        let order: Vec<usize> = events[&id].iter().map(|event| number(event)).collect();
        assert_eq!(order, thing.answered, "the events of {id} are in the order of the answers");
        check_last(&proxy, id, thing, events[&id].last().unwrap());
    }

    // Nobody else wrote these, and all of those were under way at once.
    for event in (0..ALONE).flat_map(|id| &events[&id]) {
        let strength = match target(number(event)).1 {
            "DELETE" => "changed",
            "PATCH" => "partial",
            _ => "record",
        };
        assert_eq!(mark(event), (false, strength), "{event}");
    }
    let crowd: Vec<bool> = events[&CROWDED].iter().map(|event| mark(event).0).collect();
    assert_eq!(crowd, [vec![false], vec![true; WRITERS - 1]].concat());

    let captures = |outcome: &str| {
        let route = "route=\"/w/{write}/things/{id}\"";
        proxy.metric(&format!("restcast_captures_total{{outcome=\"{outcome}\",{route}}}")).to_string()
    };
    let marked = canonical[0].iter().filter(|event| mark(event).0).count();
    assert_eq!(captures("event"), (WRITES - marked).to_string());
    assert_eq!(captures("overlapping"), marked.to_string());
}

/// Bytes of a record that no socket takes at once.
const LARGE: usize = 24 << 20;

#[test]
fn a_writer_that_does_not_read_its_answer_leaves_no_stale_record_behind() {
    let origin = Origin::start(|request, stream| {
        let name = "x".repeat(request.header("size").unwrap().parse().unwrap());
        std::io::Write::write_all(stream, answer(200, &json!({"id": 7, "name": name})).as_bytes()).is_ok()
    });
    let limits = "[tap]\nbody_limit = \"64MiB\"\ndecoded_limit = \"64MiB\"\nmemory_limit = \"256MiB\"\n";
    let proxy = Proxy::with(origin.address, &format!("{limits}{TABLES}"));
    let mut reader = proxy.reader("/events");
    let put = |size| format!("PUT /w/{size}/things/7 HTTP/1.1\r\nHost: h\r\nSize: {size}\r\n\r\n");
    // It has the begin of its answer, so the backend has stored what it wrote.
    let mut slow = Wire::connect(proxy.address);
    slow.send(put(LARGE)).head();
    let mut quick = Wire::connect(proxy.address);
    assert_eq!(quick.send(put(1)).answer().status, 200);
    let event = reader.next();
    assert_eq!((number(&event), mark(&event)), (1, (false, "record")));
    slow.take(LARGE);
    let event = reader.next();
    assert_eq!((number(&event), mark(&event)), (LARGE, (true, "changed")));
}

#[test]
fn a_write_that_was_sent_after_an_answer_had_come_is_never_marked() {
    let origin = Origin::json(200, "{\"id\":7}");
    let upstream = format!("servers = [\"http://{}\"]", origin.address);
    let proxy = Proxy::with_server("threads = 4", &upstream, TABLES);
    let mut reader = proxy.reader("/events");
    let mut wires: Vec<_> = (0..8).map(|_| Wire::connect(proxy.address)).collect();
    for write in 0..400 {
        let wire = &mut wires[write % 8];
        let put = format!("PUT /w/{write}/things/7 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(wire.send(put).answer().status, 200);
    }
    for write in 0..400 {
        let event = reader.next();
        assert_eq!((number(&event), mark(&event)), (write, (false, "record")));
    }
}
