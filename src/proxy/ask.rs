//! Asks the backend what readers may see: a GET with the reader's own credentials for each question of the
//! hub.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, Request, Response};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::call::{Call, CallError, Calls, Tapping};
use crate::access::{Answer, Question};
use crate::capture::{Capture, Limits};
use crate::event::Payload;
use crate::hub::{Ask, Hub, NotAsked, Sighting};
use crate::message::CloseReason;
use crate::metrics::Metrics;
use crate::route::{Routes, Visibility};

/// The hub's end: questions on their way to whoever asks them.
#[derive(Debug)]
pub struct Questions(mpsc::Sender<Question>);

/// The other end.
#[derive(Debug)]
pub struct Asked(mpsc::Receiver<Question>);

impl Questions {
    /// Both ends, for up to `at_once` questions at the same time.
    pub fn new(at_once: usize) -> (Self, Asked) {
        let (sender, receiver) = mpsc::channel(at_once);
        (Self(sender), Asked(receiver))
    }
}

impl Ask for Questions {
    fn ask(&self, question: Question) -> Result<(), NotAsked> {
        // There is room for as many as are asked. Who asked them is gone only when the process stops.
        if self.0.try_send(question).is_ok() { Ok(()) } else { Err(NotAsked) }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// How.
    pub calls: Arc<Calls>,
    /// Who wants to know.
    pub hub: Arc<Hub>,
    /// How answers are read.
    pub routes: Arc<Routes>,
    /// How much of an answer is read.
    pub limits: Limits,
    /// Where is counted.
    pub metrics: Arc<Metrics>,
}

impl Asker {
    /// Asks until the process stops.
    pub async fn run(self, mut asked: Asked) {
        let mut asking = JoinSet::new();
        loop {
            tokio::select! {
                question = asked.0.recv() => match question {
                    Some(question) => drop(asking.spawn(self.clone().answer(question))),
                    None => return,
                },
                Some(done) = asking.join_next() => if done.is_err_and(|error| error.is_panic()) {
                    self.failed();
                },
            }
        }
    }

    async fn answer(self, question: Question) {
        let ticket = question.ticket;
        let sighting = AssertUnwindSafe(self.see(question)).catch_unwind().await;
        let sighting = sighting.unwrap_or_else(|_| {
            self.metrics.tap_failed();
            Sighting::unclear()
        });
        #[expect(clippy::disallowed_methods, reason = "answers hold for a time")]
        let delivery = self.hub.returned(ticket, &sighting, SystemTime::now());
        self.metrics.access_answered(sighting.answer as usize, self.hub.questions());
        self.metrics.frames_delivered(&delivery.delivered, delivery.overflowed);
        self.metrics.access_lagged(delivery.lagged);
        self.metrics.access_withheld(&delivery.withheld);
    }

    async fn see(&self, question: Question) -> Sighting {
        let mut request = Request::new(Bytes::new());
        *request.headers_mut() = question.who.headers().clone();
        let Ok(uri) = question.record.parse() else { return Sighting::unclear() };
        *request.uri_mut() = uri;
        let call = Call { request, client: question.who.client(), tapping: Tapping::Untapped };
        match self.calls.call(call).await {
            Ok(answer) => self.read(&question, &answer),
            // That it succeeds is enough.
            Err(CallError::TooLarge(status)) => {
                Sighting { answer: Answer::of_status(status.as_u16()), ..Sighting::unclear() }
            }
            Err(error @ (CallError::Busy | CallError::TimedOut | CallError::Broken | CallError::Closed)) => {
                tracing::debug!(%error, "a question to the backend has no answer");
                Sighting::unclear()
            }
        }
    }

    /// What an answer says, and the record in it, as the route of the item reads it.
    fn read(&self, question: &Question, answer: &Response<Bytes>) -> Sighting {
        let said = Answer::of_status(answer.status().as_u16());
        let seen = Sighting { answer: said, ..Sighting::unclear() };
        let Some(matched) =
            self.routes.classify(&Method::GET, &question.record).filter(|_| said == Answer::Seen)
        else {
            return seen;
        };
        let is_judged = matched.route.success_when.is_some();
        if !is_judged && !self.fetches() {
            return seen;
        }
        let mut request = Request::new(());
        *request.uri_mut() = question.record.parse().unwrap_or_default();
        *request.headers_mut() = question.who.headers().clone();
        let mut capture = Capture::begin(matched, &request.into_parts().0, self.limits.clone());
        capture.request_sent();
        capture.response_head(answer.status(), answer.headers());
        capture.response_chunk(answer.body());
        let finished = Box::new(capture).finish(true, SystemTime::UNIX_EPOCH, Uuid::nil());
        let Some(event) = finished.read(&self.routes).event else {
            // The body takes the status back.
            return if is_judged { Sighting::unclear() } else { seen };
        };
        match event.items.into_iter().next().filter(|_| !event.many) {
            Some(item) => Sighting { record: item.record, partial: item.partial, ..seen },
            None => seen,
        }
    }

    /// Some route shows readers what their own GETs return.
    fn fetches(&self) -> bool {
        self.routes.iter().any(|route| route.visibility == Visibility::Upstream(Payload::Refetch))
    }

    /// A bug of ours lost what readers waited for, so they are told that they lag.
    fn failed(&self) {
        self.metrics.tap_failed();
        let closed = self.hub.close_all(CloseReason::Lagging);
        self.metrics.readers_lag(closed);
    }
}
