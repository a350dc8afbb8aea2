//! What readers got, all of it, and whether something is missing, there twice, or in another order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::{offset, position, try_come};
use crate::harness::Reader;

/// Ids of one node's writes.
const EACH: u64 = 1_000_000;

/// Of the write at a node that has this number there, from 1.
pub fn id(node: usize, number: u64) -> u64 {
    node as u64 * EACH + number
}

/// The other way round.
fn write_of(id: u64) -> (usize, u64) {
    (usize::try_from(id / EACH).unwrap(), id % EACH)
}

/// What a reader got from where it was told that nothing is missing from there on.
#[derive(Debug)]
pub struct Segment {
    /// From behind this position.
    begin: String,
    /// Ids and positions.
    events: Vec<(u64, String)>,
}

/// A reader that comes again with its last position wherever it is sent away.
struct Stream {
    segments: Vec<Segment>,
    since: String,
    /// Of each node, the number of the last write that it got.
    last: Vec<u64>,
}

enum End {
    Done,
    SentAway,
    /// The node has died.
    Broken(String),
}

/// Reads until of each node a write with such a number, or a later one, has come; from the next address where one is
/// gone. A segment is added where it is told that something may be missing.
pub fn read(addresses: &[SocketAddr], until: &[AtomicU64]) -> Vec<Segment> {
    let mut stream = Stream { segments: Vec::new(), since: String::new(), last: vec![0; until.len()] };
    let mut at = 0;
    loop {
        let address = addresses[at % addresses.len()];
        let end = match try_come(address, &stream.since) {
            Err(error) => End::Broken(error),
            Ok(None) => End::SentAway,
            Ok(Some((reader, answer))) => {
                stream.begin(&answer);
                stream.follow(reader, until)
            }
        };
        match end {
            End::Done => return stream.segments,
            End::SentAway => {}
            End::Broken(error) => {
                assert!(addresses.len() > 1, "{error}");
                at += 1;
            }
        }
    }
}

impl Stream {
    fn begin(&mut self, answer: &Value) {
        if self.segments.is_empty() || answer["recovered"] != true {
            self.since = position(answer);
            self.segments.push(Segment { begin: self.since.clone(), events: Vec::new() });
        }
    }

    fn follow(&mut self, mut reader: Reader, until: &[AtomicU64]) -> End {
        let events = &mut self.segments.last_mut().unwrap().events;
        loop {
            match reader.0.read() {
                Ok(Message::Text(text)) => {
                    let event: Value = serde_json::from_str(text.as_str()).unwrap();
                    let id = event["id"].as_u64().unwrap_or_else(|| panic!("{event}"));
                    self.since = position(&event);
                    events.push((id, self.since.clone()));
                    let (node, number) = write_of(id);
                    self.last[node] = number;
                    let mut pairs = self.last.iter().zip(until);
                    if pairs.all(|(last, until)| *last >= until.load(Ordering::SeqCst)) {
                        return End::Done;
                    }
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Close(Some(frame))) if u16::from(frame.code) == 1013 => return End::SentAway,
                Ok(other) => panic!("{other:?}"),
                Err(error) => return End::Broken(error.to_string()),
            }
        }
    }
}

fn epoch(position: &str) -> &str {
    position.split_once('.').unwrap().0
}

/// Between the begin of a segment and its end is all that any reader got there, once and in order, and of what a node
/// wrote nothing is left out: not even what nobody got.
pub fn check(streams: &[Vec<Segment>]) {
    let mut all: BTreeMap<&str, BTreeMap<u64, u64>> = BTreeMap::new();
    for (id, at) in streams.iter().flatten().flat_map(|segment| &segment.events) {
        let before = all.entry(epoch(at)).or_default().insert(offset(at), *id);
        assert!(before.is_none_or(|before| before == *id), "{at} is {id} and {before:?}");
    }
    for stream in streams {
        let mut ids = BTreeSet::new();
        for Segment { begin, events } in stream {
            let Some((_, end)) = events.last() else { continue };
            let got: Vec<(u64, u64)> = events.iter().map(|(id, at)| (offset(at), *id)).collect();
            let expected = all[epoch(end)].range(offset(begin) + 1..=offset(end));
            // What was written once more in another epoch comes to those who have not got it.
            let expected = expected.filter(|(_, id)| !ids.contains(*id));
            let expected: Vec<(u64, u64)> = expected.map(|(offset, id)| (*offset, *id)).collect();
            assert_eq!(got, expected, "behind {begin}");
            for (id, at) in events {
                assert_eq!(epoch(at), epoch(begin));
                assert!(ids.insert(*id), "{id} came twice");
            }
        }
        check_writes(stream);
    }
}

/// Each node's writes in their order, and none left out but where a reader was told so.
fn check_writes(stream: &[Segment]) {
    let mut last = BTreeMap::new();
    for (segment, Segment { begin, events }) in stream.iter().enumerate() {
        let mut within = BTreeMap::new();
        for (node, number) in events.iter().map(|(id, _)| write_of(*id)) {
            // Readers were there before the first.
            let before = within.insert(node, number).or_else(|| (segment == 0).then_some(0));
            assert!(
                before.is_none_or(|before| number == before + 1),
                "behind {begin}: of node {node} came {number} behind {before:?}"
            );
            let before = last.insert(node, number);
            assert!(before < Some(number), "of node {node} came {number} behind {before:?}");
        }
    }
}

/// Everybody got all events from the first one on, and was never told that something is missing.
pub fn check_whole(streams: &[Vec<Segment>]) {
    check(streams);
    for stream in streams {
        assert_eq!(stream.len(), 1, "{} segments", stream.len());
    }
}

pub fn lengths(streams: &[Vec<Segment>]) -> Vec<usize> {
    streams.iter().map(Vec::len).collect()
}

#[test]
fn a_write_that_nobody_got_and_of_which_nobody_was_told_is_found() {
    let segment = |begin: u64, events: &[(u64, u64)]| Segment {
        begin: format!("e.{begin}"),
        events: events.iter().map(|(at, number)| (id(1, *number), format!("e.{at}"))).collect(),
    };
    let is_good = |segments: Vec<Segment>| std::panic::catch_unwind(|| check(&[segments])).is_ok();
    assert!(is_good(vec![segment(0, &[(1, 1), (2, 2), (3, 3)])]));
    assert!(!is_good(vec![segment(0, &[(1, 1), (2, 3)])]));
    assert!(!is_good(vec![segment(0, &[(1, 2)])]), "it was there before the first");
    assert!(!is_good(vec![segment(0, &[(1, 1), (2, 2), (3, 1)])]));
    assert!(is_good(vec![segment(0, &[(1, 1)]), segment(5, &[(6, 7), (7, 8)])]), "it was told");
    assert!(!is_good(vec![segment(0, &[(1, 1)]), segment(5, &[(6, 7), (7, 9)])]));
    assert!(!is_good(vec![segment(0, &[(1, 3)]), segment(5, &[(6, 2)])]));
}
