//! A client that was away comes back to its sockets (`protocols.md`, section 4.1.3: `pid` and `offset`).

use tokio::time::Instant;

use super::{Session, Socket};
use crate::dialect::Resume;
use crate::message::{CloseReason, Message};
use crate::transport::engine::parked::{Claim, Stay};
use crate::transport::link::Stream;

/// A client that says that it was here, and whose former connection is just being ended.
pub(super) struct Awaited {
    number: usize,
    resume: Resume,
    message: Message,
}

impl<T: Stream> Session<T> {
    /// Its time is over.
    pub(super) fn give_up(&mut self, stay: Stay) {
        if let Some(socket) = self.sessions.parked.give_up(stay) {
            self.part(*socket);
        }
    }

    /// Keeps a socket whose connection has broken off, if its client may come back.
    pub(super) fn park(&mut self, mut socket: Socket<T>) -> Option<Stay> {
        let may_rest = socket.party.rest();
        let Some(name) = socket.resume.filter(|_| may_rest && socket.lane.park()) else {
            self.part(socket);
            return None;
        };
        let kept = self.sessions.parked.keep(name, Box::new(socket));
        kept.map_err(|socket| self.part(*socket)).ok()
    }

    /// The client wants to go on where it was in a namespace, and else to come in with this message.
    pub(super) fn reopen(&mut self, number: usize, resume: Option<Resume>, message: Message) {
        let Some(resume) = resume else { return self.open(number, message) };
        // One for each namespace: whoever asks again has not waited for the answer.
        if self.awaited.iter().any(|awaited| awaited.number == number) {
            return self.close(CloseReason::Protocol);
        }
        let claim = self.sessions.parked.claim(resume.pid, &self.shared);
        self.settle(number, resume, message, claim);
    }

    fn settle(&mut self, number: usize, resume: Resume, message: Message, claim: Claim<T>) {
        let is_back = match claim {
            Claim::Here(socket) if self.is_again(&socket, &message) => self.resume(number, resume, *socket),
            // Somebody else on the same page: nothing of the former is theirs.
            Claim::Here(socket) => {
                self.part(*socket);
                false
            }
            Claim::Unknown => false,
            Claim::Soon => return self.awaited.push(Awaited { number, resume, message }),
        };
        if !is_back {
            self.open(number, message);
        }
    }

    /// Former connections may have ended meanwhile.
    pub(super) fn look_for_awaited(&mut self) {
        for Awaited { number, resume, message } in std::mem::take(&mut self.awaited) {
            let claim = self.sessions.parked.look(resume.pid, &self.shared);
            self.settle(number, resume, message, claim);
        }
    }

    /// What the handshake shows counts as what the first message does.
    fn is_again(&self, socket: &Socket<T>, message: &Message) -> bool {
        let is_same = socket.came_as.as_ref().is_some_and(|visitor| visitor.shows_the_same(&self.visitor));
        socket.party.goes_on(message, is_same)
    }

    /// `false`: it begins anew.
    fn resume(&mut self, number: usize, Resume { pid, last }: Resume, mut socket: Socket<T>) -> bool {
        let is_over = socket.party.due().is_some_and(|due| due <= Instant::now());
        let is_there = self.sockets.iter().any(|other| other.number == number);
        let is_its = socket.number == number && !is_over && !is_there && socket.party.rise();
        let missed = if is_its { socket.lane.come_back(&self.shared, last) } else { None };
        let Some(missed) = missed else {
            self.part(socket);
            return false;
        };
        self.sessions.parked.enter(pid, &self.shared);
        socket.party.resume();
        socket.lane.catch_up(&missed);
        socket.party.release();
        self.left.retain(|left| *left != number);
        self.lonely = None;
        self.add(socket);
        self.follow();
        true
    }
}
