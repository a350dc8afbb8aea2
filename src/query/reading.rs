//! What an answer says.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::value::RawValue;

use super::select::{Selection, Shown, alternatives, flat};
use super::{Condition, Failure, ItemsTotal, Translation};
use crate::event::Json;
use crate::filter::{Filter, Record};
use crate::json;
use crate::route::{self, Pointer};

/// Where an answer says what went wrong, if nothing else is said.
const ERRORS: [&str; 3] = ["/message", "/error", "/detail"];

/// How the answer to one request is read.
#[derive(Debug)]
pub struct Reading {
    pub(super) success_when: Option<route::Condition>,
    /// How the backend was asked.
    pub(super) translation: Arc<Translation>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    List(Box<ListReading>),
    /// A record that is asked for.
    Item {
        record: Place,
        required: Option<Filter>,
        /// The same, to be told.
        groups: Vec<Vec<Condition>>,
        shown: Shown,
    },
    /// A record that was written, or a list of them.
    Written {
        record: Place,
        many: bool,
        /// What holds for each record that is shown, as far as it tells.
        required: Option<Filter>,
    },
    /// A record that is gone.
    Deleted,
}

/// Where a record stands in an answer.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) record: Pointer,
    /// An object in it whose members count as its own.
    pub(super) inner: Option<Pointer>,
}

#[derive(Debug)]
pub(super) struct ListReading {
    pub(super) items: Pointer,
    pub(super) total: Option<ItemsTotal>,
    pub(super) selection: Selection,
    /// A list that is asked for without limit is all there is.
    pub(super) whole: bool,
    /// The part that the backend was asked for: offset and limit.
    pub(super) asked: Option<(u64, Option<u64>)>,
    /// Records of a page, where the backend counts pages.
    pub(super) page_size: Option<u64>,
    pub(super) needs: Needs,
    /// The backend holds the server's own conditions, and its numbers do too.
    pub(super) counts_forced: bool,
}

/// How much of the list must have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// No record is wanted.
    Nothing,
    /// Whatever came.
    Some,
    /// All there is, or what is done here would be wrong.
    All,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The list, or the record; `null` where a write's answer holds none, and for a deletion.
    pub data: Json,
    /// Records that match, as far as that is known.
    pub total: Option<u64>,
    /// Records in `data`, if it is a list.
    pub count: Option<u64>,
}

impl Data {
    fn one(data: Json) -> Self {
        Self { data, total: None, count: None }
    }
}

impl Reading {
    /// Reads the answer.
    ///
    /// # Errors
    /// It is no success, or does not hold what was asked for.
    pub fn read(&self, status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Result<Data, Failure> {
        let root: Option<&RawValue> = std::str::from_utf8(body).ok().and_then(json::parse);
        let unreadable = || Failure::of(StatusCode::BAD_GATEWAY, "the backend's answer is not readable JSON");
        // As the tap judges it, so that nobody is told of a write that failed for its client.
        if self.success_when.is_some() && status.is_success() && root.is_none() && !body.is_empty() {
            return Err(unreadable());
        }
        let is_refuted = self.success_when.as_ref().zip(root).is_some_and(|(condition, root)| {
            json::find(root, &condition.pointer).is_some_and(|value| !condition.equals.is(value.get()))
        });
        // Of a record that is somebody else's nothing is to be told, not even that it is there.
        let is_missing = is_refuted || matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
        if is_missing && matches!(self.kind, Kind::Item { required: Some(_), .. }) {
            return Err(missing());
        }
        if !status.is_success() || is_refuted {
            let status = if status.is_success() { StatusCode::BAD_GATEWAY } else { status };
            return Err(self.failure(status, root));
        }
        match &self.kind {
            Kind::Deleted => Ok(Data::one(null())),
            Kind::Written { record, many, required } => {
                let said = root.and_then(|root| match many {
                    true => json::find(root, &record.record).map(|list| record.list(body, list)),
                    false => record.one(body, root),
                });
                // A backend may answer with what was there before.
                let may_see = |said: &Json| required.as_ref().is_none_or(|filter| are_all(said, filter));
                Ok(Data::one(said.filter(may_see).unwrap_or_else(null)))
            }
            Kind::Item { record, required, shown, .. } => {
                let found = record.one(body, root.ok_or_else(unreadable)?).ok_or_else(missing)?;
                let may_see = required.as_ref().is_none_or(|filter| filter.matches(&Record::read(&found)));
                if may_see { Ok(Data::one(shown.of_record(found))) } else { Err(missing()) }
            }
            Kind::List(list) => list.read(headers, body, root.ok_or_else(unreadable)?),
        }
    }

    /// What an answer says of which only the status is known; `None`: nothing.
    pub fn unseen(&self, status: StatusCode) -> Option<Data> {
        let is_write = matches!(self.kind, Kind::Written { .. } | Kind::Deleted);
        (is_write && status.is_success() && self.success_when.is_none()).then(|| Data::one(null()))
    }

    /// What is done to the answer here, in words, one line each.
    pub fn told(&self) -> Vec<String> {
        match &self.kind {
            Kind::List(list) if list.needs == Needs::Nothing => {
                vec!["keeps nothing: no record can meet the filters".to_owned()]
            }
            Kind::List(list) => {
                let mut lines = list.selection.told();
                if list.needs == Needs::All {
                    lines.push("is an error unless the answer holds the whole list".to_owned());
                }
                lines
            }
            Kind::Item { groups, shown, .. } => {
                let missing = "; another one is not found";
                let conditions = groups
                    .iter()
                    .map(|group| format!("takes a record with {}{missing}", alternatives(group)));
                conditions.chain(shown.told()).collect()
            }
            Kind::Written { .. } | Kind::Deleted => Vec::new(),
        }
    }

    fn failure(&self, status: StatusCode, root: Option<&RawValue>) -> Failure {
        let text = |pointer: &Pointer| Json::copy_of(json::find(root?, pointer)?).scalar_text();
        let usual =
            || ERRORS.iter().filter_map(|text| Pointer::parse(text).ok()).find_map(|usual| text(&usual));
        let errors = &self.translation.error;
        let message = if errors.is_empty() { usual() } else { errors.iter().find_map(text) };
        let reason = || status.canonical_reason().unwrap_or("the backend refused it").to_owned();
        Failure {
            status,
            message: message.unwrap_or_else(reason),
            details: root.and_then(|root| Json::parse(root.get())),
        }
    }
}

impl ListReading {
    fn read(&self, headers: &HeaderMap, body: &Bytes, root: &RawValue) -> Result<Data, Failure> {
        let is_list = |value: &&RawValue| json::is_array(value);
        let list = json::find(root, &self.items).filter(is_list).or_else(|| Some(root).filter(is_list));
        let elements = list.and_then(json::elements);
        let (Some(list), Some(elements)) = (list, elements) else {
            let text = match list {
                Some(_) => {
                    format!("the backend's answer holds a list of more than {} records", json::MAX_ITEMS)
                }
                None => "the backend's answer holds no list that can be read".to_owned(),
            };
            return Err(Failure::of(StatusCode::BAD_GATEWAY, &text));
        };
        let (came, told) = (elements.len() as u64, self.told(headers, root));
        let is_complete = self.is_complete(came, told);
        let is_all = self.asked.is_none() && is_complete;
        // Some backends answer their last page to a question for one behind it.
        let is_behind = self.asked.zip(told).is_some_and(|((offset, _), told)| offset > 0 && offset >= told);
        if is_behind && came > 0 {
            let total = told.filter(|_| !self.is_guarded());
            return Ok(Data { data: Json::from_valid("[]".to_owned()), total, count: Some(0) });
        }
        if self.needs == Needs::Nothing {
            return Ok(Data { data: Json::from_valid("[]".to_owned()), total: Some(0), count: Some(0) });
        }
        if self.is_elsewhere(came, told) {
            let text = "Paging not supported: the backend's pages are smaller than was asked for";
            return Err(Failure::of(StatusCode::NOT_IMPLEMENTED, text));
        }
        // Of records that did not come nobody knows whether they are wanted.
        let is_cut = self.asked.is_none() && told.is_some_and(|told| told > came);
        let is_short = if self.needs == Needs::All { !is_all } else { is_cut };
        if let Some(what) = self.selection.needs_all().filter(|_| is_short) {
            let text = format!("{what} not supported: the backend did not send the whole list");
            return Err(Failure::of(StatusCode::NOT_IMPLEMENTED, &text));
        }
        let selected = self.selection.of(body, list, &elements);
        let total = match self.asked {
            // A backend that does not hold the server's own conditions counts what is not the client's business, and
            // no page tells whether it does.
            _ if self.selection.filter.is_some() || self.is_guarded() || !selected.is_whole => {
                is_complete.then_some(selected.found)
            }
            _ if told.is_some() => told,
            Some((offset, limit)) => self.reached(offset, limit, came),
            None => is_all.then_some(came),
        };
        Ok(Data { data: selected.data, total, count: Some(selected.count) })
    }

    /// The backend's numbers may tell of records that are not the client's business.
    fn is_guarded(&self) -> bool {
        self.selection.guard.is_some() && !self.counts_forced
    }

    /// What came is all that the backend has of it; `told`: its own number.
    fn is_complete(&self, came: u64, told: Option<u64>) -> bool {
        let (offset, is_last) = match self.asked {
            None => (0, self.whole),
            Some((offset, limit)) => (offset, limit.is_some_and(|limit| came < limit)),
        };
        offset == 0 && told.map_or(is_last, |told| told == came)
    }

    /// The backend, which counts pages, has made them smaller: what came stands at another place of the list.
    fn is_elsewhere(&self, came: u64, told: Option<u64>) -> bool {
        let Some(((offset, _), size)) = self.asked.zip(self.page_size) else { return false };
        let is_behind_begin = offset > 0 || self.selection.slice.offset > 0;
        is_behind_begin && came < size && told.is_some_and(|told| told > offset.saturating_add(came))
    }

    /// All there is, where the part that came is the last one.
    fn reached(&self, offset: u64, limit: Option<u64>, came: u64) -> Option<u64> {
        let is_last = limit.map_or(self.whole, |limit| came < limit);
        let is_inside = came > 0 || offset == 0;
        (is_last && is_inside).then_some(offset.saturating_add(came))
    }

    fn told(&self, headers: &HeaderMap, root: &RawValue) -> Option<u64> {
        let header = |name: &header::HeaderName| headers.get(name)?.to_str().ok();
        match self.total.as_ref()? {
            ItemsTotal::Pointer(pointer) => {
                Json::copy_of(json::find(root, pointer)?).scalar_text()?.parse().ok()
            }
            ItemsTotal::Header(name) => header(name)?.trim().parse().ok(),
            ItemsTotal::ContentRange => {
                header(&header::CONTENT_RANGE)?.rsplit_once('/')?.1.trim().parse().ok()
            }
        }
    }
}

impl Place {
    fn one(&self, body: &Bytes, root: &RawValue) -> Option<Json> {
        Some(flat(Json::slice_of(body, one(root, &self.record)?), self.inner.as_ref()))
    }

    fn list(&self, body: &Bytes, list: &RawValue) -> Json {
        let Some(elements) = json::elements(list).filter(|_| self.inner.is_some()) else {
            return Json::slice_of(body, list);
        };
        let flat = |raw: &&RawValue| flat(Json::slice_of(body, raw), self.inner.as_ref()).as_str().to_owned();
        Json::from_valid(format!("[{}]", elements.iter().map(flat).collect::<Vec<_>>().join(",")))
    }
}

/// The record at a place, or the only one of a list there.
fn one<'a>(root: &'a RawValue, record: &Pointer) -> Option<&'a RawValue> {
    let value = json::find(root, record)?;
    let value = if json::is_array(value) { json::elements(value)?.into_iter().next()? } else { value };
    (value.get() != "null").then_some(value)
}

/// Whether a filter takes a record, or each one of a list.
fn are_all(said: &Json, filter: &Filter) -> bool {
    let takes = |json: &Json| filter.matches(&Record::read(json));
    let list: Option<Vec<&RawValue>> = serde_json::from_str(said.as_str()).ok();
    list.map_or_else(
        || takes(said),
        |list| list.iter().all(|raw| takes(&Json::from_valid(raw.get().to_owned()))),
    )
}

fn missing() -> Failure {
    Failure::of(StatusCode::NOT_FOUND, "Not Found")
}

fn null() -> Json {
    Json::from_valid("null".to_owned())
}
