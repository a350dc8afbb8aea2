//! One connection from its greeting to its end: what its client says goes to whoever talks with it, and signs of life
//! are looked for.

mod ears;
mod messages;
mod timers;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::farewell::Farewell;
use super::link::{Link, State, Stream};
use super::party::Party;
pub(super) use ears::{Ears, Heard};

/// How long a peer may take to answer our last words.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Our last words are on their way; the peer's answer is awaited.
    Closing,
    /// Nothing can be read any more: flush, then end.
    Ending,
}

pub(super) struct Connection<S: Stream, E> {
    link: Arc<Link<S>>,
    ears: E,
    party: Party<Link<S>>,
    timer: Pin<Box<Sleep>>,
    /// When the next PING is due.
    ping: Instant,
    stage: Stage,
    missed: u8,
}

impl<S: Stream, E: Ears> Connection<S, E> {
    pub(super) fn new(link: Arc<Link<S>>, ears: E, party: Party<Link<S>>) -> Self {
        let ping = Instant::now() + party.limits.ping_interval;
        Self { link, ears, party, timer: Box::pin(sleep_until(ping)), ping, stage: Stage::Open, missed: 0 }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.link.register(context.waker());
        let drained = match self.link.poll_drain(context) {
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        self.follow();
        match self.stage {
            Stage::Open | Stage::Closing => {
                if self.poll_messages(context).is_ready() {
                    return Poll::Ready(());
                }
                self.party.poll(context);
                self.follow();
            }
            Stage::Ending if drained => {
                // Whether or not it worked: the timer ends what does not end by itself.
                let shut_down = self.link.poll_shutdown(context).is_ready();
                if shut_down && self.link.poll_discard(context).is_ready() {
                    return Poll::Ready(());
                }
            }
            Stage::Ending => {}
        }
        self.set_timer();
        self.poll_timer(context)
    }

    /// Whoever talks, or the hub, may have closed the link, or found it broken.
    fn follow(&mut self) {
        match self.link.state() {
            State::Closing if self.stage == Stage::Open => {
                self.enter(if E::ANSWERS { Stage::Closing } else { Stage::Ending });
            }
            State::Gone => self.enter(Stage::Ending),
            State::Open | State::Closing => {}
        }
    }

    fn enter(&mut self, stage: Stage) {
        if self.stage != stage {
            self.stage = stage;
            self.party.shut();
            self.timer.as_mut().reset(Instant::now() + CLOSE_TIMEOUT);
        }
    }

    /// The connection has ended, and its reader leaves the hub.
    pub(super) fn end(self) -> Farewell {
        self.link.end();
        self.party.end()
    }
}
