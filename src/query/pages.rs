//! A part of a list that begins in the middle of a page: the backend is asked for two.

use super::select::Slice;
use super::{Asked, Data, Query, Translation};
use crate::event::Json;

/// The page behind the first one, which holds the rest of what is wanted.
#[derive(Debug)]
pub struct NextPage {
    /// The request for it, and how its answer is read.
    pub asked: Asked,
    /// Records before it, on all pages.
    pub(super) begin: u64,
    /// Records that are wanted of a first page that is full.
    pub(super) full: u64,
    /// Some records are held back here, so that their number says little.
    pub is_guarded: bool,
}

impl NextPage {
    /// Whether there can be something on it. Some backends know no page behind the last one, and refuse.
    pub fn is_needed(&self, first: &Data) -> bool {
        let is_full = self.is_guarded || first.count.is_none_or(|count| count >= self.full);
        is_full && first.total.is_none_or(|total| total > self.begin)
    }
}

impl Data {
    /// With what the next page holds. `is_guarded`: as that page says.
    #[must_use]
    pub fn and(self, more: &Self, is_guarded: bool) -> Self {
        let lists = [&self.data, &more.data].map(|list| {
            let text = list.as_str().trim();
            text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default().trim()
        });
        let all: Vec<&str> = lists.into_iter().filter(|records| !records.is_empty()).collect();
        let data = Json::from_valid(format!("[{}]", all.join(",")));
        // What one of them may not tell, both together do not.
        let total = if is_guarded { self.total.and(more.total) } else { more.total.or(self.total) };
        let count = self.count.zip(more.count).map(|(one, other)| one.saturating_add(other));
        Self { data, total, count }
    }
}

/// Two whole pages, and what is wanted of each.
pub(super) struct Pages {
    pub(super) first: (Query, Slice),
    pub(super) second: (Query, Slice),
}

impl Translation {
    /// `None`: what is asked for is a page, or the backend has none.
    pub(super) fn pages(&self, query: &Query) -> Option<Pages> {
        let (limit, offset) = (query.limit?, query.offset?);
        let before = offset.checked_rem(limit).filter(|before| *before > 0)?;
        let begin = self.page.is_some().then_some(offset.checked_sub(before)?)?;
        let at = |offset| Query { offset: Some(offset), ..query.clone() };
        let first = Slice { offset: before, limit: limit.checked_sub(before) };
        let second = Slice { offset: 0, limit: Some(before) };
        Some(Pages { first: (at(begin), first), second: (at(begin.checked_add(limit)?), second) })
    }
}
