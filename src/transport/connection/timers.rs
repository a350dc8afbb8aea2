//! What a connection does when a time has come.

use std::future::Future as _;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use super::{Connection, Ears, Stage};
use crate::hub::Lane as _;
use crate::message::{Caught, CloseReason};
use crate::transport::link::Stream;

/// PINGs without any sign of life after which a peer counts as dead.
const MAX_MISSED: u8 = 2;

impl<S: Stream, E: Ears> Connection<S, E> {
    pub(super) fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.timer.as_mut().poll(context));
        if self.stage != Stage::Open {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        let now = Instant::now();
        self.party.on_time(now);
        self.follow();
        if self.ping <= now {
            self.look_for_life();
        }
        self.set_timer();
        Poll::Pending
    }

    fn look_for_life(&mut self) {
        // Who waits for an answer is not listened to.
        let alive = self.ears.is_alive(&self.link) | self.link.take_progress() | self.party.is_asking();
        self.missed = if alive { 0 } else { self.missed + 1 };
        if self.missed >= MAX_MISSED {
            self.link.close(CloseReason::Silent);
            self.enter(Stage::Ending);
        } else {
            self.send_ping();
            self.ping = Instant::now() + self.party.limits.ping_interval;
        }
    }

    fn send_ping(&self) {
        let (link, ears) = (&self.link, &self.ears);
        if E::SAYS_POSITION {
            // What is held back stands before it.
            let known = |here: Caught| if link.is_held() { Caught::default() } else { here };
            self.party.settled(|here| link.send_if_idle(&ears.ping(known(here))));
        } else {
            link.send_if_idle(&ears.ping(Caught::default()));
        }
    }

    /// Whatever comes first: a PING, or what whoever talks has to do.
    pub(super) fn set_timer(&mut self) {
        if self.stage != Stage::Open {
            return;
        }
        let next = self.party.due().map_or(self.ping, |due| due.min(self.ping));
        if self.timer.deadline() != next {
            self.timer.as_mut().reset(next);
        }
    }
}
