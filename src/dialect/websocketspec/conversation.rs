//! One connection: who it is, what it is subscribed to, and the request that is under way.

use std::sync::Arc;

use super::super::Opening;
use super::course::{Course, Desk, Outcome, Task};
use super::fault::Fault;
use super::hooks::{About, Caller, Kind, Point, Veto, When};
use super::settings::Settings;
use super::subscriptions::Subscriptions;
use super::wanted::{Name, Said, Wanted, shown};
use super::words;
use crate::dialect::{Conversation, Prospect};
use crate::event::Json;
use crate::message::{Ack, CloseReason, Command, Message, Now, Returned, Turn};
use crate::query::Resource;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Client {
    settings: Arc<Settings>,
    caller: Caller,
    subscriptions: Subscriptions,
    life: Life,
    /// The request that is under way, with its id.
    course: Option<(Json, Box<Course>)>,
}

/// How far the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// The application is being asked whether it may be, or told that it is.
    Joining(When),
    Open,
    /// The application is being told that it ends, or has ended.
    Leaving(When),
    Over,
}

impl Client {
    pub(super) fn new(settings: Arc<Settings>, opening: &Opening<'_>, turn: &mut Turn) -> Self {
        let caller = Caller::new(opening.connection, opening.credential.identity());
        let subscriptions = Subscriptions::new(opening.connection);
        let mut client = Self { settings, caller, subscriptions, life: Life::Open, course: None };
        let about = About { request: Some(opening.request), ..About::default() };
        if client.tell(Point::before(Kind::Connect), &about, turn) {
            client.life = Life::Joining(When::Before);
        } else {
            client.joined(turn);
        }
        client
    }

    /// Asks the application, if it wants to be asked there.
    fn tell(&self, point: Point, about: &About<'_>, turn: &mut Turn) -> bool {
        let hooks = self.settings.hooks.as_ref();
        turn.call = hooks.and_then(|hooks| hooks.call(point, &self.caller, about));
        turn.call.is_some()
    }

    fn joined(&mut self, turn: &mut Turn) {
        let is_told = self.tell(Point::after(Kind::Connect), &About::default(), turn);
        self.life = if is_told { Life::Joining(When::After) } else { Life::Open };
    }

    fn left(&mut self, turn: &mut Turn) {
        let is_told = self.tell(Point::after(Kind::Disconnect), &About::default(), turn);
        self.life = if is_told { Life::Leaving(When::After) } else { Life::Over };
    }

    /// What the application said about the connection itself.
    fn answered(&mut self, when: When, returned: Returned, turn: &mut Turn) {
        let (Returned::Webhook(answer), Some(hooks)) = (returned, self.settings.hooks.as_ref()) else {
            return;
        };
        match hooks.decide(Point { when, kind: Kind::Connect }, answer) {
            Ok(changes) => self.caller.learn(changes.metadata),
            // It is there already.
            Err(_) if when == When::After => {}
            Err(veto) => {
                self.life = Life::Over;
                turn.close = Some(match veto {
                    Veto::Said(_) => CloseReason::Refused,
                    Veto::Unanswered(_) => CloseReason::Unchecked,
                });
                return;
            }
        }
        match when {
            When::Before => self.joined(turn),
            When::After => self.life = Life::Open,
        }
    }

    /// `None`: there is no answer yet.
    fn act(&mut self, id: Json, wanted: Wanted, turn: &mut Turn) -> Option<Outcome> {
        let task = match self.task(wanted)? {
            Ok(task) => task,
            Err(fault) => return Some(Err(fault)),
        };
        let mut course = Box::new(Course::new(task));
        let outcome = course.start(&mut self.desk(turn));
        if outcome.is_none() {
            self.course = Some((id, course));
        }
        outcome
    }

    /// `None`: there is nothing to be done.
    fn task(&self, wanted: Wanted) -> Option<Result<Task, Fault>> {
        Some(match wanted {
            Wanted::Ping => return None,
            Wanted::Request(request) => {
                self.find(&request.of).map(|resource| Task::Request { request, resource })
            }
            Wanted::Subscribe { of, filters, since } => {
                self.find(&of).map(|resource| Task::Subscribe { of, filters, since, resource })
            }
            Wanted::Unsubscribe(id) => Ok(Task::Unsubscribe { id }),
        })
    }

    fn desk<'a>(&'a mut self, turn: &'a mut Turn) -> Desk<'a> {
        let Self { settings, caller, subscriptions, .. } = self;
        Desk { settings, caller, subscriptions, turn }
    }

    fn find(&self, of: &Name) -> Result<Resource, Fault> {
        let schema = of.schema.as_deref().or(self.settings.default_schema.as_deref());
        let entity = || shown(&of.entity);
        let full_name = || schema.map_or_else(entity, |schema| format!("{}.{}", shown(schema), entity()));
        self.settings.resources.find(schema, &of.entity).ok_or_else(|| Fault::ModelNotFound(full_name()))
    }
}

/// Whoever has subscribed is told from where on, as further members of what it is told.
fn respond(id: Json, outcome: Outcome, now: Now, turn: &mut Turn) {
    let subscribes = turn.commands.iter().any(|command| matches!(command, Command::Subscribe { .. }));
    match outcome {
        Ok(mut done) if subscribes => {
            turn.ack = Some(Ack::new(move |caught| {
                done.add(&caught.members());
                words::response(&id, &Ok(done), now.time)
            }));
        }
        outcome => turn.frames.push(words::response(&id, &outcome, now.time)),
    }
}

impl Conversation for Client {
    fn receive(&mut self, message: Message, now: Now, turn: &mut Turn) {
        let Said { id, wanted } = Said::read(&message);
        let outcome = match wanted {
            Ok(Wanted::Ping) => {
                turn.frames.push(words::pong(&id, now.time));
                None
            }
            Ok(wanted) => self.act(id.clone(), wanted, turn),
            Err(fault) => Some(Err(fault)),
        };
        if let Some(outcome) = outcome {
            respond(id, outcome, now, turn);
        }
    }

    fn dropped(&mut self, message: &Message, now: Now, turn: &mut Turn) {
        let id = Said::read(message).id;
        turn.frames.push(words::response(&id, &Err(Fault::TooFast), now.time));
    }

    fn prospect(&self) -> Option<Prospect> {
        self.course.as_ref()?.1.prospect()
    }

    fn returned(&mut self, returned: Returned, now: Now, turn: &mut Turn) {
        match self.life {
            Life::Joining(when) => self.answered(when, returned, turn),
            Life::Leaving(When::Before) => self.left(turn),
            Life::Leaving(When::After) | Life::Over => {}
            Life::Open => {
                let Some((id, mut course)) = self.course.take() else { return };
                match course.returned(returned, &mut self.desk(turn)) {
                    Some(outcome) => respond(id, outcome, now, turn),
                    None => self.course = Some((id, course)),
                }
            }
        }
        self.caller.is_another = false;
    }

    /// What it may hear of follows from who it was.
    fn expired(&mut self, now: Now, turn: &mut Turn) {
        let is_told = self.course.is_some() || matches!(self.life, Life::Joining(_));
        self.caller.forget(is_told);
        self.subscriptions.remove_ruled(&mut turn.commands);
        turn.frames.push(words::response(&Json::string(""), &Err(Fault::Expired), now.time));
    }

    /// Whom the application refused was never there.
    fn ended(&mut self, _: Now, turn: &mut Turn) {
        if matches!(self.life, Life::Over | Life::Joining(When::Before)) {
            return;
        }
        self.course = None;
        if self.tell(Point::before(Kind::Disconnect), &About::default(), turn) {
            self.life = Life::Leaving(When::Before);
        } else {
            self.left(turn);
        }
    }
}
