//! What the nodes of one restcast ask each other beside the log: whom something reached, what clients answered, who is
//! connected. Whoever wants to know asks all that are there, this one included, and waits for a while; who has not
//! answered by then is missing, and that is said.
//!
//! What is said here is not kept anywhere. A node that is silent for some seconds is gone. While the broker is away
//! there is nobody but this node.
//!
//! Bounds: 255 other nodes, 512 questions at once, 1,024 notes that wait to be said; what is more is not asked, or not
//! said, and then somebody is missing.

mod attend;
mod forms;
mod merge;
mod others;
mod questions;
mod roster;
mod shell;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use crate::broker::remote::Outgoing;
use crate::hub::{Answers, Hub};
use crate::message::CloseReason;
use crate::metrics::Metrics;
pub use attend::Doormen;
use attend::Untold;
use others::Others;
pub use questions::{Heard, Roll, Tell, TooMany};
use questions::{Patience, Questions};
use roster::{Part, Roster};
pub use words::{Ask, Report};
use words::{MOST_BYTES, Note, Word};

/// A node that has not answered within this does not count. If it was not heard either, it is not waited for again
/// until it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// Answers of clients that nobody asks for any more are waited for so long at most.
const LONGEST: Duration = Duration::from_secs(65);
/// Notes that may wait.
const NOTES: usize = 1024;
/// Bytes that they may have in all.
const NOTES_BYTES: usize = 8 * 1024 * 1024;

/// See the module's documentation.
pub struct Nodes {
    me: Uuid,
    broker: &'static str,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    outgoing: Arc<Outgoing>,
    /// Of the endpoints that tell who comes.
    doormen: OnceLock<Doormen>,
    state: Mutex<State>,
    /// There is something to say.
    news: Notify,
    /// Something else is the next that is due.
    asked: Notify,
    /// There is something to tell of who comes and leaves.
    shifts: Notify,
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes").field("me", &self.me).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    others: Others,
    questions: Questions,
    /// Pushes of nodes, by their number there, that clients of this one answer: by which number here, and until when.
    collecting: HashMap<(Uuid, u64), (u64, Instant)>,
    roster: Roster,
    /// Others want to know all that is in it.
    is_wanted: bool,
    untold: VecDeque<Untold>,
    notes: VecDeque<Waiting>,
    /// Of the notes that are written.
    bytes: usize,
    /// While the broker is there.
    connected: Option<Connected>,
}

/// What is to be said.
#[derive(Debug)]
enum Waiting {
    Note(Bytes),
    /// Of many, and written when its turn has come: all of them together are more than may wait.
    Part(Part),
}

#[derive(Debug)]
struct Connected {
    since: Instant,
    /// That is a while ago, and the others have heard so.
    is_settled: bool,
}

impl State {
    fn is_there(&self) -> bool {
        self.connected.is_some()
    }

    fn is_settled(&self) -> bool {
        self.connected.as_ref().is_some_and(|connected| connected.is_settled)
    }
}

impl Nodes {
    /// `me`: as which this process speaks; `broker`: what carries that.
    pub(super) fn new(
        (me, broker): (Uuid, &'static str),
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
        outgoing: Arc<Outgoing>,
    ) -> Self {
        let (state, [news, asked, shifts]) = (Mutex::default(), std::array::from_fn(|_| Notify::new()));
        let doormen = OnceLock::new();
        Self { me, broker, hub, metrics, outgoing, doormen, state, news, asked, shifts }
    }

    /// These endpoints tell who comes and leaves; said once.
    pub(super) fn set_doormen(&self, doormen: Doormen) {
        drop(self.doormen.set(doormen));
    }

    /// What carries what they say, as the config calls it.
    pub fn broker(&self) -> &'static str {
        self.broker
    }

    /// Asks every node that is there; this one answers with `own`. Where too much is asked at once, it is the only one.
    pub fn ask(&self, ask: Ask, own: Report, tell: Tell) {
        let now = Instant::now();
        let mut state = self.lock();
        let there = self.there(&state);
        let patience = Patience { since: now, over: now + PATIENCE, end: now + PATIENCE };
        match state.questions.ask(there.iter().copied(), 1, patience, tell) {
            Ok(number) => {
                self.say(&mut state, Word::Ask(number, ask));
                let done = state.questions.report(number, self.me, own);
                drop(state);
                self.asked.notify_one();
                finish(done);
            }
            Err(tell) => {
                drop(state);
                tell(Heard { reports: vec![own], roll: Roll { there: there.len(), heard: 1 } });
            }
        }
    }

    /// By which number nodes count the readers of so many letters, which are about to go into the log. `None`: too much
    /// is asked at once, and nobody is heard.
    pub(super) fn expect(&self, letters: usize, tell: Tell) -> Option<u64> {
        let now = Instant::now();
        let end = now + self.grace();
        let asked = self.wait_for(letters, Patience { since: now, over: end, end }, tell);
        asked.map_err(|tell| tell(Heard { reports: Vec::new(), roll: Roll { there: 1, heard: 0 } })).ok()
    }

    /// The number under which clients of all nodes are asked for answers to a push, for so long.
    ///
    /// # Errors
    /// There is no room for one more.
    pub fn ask_for_answers(
        &self,
        time: Duration,
        tell: Box<dyn FnOnce(Answers, Roll) + Send>,
    ) -> Result<u64, TooMany> {
        let tell = Box::new(move |heard: Heard| {
            let roll = heard.roll;
            tell(heard.answers(), roll);
        });
        let since = Instant::now();
        let over = since + time;
        self.wait_for(1, Patience { since, over, end: over + self.grace() }, tell).or(Err(TooMany))
    }

    /// It was never sent.
    pub fn give_up(&self, number: u64) {
        self.lock().questions.give_up(number);
    }

    /// What waits for the broker may wait for long: nobody waits for what becomes of it.
    fn grace(&self) -> Duration {
        if self.lock().is_there() { PATIENCE } else { Duration::ZERO }
    }

    fn wait_for(&self, times: usize, patience: Patience, tell: Tell) -> Result<u64, Tell> {
        let mut state = self.lock();
        let there = self.there(&state);
        let asked = state.questions.ask(there.into_iter(), times, patience, tell);
        drop(state);
        self.asked.notify_one();
        asked
    }

    /// Something of a node's has reached so many readers here.
    pub(super) fn report(&self, to: Uuid, number: u64, report: Report) {
        let mut state = self.lock();
        if to != self.me {
            return self.say(&mut state, Word::Report(to, number, report));
        }
        let done = state.questions.report(number, to, report);
        drop(state);
        finish(done);
    }

    /// Clients are about to be asked by this number what another node, or this one, wants to hear.
    pub(super) fn collect(self: &Arc<Self>, from: Uuid, number: u64, here: u64) {
        self.lock().collecting.insert((from, number), (here, Instant::now() + LONGEST));
        // Who asks may be gone by then, and nothing else due here.
        self.asked.notify_one();
        let nodes = Arc::clone(self);
        let collect = move |answers| {
            nodes.lock().collecting.remove(&(from, number));
            nodes.report(from, number, Report::Answers(answers));
        };
        self.hub.collect(here, Box::new(collect));
    }

    /// This node, and the others, each with whether an answer is to be expected.
    fn there(&self, state: &State) -> Vec<(Uuid, bool)> {
        // While nobody can be asked, nobody is there.
        let others = state.others.asked().filter(|_| state.is_there());
        others.chain([(self.me, true)]).collect()
    }

    /// To all of them, soon; not where there is no room or no broker.
    fn say(&self, state: &mut State, word: Word) {
        if !state.is_there() {
            return;
        }
        let Some(note) = self.written(word) else { return };
        let bytes = state.bytes + note.len();
        if state.notes.len() >= NOTES || bytes > NOTES_BYTES {
            return too_much(note.len());
        }
        state.bytes = bytes;
        state.notes.push_back(Waiting::Note(note));
        self.news.notify_one();
    }

    /// `None`: it is longer than a server takes.
    fn written(&self, word: Word) -> Option<Bytes> {
        let note = Note { node: self.me, word }.write();
        if note.len() > MOST_BYTES {
            too_much(note.len());
            return None;
        }
        Some(note)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under it is whole, or is not made. Nobody is told anything under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ask {
    /// What the node of this hub says to it. Costs a look at every connection.
    pub fn answer(&self, hub: &Hub) -> Report {
        match self {
            Self::Page { to, after, limit } => Report::Page(hub.page(to, *after, *limit)),
            Self::Tally { to, limit } => Report::Tally(hub.tally(to, *limit)),
            Self::Close { to } => Report::Closed(hub.close(to, CloseReason::Ended) as u64),
        }
    }
}

fn too_much(bytes: usize) {
    tracing::warn!(bytes, "nodes say too much to each other: something is not said");
}

fn finish(done: impl IntoIterator<Item = (Tell, Heard)>) {
    for (tell, heard) in done {
        tell(heard);
    }
}
