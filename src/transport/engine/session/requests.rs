//! What requests bring and take, while the connection is polled.

use std::task::Context;

use super::{Session, Stage};
use crate::message::CloseReason;
use crate::transport::engine::carrier::Carrier;
use crate::transport::engine::mailbox::{Post, Upgrading};
use crate::transport::engine::payload::Packet;
use crate::transport::link::Stream;

/// Packets heard before other tasks get their turn.
const PACKETS_PER_POLL: usize = 32;

impl<T: Stream> Session<T> {
    /// The client has gone over to a WebSocket: what waits follows it.
    pub(super) fn take_upgrade(&mut self) {
        let Some(Some((stream, codec))) = self.shared.look(|mailbox| mailbox.upgrade.take()) else { return };
        // What was posted before comes before.
        while let Some(packet) = self.posted() {
            self.packet(packet);
        }
        self.shared.link.with_stream(|carrier| *carrier = Carrier::Socket(stream));
        self.codec = Some(codec);
        // A poll that still waits gets nothing any more.
        if let Some(Some(poll)) = self.shared.look(|mailbox| mailbox.poll.take()) {
            poll.send(Vec::new()).ok();
        }
        self.shared.clear();
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
            let packet = mailbox.post.as_mut()?.packets.pop_front();
            if let Some(mut post) = mailbox.post.take_if(|post| post.packets.is_empty()) {
                post.confirm();
            }
            packet
        })?
    }

    /// A poll gets what waits; nothing, where the client should not poll any more.
    pub(super) fn answer_poll(&mut self) {
        if self.codec.is_some() {
            return;
        }
        let (stage, link) = (self.stage, &self.shared.link);
        self.shared.look(|mailbox| {
            let is_over = mailbox.upgrading == Upgrading::Works || stage == Stage::Ending;
            let Some(poll) = mailbox.poll.take_if(|poll| !poll.is_closed() && (is_over || !link.is_quiet()))
            else {
                return;
            };
            // It may hang up at this moment.
            if let Err(frames) = poll.send(link.take()) {
                link.give_back(frames);
            }
        });
    }
}
