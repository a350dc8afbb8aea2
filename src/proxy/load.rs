//! GETs by which readers load records, where the backend says who may see them: the worker notes what was
//! shown to whom, so that they hear when it is gone. Nothing of the GET waits for that, or changes.

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Method, StatusCode, request};
use uuid::Uuid;

use super::credentials;
use super::tap::Tap;
use crate::access::{Answer, Credentials};
use crate::capture::{Capture, Limits};
use crate::hub::Hub;
use crate::route::{Matched, Visibility};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Load {
    capture: Box<Capture>,
    hub: Arc<Hub>,
    who: Credentials,
    began: SystemTime,
    status: Option<StatusCode>,
}

impl Load {
    /// `None`: nobody needs to know.
    #[expect(clippy::disallowed_methods, reason = "what the backend says later counts more")]
    pub(super) fn begin(
        tap: &Tap,
        hub: &Arc<Hub>,
        matched: &Matched,
        request: &request::Parts,
    ) -> Option<Box<Self>> {
        let is_asked = matches!(matched.route.visibility, Visibility::Upstream(_));
        if !is_asked || request.method != Method::GET || !hub.asks() {
            return None;
        }
        let who = Credentials::new(hub.keys(), credentials::of_get(request)?, None);
        // Events need the memory more.
        let limits = Limits { memory: tap.limits.memory.leaving_half(), ..tap.limits.clone() };
        let capture = Box::new(Capture::begin(matched.clone(), request, limits));
        Some(Box::new(Self { capture, hub: Arc::clone(hub), who, began: SystemTime::now(), status: None }))
    }

    pub(super) fn backend_hosts<'a>(&mut self, hosts: impl Iterator<Item = &'a str>) {
        self.capture.backend_hosts(hosts);
    }

    pub(super) fn response_head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        self.capture.response_head(status, headers);
    }

    pub(super) fn response_chunk(&mut self, chunk: &[u8]) {
        if self.capture.shows_by_body() {
            self.capture.response_chunk(chunk);
        }
    }

    /// The exchange is over. `whole`: the answer's body came to its end.
    pub(super) fn finish(self: Box<Self>, tap: &Tap, whole: bool) {
        let Self { capture, hub, who, began, status } = *self;
        let answer = match status {
            Some(StatusCode::NOT_MODIFIED) => Answer::Seen,
            Some(status) => Answer::of_status(status.as_u16()),
            None => Answer::Unclear,
        };
        if answer == Answer::Unclear {
            return;
        }
        let routes = Arc::clone(&tap.routes);
        let finished = capture.finish(whole, began, Uuid::nil());
        tap.publisher.note(Box::new(move || {
            let records = match answer {
                Answer::Seen => finished.shown(&routes),
                Answer::Hidden | Answer::Unclear => finished.target(&routes).into_iter().collect(),
            };
            hub.loaded(&who, &records, answer, began);
        }));
    }
}
