//! The hub without sockets: readers are inboxes, and events are said in a word.

mod answers;
mod catching;
mod changes;
mod comings;
mod deliveries;
mod filters;
mod gatherings;
mod identities;
mod index;
mod outbox;
mod receipts;
mod recoveries;
mod shares;
mod tags;
mod threads;
mod topics;
mod views;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use uuid::Uuid;

use super::*;
use crate::event::{Audience, Json, Position, Topic};
use crate::identity::Identity;
use crate::message::{Command, Frame, Group, Push, Rendering, Target};

/// A reader that keeps what it gets.
#[derive(Debug)]
struct Inbox {
    frames: Mutex<Vec<String>>,
    closed: Mutex<Vec<CloseReason>>,
    /// What it says to the next frames.
    answer: Mutex<Sent>,
    meanwhile: Meanwhile,
}

/// Done once, while a frame is on its way to the reader.
#[derive(Default)]
struct Meanwhile(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Inbox {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            frames: Mutex::default(),
            closed: Mutex::default(),
            answer: Mutex::new(Sent::Written),
            meanwhile: Meanwhile::default(),
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.frames.lock().unwrap())
    }

    fn meanwhile(&self, action: impl FnOnce() + Send + 'static) {
        *self.meanwhile.0.lock().unwrap() = Some(Box::new(action));
    }
}

impl Lane for Inbox {
    fn send(&self, frame: &Frame) -> Sent {
        let action = self.meanwhile.0.lock().unwrap().take();
        if let Some(action) = action {
            action();
        }
        self.frames.lock().unwrap().push(String::from_utf8(frame.payload().to_vec()).unwrap());
        *self.answer.lock().unwrap()
    }

    fn close(&self, reason: CloseReason) {
        self.closed.lock().unwrap().push(reason);
    }
}

/// Says the position and the models; nothing about model `unsaid`.
#[derive(Debug, Default)]
struct Plain(AtomicUsize);

impl Encode for Plain {
    fn encode(&self, publication: &Publication) -> Rendering {
        self.0.fetch_add(1, Ordering::Relaxed);
        let event = &publication.event;
        if &*event.model == "unsaid" {
            return Rendering::Nothing;
        }
        Rendering::Whole(Frame::text(&format!("{} {}", publication.position.offset, event.model)))
    }
}

/// Says each item's id in a frame of its own; nothing about id 0.
#[derive(Debug)]
struct ItemByItem;

impl Encode for ItemByItem {
    fn encode(&self, publication: &Publication) -> Rendering {
        let ids = publication.event.items.iter().map(|item| item.id.as_ref().map_or("", Json::as_str));
        Rendering::Each(ids.map(|id| (id != "0").then(|| Frame::text(id))).collect())
    }
}

fn desk(path: &str, app: Option<&str>, encode: Arc<dyn Encode>) -> Desk {
    Desk { path: Arc::from(path), app: app.map(Arc::from), namespace: None, encode, required: false }
}

fn profile(endpoint: usize, identity: Identity) -> Profile {
    Profile { id: Uuid::new_v4(), endpoint, identity, since: SystemTime::UNIX_EPOCH, address: None }
}

fn deliver(hub: &Hub, event: Event) -> Delivery {
    hub.deliver(event, SystemTime::UNIX_EPOCH, || {})
}

fn hub(max_connections: usize) -> Arc<Hub> {
    let desks = ["/one", "/two"].map(|path| desk(path, None, Arc::new(Plain::default())));
    Arc::new(Hub::new(desks.to_vec(), max_connections))
}

fn attach(hub: &Arc<Hub>, inbox: &Arc<Inbox>) -> Subscriber {
    hub.attach(Arc::clone(inbox) as Arc<dyn Lane>, profile(0, Identity::Anonymous)).unwrap()
}

fn join(hub: &Arc<Hub>, inbox: &Arc<Inbox>, topics: &str) -> Subscriber {
    let mut subscriber = attach(hub, inbox);
    for topic in topics.split_whitespace() {
        subscriber.handle(Command::subscribe(Topic::parse(topic)));
    }
    subscriber
}

fn event(model: &str, ids: &[&str]) -> Event {
    let mut event = Event::sample(model, ids.first().copied().unwrap_or("0"));
    event.many = ids.len() > 1;
    event.items = ids.iter().flat_map(|id| Event::sample(model, id).items).collect();
    event
}
