//! The head of a request and the first of its body leave jointly: in one segment, that wakes the backend once. pingora
//! hands over the head by itself, and in the same turn behind it what it has of the body. No clock and no I/O: a head
//! whose body is not there waits until the task comes round to reading the answer once more, which it is woken for.

/// A head that waits, or none.
#[derive(Debug, Default)]
pub(super) struct Joint {
    head: Vec<u8>,
    /// It has waited for a turn.
    is_overdue: bool,
}

/// What reading the answer has to do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Read,
    /// To come back.
    Wake,
    /// To send what waits.
    Send,
}

impl Joint {
    /// A piece of a head that is to wait.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
        self.is_overdue = false;
    }

    /// What waits.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// So many bytes have left, of the head and of what follows it; returns how many that were.
    pub(super) fn sent(&mut self, bytes: usize) -> usize {
        if let Some(rest) = bytes.checked_sub(self.head.len()) {
            // No connection that is idle keeps the room for it.
            self.head = Vec::new();
            return rest;
        }
        self.head.drain(..bytes);
        0
    }

    /// The answer is waited for.
    pub(super) fn read(&mut self) -> Before {
        if self.head.is_empty() {
            Before::Read
        } else if std::mem::replace(&mut self.is_overdue, true) {
            Before::Send
        } else {
            Before::Wake
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_waits_for_one_turn() {
        let mut joint = Joint::default();
        assert_eq!(joint.read(), Before::Read);
        joint.keep(b"he");
        joint.keep(b"ad");
        assert_eq!([joint.read(), joint.read(), joint.read()], [Before::Wake, Before::Send, Before::Send]);
        assert_eq!(joint.sent(3), 0);
        assert_eq!((joint.read(), joint.head()), (Before::Send, &b"d"[..]));
        assert_eq!(joint.sent(4), 3);
        assert_eq!((joint.read(), joint.head()), (Before::Read, &b""[..]));
        joint.keep(b"next");
        assert_eq!((joint.read(), joint.sent(4)), (Before::Wake, 0));
    }
}
