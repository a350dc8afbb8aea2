//! One socket: a client in one namespace, from its CONNECT to its end.

mod entry;
mod hearing;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::super::{Conversation, Opening};
use super::binary::{self, Attachments};
use super::namespace::{Namespace, Want, change};
use super::packet::{Kind, Packet};
use super::position::Since;
use super::task::Task;
use crate::event::Json;
use crate::identity::{Credential, Identity};
use crate::message::{CloseReason, Fate, Message, Now, Receipt, Returned, Turn};

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
