//! What an answer proves: by its status, by what its body says of that, and by what can be read of the body.

use bytes::Bytes;
use http::Method;
use serde_json::value::RawValue;

use super::identify::{Identifier, Target};
use super::records::{Reading, Records};
use super::{Answer, Capture, Outcome, Reason};
use crate::event::Operation;
use crate::json;
use crate::route::Routes;

/// What some servers put in front of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Capture {
    /// Reads it whole.
    pub(super) fn read_answer(&self, answer: Answer, whole: bool, routes: &Routes) -> Reading {
        let target = Target { path: &self.path, hosts: [self.host.as_slice(), &self.backend_hosts] };
        let identifier = Identifier { matched: &self.matched, routes, target };
        let url_id = identifier.in_head(&answer.references);
        let status = answer.status.as_u16();
        if status == 303 {
            return if identifier.is_ours(&answer.references) {
                self.without_record(url_id.as_deref(), Reason::Status)
            } else {
                self.uncertain(Reason::Elsewhere)
            };
        }
        let full = answer.references.is_target(target)
            || answer.preference.as_deref().is_some_and(|p| p.contains("return=representation"));
        let partial = status == 206 || (self.matched.method == Method::PATCH && !full);

        let document = self.document(answer, whole);
        let root = document.as_ref().map_err(|reason| *reason).and_then(|text| parse(text));
        if let Some(reading) = self.refuted(root) {
            return reading;
        }
        let empty = Bytes::new();
        let document = document.as_ref().unwrap_or(&empty);
        let records = Records { identifier, operation: self.operation(), document, partial };
        let reading = match (status, root) {
            (207, root) => self.multi_status(&records, root.ok()),
            (status, Ok(root)) if may_show_record(status) => {
                // Whatever the answer to the deletion of one record lists, it was not all deleted.
                let list =
                    if self.deletes_one() { None } else { records.list(root, self.matched.id.is_none()) };
                list.unwrap_or_else(|| records.single(root, url_id.as_deref()))
            }
            (status, Err(reason)) if may_show_record(status) => {
                self.without_record(url_id.as_deref(), reason)
            }
            _ => self.without_record(url_id.as_deref(), Reason::Status),
        };
        reading.apart_from(document)
    }

    fn deletes_one(&self) -> bool {
        self.operation() == Operation::Delete && self.matched.id.is_some()
    }

    /// What an answer says whose body takes its success status back, or cannot be asked.
    pub(super) fn refuted(&self, root: Result<&RawValue, Reason>) -> Option<Reading> {
        let condition = self.matched.route.success_when.as_ref()?;
        match root {
            Ok(root) => {
                let value = json::find(root, &condition.pointer)?;
                (!condition.equals.is(value.get())).then(|| Reading::refused(Reason::Unsuccessful))
            }
            Err(Reason::NoBody) => None,
            Err(_) => Some(self.uncertain(Reason::SuccessUnknown)),
        }
    }

    /// Any part of it may have failed (RFC 4918, section 13). Without each element's status it only says that
    /// something changed; of the deletion of one record not even that.
    fn multi_status(&self, records: &Records<'_>, root: Option<&RawValue>) -> Reading {
        if self.deletes_one() {
            return self.uncertain(Reason::MultiStatus);
        }
        let has_status = self.matched.route.item_status.is_some();
        let list = root.filter(|_| has_status).and_then(|root| records.list(root, true));
        list.unwrap_or_else(|| self.without_record(self.matched.id.as_deref(), Reason::MultiStatus))
    }

    /// An event that says only what changed. To tell of the deletion of one record, nothing else is needed.
    fn without_record(&self, url_id: Option<&str>, reason: Reason) -> Reading {
        let id = url_id.map(|id| self.matched.typed_id(id));
        let outcome = if self.deletes_one() {
            Outcome::Event
        } else if reason == Reason::TooLarge {
            Outcome::TooLarge
        } else if reason == Reason::Undecodable {
            Outcome::Undecodable
        } else if self.operation() == Operation::Delete {
            Outcome::Event
        } else {
            Outcome::NoRecord
        };
        Reading::reference(id, outcome, reason)
    }

    /// The answer's text, or why there is none.
    pub(super) fn document(&self, answer: Answer, whole: bool) -> Result<Bytes, Reason> {
        if matches!(answer.status.as_u16(), 204 | 205) {
            return Err(Reason::NoBody);
        }
        if !whole {
            return Err(Reason::CutOff);
        }
        if answer.body.is_empty() {
            return Err(Reason::NoBody);
        }
        if !answer.is_json {
            return Err(Reason::NotJson);
        }
        let text = answer.body.decode(&answer.coding, self.limits.decoded)?;
        // Readers ignore the mark, as RFC 8259 (section 8.1) lets them.
        let unmarked = text.strip_prefix(BYTE_ORDER_MARK).map(|rest| text.slice_ref(rest));
        Ok(unmarked.unwrap_or(text))
    }
}

/// Whether the body of an answer of this status may be a record.
pub(super) fn may_show_record(status: u16) -> bool {
    matches!(status, 200 | 201 | 203 | 206)
}

pub(super) fn parse(text: &Bytes) -> Result<&RawValue, Reason> {
    std::str::from_utf8(text).ok().and_then(json::parse).ok_or(Reason::Undecodable)
}
