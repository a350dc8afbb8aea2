//! Nodes that talk with each other over a broker that says everything to everybody.

use std::sync::mpsc;
use std::time::SystemTime;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::others::BEAT;
use super::roster::{Change, Part, Place};
use super::*;
use crate::broker::wire::{Content, Letter};
use crate::broker::{Away, Hear, Say, Talk};
use crate::broker::{OutgoingLimits, Parcel};
use crate::event::{Audience, Item, Json};
use crate::hub::{Page, Tally};
use crate::message::{Announcement, Coming, Doorman, Group, Target};
use crate::metrics::Labels;

fn target() -> Target {
    let only = Group { users: vec![Arc::from("ann")], connections: vec![Uuid::max()], rooms: vec![] };
    Target { app: Some(Arc::from("shop")), endpoint: Some(Arc::from("/ws")), only, ..Target::default() }
}

fn place() -> Place {
    Place { endpoint: Arc::from("/ws"), user: Arc::from("ann") }
}

#[test]
fn what_nodes_say_arrives_as_it_was_said() {
    let answers = Answers { sent: 2, acked: 1, answers: vec![(Uuid::nil(), Json::parse("[1]").unwrap())] };
    let words = [
        Word::Here { version: 7, is_settled: true },
        Word::Change(Change { version: 7, place: place(), count: 3 }),
        Word::Want(Uuid::max()),
        Word::Part(Part { version: 7, number: 1, parts: 2, places: vec![(place(), 3)] }),
        Word::Hello,
        Word::Bye,
        Word::Ask(7, Ask::Page { to: target(), after: Some(Uuid::max()), limit: 9 }),
        Word::Ask(7, Ask::Tally { to: Target::default(), limit: 9 }),
        Word::Ask(7, Ask::Close { to: target() }),
        Word::Over(3),
        Word::Report(Uuid::max(), 4, Report::Reached(5)),
        Word::Report(Uuid::max(), 4, Report::Answers(answers)),
        Word::Report(Uuid::max(), 4, Report::Page(Page { count: 3, ..Page::default() })),
        Word::Report(Uuid::max(), 4, Report::Tally(Tally { count: 3, ..Tally::default() })),
        Word::Report(Uuid::max(), 4, Report::Closed(6)),
    ];
    for word in words {
        let expected = format!("{word:?}");
        let read = Note::read(&Note { node: Uuid::max(), word }.write()).unwrap();
        assert_eq!((read.node, format!("{:?}", read.word)), (Uuid::max(), expected));
    }
    for strange in ["", "7", "{}", r#"{"v":1}"#, r#"{"v":2,"node":"","word":"here"}"#] {
        assert!(Note::read(strange.as_bytes()).is_none(), "{strange}");
    }
    let new = r#"{"v":1,"node":"00000000-0000-0000-0000-000000000000","word":"jump"}"#;
    assert!(Note::read(new.as_bytes()).is_none());
}

#[derive(Debug, Clone)]
struct Air(broadcast::Sender<Bytes>);

#[async_trait]
impl Say for Air {
    async fn say(&mut self, notes: &[Bytes]) -> Result<(), Away> {
        for note in notes {
            drop(self.0.send(note.clone()));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Ear(broadcast::Receiver<Bytes>);

#[async_trait]
impl Hear for Ear {
    async fn hear(&mut self) -> Result<Bytes, Away> {
        self.0.recv().await.map_err(|error| Away(error.to_string()))
    }
}

impl Air {
    fn new() -> Self {
        Self(broadcast::channel(256).0)
    }

    fn node(&self, number: u128) -> (Arc<Nodes>, JoinHandle<()>) {
        self.node_with(number, Vec::new())
    }

    fn node_with(&self, number: u128, doormen: Doormen) -> (Arc<Nodes>, JoinHandle<()>) {
        let hub = Arc::new(Hub::new(Vec::new(), 10));
        let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
        let outgoing = Arc::new(Outgoing::new(Uuid::nil(), OutgoingLimits { letters: 100, bytes: 1 << 20 }));
        let nodes = Arc::new(Nodes::new((Uuid::from_u128(number), "test"), hub, metrics, outgoing));
        nodes.set_doormen(doormen);
        let task = self.talks(&nodes);
        (nodes, task)
    }

    #[expect(clippy::disallowed_methods, reason = "the test ends with it")]
    fn talks(&self, nodes: &Arc<Nodes>) -> JoinHandle<()> {
        let talk = Talk { say: Box::new(self.clone()), hear: Box::new(Ear(self.0.subscribe())) };
        let talking = Arc::clone(nodes);
        tokio::spawn(async move {
            tokio::select! {
                away = talking.talk(talk) => panic!("{away}"),
                () = talking.keep_time() => {}
            }
        })
    }
}

/// Time goes on by itself while nobody has anything to do.
async fn count(nodes: &Nodes) -> Roll {
    let (tell, told) = tokio::sync::oneshot::channel();
    let ask = Ask::Tally { to: Target::default(), limit: 0 };
    nodes.ask(ask, Report::Tally(Tally::default()), Box::new(move |heard| tell.send(heard.roll).unwrap()));
    told.await.unwrap()
}

async fn knows(nodes: &Nodes, there: usize) {
    while nodes.lock().others.len() + 1 != there {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_find_each_other_and_miss_who_is_silent_until_it_is_gone() {
    let air = Air::new();
    let (first, _first) = air.node(1);
    let (second, dies) = air.node(2);
    knows(&first, 2).await;
    knows(&second, 2).await;
    assert_eq!(count(&first).await, Roll { there: 2, heard: 2 });
    dies.abort();
    let before = Instant::now();
    assert_eq!(count(&first).await, Roll { there: 2, heard: 1 });
    assert!(before.elapsed() >= PATIENCE);
    let again = Instant::now();
    assert_eq!(count(&first).await, Roll { there: 2, heard: 1 });
    assert!(again.elapsed() < PATIENCE, "it is waited for once");
    knows(&first, 1).await;
    assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&before.elapsed()));
    assert_eq!(count(&first).await, Roll { there: 1, heard: 1 });
}

#[tokio::test(start_paused = true)]
async fn one_that_leaves_is_waited_for_no_more() {
    let air = Air::new();
    let (first, _first) = air.node(1);
    let (second, leaves) = air.node(2);
    knows(&first, 2).await;
    let (tell, told) = mpsc::channel();
    first.expect(1, Box::new(move |heard| tell.send(heard.roll).unwrap())).unwrap();
    second.leave().await;
    knows(&first, 1).await;
    first.report(first.me, 1, Report::Reached(3));
    assert_eq!(told.recv().unwrap(), Roll { there: 2, heard: 1 });
    // It has a moment yet.
    tokio::time::sleep(2 * BEAT).await;
    assert_eq!(first.lock().others.len(), 0);
    leaves.abort();
}

#[tokio::test(start_paused = true)]
async fn answers_for_a_node_that_was_gone_were_collected_for_ever_where_nobody_asked_anything() {
    let air = Air::new();
    let (nodes, _task) = air.node(1);
    // It keeps time by now, and nothing is due.
    tokio::time::sleep(PATIENCE).await;
    nodes.collect(Uuid::from_u128(2), 7, 1);
    assert_eq!(nodes.lock().collecting.len(), 1);
    tokio::time::sleep(LONGEST + PATIENCE).await;
    assert_eq!(nodes.lock().collecting.len(), 0);
}

#[test]
fn what_has_no_room_or_no_broker_is_not_said() {
    let air = Air::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _within = runtime.enter();
    let (nodes, _task) = air.node(1);
    let say = || nodes.say(&mut nodes.lock(), Word::Hello);
    say();
    assert_eq!(nodes.lock().notes.len(), 0, "nobody is there");
    nodes.lock().connected = Some(Connected { since: Instant::now(), is_settled: false });
    (0..2 * NOTES).for_each(|_| say());
    assert_eq!(nodes.lock().notes.len(), NOTES);
    nodes.end();
    let state = nodes.lock();
    assert_eq!((state.notes.len(), state.bytes), (0, 0));
}

/// Tells in a word.
#[derive(Debug)]
struct Porter {
    each: bool,
}

impl Doorman for Porter {
    fn tells_each(&self) -> bool {
        self.each
    }

    fn announcement(&self, coming: &Coming, _: SystemTime) -> Announcement {
        let action = if coming.is_here { "joined" } else { "left" };
        Announcement {
            model: Arc::clone(&coming.user),
            action: Arc::from(action),
            item: Item::default(),
            audience: Audience::Everyone,
            coming: Some(coming.clone()),
        }
    }
}

/// What these nodes have told, sorted.
fn told(nodes: &[&Arc<Nodes>]) -> Vec<String> {
    let mut told = Vec::new();
    for letter in nodes.iter().flat_map(|nodes| nodes.outgoing.letters()) {
        let Content::Parcel(parcel) = Letter::read(&letter).unwrap().content else { panic!("lost") };
        let Parcel::Event(event) = *parcel else { panic!("a push") };
        told.push(format!("{} {}", event.model, event.action.unwrap()));
    }
    told.sort_unstable();
    told
}

fn come(nodes: &Nodes, user: &str, is_here: bool) -> bool {
    nodes.come(&Arc::from("/ws"), &Coming { user: Arc::from(user), is_here })
}

fn doormen(each: bool) -> Doormen {
    vec![(Arc::from("/ws"), Arc::new(Porter { each }))]
}

#[tokio::test(start_paused = true)]
async fn a_user_comes_and_leaves_once_however_many_nodes_it_is_at() {
    let air = Air::new();
    let (first, _first) = air.node_with(1, doormen(false));
    let (second, dies) = air.node_with(2, doormen(false));
    let users: Vec<String> = (0..20).map(|user| format!("u{user}")).collect();
    for before in [Duration::from_millis(100), Duration::from_secs(10)] {
        knows(&first, 2).await;
        knows(&second, 2).await;
        tokio::time::sleep(before).await;
        for user in &users {
            assert!(come(&first, user, true) && come(&second, user, true));
        }
        tokio::time::sleep(BEAT).await;
        for user in &users {
            assert!(come(&second, user, false) && come(&first, user, false));
        }
        tokio::time::sleep(BEAT).await;
        let all = told(&[&first, &second]);
        assert_eq!(all.len(), 40, "{all:?}");
        assert_eq!(all.iter().filter(|told| told.ends_with("joined")).count(), 20);
        assert!(
            !first.outgoing.letters().is_empty() && !second.outgoing.letters().is_empty(),
            "they share it"
        );
        for nodes in [&first, &second] {
            nodes.outgoing.written(100);
        }
    }
    // One is at both, and one at the node that dies.
    assert!(come(&first, "both", true) && come(&second, "both", true) && come(&second, "ann", true));
    tokio::time::sleep(BEAT).await;
    let survivor = || told(&[&first]).into_iter().filter(|told| told.ends_with("left")).collect::<Vec<_>>();
    assert_eq!(survivor(), [""; 0]);
    dies.abort();
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(survivor(), ["ann left"]);
}

#[tokio::test(start_paused = true)]
async fn of_each_connection_its_own_node_tells_and_others_where_that_dies() {
    let air = Air::new();
    let (first, _first) = air.node_with(1, doormen(true));
    let (second, dies) = air.node_with(2, doormen(true));
    knows(&first, 2).await;
    for _ in 0..3 {
        assert!(!come(&second, "ann", true), "it is told at once");
    }
    come(&second, "ann", false);
    tokio::time::sleep(BEAT).await;
    assert_eq!(told(&[&first, &second]), [""; 0]);
    dies.abort();
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(told(&[&first]), ["ann left", "ann left"]);
    assert!(!first.come(&Arc::from("/elsewhere"), &Coming { user: Arc::from("ann"), is_here: true }));
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_of_who_comes_is_told_once_it_is_known() {
    let air = Air::new();
    let (first, _first) = air.node_with(1, doormen(false));
    let (second, breaks) = air.node_with(2, doormen(false));
    knows(&first, 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    breaks.abort();
    second.end();
    // Nobody hears that; it is back before it is missed.
    for user in ["ann", "bob"] {
        come(&second, user, true);
    }
    come(&second, "bob", false);
    let _again = air.talks(&second);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(first.lock().roster.parts(second.me)[0].places.len(), 1);
    let all = told(&[&first, &second]);
    assert_eq!(all.iter().filter(|told| *told == "ann joined").count(), 1, "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_node_with_very_many_users_nobody_ever_heard_and_all_asked_every_second() {
    const USERS: usize = 40_000;
    let air = Air::new();
    let (first, _first) = air.node_with(1, doormen(true));
    let (second, _second) = air.node_with(2, doormen(true));
    // More than may wait to be said, and nobody is there yet.
    for user in 0..USERS {
        come(&second, &format!("{user:0200}"), true);
    }
    let known = || first.lock().roster.parts(second.me).iter().map(|part| part.places.len()).sum::<usize>();
    let known_to_all = async {
        while known() < USERS {
            tokio::time::sleep(BEAT).await;
        }
    };
    tokio::time::timeout(10 * BEAT, known_to_all).await.unwrap_or_else(|_| panic!("{} are known", known()));
    // Whoever comes meanwhile is known too, and nothing is said again.
    tokio::time::sleep(2 * BEAT).await;
    let mut said = air.0.subscribe();
    come(&second, "ann", true);
    tokio::time::sleep(5 * BEAT).await;
    assert_eq!(known(), USERS + 1);
    while let Ok(note) = said.try_recv() {
        assert!(note.len() < 1000, "{} bytes", note.len());
    }
}
