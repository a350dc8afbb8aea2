//! What the client says once it is in, and what it is told.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::super::binary;
use super::super::namespace::change;
use super::super::packet::{Packet, quoted};
use super::super::scope::Scope;
use super::super::task::{Outcome, Task};
use super::{Pending, Socket, mark, token};
use crate::identity::Credential;
use crate::message::{Fate, Heard, Now, Turn};

impl Socket {
    pub(super) fn hear(&mut self, packet: &Packet<'_>, attachments: &[Bytes], now: Now, turn: &mut Turn) {
        let Some((name, arguments)) = packet.event() else {
            self.say_error("An event has a name", packet.ack, turn);
            self.count("", Fate::Refused, turn);
            return;
        };
        let first = arguments.first().map_or("{}", |argument| argument.get());
        let data = serde_json::from_str::<Value>(first).ok().map(|data| binary::inlined(data, attachments));
        if name == self.namespace.connect_event && !name.is_empty() {
            match token(data.as_ref()) {
                Some(token) => {
                    let mark = mark(Some(&token));
                    self.ask_who(token, Pending::Again(packet.ack, mark), turn);
                }
                None => self.again(packet.ack, &Credential::Missing, now, turn),
            }
            return;
        }
        let Some(identity) = self.identity.clone() else { return };
        let Some(request) = self.namespace.requests.get(&name).cloned() else {
            self.hear_unknown((&name, data.unwrap_or(Value::Null)), packet.ack, turn);
            return;
        };
        // `null` is no argument, as with clients that always send one.
        let data = match data {
            Some(Value::Object(members)) => members,
            Some(Value::Null) => Map::new(),
            _ => {
                self.count(&name, Fate::Refused, turn);
                return self.say_error("The data must be an object", packet.ack, turn);
            }
        };
        match Task::new((&self.namespace, request), (data, packet.ack), &identity, now) {
            Ok(task) => return self.start(task, now, turn),
            Err(Some(message)) => self.say_error(&message, packet.ack, turn),
            Err(None) => self.acknowledge(packet.ack, "", turn),
        }
        self.count(&name, Fate::Refused, turn);
    }

    fn hear_unknown(&mut self, (name, data): (&str, Value), ack: Option<u64>, turn: &mut Turn) {
        let Some(identity) = &self.identity else { return };
        let Some((task, call)) = Task::unknown(&self.namespace, (name, data, ack), (&self.sid, identity))
        else {
            self.acknowledge(ack, r#"{"error":"unknown_event"}"#, turn);
            return self.count(name, Fate::Unknown, turn);
        };
        self.pending = Some(Pending::Task(Box::new(task)));
        turn.call = Some(call);
    }

    fn start(&mut self, task: Task, now: Now, turn: &mut Turn) {
        let Some(identity) = &self.identity else { return };
        match task.call(&self.namespace, (&self.sid, identity), now) {
            Ok(Some(call)) => {
                self.pending = Some(Pending::Task(Box::new(task)));
                turn.call = Some(call);
            }
            Ok(None) => self.finish(&task, None, now, turn),
            Err(message) => {
                self.say_error(&message, task.ack(), turn);
                self.count(task.event(), Fate::Refused, turn);
            }
        }
    }

    pub(super) fn finish(&mut self, task: &Task, answer: Option<&Value>, now: Now, turn: &mut Turn) {
        let Some(identity) = self.identity.clone() else { return };
        let rooms: BTreeSet<_> = self.rooms.iter().cloned().collect();
        let scope = Scope { identity: Some(&identity), answer, ..Scope::at(now.time) };
        match task.finish((&self.namespace, &scope), rooms) {
            Ok(Outcome { rooms, frames, pushes }) => {
                if !rooms.iter().eq(&self.rooms) {
                    let wants = self.namespace.wants(&rooms);
                    turn.commands.extend(change(&self.wants, &wants));
                    (self.rooms, self.wants) = (rooms.into_iter().collect(), wants);
                }
                turn.frames.extend(frames);
                turn.pushes.extend(pushes);
                self.count(task.event(), Fate::Done, turn);
            }
            Err(message) => {
                self.say_error(&message, task.ack(), turn);
                self.count(task.event(), Fate::Refused, turn);
            }
        }
    }

    pub(super) fn say_error(&self, message: &str, ack: Option<u64>, turn: &mut Turn) {
        let error = format!(r#"{{"message":{}}}"#, quoted(message));
        turn.frames.push(self.namespace.writer.event("error", &error, None));
        let ack = ack.map(|id| self.namespace.writer.ack(id, &format!(r#"{{"error":{}}}"#, quoted(message))));
        turn.frames.extend(ack);
    }

    pub(super) fn acknowledge(&self, ack: Option<u64>, arguments: &str, turn: &mut Turn) {
        turn.frames.extend(ack.map(|id| self.namespace.writer.ack(id, arguments)));
    }

    pub(super) fn count(&self, event: &str, fate: Fate, turn: &mut Turn) {
        turn.heard.push(Heard { event: self.namespace.event(event), fate });
    }
}
