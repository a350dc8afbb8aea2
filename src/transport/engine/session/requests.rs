//! What requests bring and take, while the connection is polled.

use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;

use super::{Session, Stage};
use crate::message::CloseReason;
use crate::transport::engine::carrier::Carrier;
use crate::transport::engine::mailbox::{Mailbox, Post, Upgrading};
use crate::transport::engine::payload::{Packet, Payload};
use crate::transport::engine::polled::{Polled, Sender};
use crate::transport::link::Stream;

/// Packets heard before other tasks get their turn.
const PACKETS_PER_POLL: usize = 32;

impl<T: Stream> Session<T> {
    /// The client has gone over to a WebSocket: what waits follows it.
    pub(super) fn take_upgrade(&mut self) {
        // What a poll took before comes before.
        let upgrade = |mailbox: &mut Mailbox<T>| mailbox.upgrade.take_if(|_| !mailbox.is_answering);
        let Some(Some((stream, codec))) = self.shared.look(upgrade) else { return };
        self.shared.link.with_stream(|carrier| *carrier = Carrier::Socket(stream));
        self.codec = Some(codec);
        // A poll that still waits gets nothing any more.
        if let Some(Some(poll)) = self.shared.look(|mailbox| mailbox.poll.take()) {
            drop(poll.send(self.polled(Vec::new())));
        }
    }

    /// What was posted before the client went over comes before what its WebSocket says.
    pub(super) fn is_behind(&self) -> bool {
        let is_behind =
            self.shared.look(|mailbox| mailbox.post.as_ref().is_some_and(|post| post.packets.is_some()));
        if is_behind == Some(false) {
            self.shared.clear();
        }
        is_behind == Some(true)
    }

    /// Hears what was posted, as long as there is room for it.
    pub(super) fn read_post(&mut self, context: &Context<'_>) {
        let is_overlapping = self.shared.look(|mailbox| {
            // A client that is about to go over waits for its last post and polls no more: if that waited for what
            // only polls can take, nothing would ever come.
            if mailbox.upgrading == Upgrading::Works {
                mailbox.post.iter_mut().for_each(Post::confirm);
            }
            mailbox.is_overlapping
        });
        if is_overlapping == Some(true) && self.stage == Stage::Open {
            self.close(CloseReason::Protocol);
        }
        for _ in 0..PACKETS_PER_POLL {
            if self.is_deaf() {
                return;
            }
            let Some(packet) = self.posted() else { return };
            self.packet(packet);
        }
        context.waker().wake_by_ref();
    }

    /// The next packet; whoever posted the last hears that it was.
    fn posted(&self) -> Option<Packet> {
        self.shared.look(|mailbox| {
            let packet = mailbox.post.as_mut()?.packets.as_mut()?.next();
            if let Some(mut post) =
                mailbox.post.take_if(|post| post.packets.as_ref().is_some_and(Payload::is_empty))
            {
                post.confirm();
            }
            packet
        })?
    }

    fn polled(&self, frames: Vec<Bytes>) -> Polled {
        Polled::new(Arc::clone(&self.shared) as Arc<dyn Sender>, frames)
    }

    /// A poll gets what waits; nothing, where the client should not poll any more.
    pub(super) fn answer_poll(&mut self) {
        if self.codec.is_some() {
            return;
        }
        let (stage, link) = (self.stage, &self.shared.link);
        let answered = self.shared.look(|mailbox| {
            let is_over = mailbox.upgrading == Upgrading::Works || stage == Stage::Ending;
            let is_due = !mailbox.is_answering && (is_over || !link.is_quiet());
            let poll = mailbox.poll.take_if(|poll| is_due && !poll.is_closed())?;
            mailbox.is_answering = true;
            Some((poll, self.polled(link.take())))
        });
        if let Some(Some((poll, polled))) = answered {
            // It may hang up at this moment; behind the lock, since what it took comes back then.
            drop(poll.send(polled));
        }
    }
}
