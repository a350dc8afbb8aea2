//! What of a list is done here: conditions, order, a part of it, and some of the fields.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{Condition, Query, Sort};
use crate::event::Json;
use crate::filter::{Filter, Record};
use crate::json;
use crate::route::Pointer;

/// A part of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) offset: u64,
    pub(super) limit: Option<u64>,
}

/// What is left to do here.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub(super) filter: Option<Filter>,
    /// The same, to be told.
    pub(super) filters: Vec<Vec<Condition>>,
    /// What must hold whatever the backend was asked.
    pub(super) guard: Option<Filter>,
    pub(super) sort: Vec<Sort>,
    pub(super) slice: Slice,
    pub(super) shown: Shown,
    /// An object in each record whose members count as its own.
    pub(super) inner: Option<Pointer>,
}

/// Which fields are shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    columns: Vec<String>,
    omitted: Vec<String>,
}

impl Shown {
    pub(super) fn of(query: &Query) -> Self {
        let mut columns = query.columns.clone();
        if !columns.is_empty() {
            // Relations come beside the columns.
            columns.extend(query.preload.iter().cloned());
        }
        Self { columns, omitted: query.omit_columns.clone() }
    }

    pub(super) fn told(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.columns.is_empty() {
            lines.push(format!("shows {} alone", self.columns.join(", ")));
        }
        if !self.omitted.is_empty() {
            lines.push(format!("leaves out {}", self.omitted.join(", ")));
        }
        lines
    }

    fn is_all(&self) -> bool {
        self.columns.is_empty() && self.omitted.is_empty()
    }

    /// `a.b` shows all of `a`.
    fn has(&self, field: &str) -> bool {
        let leads = |name: &String| {
            name.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        (self.columns.is_empty() || self.columns.iter().any(leads))
            && !self.omitted.iter().any(|name| name == field)
    }

    /// A record with these fields alone, each as it stood.
    pub(super) fn of_record(&self, record: Json) -> Json {
        if self.is_all() {
            return record;
        }
        let kept = serde_json::from_str::<&RawValue>(record.as_str()).ok();
        let kept = kept.and_then(|object| json::members_where(object, |field| self.has(field)));
        kept.map_or(record, Json::from_valid)
    }
}

/// What is shown of a list, and how many there were before it was cut.
pub(super) struct Selected {
    pub(super) data: Json,
    pub(super) count: u64,
    pub(super) found: u64,
    /// Nothing came that should not have.
    pub(super) is_whole: bool,
}

impl Selection {
    /// What it does, in words, one line each.
    pub(super) fn told(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for group in &self.filters {
            lines.push(format!("keeps records with {}", alternatives(group)));
        }
        let sort =
            |sort: &Sort| format!("{}{}", sort.column, if sort.descending { ", descending" } else { "" });
        if !self.sort.is_empty() {
            let texts: Vec<String> = self.sort.iter().map(sort).collect();
            lines.push(format!("sorts by {}", texts.join(", then ")));
        }
        if self.slice.offset > 0 {
            lines.push(format!("leaves out the first {}", self.slice.offset));
        }
        lines.extend(self.slice.limit.map(|limit| format!("keeps {limit} at most")));
        lines.extend(self.shown.told());
        lines
    }

    /// What is done here for which all of the list is needed.
    pub(super) fn needs_all(&self) -> Option<String> {
        let filter = self.filters.iter().flatten().next();
        let filter =
            filter.map(|condition| format!("Filter {} {}", condition.column, condition.operator.word()));
        let sort = || self.sort.first().map(|sort| format!("Sort by {}", sort.column));
        let paging = || (self.slice != Slice::default()).then(|| "Paging".to_owned());
        filter.or_else(sort).or_else(paging)
    }

    pub(super) fn of(&self, document: &Bytes, list: &RawValue, elements: &[&RawValue]) -> Selected {
        let item = |raw: &&RawValue| flat(Json::slice_of(document, raw), self.inner.as_ref());
        let mut items: Vec<Json> = elements.iter().map(item).collect();
        let before = items.len();
        if let Some(guard) = &self.guard {
            items.retain(|item| guard.matches(&Record::read(item)));
        }
        let is_whole = items.len() == before;
        let moved = self.arrange(&mut items);
        let found = items.len() as u64;
        self.slice.cut(&mut items);
        let count = items.len() as u64;
        let is_untouched = !moved && self.inner.is_none() && self.shown.is_all();
        if is_untouched && items.len() == before {
            return Selected { data: Json::slice_of(document, list), count, found, is_whole };
        }
        let items: Vec<Json> = items.into_iter().map(|item| self.shown.of_record(item)).collect();
        let texts: Vec<&str> = items.iter().map(Json::as_str).collect();
        Selected { data: Json::from_valid(format!("[{}]", texts.join(","))), count, found, is_whole }
    }

    /// Leaves what the filter wants, in the order that is wanted; whether that is another one.
    fn arrange(&self, items: &mut Vec<Json>) -> bool {
        if let Some(filter) = &self.filter {
            items.retain(|item| filter.matches(&Record::read(item)));
        }
        if self.sort.is_empty() {
            return false;
        }
        let taken = std::mem::take(items);
        let mut rows: Vec<(Record<'_>, &Json)> =
            taken.iter().map(|item| (Record::read(item), item)).collect();
        rows.sort_by(|(one, _), (other, _)| {
            let mut orders = self.sort.iter().map(|sort| {
                let order = one.order(other, &sort.column);
                if sort.descending { order.reverse() } else { order }
            });
            orders.find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        *items = rows.into_iter().map(|(_, item)| item.clone()).collect();
        true
    }
}

/// A group in words.
pub(super) fn alternatives(group: &[Condition]) -> String {
    group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

impl Slice {
    fn cut(self, items: &mut Vec<Json>) {
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX).min(items.len());
        items.drain(..offset);
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        items.truncate(limit.unwrap_or(usize::MAX));
    }
}

/// A record in which the members of an inner object stand beside the others; what both have is the outer one's.
pub(super) fn flat(record: Json, inner: Option<&Pointer>) -> Json {
    let merged = || {
        let inner = inner?;
        let outside: &RawValue = json::parse(record.as_str()).filter(|raw| json::is_object(raw))?;
        let inside = json::find(outside, inner).filter(|raw| json::is_object(raw))?;
        let first = inner.tokens().next()?;
        let outer = json::members_where(outside, |field| field != first)?;
        let added =
            json::members_where(inside, |field| field == first || json::step(outside, field).is_none())?;
        let bare = |object: &str| object.get(1..object.len().checked_sub(1)?).map(str::to_owned);
        let both = [bare(&outer)?, bare(&added)?].into_iter().filter(|members| !members.is_empty());
        Some(Json::from_valid(format!("{{{}}}", both.collect::<Vec<_>>().join(","))))
    };
    merged().unwrap_or(record)
}
