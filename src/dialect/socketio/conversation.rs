//! One socket: a client in one namespace, from its CONNECT to its end.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::super::{Conversation, Opening};
use super::binary::{self, Attachments};
use super::claim;
use super::namespace::{Namespace, Want, change};
use super::packet::{Kind, Packet, quoted};
use super::position::Since;
use super::refusal::Refusal;
use super::scope::Scope;
use super::task::{Outcome, Task};
use crate::event::Json;
use crate::identity::{Credential, Identity};
use crate::message::{Call, CloseReason, Command, Fate, Frame, Heard, Message, Now, Receipt, Returned, Turn};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Socket {
    namespace: Arc<Namespace>,
    /// What it is called; clients show it.
    sid: String,
    /// By which it may come back.
    resume: Option<String>,
    /// What the handshake showed.
    shown: Credential,
    /// Of the token that CONNECT showed: whoever comes back shows the same. `None`: it has shown another since,
    /// which no CONNECT shows.
    mark: Option<u64>,
    /// `None`: it has not come in.
    identity: Option<Identity>,
    /// Sorted, each once.
    rooms: Box<[String]>,
    wants: Vec<Want>,
    attachments: Attachments,
    pending: Option<Pending>,
}

/// What an answer is awaited for.
#[derive(Debug)]
enum Pending {
    /// It says who it is by its CONNECT.
    Connect(Since),
    /// It says it again, by the namespace's own event with this ack and a token of this mark.
    Again(Option<u64>, u64),
    /// What is asked for the greeting, and what follows behind that.
    Greeting(Since),
    Task(Box<Task>),
}

impl Socket {
    pub(super) fn new(namespace: Arc<Namespace>, opening: &Opening<'_>) -> Self {
        Self {
            namespace,
            sid: opening.connection.simple().to_string(),
            resume: opening.resume.map(|id| id.simple().to_string()),
            shown: opening.credential.clone(),
            mark: None,
            identity: None,
            rooms: Box::default(),
            wants: Vec::new(),
            attachments: Attachments::default(),
            pending: None,
        }
    }

    /// The client wants to come in, with what it shows.
    fn connect(&mut self, data: &str, now: Now, turn: &mut Turn) {
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

    fn ask_who(&mut self, token: String, pending: Pending, turn: &mut Turn) {
        self.pending = Some(pending);
        turn.call = Some(Call::Identify(token));
    }

    /// Somebody has shown something on coming in.
    fn meet(&mut self, (credential, since): (&Credential, Since), now: Now, turn: &mut Turn) {
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
    fn greeting(&self, answer: Option<&Value>, now: Now) -> Option<Frame> {
        let greeting = self.namespace.greeting.as_ref()?;
        let data = greeting.data.fill(&Scope { answer, ..self.scope(now) });
        let data = format!("{data}{}", self.namespace.no_offset(&data));
        Some(self.namespace.writer.event(&greeting.event, &data, None))
    }

    fn scope(&self, now: Now) -> Scope<'_> {
        Scope { identity: self.identity.as_ref(), ..Scope::at(now.time) }
    }

    fn say_error(&self, message: &str, ack: Option<u64>, turn: &mut Turn) {
        let error = format!(r#"{{"message":{}}}"#, quoted(message));
        turn.frames.push(self.namespace.writer.event("error", &error, None));
        let ack = ack.map(|id| self.namespace.writer.ack(id, &format!(r#"{{"error":{}}}"#, quoted(message))));
        turn.frames.extend(ack);
    }

    fn acknowledge(&self, ack: Option<u64>, arguments: &str, turn: &mut Turn) {
        turn.frames.extend(ack.map(|id| self.namespace.writer.ack(id, arguments)));
    }

    fn count(&self, event: &str, fate: Fate, turn: &mut Turn) {
        turn.heard.push(Heard { event: self.namespace.event(event), fate });
    }

    fn hear(&mut self, packet: &Packet<'_>, attachments: &[Bytes], now: Now, turn: &mut Turn) {
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

    fn finish(&mut self, task: &Task, answer: Option<&Value>, now: Now, turn: &mut Turn) {
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

    /// It has said who it is although it is in already, or as it was taught by the document.
    fn again(&mut self, ack: Option<u64>, credential: &Credential, now: Now, turn: &mut Turn) {
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

    fn packet(&mut self, text: &str, attachments: &[Bytes], now: Now, turn: &mut Turn) {
        let Some(packet) = Packet::parse(text) else { return };
        match packet.kind {
            Kind::Connect => self.connect(packet.data, now, turn),
            Kind::Event | Kind::BinaryEvent => self.hear(&packet, attachments, now, turn),
            Kind::Ack | Kind::BinaryAck => {
                let answer =
                    serde_json::from_str(packet.data).ok().map(|data| binary::inlined(data, attachments));
                let receipt =
                    packet.ack.zip(answer.and_then(|answer: Value| Json::parse(&answer.to_string())));
                turn.receipts.extend(receipt.map(|(number, answer)| Receipt { number, answer }));
            }
            Kind::Disconnect | Kind::ConnectError => {}
        }
    }
}

impl Conversation for Socket {
    fn receive(&mut self, message: Message, now: Now, turn: &mut Turn) {
        if let Some((text, attachments)) = self.attachments.take(message) {
            self.packet(&text, &attachments, now, turn);
        }
    }

    fn dropped(&mut self, _: &Message, _: Now, turn: &mut Turn) {
        // Of a packet that is not whole, what comes later would be taken for a part.
        self.attachments = Attachments::default();
        self.count("", Fate::Dropped, turn);
        self.say_error("Rate limit exceeded", None, turn);
    }

    fn returned(&mut self, returned: Returned, now: Now, turn: &mut Turn) {
        match (self.pending.take(), returned) {
            (Some(Pending::Connect(since)), Returned::Credential(credential)) => {
                self.meet((&credential, since), now, turn);
            }
            (Some(Pending::Again(ack, mark)), Returned::Credential(credential)) => {
                let is_other = matches!(credential, Credential::Valid(_)) && self.mark != Some(mark);
                self.mark = self.mark.filter(|_| !is_other);
                self.again(ack, &credential, now, turn);
            }
            (Some(Pending::Greeting(since)), Returned::Upstream(answer)) => {
                let answer = super::task::answer_of(answer.ok());
                turn.frames.extend(self.greeting(answer.as_ref(), now));
                since.follow(&self.namespace.writer, turn);
            }
            (Some(Pending::Task(task)), returned) => match task.read(returned) {
                Ok(answer) => self.finish(&task, answer.as_ref(), now, turn),
                Err(message) => {
                    self.say_error(&message, task.ack(), turn);
                    self.count(task.event(), Fate::Failed, turn);
                }
            },
            _ => {}
        }
    }

    fn away(&mut self) {
        // The rest of them does not come any more.
        self.attachments = Attachments::default();
    }

    fn goes_on(&self, message: &Message, is_same: bool) -> bool {
        let Message::Text(text) = message else { return false };
        let Some(packet) = Packet::parse(text) else { return false };
        let token = token(serde_json::from_str(packet.data).ok().as_ref());
        (is_same || token.is_some()) && self.mark == Some(mark(token.as_deref()))
    }

    fn resumed(&mut self, _: Now, turn: &mut Turn) {
        turn.frames.push(self.namespace.writer.connected(&self.sid, self.resume.as_deref()));
    }

    /// It is nobody from now on, and in no room of who it was; where nobody may be it leaves. Of one that has not come
    /// in yet it was not the token that says whether it may.
    fn expired(&mut self, _: Now, turn: &mut Turn) {
        if self.identity.is_none() {
            return;
        }
        if self.namespace.required {
            turn.close = Some(CloseReason::Expired);
        }
        let left = change(&self.wants, &[]);
        turn.commands.extend(left);
        (self.identity, self.wants, self.rooms) = (Some(Identity::Anonymous), Vec::new(), Box::default());
        self.pending = None;
    }
}

/// `{"token":"…"}`.
fn token(data: Option<&Value>) -> Option<String> {
    data?.get("token")?.as_str().filter(|token| !token.is_empty()).map(ToOwned::to_owned)
}

/// By which a token is known again; also that there is none.
fn mark(token: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}
