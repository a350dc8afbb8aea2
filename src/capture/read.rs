//! From a finished exchange to its event. Runs on a worker, never on the request's task.

use std::sync::Arc;

use super::records::Reading;
use super::{Answer, Capture, Finished, Outcome, Reason, Stage, Verdict};
use crate::event::{self, Audience, Event, Exchange, Item, Operation, Origin, Showing};
use crate::route::{Routes, Visibility};

impl Finished {
    /// Reads the answer. `routes` resolve references such as `Location`.
    pub fn read(self, routes: &Routes) -> Verdict {
        if let Some(verdict) = self.verdict_without_event() {
            return verdict;
        }
        let Self { mut capture, whole, time, id } = self;
        let stage = std::mem::replace(&mut capture.stage, Stage::Unsent);
        let (status, reading) = match stage {
            Stage::Unsent | Stage::Sent => (None, capture.uncertain(Reason::NoAnswer)),
            Stage::Answered(answer) => (Some(answer.status), capture.read_answer(*answer, whole, routes)),
        };
        if reading.outcome == Outcome::Refused {
            return Verdict::without_event(Outcome::Refused, reading.reason);
        }
        let model = capture.matched.model.clone();
        let reading = if model.is_some() { reading } else { reading.of_no_model() };
        let audience = capture.audience(&reading.items, routes);
        let uncertain = reading.outcome == Outcome::Uncertain;
        let route = &capture.matched.route;
        let accepted = status.is_some_and(|status| status.as_u16() == 202);
        // What was asked for is what was done only then.
        let was_done = !uncertain && !accepted && !reading.many;
        let upload = capture.upload.take().filter(|_| was_done);
        let event = Event {
            id,
            time,
            origin: Origin::Tap,
            // A path that names it badly was still written to.
            model: model.unwrap_or_else(|| Arc::clone(&route.model.name)),
            operation: capture.operation(),
            action: if accepted { Some(Arc::from("accepted")) } else { route.action.clone() },
            many: reading.many,
            items: reading.items,
            request_body: upload.and_then(|upload| upload.object(&route.fields)),
            audience,
            outcome: if uncertain { event::Outcome::Uncertain } else { event::Outcome::Certain },
            overlapping: false,
            http: Some(Exchange {
                method: capture.matched.method.clone(),
                path: capture.path.clone(),
                status: status.map(|status| status.as_u16()),
            }),
        };
        Verdict {
            outcome: reading.outcome,
            event: Some(event),
            id_conflict: reading.id_conflict,
            reason: reading.reason,
        }
    }

    /// What [`read`](Self::read) says if the head of the answer tells that there is no event. Costs nothing.
    pub fn verdict_without_event(&self) -> Option<Verdict> {
        let outcome = match &self.capture.stage {
            Stage::Unsent => Outcome::Unsent,
            Stage::Sent if self.capture.operation() == Operation::Read => Outcome::Refused,
            Stage::Answered(answer) if !self.capture.is_success(answer, self.whole) => Outcome::Refused,
            Stage::Sent | Stage::Answered(_) => return None,
        };
        Some(Verdict::without_event(outcome, None))
    }
}

impl Capture {
    pub(super) fn operation(&self) -> Operation {
        self.matched.route.operation(&self.matched.method)
    }

    /// 2xx is a success; 303 says that the write was done and where its result is (RFC 9110, section 15.4.4),
    /// if what it names is a record. A read is one only with the full answer: nothing changed, and half of it
    /// is nothing to show.
    fn is_success(&self, answer: &Answer, whole: bool) -> bool {
        let status = answer.status;
        match self.operation() {
            Operation::Read => status.as_u16() == 200 && whole,
            Operation::Create | Operation::Update | Operation::Delete | Operation::Custom => {
                status.is_success() || status.as_u16() == 303
            }
        }
    }

    fn audience(&self, items: &[Item], routes: &Routes) -> Audience {
        match &self.matched.route.visibility {
            Visibility::Authenticated => Audience::Authenticated,
            Visibility::Auto if self.credentials => Audience::Authenticated,
            Visibility::Public | Visibility::Auto => Audience::Everyone,
            Visibility::Roles(roles) => Audience::Roles(Arc::clone(roles)),
            // Who that is is settled where the owners of earlier events are known.
            Visibility::Owner { claim, .. } => Audience::Owner(Arc::clone(claim)),
            Visibility::Upstream(payload) => {
                let path = |item: &Item| routes.item_path(&self.matched, &self.path, item.id.as_ref()?);
                let paths = items.iter().map(|item| path(item).map(Arc::from)).collect();
                Audience::Upstream(Arc::new(Showing { payload: *payload, paths }))
            }
        }
    }

    /// An event that says only what may have changed. For a read there is none.
    pub(super) fn uncertain(&self, reason: Reason) -> Reading {
        if self.operation() == Operation::Read {
            return Reading::refused(reason);
        }
        let id = self.matched.id.as_deref().map(|id| self.matched.typed_id(id));
        Reading::reference(id, Outcome::Uncertain, reason)
    }
}
