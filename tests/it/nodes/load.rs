//! Nodes under load: a writer and readers at each, while something breaks.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::streams::{self, Segment, id};
use super::*;

/// Readers of each node.
const READERS: u8 = 4;
/// Between two writes of one writer.
const PACE: Duration = Duration::from_millis(4);
/// While something is broken, so much is written at each node.
pub const MEANWHILE: u64 = 100;

/// A backend that says which of a node's writes it is: its id names the node, as the request does, and counts from 1.
pub fn numbering() -> Origin {
    let counts = Mutex::new(BTreeMap::<usize, u64>::new());
    Origin::start(move |request, stream| {
        let node = request.header("Node").map_or(0, |node| node.parse().unwrap());
        let number = {
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(node).or_default();
            *count += 1;
            *count
        };
        let body = format!(r#"{{"id":{}}}"#, id(node, number));
        let answer = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

/// One connection that writes at a node.
struct Writer {
    node: usize,
    stream: BufReader<TcpStream>,
}

impl Writer {
    fn at(node: usize, address: SocketAddr) -> io::Result<Self> {
        Ok(Self { node, stream: BufReader::new(try_connect(address)?) })
    }

    /// Fails where the node is gone.
    fn write(&mut self) -> io::Result<()> {
        let node = self.node;
        let post =
            format!("POST /api/authors HTTP/1.1\r\nHost: h\r\nNode: {node}\r\nContent-Length: 0\r\n\r\n");
        self.stream.get_mut().write_all(post.as_bytes())?;
        if self.stream.fill_buf()?.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        assert_eq!(read_answer(&mut self.stream, false).status, 201, "what is proxied waits for no broker");
        Ok(())
    }
}

/// Nodes, and which of them are killed meanwhile.
pub struct Load<'a> {
    pub nodes: &'a [Proxy],
    pub killed: &'a [usize],
}

impl Load<'_> {
    /// `trouble` happens meanwhile, and gets how many writes were answered at each node. Ends once every reader has got
    /// of each node that lives one that was written at last; returns what all of them got.
    pub fn during(&self, trouble: impl FnOnce(&[AtomicU64])) -> Vec<Vec<Segment>> {
        let is_over = AtomicBool::new(false);
        let [written, until] =
            [0, u64::MAX].map(|count| self.nodes.iter().map(|_| AtomicU64::new(count)).collect::<Vec<_>>());
        thread::scope(|scope| {
            let readers: Vec<_> = (0..self.nodes.len() * usize::from(READERS))
                .map(|reader| (self.addresses(reader), &until))
                .map(|(addresses, until)| scope.spawn(move || streams::read(&addresses, until)))
                .collect();
            for node in self.nodes {
                let series = "restcast_connections{dialect=\"flarchitect\"}";
                eventually("readers are there", || (node.metric(series) >= f64::from(READERS)).then_some(()));
            }
            let writers: Vec<_> = (0..self.nodes.len())
                .map(|node| (node, &written[node], &is_over))
                .map(|(node, count, is_over)| scope.spawn(move || self.write(node, count, is_over)))
                .collect();
            wait_for(&written, 20);
            trouble(&written);
            wait_for(&self.living(&written), 20);
            is_over.store(true, Ordering::SeqCst);
            for writer in writers {
                writer.join().unwrap();
            }
            for (node, (until, written)) in until.iter().zip(&written).enumerate() {
                let last = if self.killed.contains(&node) { 0 } else { written.load(Ordering::SeqCst) + 1 };
                until.store(last, Ordering::SeqCst);
            }
            eventually("every reader has got what came last", || {
                for (node, proxy) in
                    self.nodes.iter().enumerate().filter(|(node, _)| !self.killed.contains(node))
                {
                    Writer::at(node, proxy.address).unwrap().write().unwrap();
                }
                thread::park_timeout(PACE * 10);
                readers.iter().all(thread::ScopedJoinHandle::is_finished).then_some(())
            });
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        })
    }

    /// Where a reader goes, one after the other; where nobody is killed, it stays.
    fn addresses(&self, reader: usize) -> Vec<SocketAddr> {
        let mut addresses: Vec<_> = self.nodes.iter().map(|node| node.address).collect();
        addresses.rotate_left(reader % self.nodes.len());
        addresses.truncate(if self.killed.is_empty() { 1 } else { self.nodes.len() });
        addresses
    }

    fn living<'a>(&self, counts: &'a [AtomicU64]) -> Vec<&'a AtomicU64> {
        counts
            .iter()
            .enumerate()
            .filter(|(node, _)| !self.killed.contains(node))
            .map(|(_, count)| count)
            .collect()
    }

    fn write(&self, node: usize, count: &AtomicU64, is_over: &AtomicBool) {
        let mut writer = Writer::at(node, self.nodes[node].address).unwrap();
        while !is_over.load(Ordering::SeqCst) {
            if let Err(error) = writer.write() {
                assert!(self.killed.contains(&node), "node {node}: {error}");
                return;
            }
            count.fetch_add(1, Ordering::SeqCst);
            thread::park_timeout(PACE);
        }
    }
}

/// Until so many more are written at every node.
pub fn wait_for(written: &[impl Borrow<AtomicU64>], more: u64) {
    for count in written {
        let before = count.borrow().load(Ordering::SeqCst);
        eventually("writes are answered", || {
            (count.borrow().load(Ordering::SeqCst) >= before + more).then_some(())
        });
    }
}

pub fn is_away(node: &Proxy) {
    eventually("the node is not ready", || (status(node, "/readyz") == 503).then_some(()));
    assert_eq!(status(node, "/healthz"), 200);
}
