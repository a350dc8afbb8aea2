//! What the connections of one endpoint need of the rest of the process.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, header, response};
use uuid::Uuid;

use super::call::{CallError, Calls, Tapping};
use crate::broker::{Nodes, Parcel, Publisher};
use crate::capture;
use crate::event::Event;
use crate::hub::{AttachError, Whose};
use crate::identity::Credential;
use crate::message::{
    Announcement, Answer, Call, Heard, Loss, Push, Returned, Upstream, UpstreamError, WebhookError,
};
use crate::metrics::{Called, Metrics};
use crate::transport::{self, Caller, Exceeded, Returning};
use crate::verify::Verifier;
use crate::webhook::Webhooks;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Backstage {
    /// The endpoint's number.
    pub endpoint: usize,
    /// Its path.
    pub path: Arc<str>,
    /// The nodes of which this process is one; `None`: it is alone.
    pub nodes: Option<Arc<Nodes>>,
    /// Whose tokens are believed; `None`: nobody's.
    pub verifier: Option<Verifier>,
    /// Who asks webhooks; `None`: there are none.
    pub webhooks: Option<Webhooks>,
    /// Who sends requests of clients to the backend; `None`: nobody.
    pub calls: Option<Arc<Calls>>,
    /// Where events go.
    pub publisher: Publisher,
    /// Where is counted.
    pub metrics: Arc<Metrics>,
}

async fn identify(verifier: Option<Verifier>, token: String, metrics: Arc<Metrics>) -> Credential {
    let Some(verifier) = verifier else { return Credential::Invalid };
    verifier.identify(&token).await.map_or_else(
        |error| {
            metrics.token_refused(error.number());
            super::admission::credential(error)
        },
        Credential::Valid,
    )
}

/// Without credentials nobody's request is sent.
async fn ask(calls: Option<Arc<Calls>>, upstream: Upstream, caller: Caller) -> Result<Answer, UpstreamError> {
    let (calls, credentials) = calls.zip(caller.credentials).ok_or(UpstreamError::Broken)?;
    let mut request = Request::new(upstream.body);
    *request.method_mut() = upstream.method;
    *request.uri_mut() = upstream.target.try_into().ok().ok_or(UpstreamError::Broken)?;
    *request.headers_mut() = upstream.headers;
    let (client, ahead) = (credentials.client().cloned(), Some(caller.ahead));
    let call = super::call::Call { request, client, tapping: Tapping::Tapped, ahead };
    let (head, body) = calls.call_with(call, credentials.headers()).await.map_err(failure)?.into_parts();
    let body = plain(&head, body, calls.most_bytes())?;
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// Some backends compress what nobody has asked them to. What cannot be undone is no JSON either, as will be seen.
fn plain(head: &response::Parts, body: Bytes, limit: usize) -> Result<Bytes, UpstreamError> {
    let all = head.headers.get_all(header::CONTENT_ENCODING);
    let codings: Vec<&str> = all.iter().filter_map(|codings| codings.to_str().ok()).collect();
    if codings.is_empty() || body.is_empty() {
        return Ok(body);
    }
    match capture::decoded(body.to_vec(), &codings.join(","), limit) {
        Ok(plain) => Ok(plain),
        Err(capture::Reason::TooLarge) => Err(UpstreamError::TooLarge(head.status)),
        Err(_) => Ok(body),
    }
}

fn failure(error: CallError) -> UpstreamError {
    match error {
        CallError::Busy => UpstreamError::Busy,
        CallError::TimedOut => UpstreamError::TimedOut,
        CallError::TooLarge(status) => UpstreamError::TooLarge(status),
        CallError::Cut(status) => UpstreamError::Cut(status),
        CallError::Broken | CallError::Closed => UpstreamError::Broken,
    }
}

fn outcome(error: UpstreamError) -> Called {
    match error {
        UpstreamError::Busy => Called::Busy,
        UpstreamError::TimedOut => Called::TimedOut,
        UpstreamError::TooLarge(_) => Called::TooLarge,
        UpstreamError::Cut(_) | UpstreamError::Broken => Called::Broken,
    }
}

impl transport::Backstage for Backstage {
    fn call(&self, call: Call, caller: Caller) -> Returning {
        match call {
            Call::Identify(token) => {
                let identity = identify(self.verifier.clone(), token, Arc::clone(&self.metrics));
                Box::pin(async move { Returned::Credential(identity.await) })
            }
            Call::Webhook(delivery) => {
                let webhooks = self.webhooks.clone();
                Box::pin(async move {
                    let Some(webhooks) = webhooks else {
                        return Returned::Webhook(Err(WebhookError::Unreachable));
                    };
                    Returned::Webhook(webhooks.call(&delivery).await)
                })
            }
            Call::Upstream(upstream) => {
                let (calls, metrics) = (self.calls.clone(), Arc::clone(&self.metrics));
                Box::pin(async move {
                    let answer = ask(calls, upstream, caller).await;
                    metrics
                        .called(answer.as_ref().map_or_else(|error| outcome(*error), |_| Called::Answered));
                    Returned::Upstream(answer)
                })
            }
        }
    }

    fn announce(&self, announcement: Announcement) {
        // Where a user may be at another node too, they find out who tells it.
        let is_told = announcement
            .coming
            .as_ref()
            .zip(self.nodes.as_ref())
            .is_some_and(|(coming, nodes)| nodes.come(&self.path, coming));
        if !is_told {
            self.publisher.tell(Box::new(move || Parcel::Event(event(announcement))));
        }
    }

    fn push(&self, push: Push) {
        self.publisher.tell(Box::new(move || Parcel::Push(push)));
    }

    fn connections(&self, difference: i64) {
        self.metrics.connections(self.endpoint, difference);
    }

    fn refused(&self, error: AttachError) {
        match error {
            AttachError::Full | AttachError::Closing => self.metrics.reader_refused(),
            AttachError::TooMany(Whose::Address) => self.metrics.address_full(),
            AttachError::TooMany(Whose::User) => self.metrics.user_full(),
        }
    }

    fn caught_up(&self, recovered: Result<(), Loss>, frames: usize) {
        self.metrics.caught_up(self.endpoint, recovered.map_err(|loss| loss as usize), frames);
    }

    fn subscriptions(&self, difference: i64) {
        self.metrics.subscriptions(self.endpoint, difference);
    }

    fn answered(&self, is_awaited: bool) {
        self.metrics.acknowledged(is_awaited);
    }

    fn heard(&self, heard: Heard) {
        self.metrics.heard(self.endpoint, heard.event, heard.fate as usize);
    }

    fn exceeded(&self, limit: Exceeded) {
        match limit {
            Exceeded::Connections => self.metrics.user_full(),
            Exceeded::Messages => self.metrics.message_dropped(),
            Exceeded::Flood => self.metrics.flooded(),
            Exceeded::Frames => self.metrics.frames_delivered(&[], 1),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "it happens now")]
fn event(announcement: Announcement) -> Event {
    announcement.event(Uuid::now_v7(), SystemTime::now())
}
