//! What the client says by its WebSocket, and whom it is for.

use std::io;
use std::task::{Context, Poll};

use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::{Session, Stage};
use crate::dialect::Route;
use crate::message::{CloseReason, Message};
use crate::transport::backstage::Exceeded;
use crate::transport::bucket::Verdict;
use crate::transport::codec::fault;
use crate::transport::engine::payload::Packet;
use crate::transport::link::Stream;
use crate::transport::wire::Wire as _;

/// Messages read before other tasks get their turn.
const READS_PER_POLL: usize = 32;

impl<T: Stream> Session<T> {
    /// A client that leaves its replies unread is not read, nor one for whose sockets as many messages wait as may.
    pub(super) fn is_deaf(&self) -> bool {
        self.shared.link.is_busy() || self.sockets.iter().any(|socket| socket.party.is_full())
    }

    /// Reads until the WebSocket is empty; ready: there is none any more.
    pub(super) fn poll_frames(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            if self.is_deaf() || self.stage == Stage::Ending {
                return Poll::Pending;
            }
            if self.codec.is_none() || self.is_behind() {
                return Poll::Pending;
            }
            let Some(codec) = &mut self.codec else { return Poll::Pending };
            match codec.read(&self.shared.link, context, &mut self.heard) {
                Ok(message) => self.frame(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(Error::ConnectionClosed) => self.enter(Stage::Ending),
                Err(error) => match fault(&error) {
                    Some(reason) if self.stage == Stage::Open => {
                        self.close(reason);
                        self.enter(Stage::Ending);
                    }
                    _ => return Poll::Ready(()),
                },
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn frame(&mut self, message: Received) {
        match message {
            Received::Text(text) => match Packet::parse(text.as_str()) {
                Ok(packet) => self.packet(packet),
                Err(_) => self.close(CloseReason::Protocol),
            },
            Received::Binary(bytes) => self.packet(Packet::Message(Message::Binary(bytes))),
            Received::Ping(_) | Received::Pong(_) | Received::Close(_) | Received::Frame(_) => {}
        }
    }

    pub(super) fn packet(&mut self, packet: Packet) {
        self.heard = true;
        if self.stage != Stage::Open {
            return;
        }
        match packet {
            Packet::Message(message) => self.message(message),
            Packet::Close => self.enter(Stage::Ending),
            Packet::Pong | Packet::Upgrade | Packet::Noop => {}
        }
    }

    fn message(&mut self, message: Message) {
        let Some(routing) = &mut self.routing else { return };
        let (route, age) = (routing.route(message), self.opened.elapsed());
        let verdict = self.bucket.as_mut().map_or(Verdict::Taken, |bucket| bucket.take(age));
        match route {
            Route::To(number, message) => self.hand(number, verdict, message),
            Route::Fault => self.close(CloseReason::Protocol),
            // Nobody would answer it, and its client would wait for ever.
            Route::Open(..) | Route::Say(_) if verdict != Verdict::Taken => self.flood(),
            Route::Leave(_) if verdict == Verdict::Flood => self.flood(),
            Route::Leave(number) => self.leave(number),
            Route::Open(number, resume, message) => self.reopen(number, resume, message),
            Route::Say(frame) => self.shared.link.answer(frame.wire()),
        }
    }

    fn flood(&mut self) {
        if let Some(backstage) = self.sessions.backstages.first() {
            backstage.exceeded(Exceeded::Flood);
        }
        self.close(CloseReason::RateLimit);
    }

    fn hand(&mut self, number: usize, verdict: Verdict, message: Message) {
        match self.sockets.iter_mut().find(|socket| socket.number == number) {
            Some(socket) => {
                socket.party.hear(verdict, message);
                self.follow();
            }
            None if verdict == Verdict::Flood => self.flood(),
            None if self.left.contains(&number) => {}
            None => self.close(CloseReason::Protocol),
        }
    }
}
