//! What the client says is read, and handed to whoever talks with it.

use std::io;
use std::task::{Context, Poll};

use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::{Connection, Stage};
use crate::hub::Lane as _;
use crate::message::Message;
use crate::transport::codec::{Socket, fault};
use crate::transport::link::Stream;
use crate::transport::wire::Wire as _;

/// Messages read before other tasks get their turn.
const READS_PER_POLL: usize = 32;

impl<S: Stream> Connection<S> {
    /// Reads until the socket is empty. A client that leaves its replies unread is not read either, nor one
    /// for which as many messages wait as may.
    pub(super) fn poll_messages(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS_PER_POLL {
            // One that is closing is read on, so that its own end is heard.
            let is_full = self.stage == Stage::Open && self.party.is_full();
            if self.link.is_busy() || is_full {
                return Poll::Pending;
            }
            let mut socket = Socket { link: &*self.link, context, heard: &mut self.heard };
            match self.codec.read(&mut socket) {
                Ok(message) => self.receive(message),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(Error::ConnectionClosed) => {
                    self.enter(Stage::Ending);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Err(error) => match fault(&error) {
                    Some(reason) if self.stage == Stage::Open => {
                        self.link.close(reason);
                        self.enter(Stage::Ending);
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    _ => return Poll::Ready(()),
                },
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn receive(&mut self, message: Received) {
        let message = match message {
            Received::Text(text) => Message::Text(text.as_str().to_owned()),
            Received::Binary(bytes) => Message::Binary(bytes),
            Received::Ping(_) | Received::Pong(_) | Received::Close(_) | Received::Frame(_) => return,
        };
        self.party.receive(message);
        self.follow();
    }
}
