//! Two processes, without a socket between them: what one says is carried to the other word by word.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::mail::Mail;
use super::word::{Hello, Word};
use super::{Reception, meet, receive};
use crate::broker::memory::Memory;
use crate::broker::remote::OutgoingLimits;
use crate::broker::{Broker, Parcel, Publisher, Reached};
use crate::event::{Epoch, Event, Position, Topic};
use crate::hub::{Desk, HistoryLimits, Hub, Lane, Legacy, Profile, Sent, Subscriber};
use crate::identity::Identity;
use crate::message::{CloseReason, Command, Encode, Frame, Publication, Push, Rendering};
use crate::metrics::{Labels, Metrics};

const HISTORY: HistoryLimits = HistoryLimits { size: 10, bytes: 1 << 20, age: Duration::from_mins(1) };
const ROOM: OutgoingLimits = OutgoingLimits { letters: 100, bytes: 1 << 20 };

/// Says where an event stands, and its id.
#[derive(Debug)]
struct Plain;

impl Encode for Plain {
    fn encode(&self, publication: &Publication) -> Rendering {
        let id = publication.event.items[0].id.as_ref().unwrap().as_str();
        Rendering::Whole(Frame::text(&format!("{}:{id}", publication.position.offset)))
    }

    fn push(&self, _: &Push, _: std::time::SystemTime, _: Position) -> Option<Frame> {
        None
    }
}

#[derive(Debug, Default)]
struct Inbox(Mutex<Vec<String>>);

impl Lane for Inbox {
    fn send(&self, frame: &Frame) -> Sent {
        // Behind the two bytes of its head.
        self.0.lock().unwrap().push(String::from_utf8_lossy(&frame.wire()[2..]).into_owned());
        Sent::Written
    }

    fn close(&self, reason: CloseReason) {
        self.0.lock().unwrap().push(reason.text().into_owned());
    }
}

struct Process {
    hub: Arc<Hub>,
    memory: Memory,
    inbox: Arc<Inbox>,
    _subscriber: Subscriber,
}

impl Process {
    fn new(room: OutgoingLimits) -> Self {
        let desk = Desk {
            path: Arc::from("/ws"),
            app: None,
            namespace: None,
            encode: Arc::new(Plain),
            required: false,
        };
        let hub = Arc::new(Hub::new(vec![desk], 10).keeping(HISTORY, Epoch::new(7)));
        let labels = Labels { dialects: vec!["plain"], broker: "memory", ..Labels::default() };
        let metrics = Arc::new(Metrics::new(&labels).unwrap());
        let memory = Memory::new(Arc::clone(&hub), metrics, Uuid::new_v4(), room);
        let inbox = Arc::new(Inbox::default());
        let (id, since) = (Uuid::new_v4(), std::time::SystemTime::UNIX_EPOCH);
        let profile = Profile { id, endpoint: 0, identity: Identity::Anonymous, since, address: None };
        let mut subscriber = hub.attach(Arc::clone(&inbox) as Arc<dyn Lane>, profile).unwrap();
        subscriber.handle(Command::subscribe(Topic::all()));
        Self { hub, memory, inbox, _subscriber: subscriber }
    }

    fn write(&self, id: u64) {
        self.memory.publish(Parcel::Event(Event::sample("author", &id.to_string())));
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.inbox.0.lock().unwrap())
    }

    /// One that takes its place; with the ways between them.
    fn successor(&self) -> (Self, Arc<Mail>, Arc<Mail>) {
        let (estate, down) = self.memory.lead();
        let new = Self::new(ROOM);
        new.hub.inherit(estate.legacy(), Vec::new());
        let up = new.memory.follow();
        (new, down, up)
    }
}

/// What waits, word by word.
async fn words(mail: &Mail) -> Vec<Word> {
    mail.close();
    let frames = mail.next().await.unwrap_or_default().concat();
    let (mut rest, mut words) = (frames.as_slice(), Vec::new());
    while let Some(word) = Word::receive(&mut rest).await.unwrap() {
        words.push(word);
    }
    words
}

fn letter(word: &Word) -> Bytes {
    let Word::Letter(letter) = word else { panic!("{word:?}") };
    letter.clone()
}

#[tokio::test]
async fn events_of_both_have_one_order_and_what_was_not_placed_is_told_at_the_end() {
    let old = Process::new(ROOM);
    old.write(1);
    let (new, down, up) = old.successor();
    old.write(2);
    new.write(3);
    new.write(4);
    assert_eq!(new.heard(), [""; 0], "the old one says where they stand");
    let said = words(&up).await;
    old.memory.hear_heir(&letter(&said[0]));
    old.write(5);
    old.memory.part();
    // It comes too late: the new one tells it itself.
    old.memory.hear_heir(&letter(&said[1]));
    assert_eq!(old.heard(), ["1:1", "2:2", "3:3", "4:5"]);
    for word in words(&down).await {
        new.memory.hear_elder(word);
    }
    new.write(6);
    assert_eq!(new.heard(), ["2:2", "3:3", "4:5", "5:4", "6:6"]);
    assert!(!new.memory.follows());
    assert_eq!(new.hub.position(), Some(Position { epoch: Epoch::new(7), offset: 6 }));
}

#[tokio::test]
async fn where_the_old_one_breaks_off_readers_reload_and_nothing_of_the_new_one_is_lost() {
    let old = Process::new(ROOM);
    old.write(1);
    let (new, down, _up) = old.successor();
    new.write(2);
    drop(words(&down).await);
    new.memory.lose_elder();
    new.memory.lose_elder();
    assert_eq!(new.heard(), ["events lost", "2:2"]);
    let position = new.hub.position().unwrap();
    assert!(position.epoch != Epoch::new(7) && position.offset == 2, "{position}");
}

#[tokio::test]
async fn one_in_the_middle_passes_on_what_both_sides_say() {
    let old = Process::new(ROOM);
    let (middle, down, up) = old.successor();
    let (new, down_to_new, up_from_new) = middle.successor();
    new.write(1);
    for word in words(&up_from_new).await {
        middle.memory.hear_heir(&letter(&word));
    }
    for word in words(&up).await {
        old.memory.hear_heir(&letter(&word));
    }
    old.write(2);
    for word in words(&down).await {
        middle.memory.hear_elder(word);
    }
    for word in words(&down_to_new).await {
        new.memory.hear_elder(word);
    }
    for process in [&old, &middle, &new] {
        assert_eq!(process.heard(), ["1:1", "2:2"]);
    }
}

#[tokio::test]
async fn who_takes_nothing_is_given_up_and_costs_nobody_an_event() {
    let old = Process::new(OutgoingLimits { letters: 2, bytes: 1 << 20 });
    let (_new, down, _up) = old.successor();
    (1..=4).for_each(|id| old.write(id));
    assert_eq!(old.heard(), ["1:1", "2:2", "3:3", "4:4"]);
    assert!(!words(&down).await.contains(&Word::Over), "it must not go on as if nothing were missing");
}

/// It hangs, and nothing breaks off: what the new one wrote waited for it without bound, and its readers heard nothing.
#[tokio::test]
async fn an_old_one_that_took_nothing_was_waited_for_until_somebody_ended_it() {
    let old = Process::new(ROOM);
    let (new, down, _up) = old.successor();
    old.write(1);
    (2..=102).for_each(|id| new.write(id));
    let ids = (2..=102).zip(1..).map(|(id, offset)| format!("{offset}:{id}"));
    let expected: Vec<String> = [String::from("events lost")].into_iter().chain(ids).collect();
    assert_eq!(new.heard(), expected);
    // It wakes up, and nobody listens any more.
    for word in words(&down).await {
        new.memory.hear_elder(word);
    }
    new.write(103);
    assert_eq!(new.heard(), ["102:103"]);
}

#[tokio::test]
async fn what_is_written_while_the_last_words_of_the_old_one_are_on_their_way_is_told_behind_them() {
    let old = Process::new(ROOM);
    let (new, down, up) = old.successor();
    old.write(1);
    old.memory.part();
    up.close();
    new.write(2);
    for word in words(&down).await {
        new.memory.hear_elder(word);
    }
    assert_eq!(new.heard(), ["1:1", "2:2"]);
}

/// Each event was written for it and kept.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test ends it")]
async fn what_the_new_one_was_to_hear_was_kept_for_nobody_when_it_was_given_up() {
    let Process { memory, .. } = Process::new(ROOM);
    let memory = Arc::new(memory);
    let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
    let broker = Arc::clone(&memory) as Arc<dyn Broker>;
    let (publisher, _) = Publisher::start(100, broker, metrics).unwrap();
    let reception = Reception {
        broker: "memory",
        memory: Some(Arc::clone(&memory)),
        log: None,
        publisher: publisher.clone(),
    };
    let (mut heir, stream) = UnixStream::pair().unwrap();
    let (ready, _is_ready) = oneshot::channel();
    let receiving = tokio::spawn(receive(stream, reception, ready));
    while Word::receive(&mut heir).await.unwrap().unwrap() != Word::Settled {}
    assert!(memory.leads());
    receiving.abort();
    assert!(receiving.await.unwrap_err().is_cancelled());
    let (told, is_told) = oneshot::channel();
    publisher.answer(Box::new(move || told.send(()).unwrap()));
    is_told.await.unwrap();
    assert!(!memory.leads());
}

#[tokio::test]
async fn one_in_the_middle_that_leaves_first_does_not_have_the_last_one_go_on_as_if_it_were_alone() {
    let old = Process::new(ROOM);
    let (middle, _down, _up) = old.successor();
    let (new, down_to_new, _) = middle.successor();
    middle.memory.part();
    assert!(!words(&down_to_new).await.contains(&Word::Over), "the first one says where events stand");
    new.memory.lose_elder();
    assert_ne!(new.hub.position().unwrap().epoch, old.hub.position().unwrap().epoch);
}

#[tokio::test]
async fn what_is_sent_counts_its_readers_once_it_is_known_where_it_stands() {
    let old = Process::new(ROOM);
    let (new, down, up) = old.successor();
    let (told, hears) = std::sync::mpsc::channel();
    let parcels = ["1", "2"].map(|id| Parcel::Event(Event::sample("author", id)));
    new.memory.send(parcels.into(), Box::new(move |reached: Reached| told.send(reached.readers).unwrap()));
    assert!(hears.try_recv().is_err(), "nobody has got it yet");
    for word in words(&up).await {
        old.memory.hear_heir(&letter(&word));
    }
    for word in words(&down).await {
        new.memory.hear_elder(word);
    }
    assert_eq!(hears.try_recv(), Ok(2));
}

/// Both ends of a link: what the heir is told, and whether connections are its own in the end.
async fn link(elder: impl AsyncFnOnce(UnixStream)) -> bool {
    let (theirs, ours) = UnixStream::pair().unwrap();
    let heir = async {
        let meeting = meet(ours).await.unwrap();
        let (told, is_ours) = oneshot::channel();
        let process = Process::new(ROOM);
        let memory = Arc::new(process.memory);
        let labels = Labels { dialects: vec!["plain"], broker: "memory", ..Labels::default() };
        let metrics = Arc::new(Metrics::new(&labels).unwrap());
        let (publisher, _worker) = Publisher::start(10, Arc::clone(&memory) as _, metrics).unwrap();
        let ((), is_ours) = tokio::join!(meeting.go_on(Some(memory), publisher, told), is_ours);
        is_ours.is_ok()
    };
    tokio::join!(heir, elder(theirs)).0
}

async fn hello(stream: &mut UnixStream) {
    let position = Position { epoch: Epoch::new(7), offset: 3 };
    let legacy = Some(Legacy { position, floor: 0, floors: Vec::new() });
    let hello = Word::Hello(Hello { broker: "memory".to_owned(), log: None, legacy });
    stream.write_all(&[hello.write(), Word::Settled.write()].concat()).await.unwrap();
    assert_eq!(Word::receive(stream).await.unwrap(), Some(Word::Ready));
}

#[tokio::test]
async fn who_comes_too_late_does_not_begin_beside_one_that_goes_on() {
    let waits = async |mut stream: UnixStream| {
        hello(&mut stream).await;
        stream.write_all(&Word::Yours.write()).await.unwrap();
    };
    assert!(link(waits).await);
    // It has waited in vain, and accepts connections itself.
    let goes_on = async |mut stream: UnixStream| hello(&mut stream).await;
    assert!(!link(goes_on).await);
}
