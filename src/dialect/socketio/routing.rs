//! Which of a connection's sockets a message is for.

use super::super::multiplex::{Resume, Route};
use super::binary::MAX_ATTACHMENTS;
use super::packet::{Kind, Packet, Writer};
use crate::message::{Message, Stamp};

/// The socket that the next binary messages belong to, and how many of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Awaited(Option<(usize, usize)>);

impl Awaited {
    /// `number`: of the namespace of that name.
    pub(super) fn route(&mut self, message: Message, number: impl Fn(&str) -> Option<usize>) -> Route {
        match message {
            Message::Text(text) => self.text(text, number),
            Message::Binary(_) => match self.0.take() {
                Some((socket, missing)) => {
                    self.0 = (missing > 1).then_some((socket, missing - 1));
                    Route::To(socket, message)
                }
                None => Route::Fault,
            },
        }
    }

    fn text(&mut self, text: String, number: impl Fn(&str) -> Option<usize>) -> Route {
        // A packet whose attachments are missing has been forgotten by its sender.
        let Some(packet) = Packet::parse(&text).filter(|_| self.0.is_none()) else { return Route::Fault };
        if packet.attachments > MAX_ATTACHMENTS {
            return Route::Fault;
        }
        let Some(socket) = number(packet.namespace) else {
            return match packet.kind {
                Kind::Connect => Route::Say(
                    Writer::new(packet.namespace).refused("Invalid namespace", "unknown_namespace"),
                ),
                Kind::Disconnect
                | Kind::Event
                | Kind::Ack
                | Kind::ConnectError
                | Kind::BinaryEvent
                | Kind::BinaryAck => Route::Fault,
            };
        };
        self.0 = (packet.attachments > 0).then_some((socket, packet.attachments));
        match packet.kind {
            Kind::Connect => Route::Open(socket, resume(packet.data), Message::Text(text)),
            Kind::Disconnect => Route::Leave(socket),
            Kind::ConnectError => Route::Fault,
            Kind::Event | Kind::Ack | Kind::BinaryEvent | Kind::BinaryAck => {
                Route::To(socket, Message::Text(text))
            }
        }
    }
}

/// By what a client that was here before wants to go on; a place that is none is one that nobody knows.
fn resume(data: &str) -> Option<Resume> {
    let data: serde_json::Value = serde_json::from_str(data).ok()?;
    let pid = data.get("pid")?.as_str()?.parse().ok()?;
    let place = |offset: &str| {
        let (position, place) = offset.split_once('.')?;
        Some(Stamp::Position(position.parse().ok()?, place.parse().ok()?))
    };
    let last = data.get("offset").and_then(|offset| offset.as_str());
    Some(Resume { pid, last: last.map(|offset| place(offset).unwrap_or(Stamp::None)) })
}
