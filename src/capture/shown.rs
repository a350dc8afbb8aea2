//! Which records a GET has shown to whoever sent it. No event comes of that, and what is not sure is left out.

use http::StatusCode;
use serde_json::value::RawValue;

use super::answer;
use super::identify::{Identifier, Target};
use super::records::Records;
use super::{Answer, Capture, Finished, Stage};
use crate::event::{Json, Operation};
use crate::json;
use crate::route::Routes;

/// Where HAL has its lists.
const EMBEDDED: &str = "_embedded";

impl Capture {
    /// Whether [`Finished::shown`] needs the answer's body.
    pub fn shows_by_body(&self) -> bool {
        self.matched.id.is_none() || self.matched.route.success_when.is_some()
    }

    /// The path of a record, for a request to that path; `None` for any other.
    fn own_path(&self, routes: &Routes) -> Option<String> {
        let id = self.matched.typed_id(self.matched.id.as_deref()?);
        routes.item_path(&self.matched, &self.path, &id).filter(|path| *path == self.path)
    }

    fn listed(&self, answer: Answer, whole: bool, routes: &Routes) -> Option<Vec<String>> {
        let target = Target { path: &self.path, hosts: [self.host.as_slice(), &self.backend_hosts] };
        let identifier = Identifier { matched: &self.matched, routes, target };
        let document = &self.document(answer, whole).ok()?;
        let root = answer::parse(document).ok()?;
        if self.refuted(Ok(root)).is_some() {
            return None;
        }
        if self.matched.id.is_some() {
            return self.own_path(routes).map(|path| vec![path]);
        }
        let list = self.list(root, &identifier)?;
        let records = Records { identifier, operation: Operation::Read, document, partial: false };
        let ids = json::elements(list)?.into_iter().filter_map(|element| records.item(element)?.id);
        let path = |id: Json| routes.item_path(&self.matched, &self.path, &id);
        Some(ids.filter_map(path).collect())
    }

    /// Where the route says that a list is, else the only list that there is, as page by page APIs have it.
    fn list<'a>(&self, root: &'a RawValue, identifier: &Identifier<'_>) -> Option<&'a RawValue> {
        let route = &self.matched.route;
        let at = |pointer| json::find(root, pointer).filter(|value| json::is_array(value));
        let only = || {
            // A record may have a list of something else.
            let is_record = identifier.identify(None, Some(root), None).id.is_some();
            let inside = || json::only_array(json::step(root, EMBEDDED)?);
            (!is_record).then(|| json::only_array(root).or_else(inside)).flatten()
        };
        at(&route.list).or_else(|| at(&route.record)).or_else(only)
    }
}

impl Finished {
    /// The paths of the records that the answer to a GET has shown.
    pub fn shown(self, routes: &Routes) -> Vec<String> {
        let Self { mut capture, whole, .. } = self;
        let Stage::Answered(answer) = std::mem::replace(&mut capture.stage, Stage::Unsent) else {
            return Vec::new();
        };
        let is_readable = whole && answer.is_json;
        let is_shown = match answer.status {
            StatusCode::OK => is_readable,
            // The client shows what it has got before.
            StatusCode::NOT_MODIFIED => whole && !capture.shows_by_body(),
            _ => false,
        };
        if !is_shown {
            return Vec::new();
        }
        let shown = if capture.shows_by_body() {
            capture.listed(*answer, whole, routes)
        } else {
            capture.own_path(routes).map(|path| vec![path])
        };
        shown.unwrap_or_default()
    }

    /// The path of the one record that a GET was for.
    pub fn target(&self, routes: &Routes) -> Option<String> {
        self.capture.own_path(routes)
    }
}
