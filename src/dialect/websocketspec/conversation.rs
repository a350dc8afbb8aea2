//! One connection: what it is subscribed to, and the request that it waits for.

use std::sync::Arc;

use uuid::Uuid;

use super::errand::{Errand, Start};
use super::fault::{Fault, capitalized};
use super::settings::Settings;
use super::subscriptions::Subscriptions;
use super::wanted::{Name, Request, Said, Wanted};
use super::words::{self, Done};
use crate::dialect::Conversation;
use crate::event::Json;
use crate::filter::Filter;
use crate::message::{Call, Message, Now, Returned, Turn};
use crate::query::Resource;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Client {
    settings: Arc<Settings>,
    subscriptions: Subscriptions,
    /// The request that the backend is being asked, with its id.
    errand: Option<(Json, Box<Errand>)>,
}

impl Client {
    pub(super) fn new(settings: Arc<Settings>, connection: Uuid) -> Self {
        Self { settings, subscriptions: Subscriptions::new(connection), errand: None }
    }

    /// `None`: there is no answer yet.
    fn act(&mut self, id: &Json, wanted: Wanted, turn: &mut Turn) -> Option<Result<Done, Fault>> {
        match wanted {
            Wanted::Ping => None,
            Wanted::Request(request) => self.request(id, request, turn).transpose(),
            Wanted::Subscribe { of, filters } => Some(self.subscribe(&of, &filters, turn)),
            Wanted::Unsubscribe(subscription) => {
                Some(self.subscriptions.remove(&subscription, &mut turn.commands))
            }
        }
    }

    fn request(&mut self, id: &Json, request: Request, turn: &mut Turn) -> Result<Option<Done>, Fault> {
        let resource = self.find(&request.of)?;
        match Errand::start(request, resource)? {
            Start::Done(done) => Ok(Some(done)),
            Start::Ask(upstream, errand) => {
                turn.call = Some(Call::Upstream(upstream));
                self.errand = Some((id.clone(), errand));
                Ok(None)
            }
        }
    }

    fn subscribe(&mut self, of: &Name, filters: &Json, turn: &mut Turn) -> Result<Done, Fault> {
        let resource = self.find(of)?;
        let filter = Filter::from_list(filters, self.settings.deletes)
            .map_err(|error| Fault::Invalid(capitalized(&error.to_string())))?;
        if self.subscriptions.count() >= self.settings.max_subscriptions {
            return Err(Fault::TooManySubscriptions);
        }
        Ok(self.subscriptions.add(of, &resource, filter, &mut turn.commands))
    }

    fn find(&self, of: &Name) -> Result<Resource, Fault> {
        let schema = of.schema.as_deref().or(self.settings.default_schema.as_deref());
        let full_name =
            || schema.map_or_else(|| of.entity.clone(), |schema| format!("{schema}.{}", of.entity));
        self.settings.resources.find(schema, &of.entity).ok_or_else(|| Fault::ModelNotFound(full_name()))
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
            Ok(wanted) => self.act(&id, wanted, turn),
            Err(fault) => Some(Err(fault)),
        };
        turn.frames.extend(outcome.map(|outcome| words::response(&id, &outcome, now.time)));
    }

    /// Which message it was is not known.
    fn dropped(&mut self, now: Now, turn: &mut Turn) {
        turn.frames.push(words::response(&Json::string(""), &Err(Fault::TooFast), now.time));
    }

    fn returned(&mut self, returned: Returned, now: Now, turn: &mut Turn) {
        if let (Returned::Upstream(answer), Some((id, errand))) = (returned, self.errand.take()) {
            let outcome = errand.finish(answer, &self.settings);
            turn.frames.push(words::response(&id, &outcome, now.time));
        }
    }

    fn expired(&mut self, now: Now, turn: &mut Turn) {
        turn.frames.push(words::response(&Json::string(""), &Err(Fault::Expired), now.time));
    }
}
