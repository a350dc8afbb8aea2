//! The head of a request and the first of its body leave jointly: mostly in one segment, which wakes the backend once.
//! pingora hands over the head by itself, and in the same turn behind it what it has of the body. No clock and no I/O: a
//! head whose body is not there waits until the task comes round to reading the answer once more, which it is woken for.
//!
//! pingora takes it for sent meanwhile. A server that does not take it is given up after `read_timeout` then.

/// A head that waits, or none.
#[derive(Debug, Default)]
pub(super) struct Joint {
    head: Vec<u8>,
    due: Due,
}

/// Whether the connection has been asked to let go what it holds, head and all.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// It has.
    #[default]
    Nothing,
    /// It is when the body has come.
    Flush,
    /// It has had a turn to come.
    FlushNow,
}

/// What reading the answer has to do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing.
    Read,
    /// To come back.
    Wake,
    /// To flush.
    Flush,
}

impl Joint {
    /// A piece of a head that is to wait.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.head.extend_from_slice(bytes);
        self.due = Due::Flush;
    }

    /// What waits.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// So many bytes were taken, of the head and of what follows it; returns how many were of what follows.
    pub(super) fn sent(&mut self, bytes: usize) -> usize {
        if let Some(rest) = bytes.checked_sub(self.head.len()) {
            // No connection that is idle keeps the room for it.
            self.head = Vec::new();
            return rest;
        }
        self.head.drain(..bytes);
        0
    }

    /// All that was taken has left.
    pub(super) fn flushed(&mut self) {
        self.due = Due::Nothing;
    }

    /// The answer is waited for.
    pub(super) fn read(&mut self) -> Before {
        match self.due {
            Due::Nothing => Before::Read,
            Due::Flush => {
                self.due = Due::FlushNow;
                Before::Wake
            }
            Due::FlushNow => Before::Flush,
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
        assert_eq!([joint.read(), joint.read(), joint.read()], [Before::Wake, Before::Flush, Before::Flush]);
        assert_eq!(joint.sent(3), 0);
        assert_eq!((joint.read(), joint.head()), (Before::Flush, &b"d"[..]));
        assert_eq!(joint.sent(4), 3);
        assert_eq!((joint.read(), joint.head()), (Before::Flush, &b""[..]));
        joint.flushed();
        assert_eq!(joint.read(), Before::Read);
        joint.keep(b"next");
        assert_eq!((joint.read(), joint.sent(4)), (Before::Wake, 0));
    }
}
