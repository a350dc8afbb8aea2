//! Who comes and leaves at all nodes, told once: one node of those that have been there for a while is chosen for each
//! user, alike by all of them, and tells it by the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::roster::{Place, Shift, teller};
use super::words::Word;
use super::{Nodes, State, Waiting};
use crate::broker::Parcel;
use crate::message::{Coming, Doorman};

/// What is to be told and waits for room in the log; more is not told.
const UNTOLD: usize = 1 << 16;
/// So much waits for the log at most when more of it is told: its room is for events.
const AHEAD: usize = 512;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// A node that has been there for so long knows of the others what they know.
const SETTLED: Duration = Duration::from_secs(3);

/// An endpoint's path, and how it tells who comes.
pub type Doormen = Vec<(Arc<str>, Arc<dyn Doorman>)>;

/// Somebody has come or left, at an endpoint.
#[derive(Debug)]
pub(super) struct Untold {
    endpoint: Arc<str>,
    coming: Coming,
}

impl Nodes {
    /// Somebody has come to an endpoint here, or left it; `false`: that is to be told whoever is elsewhere.
    pub fn come(&self, endpoint: &Arc<str>, coming: &Coming) -> bool {
        let Some(doorman) = self.doorman(endpoint) else { return false };
        let place = Place { endpoint: Arc::clone(endpoint), user: Arc::clone(&coming.user) };
        let mut state = self.lock();
        let (change, shift) = state.roster.change(self.me, place, coming.is_here);
        self.say(&mut state, Word::Change(change));
        self.shifted(&mut state, vec![shift]);
        !doorman.tells_each()
    }

    /// What waits to be told.
    pub(in crate::broker) fn untold(&self) -> usize {
        self.lock().untold.len()
    }

    /// Tells it, when there is room.
    pub(super) async fn tell(&self) {
        loop {
            while self.outgoing.len() >= AHEAD {
                sleep(LOOK).await;
            }
            for Untold { endpoint, coming } in self.next_untold() {
                let Some(doorman) = self.doorman(&endpoint) else { continue };
                let (id, time) = (Uuid::now_v7(), now());
                if !self
                    .outgoing
                    .push(Parcel::Event(doorman.announcement(&coming, time).event(id, time)), None)
                {
                    self.metrics.broker_full();
                }
            }
            if self.untold() == 0 {
                self.shifts.notified().await;
            }
        }
    }

    fn next_untold(&self) -> VecDeque<Untold> {
        let mut state = self.lock();
        let count = state.untold.len().min(AHEAD);
        state.untold.drain(..count).collect()
    }

    /// What follows from changes, where this node is to tell it.
    pub(super) fn shifted(&self, state: &mut State, shifts: Vec<Shift>) {
        for Shift { place, before, after, is_absence } in shifts {
            let Some(doorman) = self.doorman(&place.endpoint) else { continue };
            let times = match doorman.tells_each() {
                // Where it has come to, or left, has told it.
                true if !is_absence => 0,
                true => before.abs_diff(after),
                false => u32::from((before == 0) != (after == 0)),
            };
            if times == 0 || teller(&place, self.tellers(state)) != Some(self.me) {
                continue;
            }
            let room = UNTOLD.saturating_sub(state.untold.len());
            let Place { endpoint, user } = place;
            let coming = Coming { user, is_here: after > before };
            let untold = || Untold { endpoint: Arc::clone(&endpoint), coming: coming.clone() };
            let times = usize::try_from(times).unwrap_or(usize::MAX);
            if times > room {
                tracing::warn!("too many users come and leave at once: some of that is not told");
            }
            state.untold.extend(std::iter::repeat_with(untold).take(times.min(room)));
        }
        self.shifts.notify_one();
    }

    /// Those that have been there for a while; where there are none, all.
    fn tellers(&self, state: &State) -> impl Iterator<Item = Uuid> {
        let own = state.is_settled().then_some(self.me);
        let mut tellers: Vec<Uuid> = state.others.settled().chain(own).collect();
        if tellers.is_empty() {
            tellers = state.others.iter().chain([self.me]).collect();
        }
        tellers.into_iter()
    }

    fn doorman(&self, endpoint: &str) -> Option<&Arc<dyn Doorman>> {
        self.doormen.get()?.iter().find(|(path, _)| **path == *endpoint).map(|(_, doorman)| doorman)
    }

    /// A beat: this node is there, and what others want to know.
    pub(super) fn say_here(&self, state: &mut State) {
        // It holds from the moment on at which the others hear it.
        if let Some(connected) = &mut state.connected {
            connected.is_settled = connected.since.elapsed() >= SETTLED;
        }
        let (version, is_settled) = (state.roster.version(), state.is_settled());
        self.say(state, Word::Here { version, is_settled });
        // Whoever wants it behind the first of them gets all of them once more, when these have left.
        let is_being_said = state.notes.iter().any(|waiting| matches!(waiting, Waiting::Part(_)));
        if state.is_wanted && state.is_there() && !is_being_said {
            state.is_wanted = false;
            let parts = state.roster.parts(self.me);
            state.notes.extend(parts.into_iter().map(Waiting::Part));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "it is told now")]
fn now() -> SystemTime {
    SystemTime::now()
}
