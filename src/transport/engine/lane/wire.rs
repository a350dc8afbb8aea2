//! What its conversation writes to.

use bytes::Bytes;

use super::ending::{End, end};
use super::{SocketLane, Stage};
use crate::hub::Full;
use crate::message::CloseReason;
use crate::transport::ahead::Hold;
use crate::transport::engine::recent::Recent;
use crate::transport::link::Stream;
use crate::transport::wire::Wire;

impl<T: Stream> Hold for SocketLane<T> {
    fn hold(&self, call: u64) {
        self.lock().held.hold_for(call, self.limits);
    }
}

impl<T: Stream> Wire for SocketLane<T> {
    fn answer(&self, frame: &Bytes) {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Coming | Stage::In) {
            state.stage = Stage::In;
            state.shared.link.answer(frame);
        }
    }

    fn excuse(&self) {
        self.lock().shared.link.excuse();
    }

    fn close_after(&self, reason: CloseReason) {
        match end(reason) {
            End::Connection => self.end(reason, |shared| shared.link.close_after(reason)),
            End::Dismissed => self.dismiss(true),
            End::Silent => self.dismiss(false),
        }
    }

    fn begin_call(&self, call: u64) {
        self.lock().held.set_call(call);
    }

    fn end_call(&self) -> Result<(), Full> {
        self.lock().held.set_call(0);
        self.release()
    }

    fn release(&self) -> Result<(), Full> {
        let mut state = self.lock();
        match state.stage {
            // It waits for the answer by which the client is in.
            Stage::Coming => {}
            Stage::In => {
                let mut held = state.held.take();
                return held.try_for_each(|frame| state.shared.link.pass(&frame));
            }
            Stage::Away | Stage::Gone => state.held.clear(),
        }
        Ok(())
    }

    fn forget(&self) {
        self.disown();
        let mut state = self.lock();
        state.held.clear();
        state.held.hold(self.limits);
    }

    fn is_busy(&self) -> bool {
        self.lock().shared.link.is_busy()
    }

    fn disown(&self) {
        let mut state = self.lock();
        // Before it is in nothing was sent, and so nothing is lost.
        let is_coming = state.stage == Stage::Coming;
        let new = Recent::new(self.limits);
        if let Some(recent) = &mut state.recent {
            if is_coming { **recent = new } else { recent.forget() }
        }
    }

    fn acknowledged(&self, number: u64) {
        self.lock().recent.iter_mut().for_each(|recent| recent.acknowledge(number));
    }
}
