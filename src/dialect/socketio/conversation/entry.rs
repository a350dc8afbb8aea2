//! Who comes in: its CONNECT, who it is from then on, and the greeting.

use serde_json::Value;

use super::super::claim;
use super::super::namespace::change;
use super::super::packet::quoted;
use super::super::position::Since;
use super::super::refusal::Refusal;
use super::super::scope::Scope;
use super::{Pending, Socket, mark, token};
use crate::identity::{Credential, Identity};
use crate::message::{Call, CloseReason, Command, Fate, Frame, Now, Turn};

impl Socket {
    /// The client wants to come in, with what it shows.
    pub(super) fn connect(&mut self, data: &str, now: Now, turn: &mut Turn) {
        let data: Option<Value> = serde_json::from_str(data).ok();
        let (token, since) = (token(data.as_ref()), Since::read(data.as_ref()));
        self.mark = Some(mark(token.as_deref()));
        match (token, &self.shown) {
            (Some(token), _) => self.ask_who(token, Pending::Connect(since), turn),
            (None, Credential::Missing) if !self.namespace.required => {
                self.enter((Identity::Anonymous, since), now, turn);
            }
            (None, shown) => {
                let shown = shown.clone();
                self.meet((&shown, since), now, turn);
            }
        }
    }

    pub(super) fn ask_who(&mut self, token: String, pending: Pending, turn: &mut Turn) {
        self.pending = Some(pending);
        turn.call = Some(Call::Identify(token));
    }

    /// Somebody has shown something on coming in.
    pub(super) fn meet(&mut self, (credential, since): (&Credential, Since), now: Now, turn: &mut Turn) {
        match self.judge(credential) {
            Ok(identity) => self.enter((identity, since), now, turn),
            Err(refusal) => {
                let message = refusal.text(&self.namespace.refusal);
                turn.frames.push(self.namespace.writer.refused(message, refusal.code()));
                turn.close = Some(CloseReason::Refused);
            }
        }
    }

    fn judge(&self, credential: &Credential) -> Result<Identity, Refusal> {
        let identity = Refusal::of(credential)?;
        if self.namespace.admits(&identity) { Ok(identity) } else { Err(Refusal::Forbidden) }
    }

    /// It is in: its CONNECT is answered before anything else.
    fn enter(&mut self, (identity, since): (Identity, Since), now: Now, turn: &mut Turn) {
        turn.frames.push(self.namespace.writer.connected(&self.sid, self.resume.as_deref()));
        self.identify(identity, now, turn);
        self.greet(since, now, turn);
    }

    fn identify(&mut self, identity: Identity, now: Now, turn: &mut Turn) {
        let mut rooms = self.namespace.rooms_of(&identity, &Scope::at(now.time));
        let joined = std::mem::take(&mut self.rooms);
        // With a newer token of its own it is where it went.
        if self.identity.as_ref().is_some_and(|former| claim::are_equal(former, &identity)) {
            rooms.extend(joined);
        }
        // What was the former's is left before it is another.
        let wants = self.namespace.wants(&rooms);
        self.rooms = rooms.into_iter().collect();
        let (left, entered): (Vec<_>, Vec<_>) = change(&self.wants, &wants)
            .into_iter()
            .partition(|command| matches!(command, Command::Unsubscribe { .. }));
        turn.commands.extend(left);
        if identity != Identity::Anonymous || self.identity.is_some() {
            turn.commands.push(Command::Identify(identity.clone()));
        }
        turn.commands.extend(entered);
        (self.identity, self.wants) = (Some(identity), wants);
    }

    /// Behind the greeting comes what it missed.
    fn greet(&mut self, since: Since, now: Now, turn: &mut Turn) {
        let backend = self.namespace.greeting.as_ref().and_then(|greeting| greeting.backend.as_ref());
        if let Some(ask) = backend.and_then(|backend| backend.ask(&self.scope(now))) {
            self.pending = Some(Pending::Greeting(since));
            turn.call = Some(Call::Upstream(ask));
        } else {
            turn.frames.extend(self.greeting(None, now));
            since.follow(&self.namespace.writer, turn);
        }
    }

    /// What is not known of the answer is what the config says instead.
    pub(super) fn greeting(&self, answer: Option<&Value>, now: Now) -> Option<Frame> {
        let greeting = self.namespace.greeting.as_ref()?;
        let data = greeting.data.fill(&Scope { answer, ..self.scope(now) });
        let data = format!("{data}{}", self.namespace.no_offset(&data));
        Some(self.namespace.writer.event(&greeting.event, &data, None))
    }

    fn scope(&self, now: Now) -> Scope<'_> {
        Scope { identity: self.identity.as_ref(), ..Scope::at(now.time) }
    }

    /// It has said who it is although it is in already, or as it was taught by the document.
    pub(super) fn again(&mut self, ack: Option<u64>, credential: &Credential, now: Now, turn: &mut Turn) {
        match self.judge(credential) {
            Ok(identity) => {
                self.identify(identity, now, turn);
                self.count(&self.namespace.connect_event, Fate::Done, turn);
                self.acknowledge(ack, "true", turn);
                self.greet(Since::Unsaid, now, turn);
            }
            Err(refusal) => {
                let error = format!(r#"{{"message":{}}}"#, quoted(refusal.text(&self.namespace.refusal)));
                turn.frames.push(self.namespace.writer.event("error", &error, None));
                self.acknowledge(ack, "false", turn);
                self.count(&self.namespace.connect_event, Fate::Refused, turn);
                if self.identity.as_ref().is_none_or(|identity| *identity == Identity::Anonymous)
                    && self.namespace.required
                {
                    turn.frames.push(self.namespace.writer.disconnected());
                    turn.close = Some(CloseReason::Refused);
                }
            }
        }
    }
}
