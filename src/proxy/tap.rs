//! Hands finished captures to the worker.

use std::sync::Arc;
use std::time::SystemTime;

use http::request;
use uuid::Uuid;

use crate::broker::Publisher;
use crate::capture::{Begun, Capture, Limits, Outcome, Overlaps, Owners, Reason, Verdict};
use crate::event::Event;
use crate::metrics::{Metrics, Note};
use crate::route::{Matched, Routes, Visibility};

/// What a capture needs from begin to end.
#[derive(Debug, Clone)]
pub struct Tap {
    /// Resolves references in answers.
    pub routes: Arc<Routes>,
    /// How much of an answer is kept.
    pub limits: Limits,
    /// Finds writes that were under way at the same time.
    pub overlaps: Arc<Overlaps>,
    /// Knows whose records are.
    pub owners: Arc<Owners>,
    /// Readers can prove who they are.
    pub identities: bool,
    /// Where events go.
    pub publisher: Publisher,
    /// Where captures are counted.
    pub metrics: Arc<Metrics>,
}

impl Tap {
    pub(super) fn begin(&self, matched: Matched, request: &request::Parts) -> Capture {
        Capture::begin(matched, request, self.limits.clone())
    }

    /// The exchange is over. `begun`: when its request left, if it did. `whole`: the answer's body came to
    /// its end.
    #[expect(clippy::disallowed_methods, reason = "the end of the exchange is the event's time")]
    pub(super) fn finish(&self, capture: Box<Capture>, begun: Option<Begun>, whole: bool) {
        let now = SystemTime::now();
        let finished = capture.finish(whole, now, Uuid::now_v7());
        // A place in the queue is for events: one that is lost closes every reader.
        if let Some(verdict) = finished.verdict_without_event() {
            count(&self.metrics, &self.routes, (finished.route_index(), now), verdict);
            return;
        }
        let interval = begun.map(|begun| self.overlaps.end(begun));
        let owner = matches!(finished.route().visibility, Visibility::Owner { .. });
        let owner = owner.then(|| self.owners.begin());
        let identities = self.identities;
        let routes = Arc::clone(&self.routes);
        let metrics = Arc::clone(&self.metrics);
        self.publisher.publish(Box::new(move || {
            let (route, rule) = (finished.route_index(), Arc::clone(finished.route()));
            let mut verdict = finished.read(&routes);
            if let Some(interval) = interval {
                interval.settle(&mut verdict);
            }
            if let Some(owner) = owner {
                owner.settle(&rule, &mut verdict);
            }
            verdict.note_withheld(identities);
            count(&metrics, &routes, (route, now), verdict)
        }));
    }
}

fn count(
    metrics: &Metrics,
    routes: &Routes,
    (route, time): (usize, SystemTime),
    verdict: Verdict,
) -> Option<Event> {
    let outcome = Outcome::ALL.iter().position(|outcome| *outcome == verdict.outcome);
    metrics.captured(route, outcome.unwrap_or_default());
    if verdict.outcome != Outcome::Event {
        let (outcome, reason) = (verdict.outcome.name(), verdict.reason.map(Reason::name));
        metrics.noted(&Note { route, outcome, reason, count: 1, time });
    }
    if verdict.id_conflict {
        metrics.id_conflict();
    }
    if verdict.outcome == Outcome::Withheld
        && let Some(rule) = routes.iter().nth(route)
    {
        match verdict.reason {
            Some(Reason::NoOwner) => metrics.owner_unknown(route, &rule.path),
            Some(Reason::NoPath) => metrics.path_unknown(route, &rule.path),
            _ => metrics.withheld(route, &rule.path),
        }
    }
    verdict.event
}
