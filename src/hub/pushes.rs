//! Messages for connections, whatever they subscribed to.

use std::sync::Arc;
use std::time::SystemTime;

use super::meant::Meant;
use super::reader::Reader;
use super::{Delivery, Hub};
use crate::message::{Frame, Push};

impl Hub {
    /// Hands a message to the connections that it is for, at `time`, whatever they subscribed to; with a
    /// `pause` as [`deliver`](Self::deliver) has it.
    pub fn push(&self, push: &Push, time: SystemTime, pause: impl Fn()) -> Delivery {
        self.push_at(None, push, time, pause)
    }

    /// The same for one that stands at this offset, as [`deliver_at`](Self::deliver_at) has it.
    pub fn push_at(&self, offset: Option<u64>, push: &Push, time: SystemTime, pause: impl Fn()) -> Delivery {
        let position = self.advance(offset);
        let mut delivery = self.nothing_delivered();
        let mut frames: Vec<Option<Option<Frame>>> = vec![None; self.desks.len()];
        self.each(&push.to, pause, |reader, meant| {
            let (Some(slot), Some(desk)) = (frames.get_mut(reader.endpoint), self.desks.get(reader.endpoint))
            else {
                return;
            };
            if let Some(frame) = slot.get_or_insert_with(|| desk.encode.push(push, time, position)) {
                self.pass(reader, (frame, push.receipt), meant, &mut delivery);
            }
        });
        delivery
    }

    fn pass(
        &self,
        reader: &Arc<Reader>,
        (frame, receipt): (&Frame, Option<u64>),
        meant: &Meant,
        delivery: &mut Delivery,
    ) {
        let Some(number) = receipt else { return delivery.push(reader, frame, meant) };
        let before = delivery.reached;
        self.receipts.expect(number, reader.id);
        delivery.push(reader, frame, meant);
        // Or it waits behind a question, and still comes.
        if delivery.reached == before && !reader.line.holds_something() {
            self.receipts.unexpect(number, reader.id);
        }
    }
}
