//! The copy of a request's body, for dialects that show what a write asked for.
//!
//! It stands under the same bounds as that of an answer, and is worth nothing unless it is whole.

use http::{HeaderMap, header};

use super::body::Body;
use super::{Limits, is_json};
use crate::event::{Json, Operation};
use crate::json;
use crate::route::Matched;

/// Bytes of a request, as they went to the backend.
#[derive(Debug)]
pub(super) struct Upload {
    body: Body,
    whole: bool,
}

impl Upload {
    /// `None`: nobody asks for it, or its head says that it will be no plain JSON.
    pub(super) fn begin(matched: &Matched, headers: &HeaderMap, limits: &Limits) -> Option<Self> {
        let operation = matched.route.operation(&matched.method);
        if !matched.keep_request || !matches!(operation, Operation::Create | Operation::Update) {
            return None;
        }
        let is_plain = headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        let content_type =
            headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("unreadable"));
        let body = Body::new(limits.body, &limits.memory);
        (is_plain && is_json(content_type)).then_some(Self { body, whole: false })
    }

    /// It is sent from its begin, perhaps not for the first time.
    pub(super) fn restart(&mut self) {
        self.body.clear();
        self.whole = false;
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.body.push(chunk);
    }

    pub(super) fn end(&mut self) {
        self.whole = true;
    }

    /// The JSON object that it is, with no more than the `fields` that readers may have; empty: all.
    pub(super) fn object(self, fields: &[String]) -> Option<Json> {
        let text = self.body.plain().filter(|_| self.whole)?;
        let object = json::parse(std::str::from_utf8(&text).ok()?).filter(|value| json::is_object(value))?;
        if fields.is_empty() {
            let object = Json::slice_of(&text, object);
            return Some(if object.size() < text.len() / 2 { object.apart() } else { object });
        }
        json::only_fields(object, fields).map(Json::from_valid)
    }
}
