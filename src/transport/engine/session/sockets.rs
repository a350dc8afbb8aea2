//! The sockets of a connection: they come, talk and leave.

use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, SystemTime};

use http::Request;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Session, Socket};
use crate::dialect::{Conversation, Dialect, Opening};
use crate::hub::{AttachError, Lane, Profile};
use crate::identity::Credential;
use crate::message::{CloseReason, Message, Now, Turn};
use crate::transport::engine::lane::{Keeps, SocketLane};
use crate::transport::limits::Limits;
use crate::transport::link::Stream;
use crate::transport::party::Party;
use crate::transport::wire::Wire as _;

impl<T: Stream> Session<T> {
    /// The client wants to come into a namespace, with this message.
    pub(super) fn open(&mut self, number: usize, message: Message) {
        self.sweep();
        let is_there = self.sockets.iter().any(|socket| socket.number == number);
        let sessions = Arc::clone(&self.sessions);
        let Some(multiplex) = sessions.multiplex().filter(|_| !is_there) else {
            return self.close(CloseReason::Protocol);
        };
        let (Some((_, dialect)), Some(backstage)) =
            (multiplex.namespaces().get(number), sessions.backstages.get(number))
        else {
            return self.close(CloseReason::Protocol);
        };
        // The connection looks after that itself.
        let limits = Limits { rate: None, ..sessions.limits };
        let resume = multiplex.engine().recovery.map(|_| Uuid::new_v4());
        let keeps = resume.map_or(Keeps::Nothing, |_| Keeps::Recent);
        let lane =
            SocketLane::new(Arc::clone(&self.shared), multiplex.dismissed(number), limits.outbox, keeps);
        let (lane, (profile, credential)) = (Arc::new(lane), self.profile(number));
        let (conversation, turn) = begin(&**dialect, (&profile, &credential, resume), message);
        let subscriber = match sessions.hub.attach(Arc::clone(&lane) as Arc<dyn Lane>, profile) {
            Ok(subscriber) => subscriber,
            Err(error) => {
                backstage.refused(error);
                return self.refuse(number, error);
            }
        };
        subscriber.bear(self.visitor.credentials.clone());
        let wire = (Arc::clone(&lane), limits);
        let mut party = Party::new(wire, conversation, subscriber, Arc::clone(backstage));
        party.begin(turn);
        self.left.retain(|left| *left != number);
        if let Some(name) = resume {
            sessions.parked.enter(name, &self.shared);
        }
        let came_as = resume.map(|_| Box::new(self.visitor.clone()));
        self.add(Socket { number, resume, came_as, lane, party });
        self.follow();
    }

    /// Mostly there is one, and a vector that grows would take room for four.
    pub(super) fn add(&mut self, socket: Socket<T>) {
        self.sockets.reserve_exact(1);
        self.sockets.push(socket);
    }

    fn refuse(&mut self, number: usize, error: AttachError) {
        match (error, self.sessions.multiplex()) {
            (AttachError::TooMany(_), Some(multiplex)) => {
                self.shared.link.answer(multiplex.crowded(number).wire());
            }
            // It may come back when there is room.
            _ => self.close(CloseReason::GoingAway),
        }
    }

    /// As the handshake had it, which may be long ago; what its first message says of it is heard behind that.
    #[expect(clippy::disallowed_methods, reason = "it comes now")]
    fn profile(&self, number: usize) -> (Profile, Credential) {
        let since = SystemTime::now();
        let credential = self.visitor.credential.at(since);
        let profile = Profile {
            id: Uuid::new_v4(),
            endpoint: self.sessions.first + number,
            identity: credential.identity(),
            since,
            address: self.visitor.address,
        };
        (profile, credential)
    }

    pub(super) fn poll_sockets(&mut self, context: &mut Context<'_>) {
        for socket in &mut self.sockets {
            socket.party.poll(context);
        }
        // Who is refused again and again is in none.
        if self.sockets.iter().any(|socket| socket.lane.is_in()) {
            self.lonely = None;
        }
        self.sweep();
        self.farewells.retain_mut(|farewell| farewell.as_mut().poll(context).is_pending());
    }

    /// The client leaves a namespace.
    pub(super) fn leave(&mut self, number: usize) {
        if let Some(socket) = self.sockets.iter().find(|socket| socket.number == number) {
            socket.lane.leave();
            self.sweep();
        }
    }

    /// Who has left is nobody any more.
    pub(super) fn sweep(&mut self) {
        while let Some(gone) = self.sockets.iter().position(|socket| socket.lane.is_gone()) {
            let socket = self.sockets.swap_remove(gone);
            if !self.left.contains(&socket.number) {
                self.left.push(socket.number);
            }
            self.part(socket);
            if self.sockets.is_empty() && self.lonely.is_none() {
                self.lonely = self.engine().map(|engine| Instant::now() + engine.connect_timeout);
            }
        }
    }

    pub(super) fn part(&mut self, socket: Socket<T>) {
        socket.lane.leave();
        if let Some(name) = socket.resume {
            self.sessions.parked.leave(name);
        }
        self.farewells.extend(socket.party.end().rest());
    }
}

/// The conversation, and what it wants after the first message: before the hub knows of it.
fn begin(
    dialect: &dyn Dialect,
    (profile, credential, resume): (&Profile, &Credential, Option<Uuid>),
    message: Message,
) -> (Box<dyn Conversation>, Turn) {
    let (mut turn, now) = (Turn::default(), Now { time: profile.since, age: Duration::ZERO });
    let opening = Opening {
        request: &Request::new(()).into_parts().0,
        connection: profile.id,
        credential,
        required: dialect.wants_token(),
        resume,
        now,
    };
    let mut conversation = dialect.open(&opening, &mut turn);
    conversation.receive(message, now, &mut turn);
    (conversation, turn)
}
