//! A WebSocket that may take the place of polls: the client tries it, stops polling, and goes over.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::mailbox::{Mailbox, Upgrading};
use super::payload::Packet;
use super::shared::{Handle, Shared};
use crate::message::{CloseReason, Frame};
use crate::transport::codec::Codec;
use crate::transport::link::{Link, Stream};
use crate::transport::wire::Wire as _;

/// How long a client may take to go over, as the original has it.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// What the client tries it with, and hears.
const PING: &str = "2probe";
const PONG: &str = "3probe";

/// See the module's documentation.
#[derive(Debug)]
pub struct Probe<T> {
    shared: Arc<Shared<T>>,
    link: Link<T>,
    codec: Codec,
    has_gone_over: bool,
}

impl<T: Stream> Probe<T> {
    pub(super) fn new(handle: Handle<T>, stream: T, early: Vec<u8>, greeting: Bytes) -> Self {
        let link = Link::new(stream, greeting, handle.outbox);
        let codec = Codec::new(early, handle.max_payload);
        Self { shared: handle.shared, link, codec, has_gone_over: false }
    }

    /// Until the client has gone over, or has given up: then the connection is polled as before.
    pub async fn run(mut self) {
        let tried = timeout(UPGRADE_TIMEOUT, std::future::poll_fn(|context| self.poll(context))).await;
        if tried.is_ok() && self.has_gone_over {
            let upgrade = (self.link.into_stream(), self.codec);
            self.shared.go_over(upgrade);
            return;
        }
        self.shared.look(|mailbox| mailbox.upgrading = Upgrading::No);
        self.link.close_after(CloseReason::Protocol);
        // A client that has gone needs no end.
        drop(timeout(UPGRADE_TIMEOUT, std::future::poll_fn(|context| self.link.poll_drain(context))).await);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.link.register(context.waker());
        if let Poll::Ready(Err(_)) = self.link.poll_drain(context) {
            return Poll::Ready(());
        }
        while !self.has_gone_over {
            // What it is answered it is to read before it says more; the drain wakes the task.
            if self.link.is_busy() {
                return Poll::Pending;
            }
            let mut heard = false;
            match self.codec.read(&self.link, context, &mut heard) {
                Ok(Received::Text(text)) => {
                    if !self.hear(text.as_str()) {
                        return Poll::Ready(());
                    }
                }
                Ok(Received::Ping(_) | Received::Pong(_) | Received::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Ok(Received::Binary(_) | Received::Close(_)) | Err(_) => return Poll::Ready(()),
            }
        }
        // What waits here, the answer to what was read just now perhaps, would be lost with the link.
        if self.link.is_idle() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn hear(&mut self, text: &str) -> bool {
        if text == PING {
            // Behind the answer the client waits for the poll that is under way, and goes over: it asks once.
            let works =
                |mailbox: &mut Mailbox<T>| std::mem::replace(&mut mailbox.upgrading, Upgrading::Works);
            let is_first = self.shared.leave(works) != Upgrading::Works;
            if is_first {
                self.link.answer(Frame::text(PONG).wire());
            }
            return is_first;
        }
        self.has_gone_over = Packet::parse(text) == Ok(Packet::Upgrade);
        self.has_gone_over
    }
}
