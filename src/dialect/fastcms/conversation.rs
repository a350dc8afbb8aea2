//! One connection: who it is, what it is subscribed to, and whether it is still alive.

use std::sync::Arc;
use std::time::Duration;

use super::action::Action;
use super::fault::Fault;
use super::presence::{Presence, Seat};
use super::pulse::{Beat, Pulse};
use super::settings::Settings;
use super::subscriptions::Subscriptions;
use super::words;
use crate::dialect::snapshot::{self, UNKNOWN};
use crate::dialect::{Conversation, Opening};
use crate::event::Topic;
use crate::identity::{Credential, Identity};
use crate::message::{
    Ack, Answer, Call, CloseReason, Command, Message, Now, Pick, Returned, Turn, UpstreamError,
};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Client {
    settings: Arc<Settings>,
    subscriptions: Subscriptions,
    pulse: Pulse,
    /// Until when it has to say who it is; nothing else is done for it before.
    gate: Option<Duration>,
    presence: Arc<Presence>,
    /// Of the user that it is.
    seat: Option<Seat>,
    /// What it is shown first.
    shown: Option<Box<Shown>>,
}

/// A subscription that waits for its snapshot.
#[derive(Debug)]
struct Shown {
    topic: Topic,
    commands: Vec<Command>,
    ack: Ack,
}

impl Client {
    pub(super) fn open(
        settings: Arc<Settings>,
        presence: Arc<Presence>,
        opening: &Opening<'_>,
        turn: &mut Turn,
    ) -> Self {
        let gate = opening.required.then_some(opening.now.age + settings.auth_timeout);
        let pulse = Pulse::new(&settings);
        let subscriptions = Subscriptions::default();
        let mut client = Self { settings, subscriptions, pulse, gate, presence, seat: None, shown: None };
        turn.frames.push(words::connected(opening.connection, opening.now.time));
        if *opening.credential != Credential::Missing {
            client.meet(opening.credential, turn);
        }
        client
    }

    /// Somebody has shown a token. A bad one changes nothing of who the client is, but lets nobody in.
    fn meet(&mut self, credential: &Credential, turn: &mut Turn) {
        let Credential::Valid(identity) = credential else {
            self.turn_away(Fault::of(credential), turn);
            return;
        };
        turn.frames.extend(identity.user().map(words::authenticated));
        turn.commands.push(Command::Identify(identity.clone()));
        self.gate = None;
    }

    fn rise(&mut self, now: Now, turn: &mut Turn) {
        if let Some(seat) = self.seat.take() {
            seat.leave(now, turn);
        }
    }

    fn turn_away(&self, (fault, reason): (Fault, CloseReason), turn: &mut Turn) {
        turn.frames.push(words::error(&fault));
        if self.gate.is_some() {
            turn.close = Some(reason);
        }
    }

    fn act(&mut self, action: Action, turn: &mut Turn) -> Result<(), Fault> {
        match action {
            Action::Ping => turn.frames.push(words::pong()),
            Action::Pong => {}
            Action::Auth(token) => turn.call = Some(Call::Identify(token)),
            _ if self.gate.is_some() => return Err(Fault::Unauthenticated),
            Action::Subscribe { collection, filter, since, snapshot } => {
                let shown = snapshot.then(|| self.snapshot(&collection)).transpose()?;
                let commands = &mut turn.commands;
                self.subscriptions.add(&collection, filter.as_ref(), &self.settings, commands)?;
                if since.is_some() || shown.is_some() {
                    *commands = anew(std::mem::take(commands));
                }
                turn.since = since;
                let ack = Ack::new(move |caught| words::subscribed(&collection, filter.as_ref(), caught));
                match shown {
                    None => turn.ack = Some(ack),
                    Some((topic, call)) => {
                        turn.call = Some(call);
                        let is_end = |command: &Command| matches!(command, Command::Unsubscribe { .. });
                        let (left, commands) = std::mem::take(commands).into_iter().partition(is_end);
                        turn.commands = left;
                        self.shown = Some(Box::new(Shown { topic, commands, ack }));
                    }
                }
            }
            Action::Unsubscribe(collection) => {
                self.subscriptions.remove(&collection, &self.settings, &mut turn.commands);
                turn.frames.push(words::unsubscribed(&collection));
            }
        }
        Ok(())
    }
}

/// The same for a client that says where it was, or is shown what there is: what it hears of these topics begins anew, so
/// that nothing of them comes before what it is told of that time.
fn anew(commands: Vec<Command>) -> Vec<Command> {
    let (mut left, mut entered) = (Vec::new(), Vec::new());
    for command in commands {
        match command {
            Command::Swap { leave, enter } => {
                left.extend(leave);
                entered.extend(enter);
            }
            Command::Subscribe { topic, filter, tag: None } => {
                left.push(topic.clone());
                entered.push((topic, filter));
            }
            // None of a subscription's here.
            Command::Subscribe { .. } | Command::Unsubscribe { .. } | Command::Identify(_) => {}
        }
    }
    let entered = entered.into_iter().map(|(topic, filter)| Command::Subscribe { topic, filter, tag: None });
    left.into_iter().map(Command::unsubscribe).chain(entered).collect()
}

impl Client {
    /// The request for what there is of a collection, which has a topic of its own then.
    fn snapshot(&self, collection: &str) -> Result<(Topic, Call), Fault> {
        if self.subscriptions.is_global() {
            return Err(Fault::NoSnapshot("all collections are subscribed to already"));
        }
        let topics = self.settings.collections.topics(collection);
        let [topic] = topics.as_slice() else { return Err(Fault::NoSnapshot(UNKNOWN)) };
        let call = self.settings.snapshots.call(topic).map_err(Fault::NoSnapshot)?;
        Ok((topic.clone(), call))
    }

    /// The backend has said what there is, or not: what came meanwhile follows, and then what comes.
    fn show(&mut self, answer: &Result<Answer, UpstreamError>, turn: &mut Turn) {
        let Some(shown) = self.shown.take() else { return };
        let Shown { topic, commands, ack } = *shown;
        turn.frames.push(words::snapshot(&snapshot::said(&topic, answer)));
        (turn.commands, turn.ack) = (commands, Some(ack));
        (turn.since, turn.pick) = (snapshot::position(answer), Pick::Latest);
    }
}

impl Conversation for Client {
    fn receive(&mut self, message: Message, now: Now, turn: &mut Turn) {
        let action = Action::read(&message);
        if !matches!(action, Err(Fault::NotJson)) {
            self.pulse.hear(now.age);
        }
        if let Err(fault) = action.and_then(|action| self.act(action, turn)) {
            turn.frames.push(words::error(&fault));
        }
    }

    fn dropped(&mut self, _: &Message, now: Now, turn: &mut Turn) {
        self.pulse.hear(now.age);
        turn.frames.push(words::error(&Fault::TooFast));
    }

    fn returned(&mut self, returned: Returned, _: Now, turn: &mut Turn) {
        match returned {
            Returned::Credential(credential) => self.meet(&credential, turn),
            Returned::Upstream(answer) => self.show(&answer, turn),
            Returned::Webhook(_) => {}
        }
    }

    /// Whoever was here before has left, unless it is the same.
    fn identified(&mut self, identity: &Identity, now: Now, turn: &mut Turn) {
        let user = identity.user().map(|user| user.id.as_str());
        if self.seat.as_ref().map(Seat::user) != user {
            self.rise(now, turn);
            self.seat = user.map(|user| self.presence.enter(user, now, turn));
        }
    }

    fn alarm(&self) -> Option<Duration> {
        Some(self.gate.map_or(self.pulse.next(), |gate| gate.min(self.pulse.next())))
    }

    fn wake(&mut self, now: Now, turn: &mut Turn) {
        if self.gate.is_some_and(|gate| gate <= now.age) {
            self.turn_away((Fault::Unauthenticated, CloseReason::Unauthenticated), turn);
            return;
        }
        match self.pulse.beat(now.age, &self.settings) {
            Beat::Ping => turn.frames.push(words::ping(now.time)),
            Beat::Dead => turn.close = Some(CloseReason::Heartbeat),
            Beat::Rest => {}
        }
    }

    fn expired(&mut self, now: Now, turn: &mut Turn) {
        turn.frames.push(words::error(&Fault::BadToken));
        self.rise(now, turn);
    }

    fn ended(&mut self, now: Now, turn: &mut Turn) {
        self.rise(now, turn);
    }
}
