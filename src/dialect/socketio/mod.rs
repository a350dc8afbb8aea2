//! Dialect `socketio` (`protocols.md`, section 4): Socket.IO 5 over Engine.IO 4. Namespaces, who is admitted to
//! them, rooms, which write is told as which event, and what clients may ask for: all of it is config.

mod binary;
mod broadcast;
mod claim;
mod conversation;
mod emission;
mod namespace;
mod packet;
mod position;
mod reading;
mod refusal;
mod request;
mod routing;
mod scope;
mod settings;
mod shortcut;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod trespass;

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderName;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::multiplex::{Engine, Multiplex, Route, Routing};
use super::{Conversation, Dialect, Manner, Opening, Options, Places};
use crate::event::{Json, Position};
use crate::message::{Encode, Frame, Message, Publication, Push, Rendering, Shortcut, Stamp, Turn, Webhook};
use conversation::Socket;
use namespace::Namespace;
use routing::Awaited;
use settings::Settings;

/// An endpoint.
#[derive(Debug)]
pub(super) struct SocketIo(Settings);

impl SocketIo {
    pub(super) fn new(options: &dyn Options) -> Self {
        Self(Settings::read(options))
    }

    fn writer(&self, number: usize) -> packet::Writer {
        packet::Writer::new(self.0.namespaces.get(number).map_or(packet::MAIN, |(name, _)| name))
    }
}

impl Dialect for SocketIo {
    /// Each of its namespaces has conversations; a connection itself has none.
    fn open(&self, _: &Opening<'_>, _: &mut Turn) -> Box<dyn Conversation> {
        Box::new(super::refused::Refused)
    }

    fn manner(&self) -> Manner {
        Manner::Accept
    }

    fn multiplex(&self) -> Option<&dyn Multiplex> {
        Some(self)
    }

    fn webhook(&self) -> Option<&Webhook> {
        self.0.webhook.as_deref()
    }

    fn calls(&self) -> Option<&[HeaderName]> {
        self.0.forward.as_deref()
    }

    fn wants_token(&self) -> bool {
        true
    }

    fn places(&self) -> Places {
        Places::All
    }

    fn warnings(&self) -> &[String] {
        &self.0.warnings
    }

    fn shortcuts(&self) -> Vec<Arc<dyn Shortcut>> {
        self.0.shortcuts.iter().map(|shortcut| Arc::clone(shortcut) as Arc<dyn Shortcut>).collect()
    }
}

impl Encode for SocketIo {
    fn encode(&self, _: &Publication) -> Rendering {
        Rendering::Nothing
    }
}

impl Multiplex for SocketIo {
    fn namespaces(&self) -> &[(Arc<str>, Arc<dyn Dialect>)] {
        &self.0.namespaces
    }

    fn engine(&self) -> Engine {
        self.0.engine
    }

    fn dismissed(&self, number: usize) -> Frame {
        self.writer(number).disconnected()
    }

    fn crowded(&self, number: usize) -> Frame {
        self.writer(number).refused("Too many connections", "too_many_connections")
    }

    fn routing(&self) -> Box<dyn Routing> {
        let names = self.0.namespaces.iter().map(|(name, _)| Arc::clone(name)).collect();
        Box::new(Reader { names, expected: Awaited::default() })
    }
}

#[derive(Debug)]
struct Reader {
    names: Arc<[Arc<str>]>,
    expected: Awaited,
}

impl Routing for Reader {
    fn route(&mut self, message: Message) -> Route {
        let names = &self.names;
        self.expected.route(message, |name| names.iter().position(|known| **known == *name))
    }
}

/// A message that names an event.
#[derive(Deserialize)]
struct Named<'a> {
    event: String,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// One namespace, as the hub knows it.
#[derive(Debug)]
pub(super) struct Within(Arc<Namespace>);

impl Dialect for Within {
    fn open(&self, opening: &Opening<'_>, _: &mut Turn) -> Box<dyn Conversation> {
        Box::new(Socket::new(Arc::clone(&self.0), opening))
    }

    fn wants_token(&self) -> bool {
        self.0.required
    }

    fn events(&self) -> Vec<String> {
        self.0.events.clone()
    }

    fn namespace(&self) -> Option<Arc<str>> {
        Some(Arc::clone(&self.0.name))
    }
}

impl Encode for Within {
    /// One event for each record: each may be for other readers.
    fn encode(&self, publication: &Publication) -> Rendering {
        let event = &publication.event;
        let is_of = |broadcast: &&Arc<broadcast::Broadcast>| broadcast.model == event.model.to_lowercase();
        let Some(broadcast) = self.0.broadcasts.iter().find(is_of) else { return Rendering::Nothing };
        let frame = |(place, item)| {
            let (name, data) =
                broadcast.say(event, item, (publication.time, publication.position_of(place)))?;
            let stamp = Stamp::Position(publication.position.offset, place);
            let frame = self.0.writer.event(name, &format!("{data}{}", self.0.offset(stamp)), None);
            Some(frame.stamped(stamp))
        };
        Rendering::Each(event.items.iter().enumerate().map(frame).collect())
    }

    fn refusal(&self, message: &Json) -> Option<String> {
        let named = serde_json::from_str::<Named<'_>>(message.as_str()).ok()?;
        reading::refusal(&named.event).or_else(|| binary::refusal(named.data?.get()))
    }

    /// What names an event is one; anything else is one called `message`.
    fn push(&self, push: &Push, _: SystemTime, position: Position) -> Option<Frame> {
        let text = push.message.as_str();
        let ack = push.receipt;
        let stamp = ack.map_or(Stamp::Position(position.offset, 0), Stamp::Receipt);
        let offset = self.0.offset(stamp);
        let frame = match serde_json::from_str::<Named<'_>>(text) {
            Ok(named) => {
                let data = named.data.map_or("null", |data| data.get());
                binary::event(&self.0.writer, &named.event, (data, &offset), ack)
            }
            Err(_) => binary::event(&self.0.writer, "message", (text, &offset), ack),
        };
        Some(frame.stamped(stamp))
    }
}
