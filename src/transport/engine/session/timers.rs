//! What a connection does when a time has come.

use std::future::Future as _;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::{Session, Stage};
use crate::message::{CloseReason, Frame};
use crate::transport::link::Stream;
use crate::transport::wire::Wire as _;

const PING: &str = "2";

impl<T: Stream> Session<T> {
    pub(super) fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.timer.as_mut().poll(context));
        if self.stage != Stage::Open {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        let now = Instant::now();
        for socket in &mut self.sockets {
            if socket.party.due().is_some_and(|due| due <= now) {
                socket.party.on_time(now);
            }
        }
        self.sweep();
        self.follow();
        if self.lonely.is_some_and(|lonely| lonely <= now) {
            self.close(CloseReason::Refused);
        }
        self.look_for_life(now);
        self.set_timer();
        Poll::Pending
    }

    /// Any word of the client is one. Who waits for an answer is not listened to.
    fn look_for_life(&mut self, now: Instant) {
        let Some(engine) = self.engine() else { return };
        if std::mem::take(&mut self.heard) {
            self.limit = None;
        }
        if self.limit.is_some_and(|limit| limit <= now) {
            let is_asking = self.sockets.iter().any(|socket| socket.party.is_asking());
            if !is_asking && !self.shared.link.take_progress() {
                return self.close(CloseReason::Silent);
            }
            self.limit = None;
        }
        if self.ping <= now {
            if self.limit.is_none() {
                // What it took before is no sign of life behind this.
                self.shared.link.take_progress();
                self.shared.link.answer(Frame::text(PING).wire());
                self.limit = Some(now + engine.ping_timeout);
            }
            self.ping = now + engine.ping_interval;
        }
    }

    /// Whatever comes first: a ping, the end of its time, or what whoever talks has to do.
    pub(super) fn set_timer(&mut self) {
        if self.stage != Stage::Open {
            return;
        }
        let own = [self.limit, self.lonely].into_iter().flatten();
        let next = self.sockets.iter().filter_map(|socket| socket.party.due()).chain(own);
        let next = next.fold(self.ping, Instant::min);
        if self.timer.deadline() != next {
            self.timer.as_mut().reset(next);
        }
    }
}
