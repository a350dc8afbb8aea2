//! Asks the backend what readers may see: a GET with the reader's own credentials for each question of the
//! hub.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, Request, Response};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::call::{Call, CallError, Calls, Tapping};
use crate::access::{Answer, Question};
use crate::broker::Publisher;
use crate::capture::{Capture, Limits};
use crate::event::Payload;
use crate::hub::{Ask, Hub, NotAsked, Sighting};
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
    /// Where answers are read and told: not on the threads that serve requests.
    pub publisher: Publisher,
    /// Who reads and tells them.
    pub answers: Arc<Answers>,
}

/// What becomes of answers.
#[derive(Debug)]
pub struct Answers {
    /// Who wants to know.
    pub hub: Arc<Hub>,
    /// How they are read.
    pub routes: Arc<Routes>,
    /// How much of one is read.
    pub limits: Limits,
    /// Where is counted.
    pub metrics: Arc<Metrics>,
}

/// What came of a GET.
type Reply = Result<Response<Bytes>, CallError>;

impl Asker {
    /// Asks until the process stops.
    pub async fn run(self, mut asked: Asked) {
        let mut asking = JoinSet::new();
        loop {
            tokio::select! {
                question = asked.0.recv() => match question {
                    Some(question) => drop(asking.spawn(self.clone().ask(question))),
                    None => return,
                },
                Some(_) = asking.join_next() => {}
            }
        }
    }

    /// Whatever happens, the answer is told: the hub asks no other question in the place of this one before.
    async fn ask(self, question: Question) {
        let reply = AssertUnwindSafe(self.get(&question)).catch_unwind().await.unwrap_or_else(|_| {
            self.answers.metrics.tap_failed();
            Some(Err(CallError::Broken))
        });
        let answers = Arc::clone(&self.answers);
        self.publisher.answer(Box::new(move || answers.take(&question, reply)));
    }

    /// `None`: it cannot be asked.
    async fn get(&self, question: &Question) -> Option<Reply> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = question.record.parse().ok()?;
        let client = question.who.client().cloned();
        let call = Call { request, client, tapping: Tapping::Untapped, ahead: None };
        Some(self.calls.call_with(call, question.who.headers()).await)
    }
}

impl Answers {
    fn take(&self, question: &Question, reply: Option<Reply>) {
        let seen = catch_unwind(AssertUnwindSafe(|| self.see(question, reply)));
        let sighting = seen.unwrap_or_else(|_| {
            self.metrics.tap_failed();
            Sighting::unclear()
        });
        #[expect(clippy::disallowed_methods, reason = "answers hold for a time")]
        let delivery = self.hub.returned(question.ticket, &sighting, SystemTime::now(), thread::yield_now);
        self.metrics.access_answered(sighting.answer as usize, self.hub.questions());
        self.metrics.frames_delivered(&delivery.delivered, delivery.overflowed);
        self.metrics.access_lagged(delivery.lagged);
        self.metrics.access_withheld(&delivery.withheld);
    }

    fn see(&self, question: &Question, reply: Option<Reply>) -> Sighting {
        match reply {
            None => Sighting::unclear(),
            Some(Ok(answer)) => self.read(question, &answer),
            // That it succeeds is enough.
            Some(Err(CallError::TooLarge(status))) => {
                Sighting { answer: Answer::of_status(status.as_u16()), ..Sighting::unclear() }
            }
            Some(Err(
                error @ (CallError::Busy
                | CallError::TimedOut
                | CallError::Cut(_)
                | CallError::Broken
                | CallError::Closed),
            )) => {
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
}
