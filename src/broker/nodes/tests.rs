//! Nodes that talk with each other over a broker that says everything to everybody.

use std::sync::mpsc;

use async_trait::async_trait;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::*;
use crate::broker::{Away, Hear, Say, Talk};
use crate::event::Json;
use crate::hub::{Page, Tally};
use crate::message::{Group, Target};
use crate::metrics::Labels;

fn target() -> Target {
    let only = Group { users: vec![Arc::from("ann")], connections: vec![Uuid::max()], rooms: vec![] };
    Target { app: Some(Arc::from("shop")), endpoint: Some(Arc::from("/ws")), only, ..Target::default() }
}

#[test]
fn what_nodes_say_arrives_as_it_was_said() {
    let answers = Answers { sent: 2, acked: 1, answers: vec![(Uuid::nil(), Json::parse("[1]").unwrap())] };
    let words = [
        Word::Here,
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

    #[expect(clippy::disallowed_methods, reason = "the test ends with it")]
    fn node(&self, number: u128) -> (Arc<Nodes>, JoinHandle<()>) {
        let hub = Arc::new(Hub::new(Vec::new(), 10));
        let metrics = Arc::new(Metrics::new(&Labels::default()).unwrap());
        let nodes = Arc::new(Nodes::new(Uuid::from_u128(number), "test", hub, metrics));
        let talk = Talk { say: Box::new(self.clone()), hear: Box::new(Ear(self.0.subscribe())) };
        let talking = Arc::clone(&nodes);
        let task = tokio::spawn(async move {
            tokio::select! {
                away = talking.talk(talk) => panic!("{away}"),
                () = talking.keep_time() => {}
            }
        });
        (nodes, task)
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
    leaves.abort();
    knows(&first, 1).await;
    first.report(first.me, 1, Report::Reached(3));
    assert_eq!(told.recv().unwrap(), Roll { there: 2, heard: 1 });
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
    let say = || nodes.say(&mut nodes.lock(), Word::Here);
    say();
    assert_eq!(nodes.lock().notes.len(), 0, "nobody is there");
    nodes.lock().is_there = true;
    (0..2 * NOTES).for_each(|_| say());
    assert_eq!(nodes.lock().notes.len(), NOTES);
    nodes.end();
    let state = nodes.lock();
    assert_eq!((state.notes.len(), state.bytes), (0, 0));
}
