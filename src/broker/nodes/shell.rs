//! What comes with time and from others.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use super::others::BEAT;
use super::words::{Note, Word};
use super::{Ask, Connected, Nodes, Waiting, finish};
use crate::broker::{Away, Talk};

/// Notes that are said in one go.
const BATCH: usize = 64;

impl Nodes {
    /// Talks with the others, for as long as the connection lives.
    pub(in crate::broker) async fn talk(self: &Arc<Self>, talk: Talk) -> Away {
        let Talk { mut say, mut hear } = talk;
        self.begin();
        let speak = async {
            loop {
                let notes = self.notes().await;
                if let Err(away) = say.say(&notes).await {
                    return away;
                }
            }
        };
        let listen = async {
            loop {
                match hear.hear().await {
                    Ok(note) => self.hear(&note).await,
                    Err(away) => return away,
                }
            }
        };
        let beat = async {
            loop {
                sleep(BEAT).await;
                self.beat();
            }
        };
        tokio::select! {
            away = speak => away,
            away = listen => away,
            away = beat => away,
            away = async { self.tell().await; std::future::pending().await } => away,
        }
    }

    /// Sees to it that nobody waits for too long; for ever.
    pub(in crate::broker) async fn keep_time(&self) {
        loop {
            let next = self.next_due();
            tokio::select! {
                () = until(next) => self.due(),
                () = self.asked.notified() => {}
            }
        }
    }

    /// The broker is away, or was not there.
    pub(in crate::broker) fn end(&self) {
        let mut state = self.lock();
        (state.connected, state.bytes) = (None, 0);
        state.notes.clear();
        self.metrics.nodes(1);
    }

    /// Says that this node goes; returns when that is said, or soon.
    pub(in crate::broker) async fn leave(&self) {
        self.say_bye();
        let said = async {
            while !self.lock().notes.is_empty() {
                sleep(BEAT / 100).await;
            }
        };
        drop(timeout(BEAT / 2, said).await);
    }

    fn say_bye(&self) {
        let mut state = self.lock();
        self.say(&mut state, Word::Bye);
        // Behind that it says nothing, or others would take it for one that has come.
        state.connected = None;
    }

    fn begin(&self) {
        let mut state = self.lock();
        state.connected = Some(Connected { since: Instant::now(), is_settled: false });
        state.others.excuse(Instant::now());
        self.say(&mut state, Word::Hello);
        self.metrics.nodes(1 + state.others.len());
    }

    fn beat(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        self.say_here(&mut state);
        let gone = state.others.expire(now);
        let mut done = Vec::new();
        for node in &gone {
            done.extend(state.questions.forget(*node));
            let shifts = state.roster.leave(*node);
            self.shifted(&mut state, shifts);
        }
        self.metrics.nodes(1 + state.others.len());
        drop(state);
        for node in gone {
            tracing::warn!(%node, "a node is gone");
        }
        finish(done);
    }

    /// The next notes; they wait no more.
    async fn notes(&self) -> Vec<Bytes> {
        loop {
            let notes = self.first_notes();
            if !notes.is_empty() {
                return notes;
            }
            self.news.notified().await;
        }
    }

    fn first_notes(&self) -> Vec<Bytes> {
        let mut state = self.lock();
        let mut notes = Vec::new();
        while notes.len() < BATCH
            && let Some(waiting) = state.notes.pop_front()
        {
            match waiting {
                Waiting::Note(note) => {
                    state.bytes -= note.len();
                    notes.push(note);
                }
                Waiting::Part(part) => {
                    if let Some(note) = self.written(Word::Part(part)) {
                        notes.push(note);
                        // It is large: what is behind it comes when it has left.
                        break;
                    }
                }
            }
        }
        notes
    }

    async fn hear(self: &Arc<Self>, bytes: &Bytes) {
        match Note::read(bytes) {
            None => tracing::debug!("a note of another node is not understood here"),
            Some(Note { node, .. }) if node == self.me => {}
            Some(note) => {
                if let Some((to, number, ask)) = self.take(note) {
                    self.reply(to, number, ask).await;
                }
            }
        }
    }

    /// Returns what is asked, and by whom.
    fn take(&self, Note { node, word }: Note) -> Option<(Uuid, u64, Ask)> {
        let mut state = self.lock();
        let before = state.others.len();
        if !state.others.hear(node, Instant::now()) {
            return None;
        }
        if state.others.len() > before {
            tracing::info!(%node, "another node is there");
            self.metrics.nodes(1 + state.others.len());
        }
        let mut done = Vec::new();
        match word {
            Word::Here { version, is_settled } => {
                state.others.settle(node, is_settled);
                if state.roster.lacks(node, version) {
                    self.say(&mut state, Word::Want(node));
                }
            }
            Word::Hello => self.say_here(&mut state),
            Word::Change(change) => {
                let shifts = state.roster.hear(node, change).unwrap_or_default();
                self.shifted(&mut state, shifts);
            }
            Word::Want(whose) => state.is_wanted |= whose == self.me,
            Word::Part(part) => {
                let shifts = state.roster.part(node, part);
                self.shifted(&mut state, shifts);
            }
            Word::Bye => {
                state.others.leave(node);
                tracing::info!(%node, "a node has gone");
                self.metrics.nodes(1 + state.others.len());
                done = state.questions.forget(node);
                let shifts = state.roster.leave(node);
                self.shifted(&mut state, shifts);
            }
            Word::Ask(number, ask) => return Some((node, number, ask)),
            Word::Over(number) => {
                let here = state.collecting.get(&(node, number)).map(|(here, _)| *here);
                drop(state);
                if let Some(here) = here {
                    self.hub.time_is_over(here);
                }
                return None;
            }
            Word::Report(to, number, report) => {
                if to == self.me {
                    done.extend(state.questions.report(number, node, report));
                }
            }
        }
        drop(state);
        finish(done);
        None
    }

    /// To look at every connection takes a while where there are many: that is done beside the threads that proxy, and
    /// for one question at a time.
    async fn reply(self: &Arc<Self>, to: Uuid, number: u64, ask: Ask) {
        let hub = Arc::clone(&self.hub);
        // An answer that fails is a bug of ours, and missing.
        if let Ok(report) = spawn_blocking(move || ask.answer(&hub)).await {
            self.report(to, number, report);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let state = self.lock();
        let collected = state.collecting.values().map(|(_, end)| *end).min();
        state.questions.next().into_iter().chain(collected).min()
    }

    fn due(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        let due = state.questions.due(now);
        for (node, asked) in due.silent {
            state.others.doubt(node, asked);
        }
        let mut here = Vec::new();
        for number in due.over {
            self.say(&mut state, Word::Over(number));
            here.extend(state.collecting.get(&(self.me, number)).map(|(here, _)| *here));
        }
        state.collecting.retain(|_, (number, end)| {
            let is_late = *end <= now;
            if is_late {
                here.push(*number);
            }
            !is_late
        });
        drop(state);
        for number in here {
            self.hub.time_is_over(number);
        }
        finish(due.done);
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => std::future::pending().await,
    }
}
