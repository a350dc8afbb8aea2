//! Plays rows with and without the proxy and compares: what the client got, what the backend got, which
//! events readers got, which counters moved.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::{Proxy, Reader, request};
use crate::message;
use crate::play::{Played, play};
use crate::row::{Answer, Client, Expected, Framing, Request, Row};
use crate::step::{STANDARD, Step};

/// How long a missing event or count is waited for, and how long once so many were missing that one more
/// tells nothing new.
const PATIENCE: Duration = Duration::from_secs(5);
const LITTLE_PATIENCE: Duration = Duration::from_millis(100);
const ENOUGH: usize = 5;

/// What every proxy of the suite has besides a sheet's own tables.
pub const TABLES: &str = "[[endpoint]]\npath = \"/events\"\ndialect = \"canonical\"\n\
                      [[route]]\npath = \"/fence/{id}\"\nmodel = \"fence\"\n";

/// A proxy, its backend and a reader of everything.
pub struct Judge {
    pub proxy: Proxy,
    reader: Reader,
    runtime: Runtime,
    listener: TcpListener,
    fences: usize,
    counted: HashMap<String, f64>,
    missing: usize,
}

/// What is wrong with a row; empty: nothing.
pub type Faults = Vec<String>;

/// A message of dialect `canonical`.
#[derive(Debug, Deserialize)]
pub struct Event {
    model: String,
    operation: String,
    action: Option<String>,
    outcome: String,
    overlapping: bool,
    items: Vec<Item>,
    http: Exchange,
}

#[derive(Debug, Deserialize)]
struct Item {
    id: Box<RawValue>,
    strength: String,
    record: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
struct Exchange {
    path: String,
}

impl Judge {
    pub fn new(upstream: &str, config: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = format!("servers = [\"http://{address}\"]\nhealth_interval = \"1h\"\n{upstream}");
        let proxy = Proxy::with_server("threads = 1", &upstream, &format!("{config}\n{TABLES}"));
        let reader = proxy.reader("/events");
        let mut judge =
            Self { proxy, reader, runtime, listener, fences: 0, counted: HashMap::new(), missing: 0 };
        judge.counted = judge.counters();
        judge
    }

    /// Judges rows that are told apart by their paths, all together; if anything about their counters is
    /// wrong, one by one.
    pub fn batch(&mut self, rows: &[Row]) -> Vec<Faults> {
        let mut faults: Vec<Faults> = rows.iter().map(|row| self.exchange(row)).collect();
        let mut events = self.events(rows.iter().map(|row| row.expected.events.len()).sum());
        for (row, faults) in rows.iter().zip(&mut faults) {
            let (of_row, rest) =
                events.into_iter().partition(|event: &Event| event.http.path == row.request.path());
            events = rest;
            compare_events(row, &of_row, faults);
        }
        let extra = events.iter().map(|event| format!("an event of no row: {event:?}"));
        let counters = self.counters_fault(rows);
        let common: Faults = extra.chain(counters).collect();
        if rows.len() > 1 && !common.is_empty() {
            return self.alone(rows, &common);
        }
        if let Some(first) = faults.first_mut() {
            first.extend(common);
        }
        faults
    }

    /// Finds the row that made `common` wrong. What is right alone was wrong together, and that is a fault too.
    fn alone(&mut self, rows: &[Row], common: &Faults) -> Vec<Faults> {
        let mut faults: Vec<Faults> =
            rows.iter().flat_map(|row| self.batch(std::slice::from_ref(row))).collect();
        if faults.iter().all(Vec::is_empty)
            && let Some(first) = faults.first_mut()
        {
            first.extend(common.iter().map(|fault| format!("wrong together with the next rows: {fault}")));
        }
        faults
    }

    /// Plays one row with and without the proxy and compares what either end got.
    fn exchange(&mut self, row: &Row) -> Faults {
        let proxied = match self.play(row, self.proxy.address) {
            Ok(played) => played,
            Err(error) => return vec![format!("through the proxy: {error}")],
        };
        match row.client {
            Client::Gone => Vec::new(),
            Client::Cut => cut(row, &proxied),
            Client::Status(status) => last_status(status, &proxied),
            Client::Direct => match self.play(row, self.listener.local_addr().unwrap()) {
                Ok(direct) => compare(&proxied, &direct),
                Err(error) => vec![format!("without the proxy: {error}")],
            },
        }
    }

    fn play(&self, row: &Row, target: SocketAddr) -> Result<Played, String> {
        self.runtime.block_on(play(row, target, &self.listener))
    }

    /// The events of what was played: `count` of them, if they come, and every one that should not have
    /// come and did. A write to a record of the suite's own marks the end.
    fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.iter().map(|event: &Event| event.items.len()).sum::<usize>() < count {
            let Some(event) = self.next_event(self.patience()) else {
                self.missing += 1;
                break;
            };
            events.push(event);
        }
        self.fences += 1;
        let fence = fence(self.fences);
        self.play(&fence, self.proxy.address).unwrap();
        loop {
            let event = self.next_event(PATIENCE).unwrap_or_else(|| panic!("the fence's event is missing"));
            if event.http.path == fence.request.path() {
                return events;
            }
            events.push(event);
        }
    }

    fn patience(&self) -> Duration {
        if self.missing < ENOUGH { PATIENCE } else { LITTLE_PATIENCE }
    }

    /// `None`: none comes.
    fn next_event(&mut self, patience: Duration) -> Option<Event> {
        self.reader.0.get_ref().set_read_timeout(Some(patience)).unwrap();
        loop {
            match self.reader.0.read() {
                Ok(Message::Text(text)) => return Some(Event::read(&text)),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("the reader is gone: {error}"),
            }
        }
    }

    /// Captures by outcome, those of the fence aside.
    fn counters(&self) -> HashMap<String, f64> {
        let text = request(self.proxy.admin, "GET", "/metrics", &[], b"").text();
        let mut counters = HashMap::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("restcast_captures_total{outcome=\"")) {
            let (outcome, rest) = line.split_once('"').unwrap();
            if !rest.contains("/fence/") {
                let (_, count) = rest.rsplit_once(' ').unwrap();
                *counters.entry(outcome.to_owned()).or_default() += count.parse::<f64>().unwrap();
            }
        }
        counters
    }

    /// Waits until the counters show what `rows` should have moved; otherwise what they show.
    fn counters_fault(&mut self, rows: &[Row]) -> Option<String> {
        let mut expected = self.counted.clone();
        let wanted: Vec<&String> = rows.iter().flat_map(|row| &row.expected.outcomes).collect();
        for outcome in &wanted {
            *expected.entry((*outcome).clone()).or_default() += 1.0;
        }
        let begun = Instant::now();
        let mut now = self.counters();
        while now != expected && begun.elapsed() < self.patience() {
            std::thread::park_timeout(Duration::from_millis(2));
            now = self.counters();
        }
        let moved: Vec<String> = moved(&self.counted, &now);
        self.counted = now;
        let wrong = self.counted != expected;
        self.missing += usize::from(wrong);
        wrong.then(|| format!("counted {moved:?}, expected {wanted:?}"))
    }
}

fn moved(before: &HashMap<String, f64>, now: &HashMap<String, f64>) -> Vec<String> {
    let count =
        |counters: &HashMap<String, f64>, name: &String| counters.get(name).copied().unwrap_or_default();
    let moved = now.keys().map(|name| (name, count(now, name) - count(before, name)));
    moved.filter(|(_, by)| *by != 0.0).map(|(name, by)| format!("{name} {by}")).collect()
}

/// A write that every reader hears, whatever came before it.
fn fence(number: usize) -> Row {
    Row {
        name: "fence".to_owned(),
        request: Request {
            method: "PUT".to_owned(),
            target: format!("/fence/{number}"),
            headers: Vec::new(),
            body: Vec::new(),
        },
        answer: Answer {
            status: "204 No Content".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::None,
            keep: false,
        },
        steps: STANDARD.iter().map(|step| Step::read(step)).collect(),
        client: Client::Gone,
        expected: Expected { events: Vec::new(), outcomes: Vec::new(), record: None },
        endings: Vec::new(),
        limit: None,
    }
}

fn compare(proxied: &Played, direct: &Played) -> Faults {
    let sides =
        [("client", &proxied.answers, &direct.answers), ("backend", &proxied.requests, &direct.requests)];
    let mut faults = Vec::new();
    for (side, through, without) in sides {
        let [through, without] = [through, without].map(|messages| -> Vec<message::Message> {
            messages.iter().map(message::Message::end_to_end).collect()
        });
        if through != without {
            faults.push(format!("the {side} got {through:?} through the proxy, {without:?} without"));
        }
    }
    faults
}

fn cut(row: &Row, proxied: &Played) -> Faults {
    match proxied.answers.last() {
        Some(answer)
            if !answer.whole
                && row.answer.status.starts_with(answer.status())
                && row.answer.body.starts_with(&answer.body) =>
        {
            Vec::new()
        }
        other => vec![format!("expected an answer that is cut off, got {other:?}")],
    }
}

fn last_status(status: u16, proxied: &Played) -> Faults {
    match proxied.answers.last() {
        Some(answer) if answer.status() == status.to_string() && answer.whole => Vec::new(),
        other => vec![format!("expected {status}, got {other:?}")],
    }
}

fn compare_events(row: &Row, events: &[Event], faults: &mut Faults) {
    let untold = ["refused", "unsent", "withheld"];
    let expected = row.expected.outcomes.iter().filter(|outcome| !untold.contains(&outcome.as_str())).count();
    if events.len() != expected {
        faults.push(format!("{} events, expected {expected}", events.len()));
    }
    let told: Vec<String> = events.iter().flat_map(Event::lines).collect();
    if told != row.expected.events {
        faults.push(format!("told {told:?}, expected {:?}", row.expected.events));
    }
    let first = events.first().and_then(|event| event.items.first());
    if let (Some(record), Some(item)) = (&row.expected.record, first)
        && item.record.get().as_bytes() != record
    {
        faults.push(format!("the record is {}, expected {}", item.record, String::from_utf8_lossy(record)));
    }
}

impl Event {
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// One line for each item: `update book 7 record`, and what else there is to say.
    pub fn lines(&self) -> Vec<String> {
        let mut extra = String::new();
        if let Some(action) = &self.action {
            extra.push_str(&format!(" action={action}"));
        }
        if self.overlapping {
            extra.push_str(" overlapping");
        }
        if self.outcome == "uncertain" {
            extra.push_str(" uncertain");
        }
        let (operation, model) = (&self.operation, &self.model);
        let line = |item: &Item| format!("{operation} {model} {} {}{extra}", item.id, item.strength);
        self.items.iter().map(line).collect()
    }
}
