//! What readers got, all of it, and whether something is missing, there twice, or in another order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_tungstenite::tungstenite::Message;

use super::{offset, position, try_come};

/// What a reader got from where it was told that nothing is missing from there on.
#[derive(Debug)]
pub struct Segment {
    /// From behind this position.
    begin: String,
    /// Ids and positions.
    events: Vec<(u64, String)>,
}

/// Reads until an event with such an id, or a larger one, has come. Where it is sent away it comes again with its last
/// position; a segment is added where it is told that something may be missing.
pub fn read(address: SocketAddr, until: &AtomicU64) -> Vec<Segment> {
    let (mut segments, mut since): (Vec<Segment>, _) = (Vec::new(), String::new());
    loop {
        let Some((mut reader, answer)) = try_come(address, &since) else { continue };
        if segments.is_empty() || answer["recovered"] != true {
            segments.push(Segment { begin: position(&answer), events: Vec::new() });
            since = position(&answer);
        }
        let events = &mut segments.last_mut().unwrap().events;
        loop {
            match reader.0.read().unwrap() {
                Message::Text(text) => {
                    let event: serde_json::Value = serde_json::from_str(text.as_str()).unwrap();
                    let id = event["id"].as_u64().unwrap_or_else(|| panic!("{event}"));
                    since = position(&event);
                    events.push((id, since.clone()));
                    if id >= until.load(Ordering::SeqCst) {
                        return segments;
                    }
                }
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(Some(frame)) if u16::from(frame.code) == 1013 => break,
                other => panic!("{other:?}"),
            }
        }
    }
}

fn epoch(position: &str) -> &str {
    position.split_once('.').unwrap().0
}

/// Between the begin of a segment and its end is all that any reader got there, once and in order.
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
            let expected: Vec<(u64, u64)> = expected.map(|(offset, id)| (*offset, *id)).collect();
            assert_eq!(got, expected, "behind {begin}");
            for (id, at) in events {
                assert_eq!(epoch(at), epoch(begin));
                assert!(ids.insert(*id), "{id} came twice");
            }
        }
    }
}

/// Everybody got all events from the first one on, and was never told that something is missing.
pub fn check_whole(streams: &[Vec<Segment>]) {
    check(streams);
    for stream in streams {
        assert_eq!(stream.len(), 1, "{} segments", stream.len());
        let mut ids: Vec<u64> = stream[0].events.iter().map(|(id, _)| *id).collect();
        let last = *ids.last().unwrap();
        ids.sort_unstable();
        let missing: Vec<u64> = (1..=last).filter(|id| ids.binary_search(id).is_err()).collect();
        assert!(missing.is_empty(), "of {last} are missing {missing:?}");
    }
}
